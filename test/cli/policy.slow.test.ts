import { GetApisCommand, UpdateApiCommand } from "@aws-sdk/client-apigatewayv2";
import { TagResourceCommand as TagLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  GetRolePolicyCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  GetPolicyCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  TagResourceCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { expect, onTestFinished, test } from "vitest";
import { startDemoBackend } from "../../src/backend/demo.ts";
import type { PolicyDocument } from "../../src/aws/policies.ts";
import { makeByHand } from "../support/hand-made.ts";
import { acceptingHandler, openLocalAws, policy, type AwsForTest } from "../support/local-aws.ts";
import { run, start } from "../support/program.ts";
import { zipOf } from "../support/zip.ts";

interface Place {
  aws: AwsForTest;
  backendUrl: string;
}

async function place(): Promise<Place> {
  const [aws, backend] = await Promise.all([openLocalAws(), startDemoBackend()]);
  onTestFinished(() => backend.close());
  return { aws, backendUrl: backend.url };
}

let made = 0;

/** What the program's environment is for a principal that may do what the policy says, and nothing else. */
async function principal(
  { aws }: Pick<Place, "aws">,
  document: PolicyDocument,
): Promise<Record<string, string>> {
  const RoleName = `principal-${++made}`;
  const trust = policy({ Principal: { AWS: "arn:aws:iam::000000000000:root" }, Action: "sts:AssumeRole" });
  const { Role } = await aws.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }));
  await aws.iam.send(
    new PutRolePolicyCommand({ RoleName, PolicyName: "only", PolicyDocument: JSON.stringify(document) }),
  );
  const { Credentials } = await aws.sts.send(
    new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "test" }),
  );
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
  return {
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: AccessKeyId,
    AWS_SECRET_ACCESS_KEY: SecretAccessKey,
    AWS_SESSION_TOKEN: SessionToken,
  };
}

/** A stack of its own for each case, as the variables that name it. */
const named = (name: string) => ({
  SHELFSHACK_FUNCTION_NAME: name,
  SHELFSHACK_API_NAME: name,
  SHELFSHACK_ROLE_NAME: `${name}-role`,
  SHELFSHACK_SUBNETS: "subnet-1",
  SHELFSHACK_SECURITY_GROUPS: "sg-1",
});

/** The deployer's policy of a stack, as the program prints it. */
async function printed({ aws }: Place, name: string): Promise<PolicyDocument> {
  const { stdout } = await run(["policy", "deployer"], { env: { ...aws.environment, ...named(name) } });
  return JSON.parse(stdout) as PolicyDocument;
}

const without = ({ Version, Statement }: PolicyDocument, action: string): PolicyDocument => ({
  Version,
  Statement: Statement.flatMap((statement) => {
    const Action = [statement.Action].flat().filter((one) => one !== action);
    return Action.length > 0 ? [{ ...statement, Action }] : [];
  }),
});

/** A command that needs an action; it runs against a stack that is deployed where nothing else is said. */
interface Need {
  line: string[];
  state: "not deployed" | "deployed" | "deployed, and changed by the command";
  /** Changes something behind the program's back, so that it has to be corrected. */
  after?(aws: AwsForTest, name: string): Promise<unknown>;
  /** Reported and gone on without: exit code 0. */
  survived?: true;
}

/** A tag that the configuration had once. */
const left = { team: "chat", "shelfshack-ws:tags": "team" };

const reading = (...line: string[]): Need => ({ line, state: "deployed" });
const first: Need = { line: ["deploy"], state: "not deployed" };
const logging: Need = { ...first, line: ["deploy", "--access-logs", "on"] };
const plan = reading("plan");
const doctor: Need = { ...reading("doctor"), survived: true };
const destroy: Need = { line: ["destroy", "--yes"], state: "deployed, and changed by the command" };
const corrected = (after: NonNullable<Need["after"]>): Need => ({ ...destroy, line: ["deploy"], after });

const arn = (service: string, name: string) => `arn:aws:${service}:us-east-1:000000000000:${name}`;
const functionArn = (name: string) => arn("lambda", `function:${name}`);
const logGroupArn = (name: string) => arn("logs", `log-group:/aws/lambda/${name}`);
/** What was adopted is left, without our tags. */
const adopted = { "shelfshack-ws:adopted": "true" };

