import {
  DescribeLogGroupsCommand,
  type CloudWatchLogsClient,
  type LogGroup,
} from "@aws-sdk/client-cloudwatch-logs";
import { complete } from "./answers.ts";

/**
 * The log group of exactly this name: AWS only looks names up by prefix (AWS.md 7.2), and the exact one sorts
 * first.
 */
export async function findLogGroup(
  logs: Pick<CloudWatchLogsClient, "send">,
  name: string,
): Promise<LogGroup | undefined> {
  const { logGroups } = complete(
    await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name, limit: 50 })),
    ["logGroups"],
  );
  return logGroups.find(({ logGroupName }) => logGroupName === name);
}
