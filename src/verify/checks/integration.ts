import { ALIAS } from "../../aws/served.ts";
import { check, deploying, failed, passed, warning } from "../check.ts";
import { integrationOf } from "../integrations.ts";
import { onceServed } from "../snapshot.ts";

const repair = deploying("integration", "routes", "stage");
const keys = ["$connect", "$disconnect", "$default"];

/** Whether the routes lead to this function. */
export const integration = check({
  id: "integration",
  hop: "gateway",
  title: "the routes lead to the function",
  needs: ["names", "routes", "integrations", "caller", "snapshot"],
  judge({ routes, integrations, caller, snapshot, names: { functionName, region } }) {
    const called = keys
      .filter((key) => routes.some(({ RouteKey, Target }) => RouteKey === key && Target))
      .map((key) => ({ key, to: integrationOf(key, { routes, integrations }) }));
    const lost = called.find(({ to }) => to === undefined);
    if (lost)
      return failed(
        "integration-missing",
        `the target of ${lost.key} is not there`,
        onceServed(snapshot, BROKEN),
        repair,
      );
    const other = called.find(({ to }) => to?.type !== "AWS_PROXY");
    if (other)
      return failed(
        "integration-wrong-type",
        `${other.key} leads to an integration of type ${other.to?.type}`,
        onceServed(snapshot, "the function does not get the event that it needs"),
        repair,
      );
    const own = `arn:${caller.partition}:lambda:${region}:${caller.account}:function:${functionName}`;
    const elsewhere = called.find(({ to }) => to?.functionArn !== own);
    if (elsewhere)
      return failed(
        "integration-other-function",
        `${elsewhere.key} leads to ${elsewhere.to?.functionArn ?? "no function"}`,
        onceServed(snapshot, `the function ${functionName} is not called for it`),
        repair,
      );
    const short = called.find(({ to }) => (to?.timeoutMs ?? LONGEST_MS) < LONGEST_MS);
    if (short)
      return warning(
        "timeout-short",
        `${short.key} has ${short.to?.timeoutMs} ms`,
        onceServed(snapshot, "API Gateway gives up before the function does"),
        repair,
      );
    const direct = called.find(({ to }) => to?.qualifier !== ALIAS);
    if (direct)
      return warning(
        "integration-unqualified",
        `${direct.key} calls ${direct.to?.qualifier ?? "the function itself"}, not its alias ${ALIAS}`,
        "clients are not served by the release that deploy and rollback choose",
        deploying("function", "integration", "routes", "permission", "stage"),
      );
    return passed(`${own}:${ALIAS}`);
  },
});

const BROKEN = "API Gateway answers 500, or the frame Internal server error";
/** API Gateway's own limit (AWS.md 1.12). */
const LONGEST_MS = 29_000;
