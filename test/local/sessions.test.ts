import {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { CreateDeploymentCommand, CreateStageCommand } from "@aws-sdk/client-apigatewayv2";
import { PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  DeleteRolePolicyCommand,
  PutRolePolicyCommand,
  type Tag,
} from "@aws-sdk/client-iam";
import { InvokeCommand, LambdaClient, TagResourceCommand } from "@aws-sdk/client-lambda";
import {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from "@aws-sdk/client-sts";
import { expect, onTestFinished, test } from "vitest";
import {
  clientsFor,
  makeApi,
  makeFunction,
  makeRole,
  openLocalAws,
  policy,
  refusal,
  type AwsForTest,
} from "../support/local-aws.ts";

const account = "000000000000";
const caller = `User: arn:aws:sts::${account}:assumed-role/proxy-role/session`;

/** An API with a stage, by its id. */
async function deployedApi(aws: AwsForTest): Promise<string> {
  const { ApiId } = await makeApi(aws);
  const { DeploymentId } = await aws.apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
  await aws.apigatewayv2.send(new CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
  return ApiId;
}

/** A role, clients that sign with a session of it, and how its policy is changed. */
async function session() {
  const told: string[] = [];
  const aws = await openLocalAws({ onLog: (entries) => told.push(...entries.map(({ message }) => message)) });
  const RoleArn = await makeRole(aws);
  const apiId = await deployedApi(aws);
  const { Credentials } = await aws.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "session" }));
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  const credentials = {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
  };
  const config = { endpoint: aws.url, region: "us-east-1", maxAttempts: 1, credentials };
  const clients = {
    sts: new STSClient(config),
    lambda: new LambdaClient(config),
    management: new ApiGatewayManagementApiClient({ ...config, endpoint: `${aws.url}/${apiId}/dev` }),
  };
  onTestFinished(() => Object.values(clients).forEach((client) => client.destroy()));
  const named = { RoleName: "proxy-role", PolicyName: "logs" };
  const permit = (statement: object, PolicyName = "logs") =>
    aws.iam.send(new PutRolePolicyCommand({ ...named, PolicyName, PolicyDocument: policy(statement) }));
  return {
    aws,
    apiId,
    credentials,
    clients,
    told,
    sent: `arn:aws:execute-api:us-east-1:${account}:${apiId}/dev/POST/@connections`,
    permit,
    permitNothing: () => aws.iam.send(new DeleteRolePolicyCommand(named)),
  };
}

test("a session of a role says so", async () => {
  const { clients } = await session();
  const { Arn } = await clients.sts.send(new GetCallerIdentityCommand({}));
  expect(Arn).toBe(`arn:aws:sts::${account}:assumed-role/proxy-role/session`);
});

test("a session may write to connections where its role's policies allow it, and nowhere else", async () => {
  const { clients, permit, permitNothing, sent } = await session();
  // A refusal shows no id, and four digits of the account (AWS.md 2.3).
  const shown = sent.replace(account, "********0000");
  const post = async () =>
    await refusal(
      clients.management.send(
        new PostToConnectionCommand({ ConnectionId: "L0SM9cOFvHcCIhw=", Data: Buffer.from("x") }),
      ),
    );
  const denied = {
    name: "AccessDeniedException",
    status: 403,
    message:
      `${caller} is not authorized to perform: execute-api:ManageConnections ` +
      `on resource: ${shown}/{connectionId}`,
  };
  expect(await post()).toEqual(denied);
  // With the permission the answer is that the connection is gone.
  await permit({ Action: "execute-api:ManageConnections", Resource: `${sent}/*` });
  expect(await post()).toMatchObject({ name: GoneException.name, status: 410 });
  await permit({ Action: "execute-api:ManageConnections", Resource: sent.replace("/dev/", "/prod/") + "/*" });
  expect(await post()).toEqual(denied);
  await permit({ Effect: "Deny", Action: "execute-api:*", Resource: "*" });
  expect((await post()).message).toContain("with an explicit deny");
  await permitNothing();
  expect(await post()).toEqual(denied);
});

test("a session may do what its role's managed policy says by default, also after a change", async () => {
  const { aws, clients, told } = await session();
  const invoke = async () =>
    (await refusal(clients.lambda.send(new InvokeCommand({ FunctionName: "proxy" })))).name;
  const { Policy } = await aws.iam.send(
    new CreatePolicyCommand({
      PolicyName: "mine",
      PolicyDocument: policy({ Action: "lambda:InvokeFunction", Resource: "*" }),
    }),
  );
  const PolicyArn = Policy?.Arn;
  expect(await invoke()).toBe("AccessDeniedException");
  await aws.iam.send(new AttachRolePolicyCommand({ RoleName: "proxy-role", PolicyArn }));
  expect(await invoke()).toBe("ResourceNotFoundException");
  await aws.iam.send(
    new CreatePolicyVersionCommand({
      PolicyArn,
      PolicyDocument: policy({ Action: "logs:*", Resource: "*" }),
      SetAsDefault: true,
    }),
  );
  expect([await invoke(), told]).toEqual(["AccessDeniedException", []]);
});

