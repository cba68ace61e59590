import { CreateIntegrationCommand, CreateRouteCommand } from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand, SimulatePrincipalPolicyCommand, type ContextEntry } from "@aws-sdk/client-iam";
import { AddPermissionCommand, CreateFunctionCommand, InvokeCommand } from "@aws-sdk/client-lambda";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { expect, test } from "vitest";
import {
  functionInput,
  invocationUri,
  lambdaTrust,
  makeApi,
  makeFunction,
  makeRole,
  openLocalAws,
  refusal,
} from "../support/local-aws.ts";

test("over every protocol a member that is not emulated is refused before anything happens", async () => {
  const aws = await openLocalAws();
  const role = await makeRole(aws);
  await makeFunction(aws, { Role: role });
  const { ApiId } = await makeApi(aws);
  const { iam, sts, logs, lambda, apigatewayv2 } = aws;
  const newRole = { RoleName: "r", AssumeRolePolicyDocument: lambdaTrust };
  const session = { RoleArn: role, RoleSessionName: "session" };
  const permission = {
    FunctionName: "proxy",
    StatementId: "s",
    Action: "lambda:InvokeFunction",
    Principal: "*",
  };
  const boundary = "arn:aws:iam::aws:policy/AdministratorAccess";
  const simulation = { PolicySourceArn: role, ActionNames: ["logs:PutLogEvents"] };
  const context: ContextEntry = { ContextKeyName: "aws:username", ContextKeyValues: ["a"] };
  const route = { ApiId, RouteKey: "new" };
  const integration = {
    IntegrationType: "AWS_PROXY",
    IntegrationUri: invocationUri("arn:aws:lambda:us-east-1:000000000000:function:proxy"),
  } as const;
  const key = "arn:aws:kms:us-east-1:000000000000:key/k";
  const cases: [call: () => Promise<unknown>, member: string][] = [
    [
      () => iam.send(new SimulatePrincipalPolicyCommand({ ...simulation, ContextEntries: [context] })),
      "ContextEntries of SimulatePrincipalPolicy",
    ],
    [() => sts.send(new AssumeRoleCommand({ ...session, Policy: "{}" })), "Policy of AssumeRole"],
    [
      () => sts.send(new AssumeRoleCommand({ ...session, PolicyArns: [{ arn: boundary }] })),
      "PolicyArns of AssumeRole",
    ],
    [
      () => logs.send(new CreateLogGroupCommand({ logGroupName: "g", kmsKeyId: key })),
      "kmsKeyId of CreateLogGroup",
    ],
    [
      () => logs.send(new CreateLogGroupCommand({ logGroupName: "g", logGroupClass: "INFREQUENT_ACCESS" })),
      "logGroupClass 'INFREQUENT_ACCESS' of CreateLogGroup",
    ],
    [
      () => lambda.send(new AddPermissionCommand({ ...permission, InvokedViaFunctionUrl: true })),
      "InvokedViaFunctionUrl of AddPermission",
    ],
    [
      () => lambda.send(new InvokeCommand({ FunctionName: "proxy", ClientContext: "e30=" })),
      "ClientContext of Invoke",
    ],
    [
      async () =>
        lambda.send(
          new CreateFunctionCommand(
            await functionInput(role, { FunctionName: "new", SnapStart: { ApplyOn: "PublishedVersions" } }),
          ),
        ),
      "SnapStart.ApplyOn 'PublishedVersions' of CreateFunction",
    ],
    [
      () => apigatewayv2.send(new CreateRouteCommand({ ...route, RequestModels: { $default: "m" } })),
      "RequestModels of CreateRoute",
    ],
    [
      () =>
        apigatewayv2.send(
          new CreateIntegrationCommand({ ApiId, ...integration, RequestTemplates: { $default: "t" } }),
        ),
      "RequestTemplates of CreateIntegration",
    ],
  ];
  for (const [call, member] of cases)
    expect(await refusal(call())).toEqual({
      name: "NotImplementedException",
      message: `${member} is not emulated by the local AWS`,
      status: 501,
    });
  await iam.send(new CreateRoleCommand({ ...newRole, Tags: [] }));
  await logs.send(
    new CreateLogGroupCommand({ logGroupName: "g", kmsKeyId: undefined, logGroupClass: "STANDARD" }),
  );
  await lambda.send(new AddPermissionCommand(permission));
  await apigatewayv2.send(new CreateRouteCommand({ ...route, RequestModels: {}, RequestParameters: {} }));
});
