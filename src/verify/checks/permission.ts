import { check, deploying, failed, passed, type Remedy, type Verdict } from "../check.ts";
import type { PolicyStatement, ResourcePolicy } from "../evidence.ts";
import { arnLike, matchesWildcard } from "../../contract/wildcard.ts";
import { listOf } from "../policy-lists.ts";

const keys = ["$connect", "$disconnect", "$default"];
const HANDSHAKE = "every handshake ends with 500, and the function's log stays silent";

/** Whether the function's policy lets this API invoke it, for each of its routes (AWS.md 4.7). */
export const permission = check({
  id: "permission",
  hop: "gateway",
  title: "API Gateway may invoke the function",
  needs: ["names", "policy", "api", "caller"],
  about: "policy",
  judge({ policy, api: { ApiId }, caller, names: { region, stage } }) {
    const source = (key: string) =>
      `arn:${caller.partition}:execute-api:${region}:${caller.account}:${ApiId}/${stage}/${key}`;
    const statements = policy.statements.filter(isForGateway);
    const refused = keys.filter(
      (key) => !statements.some((one) => allows(one, { arn: source(key), account: caller.account })),
    );
    const on = policy.qualifier === undefined ? "the function" : `the function's ${policy.qualifier}`;
    if (refused.length === 0) return passed(`${on}, for ${sourceOf(statements) ?? "any API"}`);
    const evidence = sourceOf(statements);
    if (evidence === undefined)
      return failed(
        "permission-missing",
        `no statement lets API Gateway invoke ${on}`,
        HANDSHAKE,
        repairOf(policy),
      );
    return misdirected(evidence, refused, { apiId: ApiId ?? "", remedy: repairOf(policy) });
  },
});

/** An alias or a version is not ours: without it the function's own permission counts. */
const repairOf = ({ qualifier }: ResourcePolicy): Remedy =>
  qualifier === undefined
    ? deploying("permission")
    : deploying("integration", "routes", "permission", "stage");

/** Statements that are there, and are for something else. */
function misdirected(
  evidence: string,
  refused: readonly string[],
  { apiId, remedy }: { apiId: string; remedy: Remedy },
): Verdict {
  if (refused.length < keys.length)
    return failed(
      "permission-routes",
      `the permission is for ${evidence}, not for ${refused.join(", ")}`,
      refused.includes("$connect") ? HANDSHAKE : "messages are answered with the frame Internal server error",
      remedy,
    );
  const [id = "", ...rest] = (evidence.split(":").slice(5).join(":") || "").split("/");
  // A WebSocket route is API, stage and route; one segment more is the form of REST APIs.
  if (matchesWildcard(id, apiId) && rest.length > 2)
    return failed(
      "permission-segments",
      `the permission is for ${evidence}, which has a segment too many`,
      HANDSHAKE,
      remedy,
    );
  return failed("permission-other-api", `the permission is for ${evidence}`, HANDSHAKE, remedy);
}

const isForGateway = ({ Effect = "Allow", Action, Principal }: PolicyStatement): boolean => {
  const principals = typeof Principal === "string" ? [Principal] : listOf(Principal?.["Service"]);
  return (
    Effect === "Allow" &&
    principals.some((one) => one === "*" || one === "apigateway.amazonaws.com") &&
    listOf(Action).some((one) => matchesWildcard(one, "lambda:InvokeFunction"))
  );
};

/** The values of a condition, whatever its operator. */
const conditionOf = ({ Condition = {} }: PolicyStatement, key: string): string[] =>
  Object.values(Condition).flatMap((keysOf) =>
    Object.entries(keysOf).flatMap(([name, value]) => (name.toLowerCase() === key ? listOf(value) : [])),
  );

/** What the statements are for, as far as they say. */
const sourceOf = (statements: readonly PolicyStatement[]): string | undefined =>
  statements.flatMap((one) => conditionOf(one, "aws:sourcearn")).at(-1) ??
  (statements.length > 0 ? "any API" : undefined);

function allows(statement: PolicyStatement, { arn, account }: { arn: string; account: string }): boolean {
  const sources = conditionOf(statement, "aws:sourcearn");
  const accounts = conditionOf(statement, "aws:sourceaccount");
  return (
    (sources.length === 0 || sources.some((pattern) => arnLike(pattern, arn))) &&
    (accounts.length === 0 || accounts.includes(account))
  );
}
