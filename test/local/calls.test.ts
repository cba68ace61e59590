import { PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand } from "@aws-sdk/client-iam";
import { UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { openLocalAws } from "../support/local-aws.ts";

test("of a call's input small values are recorded as they are, and long ones by their length", async () => {
  const aws = await openLocalAws();
  const Variables = { A: "x".repeat(900), B: "y".repeat(900), C: "z".repeat(1_001) };
  const logEvents = Array.from({ length: 1_000 }, (_, timestamp) => ({ timestamp, message: "line" }));
  const Tags = Array.from({ length: 3 }, (_, index) => ({ Key: `k${index}`, Value: "v" }));
  await aws.iam
    .send(new CreateRoleCommand({ RoleName: "r", AssumeRolePolicyDocument: "[".repeat(2_000), Tags }))
    .catch(() => undefined);
  await aws.lambda
    .send(new UpdateFunctionConfigurationCommand({ FunctionName: "f", Environment: { Variables } }))
    .catch(() => undefined);
  await aws.logs
    .send(new PutLogEventsCommand({ logGroupName: "g", logStreamName: "s", logEvents }))
    .catch(() => undefined);
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`V${index}`, "x".repeat(900)]));
  await aws.lambda
    .send(new UpdateFunctionConfigurationCommand({ FunctionName: "f", Environment: { Variables: many } }))
    .catch(() => undefined);
  expect(aws.calls.map(({ input }) => input)).toEqual([
    { RoleName: "r", AssumeRolePolicyDocument: "2000 characters", Tags },
    { FunctionName: "f", Environment: { Variables: { ...Variables, C: "1001 characters" } } },
    { logGroupName: "g", logStreamName: "s", logEvents: "1000 items" },
    { FunctionName: "f", Environment: { Variables: "20 members" } },
  ]);
});