const needs: Readonly<Record<string, Need>> = {
  "iam:CreateRole": first,
  "iam:TagRole": first,
  "iam:PutRolePolicy": first,
  "iam:PassRole": first,
  "iam:AttachRolePolicy": logging,
  "lambda:CreateFunction": first,
  "lambda:TagResource": first,
  "lambda:AddPermission": first,
  "lambda:CreateAlias": first,
  "apigateway:POST": first,
  "apigateway:TagResource": first,
  "ec2:DescribeSubnets": first,
  "ec2:DescribeSecurityGroups": first,
  "ec2:DescribeVpcs": first,
  "ec2:GetSecurityGroupsForVpc": first,
  "logs:CreateLogGroup": first,
  "logs:TagResource": first,
  "logs:PutRetentionPolicy": first,
  "iam:GetRole": plan,
  "iam:GetRolePolicy": plan,
  "lambda:GetFunction": plan,
  "lambda:GetPolicy": plan,
  "lambda:GetAlias": plan,
  "lambda:ListVersionsByFunction": plan,
  "apigateway:GET": plan,
  "logs:DescribeLogGroups": plan,
  "logs:ListTagsForResource": plan,
  "lambda:InvokeFunction": reading("test"),
  "lambda:GetFunctionConfiguration": reading("env", "list"),
  "lambda:UpdateFunctionConfiguration": reading("env", "set", "LOG_LEVEL=DEBUG"),
  "lambda:PublishVersion": reading("env", "set", "LOG_LEVEL=ERROR"),
  "lambda:UpdateAlias": reading("env", "set", "LOG_LEVEL=INFO"),
  "logs:DescribeLogStreams": reading("logs", "tail", "--no-follow"),
  "logs:FilterLogEvents": reading("logs", "tail", "--no-follow"),
  "cloudwatch:GetMetricData": reading("metrics"),
  "execute-api:ManageConnections": reading("connections", "get", "Mg_ugfpqPHcCIVA="),
  "lambda:GetAccountSettings": doctor,
  "iam:SimulatePrincipalPolicy": doctor,
  "iam:UpdateAssumeRolePolicy": corrected(({ iam }, name) =>
    iam.send(
      new UpdateAssumeRolePolicyCommand({
        RoleName: `${name}-role`,
        PolicyDocument: policy({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }),
      }),
    ),
  ),
  "iam:UntagRole": corrected(({ iam }, name) =>
    iam.send(
      new TagRoleCommand({
        RoleName: `${name}-role`,
        Tags: Object.entries(left).map(([Key, Value]) => ({ Key, Value })),
      }),
    ),
  ),
  "lambda:UpdateFunctionCode": corrected(async ({ lambda }, FunctionName) =>
    lambda.send(
      new UpdateFunctionCodeCommand({
        FunctionName,
        ZipFile: await zipOf({ "index.mjs": acceptingHandler }),
      }),
    ),
  ),
  "lambda:PutFunctionConcurrency": reading("deploy", "--reserved-concurrency", "5"),
  "lambda:DeleteFunctionConcurrency": {
    ...reading("deploy", "--reserved-concurrency", "none"),
    after: ({ lambda }, FunctionName) =>
      lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 5 })),
  },
  "lambda:RemovePermission": corrected(async ({ lambda }, FunctionName) => {
    const of = { FunctionName, Qualifier: "live" };
    const { Policy = "" } = await lambda.send(new GetPolicyCommand(of));
    const { Statement } = JSON.parse(Policy) as { Statement: { Sid: string }[] };
    const StatementId = Statement[0]?.Sid;
    await lambda.send(new RemovePermissionCommand({ ...of, StatementId }));
    await lambda.send(
      new AddPermissionCommand({
        ...of,
        StatementId,
        Action: "lambda:InvokeFunction",
        Principal: "apigateway.amazonaws.com",
        SourceArn: "arn:aws:execute-api:us-east-1:000000000000:other/*",
      }),
    );
  }),
  "apigateway:PATCH": corrected(async ({ apigatewayv2 }, name) => {
    const { Items = [] } = await apigatewayv2.send(new GetApisCommand({}));
    const ApiId = Items.find(({ Name }) => Name === name)?.ApiId;
    await apigatewayv2.send(new UpdateApiCommand({ ApiId, RouteSelectionExpression: "$request.body.other" }));
  }),
  "iam:DeleteRole": destroy,
  "iam:ListRolePolicies": destroy,
  "iam:DeleteRolePolicy": destroy,
  "iam:ListAttachedRolePolicies": destroy,
  "iam:DetachRolePolicy": {
    ...destroy,
    after: ({ iam }, name) =>
      iam.send(
        new AttachRolePolicyCommand({
          RoleName: `${name}-role`,
          PolicyArn: "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess",
        }),
      ),
  },
  "lambda:UntagResource": {
    ...destroy,
    after: ({ lambda }, name) =>
      lambda.send(new TagResourceCommand({ Resource: functionArn(name), Tags: adopted })),
  },
  "logs:UntagResource": {
    ...destroy,
    after: ({ logs }, name) =>
      logs.send(new TagLogGroupCommand({ resourceArn: logGroupArn(name), tags: adopted })),
  },
  "lambda:DeleteFunction": destroy,
  "apigateway:DELETE": destroy,
  "logs:DeleteLogGroup": destroy,
};