test("GetSessionToken's credentials are the account's user; a session gets none", async () => {
  const { aws, clients } = await session();
  const { Credentials } = await aws.sts.send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
  expect(Credentials?.Expiration?.getTime()).toBeLessThan(Date.now() + 901_000);
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  const credentials = {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
  };
  const client = new STSClient({ endpoint: aws.url, region: "us-east-1", credentials });
  onTestFinished(() => client.destroy());
  expect((await client.send(new GetCallerIdentityCommand({}))).Arn).toBe(
    `arn:aws:iam::${account}:user/local`,
  );
  expect(await refusal(clients.sts.send(new GetSessionTokenCommand({})))).toEqual({
    name: "AccessDenied",
    status: 403,
    message: "Cannot call GetSessionToken with session credentials",
  });
});

test("a slash at the end of a path does not make a resource one of those below it", async () => {
  const { aws, apiId, credentials, permit } = await session();
  const remove = async (path: string) => {
    const answer = await fetch(`${aws.url}/v2/apis/${path}`, {
      method: "DELETE",
      headers: {
        authorization:
          "AWS4-HMAC-SHA256 Credential=ASIA/20260101/us-east-1/apigateway/aws4_request, " +
          `SignedHeaders=host, Signature=${"0".repeat(64)}`,
        "x-amz-security-token": credentials.sessionToken,
      },
    });
    return answer.status;
  };
  const api = `arn:aws:apigateway:us-east-1::/apis/${apiId}`;
  await permit({ Action: "apigateway:DELETE", Resource: `${api}/*` });
  expect([await remove(apiId), await remove(`${apiId}/`)]).toEqual([403, 403]);
  await permit({ Action: "apigateway:DELETE", Resource: api });
  expect(await remove(`${apiId}/`)).toBe(204);
});

test("tags are of the function, however it is named", async () => {
  const { aws, credentials, permit } = await session();
  await makeFunction(aws, { Role: `arn:aws:iam::${account}:role/proxy-role` });
  const named = `arn:aws:lambda:us-east-1:${account}:function:proxy`;
  await permit({ Action: "lambda:*", Resource: "*" });
  await permit({ Effect: "Deny", Action: "lambda:TagResource", Resource: named }, "deny");
  const { lambda } = clientsFor(aws.url, "us-east-1", credentials);
  for (const Resource of [named, named.replace("arn:aws:", "arn:aws-cn:")])
    expect(await refusal(lambda.send(new TagResourceCommand({ Resource, Tags: { a: "b" } })))).toMatchObject({
      name: "AccessDeniedException",
      message: expect.stringContaining("with an explicit deny"),
    });
});

test("a policy is made where that policy may be, a stream is written where that stream may be", async () => {
  const { aws, credentials, permit } = await session();
  const { iam, logs } = clientsFor(aws.url, "us-east-1", credentials);
  const create = (PolicyName: string, Tags: Tag[] = []) =>
    iam.send(
      new CreatePolicyCommand({ PolicyName, PolicyDocument: policy({ Action: "*", Resource: "*" }), Tags }),
    );
  await permit({ Action: "iam:CreatePolicy", Resource: `arn:aws:iam::${account}:policy/mine*` });
  expect((await create("mine")).Policy?.PolicyName).toBe("mine");
  expect((await refusal(create("other"))).name).toBe("AccessDenied");
  expect((await refusal(create("mine-too", [{ Key: "a", Value: "b" }]))).message).toContain("iam:TagPolicy");
  const group = `arn:aws:logs:us-east-1:${account}:log-group:/a`;
  await permit({ Action: "logs:*", Resource: `${group}:log-stream:one` });
  const write = async (logStreamName: string) =>
    (await refusal(logs.send(new PutLogEventsCommand({ logGroupName: "/a", logStreamName, logEvents }))))
      .name;
  const logEvents = [{ timestamp: Date.now(), message: "x" }];
  expect(await write("one")).toBe("ResourceNotFoundException");
  expect(await write("two")).toBe("AccessDeniedException");
});

test("a session may invoke the functions that its role's policies name", async () => {
  const { aws, clients, permit } = await session();
  await makeFunction(aws, { Role: `arn:aws:iam::${account}:role/proxy-role` });
  const invoke = (FunctionName: string) => clients.lambda.send(new InvokeCommand({ FunctionName }));
  const denied = await refusal(invoke("proxy"));
  expect(denied).toMatchObject({ name: "AccessDeniedException", status: 403 });
  expect(denied.message).toContain(
    `lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:${account}:function:proxy`,
  );
  await permit({
    Action: "lambda:InvokeFunction",
    Resource: `arn:aws:lambda:us-east-1:${account}:function:proxy`,
  });
  expect((await invoke("proxy")).StatusCode).toBe(200);
  expect((await refusal(invoke("other"))).name).toBe("AccessDeniedException");
});

