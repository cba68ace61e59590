import { NO_CHANGES } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import type { Report } from "../progress.ts";
import { complete, isDenied, orMissing } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { trustsLambda, type PolicyDocument, type PolicyStatement } from "./policies.ts";

/**
 * Throws a CliError (exit 4) where a role that others own lacks something that the function needs, with what
 * its owner has to add. What may not be read is warned of.
 */
export async function refuseUnfitRole(
  roleArn: string,
  needed: PolicyDocument,
  { aws, report }: { aws: Aws; report: Report },
): Promise<void> {
  try {
    await refuseUntrusting(aws, roleArn);
    await refuseLacking(aws, roleArn, needed);
  } catch (error) {
    if (!isDenied(error)) throw error;
    const why = explain(error).message;
    report({ kind: "warning", message: `whether ${roleArn} is fit could not be checked: ${why}` });
  }
}

async function refuseUntrusting(aws: Aws, roleArn: string): Promise<void> {
  const found = await orMissing(aws.iam.call("GetRole", { RoleName: roleArn.split("/").at(-1) }));
  const { Arn, AssumeRolePolicyDocument = "" } = (found && complete(found, ["Role"]).Role) ?? {};
  if (Arn !== roleArn)
    throw new CliError("role-unfit", `there is no role ${roleArn}`, {
      hint: `${NO_CHANGES}; correct --role-arn, or ask the administrator for the role`,
    });
  const trust = JSON.parse(decodeURIComponent(AssumeRolePolicyDocument)) as PolicyDocument;
  if (JSON.stringify(trust).includes("lambda.amazonaws.com")) return;
  throw unfit(`Lambda may not assume the role ${roleArn}`, "its trust policy", trustsLambda);
}

/** Asks IAM's simulator for each right; AWS decides (AWS.md 6.5). */
async function refuseLacking(
  aws: Aws,
  roleArn: string,
  { Version, Statement }: PolicyDocument,
): Promise<void> {
  const lacking = (await Promise.all(Statement.map((one) => lackingOf(aws, roleArn, one)))).flat();
  if (lacking.length === 0) return;
  const actions = lacking.flatMap(({ Action }) => Action).join(", ");
  throw unfit(`the role ${roleArn} lacks ${actions}`, "a policy of the role", {
    Version,
    Statement: lacking,
  });
}

async function lackingOf(aws: Aws, roleArn: string, statement: PolicyStatement): Promise<PolicyStatement[]> {
  const answer = await aws.iam.call("SimulatePrincipalPolicy", {
    PolicySourceArn: roleArn,
    ActionNames: [statement.Action].flat(),
    ResourceArns: [statement.Resource].flat().map(oneOf),
  });
  const refused = complete(answer, ["EvaluationResults"]).EvaluationResults.filter(
    ({ EvalDecision }) => EvalDecision !== "allowed",
  );
  const Action = [...new Set(refused.map(({ EvalActionName = "" }) => EvalActionName))];
  return Action.length > 0 ? [{ ...statement, Action }] : [];
}

/** One resource of those that a pattern stands for. */
const oneOf = (pattern: string): string => (pattern === "*" ? pattern : pattern.replaceAll("*", "any"));

const unfit = (message: string, where: string, document: object): CliError =>
  new CliError("role-unfit", message, {
    hint: `${NO_CHANGES}; ask the administrator to put this into ${where}: ${JSON.stringify(document)}`,
  });
