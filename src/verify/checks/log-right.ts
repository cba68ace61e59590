import { check, failed, passed } from "../check.ts";
import { missingStatement, roleRemedy } from "../role-remedy.ts";

/** Whether the role may write the log: without that a function runs and leaves none (AWS.md 6.2). */
export const logRight = check({
  id: "log-right",
  hop: "log",
  title: "the role may write the log",
  needs: ["names", "rights"],
  judge({ rights, names }) {
    const asked = rights.filter(({ action }) => action.startsWith("logs:"));
    const refused = asked.filter(({ decision }) => decision !== "allowed");
    if (refused.length === 0) return passed(asked.map(({ action }) => action).join(", "));
    return failed(
      "log-denied",
      refused.map(({ action, decision }) => `${action}: ${decision}`).join(", "),
      "the function runs and leaves no log",
      roleRemedy(names, `to add this statement to a policy of it: ${missingStatement(refused)}`, "policy"),
    );
  },
});