test.each([
  [
    "Allow in the region of the call",
    { Condition: { StringEquals: { "aws:RequestedRegion": "us-east-1" } } },
    true,
  ],
  [
    "Allow in another region",
    { Condition: { StringEquals: { "aws:RequestedRegion": ["eu-west-1", "eu-west-2"] } } },
    false,
  ],
  [
    "Allow outside a region",
    { Condition: { StringNotEquals: { "aws:RequestedRegion": "eu-west-1" } } },
    true,
  ],
  [
    "Allow for the role",
    { Condition: { ArnLike: { "aws:PrincipalArn": `arn:aws:iam::${account}:role/proxy-*` } } },
    true,
  ],
  ["Allow with TLS", { Condition: { Bool: { "aws:SecureTransport": true } } }, true],
])("%s is decided as on AWS", async (_what, conditions, allowed) => {
  const { clients, told, permit } = await session();
  await permit({ Action: "lambda:InvokeFunction", Resource: "*", ...conditions });
  const { name } = await refusal(clients.lambda.send(new InvokeCommand({ FunctionName: "proxy" })));
  expect([name, told]).toEqual([allowed ? "ResourceNotFoundException" : "AccessDeniedException", []]);
});

test.each([
  [{ Bool: { "aws:SecureTransport": "true" } }, true],
  [{ Bool: { "aws:SecureTransport": "false" } }, false],
  [{ StringNotEquals: { "aws:RequestedRegion": "us-east-1" } }, false],
  [{ StringNotLike: { "aws:RequestedRegion": "eu-*" } }, true],
])("a Deny with %j is decided as on AWS", async (Condition, denied) => {
  const { clients, told, permit } = await session();
  await permit({ Action: "lambda:InvokeFunction", Resource: "*" });
  await permit({ Effect: "Deny", Action: "lambda:*", Resource: "*", Condition }, "deny");
  const { name } = await refusal(clients.lambda.send(new InvokeCommand({ FunctionName: "proxy" })));
  expect([name, told]).toEqual([denied ? "AccessDeniedException" : "ResourceNotFoundException", []]);
});

const calls = { Action: "lambda:InvokeFunction", Resource: "*" };
const tagged = { StringEquals: { "aws:PrincipalTag/team": "web" } };
test.each([
  [
    "an Allow with an unknown key",
    [{ ...calls, Condition: tagged }],
    "the condition stringequals of aws:principaltag/team",
  ],
  [
    "a Deny with an unknown key",
    [calls, { ...calls, Effect: "Deny", Condition: tagged }],
    "the condition stringequals of aws:principaltag/team",
  ],
  [
    "an operator",
    [{ ...calls, Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }],
    "the condition ipaddress of aws:sourceip",
  ],
  [
    "a policy variable",
    [{ ...calls, Resource: "arn:aws:lambda:*:*:function:${aws:PrincipalTag/team}-*" }],
    "a policy variable in its resource",
  ],
])("what depends on %s is allowed, and logged once", async (_what, statements, doubt) => {
  const { clients, told, permit } = await session();
  for (const [index, statement] of statements.entries())
    await permit(statement, index === 0 ? "logs" : "other");
  const invoke = async () =>
    await refusal(clients.lambda.send(new InvokeCommand({ FunctionName: "web-proxy" })));
  expect([(await invoke()).name, (await invoke()).name]).toEqual(Array(2).fill("ResourceNotFoundException"));
  expect(told).toEqual([
    "role proxy-role may do lambda:InvokeFunction here; " +
      `on AWS that depends on ${doubt}, which is not emulated\n`,
  ]);
});

test("an unknown managed policy may permit anything, a known one what its document says", async () => {
  const { aws, clients, told, permitNothing } = await session();
  await permitNothing();
  await makeFunction(aws, {
    Role: `arn:aws:iam::${account}:role/proxy-role`,
    source: 'export const handler = async () => console.log("hi");',
  });
  const attach = (name: string) =>
    aws.iam.send(
      new AttachRolePolicyCommand({ RoleName: "proxy-role", PolicyArn: `arn:aws:iam::aws:policy/${name}` }),
    );
  const invoke = () => clients.lambda.send(new InvokeCommand({ FunctionName: "proxy" }));
  await attach("CloudWatchLogsFullAccess");
  expect((await refusal(invoke())).name).toBe("AccessDeniedException");
  await attach("AWSLambda_FullAccess");
  expect((await invoke()).StatusCode).toBe(200);
  const doubts = told.filter((line) => line.startsWith("role "));
  expect(doubts).toEqual([
    expect.stringContaining("depends on the content of arn:aws:iam::aws:policy/AWSLambda_FullAccess, which"),
  ]);
});
