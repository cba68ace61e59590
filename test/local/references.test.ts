import { CreateDeploymentCommand, CreateStageCommand } from "@aws-sdk/client-apigatewayv2";
import * as lambda from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import {
  functionInput,
  makeApi,
  makeFunction,
  makeRole,
  openLocalAws,
  permit,
  refusal,
} from "../support/local-aws.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";

const elsewhere = "arn:aws:lambda:eu-west-1:000000000000:function:proxy";
const otherAccount = "arn:aws:lambda:us-east-1:999999999999:function:proxy";

test.each([
  "proxy",
  "function:proxy",
  "000000000000:function:proxy",
  "us-east-1:000000000000:function:proxy",
  "arn:aws:lambda:us-east-1:000000000000:function:proxy",
])("the function is found as %s", async (FunctionName) => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws);
  const { FunctionArn } = await aws.lambda.send(new lambda.GetFunctionConfigurationCommand({ FunctionName }));
  expect(FunctionArn).toBe(arn);
});

const notReachable = {
  name: "ResourceNotFoundException",
  status: 404,
  message: "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
};
const notOurs = {
  name: "AccessDeniedException",
  status: 403,
  message: expect.stringContaining(otherAccount),
};

test.each([
  ["another region", elsewhere, notReachable],
  ["another account", otherAccount, notOurs],
  ["another account, by a part of its ARN", "999999999999:function:proxy", notOurs],
])("a function of %s is not ours of the same name", async (_whose, FunctionName, refused) => {
  const aws = await openLocalAws();
  const Role = await makeRole(aws);
  await makeFunction(aws, { Role });
  const permission = {
    FunctionName,
    StatementId: "s",
    Action: "lambda:InvokeFunction",
    Principal: "apigateway.amazonaws.com",
  };
  const { lambda: client } = aws;
  const calls: (() => Promise<unknown>)[] = [
    async () =>
      await client.send(new lambda.CreateFunctionCommand(await functionInput(Role, { FunctionName }))),
    () => client.send(new lambda.GetFunctionCommand({ FunctionName })),
    () => client.send(new lambda.InvokeCommand({ FunctionName })),
    () => client.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 9 })),
    () => client.send(new lambda.AddPermissionCommand(permission)),
    () => client.send(new lambda.RemovePermissionCommand(permission)),
    () => client.send(new lambda.GetPolicyCommand({ FunctionName })),
    () => client.send(new lambda.PublishVersionCommand({ FunctionName })),
    () => client.send(new lambda.DeleteFunctionCommand({ FunctionName })),
  ];
  for (const call of calls) expect(await refusal(call())).toEqual(refused);
  expect(
    (await client.send(new lambda.GetFunctionConfigurationCommand({ FunctionName: "proxy" }))).Timeout,
  ).toBe(3);
});

test("an integration that names a function of another region or account refuses the handshake", async () => {
  const aws = await openLocalAws();
  const own = await makeFunction(aws);
  for (const [functionArn, accepted] of [
    [elsewhere, false],
    [otherAccount, false],
    [own, true],
  ] as const) {
    const { ApiId, ApiEndpoint } = await makeApi(aws, { functionArn, routes: ["$connect"] });
    const { DeploymentId } = await aws.apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
    await aws.apigatewayv2.send(new CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
    if (accepted) await permit(aws, { apiId: ApiId });
    if (accepted) await openSocket(`${ApiEndpoint}/dev`);
    else
      expect(await refusedSocket(`${ApiEndpoint}/dev`)).toMatchObject({
        status: 500,
        body: '{"message":"Internal server error"}',
      });
  }
});
