import { check, deploying, failed, passed } from "../check.ts";
import { listOf } from "../policy-lists.ts";

interface TrustStatement {
  Effect?: string;
  Principal?: string | { Service?: string | string[] };
}

/** Whether Lambda can assume the role that the function runs with (AWS.md 6.4). */
export const role = check({
  id: "role",
  hop: "connections",
  title: "Lambda may assume the function's role",
  needs: ["role"],
  about: "role",
  absent: (_names, because) =>
    failed(
      "role-missing",
      because,
      "Lambda cannot run the function for much longer",
      deploying("role", "policy"),
    ),
  judge({ role: { arn, trust } }) {
    const statements = [trust.Statement ?? []].flat() as TrustStatement[];
    if (statements.some(trustsLambda)) return passed(arn);
    return failed(
      "role-untrusting",
      `the trust policy of ${arn} does not name lambda.amazonaws.com`,
      "Lambda refuses to create or update the function, and soon cannot run it",
      deploying("role"),
    );
  },
});

const trustsLambda = ({ Effect, Principal }: TrustStatement): boolean =>
  Effect === "Allow" &&
  (typeof Principal === "object"
    ? listOf(Principal.Service).includes("lambda.amazonaws.com")
    : Principal === "*");