test("there is a case for each action that is printed", async () => {
  const { Statement } = await printed(await place(), "proxy");
  const actions = Statement.flatMap(({ Action }) => Action);
  expect([...new Set(actions)].toSorted()).toEqual([...Object.keys(needs), "logs:StartLiveTail"].toSorted());
});

test("the deployer's policy is enough for every command, before the first deploy and after it", async () => {
  const at = await place();
  const names = { ...named("proxy"), SHELFSHACK_BACKEND_URL: at.backendUrl };
  const lines = (before: readonly string[][]) => before.map((line) => [...line, "--json"]);
  const codesAs = async (document: PolicyDocument, all: readonly string[][]) => {
    const env = { ...(await principal(at, document)), ...names };
    const codes: unknown[] = [];
    for (const line of lines(all)) codes.push([line[0], (await run(line, { env })).code]);
    return codes;
  };
  const early = [
    ["plan"],
    ["deploy", "--tag", "team=chat"],
    ["deploy", "--memory", "512", "--access-logs", "on"],
  ];
  expect(await codesAs(await printed(at, "proxy"), early)).toEqual(early.map(([name]) => [name, 0]));
  const late = [
    ["deploy", "--memory", "256"],
    ["status"],
    ["env", "set", "LOG_LEVEL=DEBUG"],
    ["logs", "tail", "--no-follow"],
    ["doctor", "--token", "demo"],
    ["test", "--token", "demo"],
    ["metrics"],
    ["trace", "--no-follow"],
    ["outputs"],
    ["backend", "keys", "rotate"],
    ["destroy", "--yes"],
  ];
  expect(await codesAs(await printed(at, "proxy"), late)).toEqual(late.map(([name]) => [name, 0]));
  expect(at.aws.calls.filter(({ error }) => error?.startsWith("AccessDenied"))).toEqual([]);
}, 60_000);

/** What adopting needs, as it does not make the API and its role; the rest is as for a stack of its own. */
const adoptions: Readonly<Record<string, Pick<Need, "survived"> & { command: "plan" | "deploy" }>> = {
  "apigateway:GET": { command: "plan" },
  "iam:SimulatePrincipalPolicy": { command: "plan", survived: true },
  "apigateway:POST": { command: "deploy" },
  "lambda:TagResource": { command: "deploy" },
  "logs:TagResource": { command: "deploy" },
};

