import { ApiGatewayManagementApiClient, GoneException, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";
import { DeleteRolePolicyCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { expect, onTestFinished, test } from "vitest";
import { makeFunction, makeRole, openLocalAws, policy, refusal } from "../support/local-aws.ts";

const account = "000000000000";
const sent = "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/dev/POST/@connections";
const caller = `User: arn:aws:sts::${account}:assumed-role/proxy-role/session`;

/** A role, clients that sign with a session of it, and how its policy is changed. */
async function session() {
  const aws = await openLocalAws();
  const RoleArn = await makeRole(aws);
  const { Credentials } = await aws.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "session" }));
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const config = { endpoint: aws.url, region: "us-east-1", maxAttempts: 1, credentials };
  const clients = {
    sts: new STSClient(config),
    lambda: new LambdaClient(config),
    management: new ApiGatewayManagementApiClient({ ...config, endpoint: `${aws.url}/abcdefghij/dev` }),
  };
  onTestFinished(() => Object.values(clients).forEach((client) => client.destroy()));
  const named = { RoleName: "proxy-role", PolicyName: "logs" };
  const permit = (statement: object) => aws.iam.send(new PutRolePolicyCommand({ ...named, PolicyDocument: policy(statement) }));
  return { aws, clients, permit, permitNothing: () => aws.iam.send(new DeleteRolePolicyCommand(named)) };
}

test("a session of a role says so", async () => {
  const { clients } = await session();
  const { Arn } = await clients.sts.send(new GetCallerIdentityCommand({}));
  expect(Arn).toBe(`arn:aws:sts::${account}:assumed-role/proxy-role/session`);
});

test("a session may write to connections where its role's policies allow it, and nowhere else", async () => {
  const { clients, permit, permitNothing } = await session();
  const post = async () =>
    await refusal(clients.management.send(new PostToConnectionCommand({ ConnectionId: "L0SM9cOFvHcCIhw=", Data: Buffer.from("x") })));
  const denied = {
    name: "AccessDeniedException",
    status: 403,
    message: `${caller} is not authorized to perform: execute-api:ManageConnections on resource: ${sent}/L0SM9cOFvHcCIhw= because no identity-based policy allows the execute-api:ManageConnections action`,
  };
  expect(await post()).toEqual(denied);
  // Who may write learns that nobody is there.
  await permit({ Action: "execute-api:ManageConnections", Resource: `${sent}/*` });
  expect(await post()).toMatchObject({ name: GoneException.name, status: 410 });
  await permit({ Action: "execute-api:ManageConnections", Resource: sent.replace("/dev/", "/prod/") + "/*" });
  expect(await post()).toEqual(denied);
  await permit({ Effect: "Deny", Action: "execute-api:*", Resource: "*" });
  expect((await post()).message).toContain("with an explicit deny");
  await permitNothing();
  expect(await post()).toEqual(denied);
});

test("a session may invoke the functions that its role's policies name", async () => {
  const { aws, clients, permit } = await session();
  await makeFunction(aws, { Role: `arn:aws:iam::${account}:role/proxy-role` });
  const invoke = (FunctionName: string) => clients.lambda.send(new InvokeCommand({ FunctionName }));
  const denied = await refusal(invoke("proxy"));
  expect(denied).toMatchObject({ name: "AccessDeniedException", status: 403 });
  expect(denied.message).toContain(`lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:${account}:function:proxy`);
  await permit({ Action: "lambda:InvokeFunction", Resource: `arn:aws:lambda:us-east-1:${account}:function:proxy` });
  expect((await invoke("proxy")).StatusCode).toBe(200);
  expect((await refusal(invoke("other"))).name).toBe("AccessDeniedException");
});
