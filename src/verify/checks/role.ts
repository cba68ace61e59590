import { trusts } from "../../aws/trust.ts";
import { check, deploying, failed, passed } from "../check.ts";

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
    if (trusts(trust, "lambda.amazonaws.com")) return passed(arn);
    return failed(
      "role-untrusting",
      `the trust policy of ${arn} does not name lambda.amazonaws.com`,
      "Lambda refuses to create or update the function, and soon cannot run it",
      deploying("role"),
    );
  },
});
