import { APIGatewayClient, GetAccountCommand, UpdateAccountCommand } from "@aws-sdk/client-api-gateway";
import { GetStagesCommand, GetApisCommand, UpdateStageCommand } from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { expect, onTestFinished, test } from "vitest";
import { openLocalAws, policy, pointedAt, refusal } from "../support/local-aws.ts";
import { run } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";
import { openTestStack } from "../support/stack.ts";

const arn = "arn:aws:logs:us-east-1:000000000000:log-group:/access";
const format =
  '{"requestId":"$context.requestId","connectionId":"$context.connectionId","event":"$context.eventType",' +
  '"routeKey":"$context.routeKey","status":"$context.status","at":"$context.requestTimeEpoch",' +
  '"ms":"$context.integration.latency","error":"$context.integration.error","ip":"$context.identity.x"}';

/** A deployed stack, with what is needed to switch its access log on. */
async function scene() {
  const aws = await openLocalAws();
  await (await openTestStack(aws.url)).deploy();
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const account = new APIGatewayClient({ endpoint: aws.url, region: "us-east-1", credentials });
  onTestFinished(() => account.destroy());
  const [api] = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  const ApiId = api?.ApiId ?? "";
  await aws.logs.send(new CreateLogGroupCommand({ logGroupName: "/access" }));
  return {
    aws,
    account,
    ApiId,
    endpoint: `${api?.ApiEndpoint}/dev`,
    setRole: (value: string, path = "/cloudwatchRoleArn") =>
      account.send(new UpdateAccountCommand({ patchOperations: [{ op: "replace", path, value }] })),
    logTo: (DestinationArn: string, Format = format) =>
      aws.apigatewayv2.send(
        new UpdateStageCommand({ ApiId, StageName: "dev", AccessLogSettings: { DestinationArn, Format } }),
      ),
    async makeRole(service: string, mayWrite: boolean): Promise<string> {
      const RoleName = `${service.split(".")[0]}-${mayWrite}`;
      const trust = policy({ Principal: { Service: service }, Action: "sts:AssumeRole" });
      const made = new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust });
      const { Role } = await aws.iam.send(made);
      const PolicyDocument = policy({ Action: "logs:*", Resource: "*" });
      if (mayWrite)
        await aws.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "logs", PolicyDocument }));
      return Role?.Arn ?? "";
    },
  };
}

test("the account's role for logs: one of API Gateway's that may write them (AWS.md 3.7)", async () => {
  const { account, setRole, makeRole } = await scene();
  const none = await account.send(new GetAccountCommand({}));
  expect(none.cloudwatchRoleArn).toBeUndefined();
  expect(none.throttleSettings).toEqual({ burstLimit: 5_000, rateLimit: 10_000 });
  const unfit = { name: "BadRequestException", message: expect.stringContaining("required permissions") };
  for (const [service, mayWrite] of [
    ["lambda.amazonaws.com", true],
    ["apigateway.amazonaws.com", false],
  ] as const)
    expect(await refusal(setRole(await makeRole(service, mayWrite)))).toMatchObject(unfit);
  expect(await refusal(setRole("arn:aws:iam::000000000000:role/none"))).toMatchObject(unfit);
  const role = await makeRole("apigateway.amazonaws.com", true);
  expect((await refusal(setRole(role, "/features"))).name).toBe("BadRequestException");
  expect((await setRole(role)).cloudwatchRoleArn).toBe(role);
  expect((await account.send(new GetAccountCommand({}))).cloudwatchRoleArn).toBe(role);
  expect((await setRole("")).cloudwatchRoleArn).toBeUndefined();
});

test("a stage's access log: its settings are checked, each event is a line (AWS.md 1.15, 3.7)", async () => {
  const { aws, ApiId, endpoint, setRole, logTo, makeRole } = await scene();
  expect((await refusal(logTo(arn))).message).toContain("CloudWatch Logs role ARN must be set");
  await setRole(await makeRole("apigateway.amazonaws.com", true));
  expect((await refusal(logTo(`${arn}:*`))).name).toBe("BadRequestException");
  expect((await refusal(logTo(arn, "$context.status"))).message).toContain("$context.requestId");
  await logTo(arn);
  const stages = await aws.apigatewayv2.send(new GetStagesCommand({ ApiId }));
  expect(stages.Items?.[0]?.AccessLogSettings).toEqual({ DestinationArn: arn, Format: format });
  // So Terraform's provider asks for none: AWS takes it for no change.
  const none = new UpdateStageCommand({ ApiId, StageName: "dev", AccessLogSettings: {} });
  expect((await aws.apigatewayv2.send(none)).AccessLogSettings).toEqual({
    DestinationArn: arn,
    Format: format,
  });

  const socket = await openSocket(endpoint);
  socket.send("hi");
  socket.close();
  const lines = async () => {
    const read = new FilterLogEventsCommand({ logGroupName: "/access" });
    return (await aws.logs.send(read)).events?.map(
      ({ message = "" }) => JSON.parse(message) as Record<string, string>,
    );
  };
  await expect
    .poll(async () => (await lines())?.map(({ event }) => event).toSorted())
    .toEqual(["CONNECT", "DISCONNECT", "MESSAGE"]);
  const message = (await lines())?.find(({ event }) => event === "MESSAGE");
  expect(message).toMatchObject({ routeKey: "$default", status: "200", error: "-", ip: "-" });
  const connectionId = String(message?.["connectionId"]);
  const tail = await run(["logs", "tail", "--no-follow", "--connection", connectionId], {
    env: pointedAt(aws.url),
  });
  expect(tail.stdout).toContain(`MESSAGE $default 200`);
});
