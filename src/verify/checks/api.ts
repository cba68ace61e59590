import { shellWord } from "../../errors/advice.ts";
import type { Step } from "../../settings/table.ts";
import { byHand, check, deploying, failed, passed } from "../check.ts";

/** All that is within the API, or holds its id. */
const ofTheApi: readonly Step[] = [
  "api",
  "integration",
  "routes",
  "stage",
  "policy",
  "permission",
  "endpoint",
];

/** How a WebSocket API may select its routes (AWS.md 3.1). */
const selection = /^\$\{?request\.(body|header|querystring)\.[^}]+\}?$|^\$request\.body(\.\w+)+$/;

/** Whether there is an API that clients can reach and that can choose a route. */
export const api = check({
  id: "api",
  hop: "gateway",
  title: "the WebSocket API is there",
  needs: ["names", "api"],
  about: "api",
  absent: (because) =>
    failed("api-missing", because, "there is nothing to connect to", deploying(...ofTheApi)),
  judge({
    api: { ApiId = "", ApiEndpoint, DisableExecuteApiEndpoint, RouteSelectionExpression = "" },
    names: { stage },
  }) {
    const id = shellWord(ApiId);
    if (DisableExecuteApiEndpoint)
      return failed(
        "api-endpoint-disabled",
        `the API ${ApiId} has no address of its own: DisableExecuteApiEndpoint is set`,
        "every handshake at its own address ends with 403",
        byHand(
          `run: aws apigatewayv2 update-api --api-id ${id} --no-disable-execute-api-endpoint, ` +
            `then: aws apigatewayv2 create-deployment --api-id ${id} --stage-name ${stage}`,
        ),
      );
    if (!selection.test(RouteSelectionExpression))
      return failed(
        "route-expression-wrong",
        `the API ${ApiId} selects routes by ${JSON.stringify(RouteSelectionExpression)}`,
        "no route but $default is ever selected: a shell may have replaced $request",
        deploying("api", "stage"),
      );
    return passed(`${ApiId} at ${ApiEndpoint}`);
  },
});