test("the policy for adopting is enough for that, and without one action it is said which", async () => {
  const print = async ({ environment: env }: AwsForTest, ...words: string[]) =>
    JSON.parse((await run(["policy", "deployer", ...words], { env })).stdout) as PolicyDocument;
  const adopt = async (aws: AwsForTest, command: string, document: PolicyDocument) => {
    const env = { ...(await principal({ aws }, document)), SHELFSHACK_TEST: "false" };
    return await run([command, "--adopt", "--json"], { env });
  };
  const found = await openLocalAws();
  const { ApiId } = await makeByHand(found);
  const document = await print(found, "--adopt");
  const lacking = Object.entries(adoptions).map(async ([action, { command, survived }]) => {
    const aws = await openLocalAws();
    const made = await makeByHand(aws);
    const ofIt = JSON.parse(JSON.stringify(document).replaceAll(ApiId, made.ApiId)) as PolicyDocument;
    const { code, stdout, stderr } = await adopt(aws, command, without(ofIt, action));
    expect(stdout + stderr).toMatch(
      new RegExp(`not authorized to perform: ${action} on resource: (arn:aws:|\\*)`),
    );
    expect(code, action).toBe(survived ? 0 : 1);
  });
  const [whole] = await Promise.all([adopt(found, "deploy", document), ...lacking]);
  expect(whole.code).toBe(0);
  // Whether there is a role of the stack's own is nothing that it has to know.
  const denied = found.calls.filter(({ error }) => error?.startsWith("AccessDenied"));
  expect([...new Set(denied.map(({ operation }) => operation))]).toEqual(["GetRole"]);
  expect(await print(found)).toEqual(document);
});

test("the function's policy is that of its role, the backend's its part about connections", async () => {
  const at = await place();
  const env = { ...at.aws.environment, ...named("proxy"), SHELFSHACK_BACKEND_URL: at.backendUrl };
  await run(["deploy", "--no-test"], { env });
  const print = async (whose: string) => JSON.parse((await run(["policy", whose], { env })).stdout);
  const { PolicyDocument = "" } = await at.aws.iam.send(
    new GetRolePolicyCommand({ RoleName: "proxy-role", PolicyName: "WebSocketAPIPermissions" }),
  );
  const deployed = JSON.parse(decodeURIComponent(PolicyDocument)) as PolicyDocument;
  expect(await print("function")).toEqual(deployed);
  expect((await print("backend")).Statement).toEqual(deployed.Statement.filter(({ Sid }) => Sid === "Push"));
});

test("without logs:StartLiveTail the tail says so and polls", async () => {
  const at = await place();
  const variables = { ...named("proxy"), SHELFSHACK_BACKEND_URL: at.backendUrl };
  await run(["deploy", "--no-test"], { env: { ...at.aws.environment, ...variables } });
  const env = await principal(at, without(await printed(at, "proxy"), "logs:StartLiveTail"));
  const tail = start(["logs", "tail"], { env: { ...env, ...variables } });
  await tail.says("no live tail (AccessDeniedException)");
  tail.signal("SIGINT");
  await tail.ended;
});

test.each(["not deployed", "deployed", "deployed, and changed by the command"] as const)(
  "without one action a command says which is denied on what: a stack that is %s",
  async (state) => {
    const at = await place();
    const document = JSON.stringify(await printed(at, "proxy"));
    const variables = (name: string) => ({ ...named(name), SHELFSHACK_BACKEND_URL: at.backendUrl });
    const deploy = (name: string, ...words: string[]) =>
      run(["deploy", ...words], { env: { ...at.aws.environment, ...variables(name) } });
    if (state === "deployed") await deploy("proxy");
    const cases = Object.entries(needs).filter(([, need]) => need.state === state);
    for (const [index, [action, { line, after, survived }]] of cases.entries()) {
      const name = state === "deployed" ? "proxy" : `proxy-${index}`;
      if (state === "deployed, and changed by the command") await deploy(name, "--no-test");
      await after?.(at.aws, name);
      const policyOfIt = JSON.parse(document.replaceAll("proxy", name)) as PolicyDocument;
      const env = { ...(await principal(at, without(policyOfIt, action))), ...variables(name) };
      const { code, stdout } = await run([...line, "--json"], { env });
      expect(stdout).toMatch(new RegExp(`not authorized to perform: ${action} on resource: (arn:aws:|\\*)`));
      expect(code, action).toBe(survived ? 0 : 1);
    }
  },
);
