import { check, deploying, failed, passed } from "../check.ts";

/** Whether the role's policies allow pushing to this API's stage, as IAM's simulator says (AWS.md 6.5). */
export const pushRight = check({
  id: "push-right",
  hop: "connections",
  title: "the role may send frames",
  needs: ["rights"],
  about: "rights",
  judge({ rights }) {
    const asked = rights.filter(({ action }) => action === "execute-api:ManageConnections");
    const refused = asked.find(({ decision }) => decision !== "allowed");
    if (!refused) return passed(`execute-api:ManageConnections on ${asked.length} methods of this stage`);
    return failed(
      "push-denied",
      `execute-api:ManageConnections on ${refused.resource}: ${refused.decision}`,
      "API Gateway answers 403: no frame reaches a client",
      deploying("policy"),
    );
  },
});
