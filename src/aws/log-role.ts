import { explain } from "../errors/explain.ts";
import { complete, isDenied, orMissing } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { decisionsOn } from "./simulation.ts";
import { trusts } from "./trust.ts";

/** The service that writes access logs. */
export const LOG_WRITER = "apigateway.amazonaws.com";
/** The role that is made where the account has none; IAM has one for all regions. */
export const LOG_ROLE = "shelfshack-ws-api-gateway-logs";
/** The policy of AWS's that it gets, without the ARN's beginning. */
export const LOG_POLICY = "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs";
/** What API Gateway does in a log group that is there. */
const writing = ["logs:CreateLogStream", "logs:PutLogEvents"];

/** The role with which API Gateway writes logs: one for all APIs of the account in a region (AWS.md 3.7). */
export interface LogRole {
  arn: string;
  /** Why nothing can be written with it: a part of a sentence that begins with the role. */
  fault?: string;
  /** Why that is not known. */
  unread?: string;
}

/** The account's role for logs, judged by what it may do in this group; undefined where there is none. */
export async function logRoleOf(aws: Aws, group: string): Promise<LogRole | undefined> {
  const { cloudwatchRoleArn: arn } = await aws.apigateway.call("GetAccount", {});
  return arn ? { arn, ...(await judged(aws, arn, group)) } : undefined;
}

/** A caller who may not read the role cannot tell. */
async function judged(aws: Aws, arn: string, group: string): Promise<Omit<LogRole, "arn">> {
  try {
    const fault = await faultOf(aws, arn, group);
    return fault === undefined ? {} : { fault };
  } catch (error) {
    if (!isDenied(error)) throw error;
    return { unread: explain(error).message };
  }
}

async function faultOf(aws: Aws, arn: string, group: string): Promise<string | undefined> {
  const found = await orMissing(aws.iam.call("GetRole", { RoleName: arn.split("/").at(-1) }));
  if (!found) return "does not exist";
  const { AssumeRolePolicyDocument: trust } = complete(found.Role, ["AssumeRolePolicyDocument"]);
  // Percent-encoded once, as every policy document that IAM answers (AWS.md 6.3).
  if (!trusts(JSON.parse(decodeURIComponent(trust)), LOG_WRITER)) return `does not trust ${LOG_WRITER}`;
  const [, partition, , , account] = arn.split(":");
  const stream = `arn:${partition}:logs:${aws.region}:${account}:log-group:${group}:log-stream:any`;
  const decisions = await decisionsOn(aws, arn, { actions: writing, resources: [stream] });
  const denied = decisions.filter(({ decision }) => decision !== "allowed").map(({ action }) => action);
  return denied.length === 0 ? undefined : `has no right to ${denied.join(" and ")}`;
}
