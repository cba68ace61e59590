import { byHand, check, deploying, failed, passed, type Remedy } from "../check.ts";
import type { Snapshot } from "../evidence.ts";
import { onceServed } from "../snapshot.ts";

const own = ["$connect", "$disconnect", "$default"] as const;

/** Whether the three routes and those of the configuration are there, lead somewhere, and let clients in. */
export const routes = check({
  id: "routes",
  hop: "gateway",
  title: "the routes are there and lead somewhere",
  needs: ["names", "routes", "snapshot"],
  about: "routes",
  judge({ routes: found, snapshot, names: { routes: further = [] } }) {
    const needed = [...own, ...further];
    const ofKey = (key: string) => found.find(({ RouteKey }) => RouteKey === key);
    const missing = needed.filter((key) => !ofKey(key));
    if (missing.length > 0)
      return failed(
        "route-missing",
        `no route ${missing.join(", ")}`,
        since(snapshot, lostWithout(missing[0] ?? "$default")),
        repairOf(snapshot),
      );
    const bare = needed.filter((key) => !ofKey(key)?.Target);
    if (bare.length > 0)
      return failed(
        "route-untargeted",
        `the route ${bare.join(", ")} has no target`,
        since(snapshot, "API Gateway answers by itself, and the function is not called"),
        repairOf(snapshot),
      );
    const { AuthorizationType = "NONE", AuthorizerId } = ofKey("$connect") ?? {};
    if (AuthorizationType === "NONE") return passed(needed.join(", "));
    return failed(
      "route-authorized",
      `$connect asks for ${AuthorizationType}${AuthorizerId ? `, authorizer ${AuthorizerId}` : ""}`,
      onceServed(
        snapshot,
        "handshakes end with 401 or 403 before the function is called; a browser cannot sign, or set headers",
      ),
      byHand(
        "remove it: aws apigatewayv2 update-route --authorization-type NONE --api-id ID --route-id " +
          `${ofKey("$connect")?.RouteId ?? "ID"}; then deploy the routes`,
      ),
    );
  },
});

/** What it does to clients: with the deployment that follows one of a deploy, which had all three routes. */
const since = ({ isOfDeploy }: Snapshot, means: string): string =>
  isOfDeploy
    ? `not yet: the stage serves what was deployed before; from its next deployment on, ${means}`
    : means;

/** The routes alone where the stage serves them as they are to be. */
const repairOf = ({ isOfDeploy }: Snapshot): Remedy =>
  isOfDeploy ? deploying("routes") : deploying("routes", "stage");

const lost: ReadonlyMap<string, string> = new Map([
  ["$connect", "connections open without the backend: no token is checked, and it knows none of them"],
  ["$disconnect", "the backend never hears that a connection has ended"],
  ["$default", "every message is answered with the frame Forbidden"],
]);

/** What clients meet where a route is missing. */
const lostWithout = (key: string): string => lost.get(key) ?? "its messages go to $default instead";
