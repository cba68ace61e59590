import { complete } from "./answers.ts";
import type { Aws } from "./clients.ts";

/** What IAM's simulator says that a role may do, by action and resource. */
export interface Decision {
  action: string;
  resource: string;
  decision: string;
}

/** Asks IAM what a role's policies decide on each action and resource (AWS.md 6.5). */
export async function decisionsOn(
  aws: Aws,
  arn: string,
  { actions, resources }: { actions: readonly string[]; resources: readonly string[] },
): Promise<Decision[]> {
  const answer = await aws.iam.call("SimulatePrincipalPolicy", {
    PolicySourceArn: arn,
    ActionNames: [...actions],
    ResourceArns: [...resources],
  });
  return complete(answer, ["EvaluationResults"]).EvaluationResults.map((one) => {
    const { EvalActionName, EvalDecision } = complete(one, ["EvalActionName", "EvalDecision"]);
    return { action: EvalActionName, resource: one.EvalResourceName ?? "*", decision: EvalDecision };
  });
}
