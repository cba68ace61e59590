import { trustsLambda } from "../../aws/policies.ts";
import { trusts } from "../../aws/trust.ts";
import { check, failed, passed } from "../check.ts";
import { roleRemedy } from "../role-remedy.ts";

/** Whether Lambda can assume the role that the function runs with (AWS.md 6.4). */
export const role = check({
  id: "role",
  hop: "connections",
  title: "Lambda may assume the function's role",
  needs: ["names", "role"],
  about: "role",
  absent: (because, { names }) =>
    failed(
      "role-missing",
      because,
      "Lambda cannot run the function for much longer",
      roleRemedy(names, "for it, or correct --role-arn", "role", "policy"),
    ),
  judge({ role: { arn, trust }, names }) {
    if (trusts(trust, "lambda.amazonaws.com")) return passed(arn);
    return failed(
      "role-untrusting",
      `the trust policy of ${arn} does not name lambda.amazonaws.com`,
      "Lambda refuses to create or update the function, and soon cannot run it",
      roleRemedy(names, `to put this into its trust policy: ${JSON.stringify(trustsLambda)}`, "role"),
    );
  },
});
