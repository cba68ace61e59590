import { byHand, check, failed, passed } from "../check.ts";
import { missingStatement } from "../role-remedy.ts";

/** Whether the backend's role may push by itself (CONTRACT.md 6). */
export const taskRole = check({
  id: "task-role",
  hop: "connections",
  title: "the backend's role may send frames",
  needs: ["taskRole"],
  about: "taskRole",
  judge({ taskRole: { arn, decisions } }) {
    if (decisions.length === 0)
      return failed(
        "task-role-missing",
        `there is no role ${arn}`,
        PUSHES_FAIL,
        byHand("check the role's ARN"),
      );
    const refused = decisions.filter(({ decision }) => decision !== "allowed");
    if (refused.length === 0) return passed(`${arn} may push`);
    return failed(
      "task-role-denied",
      refused.map(({ resource, decision }) => `${resource}: ${decision}`).join(", "),
      PUSHES_FAIL,
      byHand(`add this statement to the policy of ${arn}: ${missingStatement(decisions)}`),
    );
  },
});

const PUSHES_FAIL = "what the backend pushes by itself is refused with 403";
