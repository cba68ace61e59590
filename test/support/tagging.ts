import { TagResourceCommand as TagApiCommand } from "@aws-sdk/client-apigatewayv2";
import { TagResourceCommand as TagLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { TagRoleCommand } from "@aws-sdk/client-iam";
import { GetFunctionConfigurationCommand, TagResourceCommand } from "@aws-sdk/client-lambda";
import { accessLogGroupOf } from "../../src/aws/access-log.ts";
import type { Clients } from "./local-aws.ts";

const FunctionName = "shelfshack-websocket-proxy";
const RoleName = `${FunctionName}-role`;

/** Where a stack is: its clients, and its API. */
interface Place {
  aws: { [Name in "iam" | "logs" | "apigatewayv2" | "lambda"]: Pick<Clients[Name], "send"> };
  ApiId: string;
}

const taggedApi =
  (path = "") =>
  ({ aws, ApiId }: Place, Tags: Record<string, string>) =>
    aws.apigatewayv2.send(
      new TagApiCommand({ ResourceArn: `arn:aws:apigateway:us-east-1::/apis/${ApiId}${path}`, Tags }),
    );
const taggedGroup =
  (group: string) =>
  ({ aws }: Place, tags: Record<string, string>) => {
    const resourceArn = `arn:aws:logs:us-east-1:000000000000:log-group:${group}`;
    return aws.logs.send(new TagLogGroupCommand({ resourceArn, tags }));
  };

/** How each resource is tagged that AWS keeps tags of. */
export const tagging: Readonly<
  Record<string, (at: Place, tags: Record<string, string>) => Promise<unknown>>
> = {
  Role: ({ aws }, tags) => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    return aws.iam.send(new TagRoleCommand({ RoleName, Tags }));
  },
  LogGroup: taggedGroup(`/aws/lambda/${FunctionName}`),
  AccessLogGroup: taggedGroup(accessLogGroupOf(FunctionName)),
  Api: taggedApi(),
  Stage: taggedApi("/stages/dev"),
  Function: async ({ aws }, Tags) => {
    const { FunctionArn } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    await aws.lambda.send(new TagResourceCommand({ Resource: FunctionArn, Tags }));
  },
};
