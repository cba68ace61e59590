import { byHand, check, deploying, failed, passed } from "../check.ts";

const needed = ["$connect", "$disconnect", "$default"] as const;

/** Whether the three routes are there, lead somewhere, and let clients in. */
export const routes = check({
  id: "routes",
  hop: "gateway",
  title: "the three routes are there and lead somewhere",
  needs: ["routes"],
  about: "routes",
  judge({ routes: found }) {
    const ofKey = (key: string) => found.find(({ RouteKey }) => RouteKey === key);
    const missing = needed.filter((key) => !ofKey(key));
    if (missing.length > 0)
      return failed(
        "route-missing",
        `no route ${missing.join(", ")}`,
        lost[missing[0] ?? "$default"],
        deploying("routes", "stage"),
      );
    const bare = needed.filter((key) => !ofKey(key)?.Target);
    if (bare.length > 0)
      return failed(
        "route-untargeted",
        `the route ${bare.join(", ")} has no target`,
        "API Gateway answers by itself, and the function is not called",
        deploying("routes", "stage"),
      );
    const { AuthorizationType = "NONE", AuthorizerId } = ofKey("$connect") ?? {};
    if (AuthorizationType === "NONE") return passed(needed.join(", "));
    return failed(
      "route-authorized",
      `$connect asks for ${AuthorizationType}${AuthorizerId ? `, authorizer ${AuthorizerId}` : ""}`,
      "handshakes end with 401 or 403 before the function is called; a browser cannot sign, or set headers",
      byHand(
        "remove it: aws apigatewayv2 update-route --authorization-type NONE --api-id ID --route-id " +
          `${ofKey("$connect")?.RouteId ?? "ID"}; then deploy the routes`,
      ),
    );
  },
});

/** What clients meet where a route is missing. */
const lost: Readonly<Record<(typeof needed)[number], string>> = {
  $connect: "connections open without the backend: no token is checked, and it knows none of them",
  $disconnect: "the backend never hears that a connection has ended",
  $default: "every message is answered with the frame Forbidden",
};
