import { check, failed, passed } from "../check.ts";
import { missingStatement, roleRemedy } from "../role-remedy.ts";

/** Whether the role's policies allow pushing to this API's stage, as IAM's simulator says (AWS.md 6.5). */
export const pushRight = check({
  id: "push-right",
  hop: "connections",
  title: "the role may send frames",
  needs: ["names", "rights"],
  about: "rights",
  judge({ rights, names }) {
    const asked = rights.filter(({ action }) => action === "execute-api:ManageConnections");
    const refused = asked.filter(({ decision }) => decision !== "allowed");
    const [first] = refused;
    if (!first) return passed(`execute-api:ManageConnections on ${asked.length} methods of this stage`);
    return failed(
      "push-denied",
      `execute-api:ManageConnections on ${first.resource}: ${first.decision}`,
      "API Gateway answers 403: no frame reaches a client",
      roleRemedy(names, `to add this statement to a policy of it: ${missingStatement(refused)}`, "policy"),
    );
  },
});
