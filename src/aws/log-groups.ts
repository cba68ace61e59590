import type { LogGroup } from "@aws-sdk/client-cloudwatch-logs";
import { complete } from "./answers.ts";
import type { Aws } from "./clients.ts";

/**
 * The log group of exactly this name: AWS only looks names up by prefix (AWS.md 7.2), and the exact one sorts
 * first.
 */
export async function findLogGroup(logs: Aws["logs"], name: string): Promise<LogGroup | undefined> {
  const { logGroups } = complete(
    await logs.call("DescribeLogGroups", { logGroupNamePrefix: name, limit: 50 }),
    ["logGroups"],
  );
  return logGroups.find(({ logGroupName }) => logGroupName === name);
}
