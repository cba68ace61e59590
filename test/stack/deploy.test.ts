import { GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import {
  AttachRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { GetFunctionCommand, GetPolicyCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { zipOf } from "../support/zip.ts";
import { REQUEST_LIMIT } from "../../src/aws/retry.ts";
import { openFaultProxy, type Fault } from "../support/fault-proxy.ts";
import { mutating, openLocalAws, policy } from "../support/local-aws.ts";
import { changedIds, completeStack, inventory, nothing, openTestStack } from "../support/stack.ts";

test("S1 the first deploy creates everything, with least privilege and the endpoint known", async () => {
  const local = await openLocalAws();
  const { deploy, aws } = await openTestStack(local.url);
  const changes = await deploy();
  const made = changes.filter(({ resource: { desired, former } }) => desired && !former);
  expect(new Set(made.map(({ action }) => action))).toEqual(new Set(["create"]));
  expect(await inventory(aws)).toEqual(completeStack);

  const { Configuration, Tags } = await aws.lambda.send(
    new GetFunctionCommand({ FunctionName: "shelfshack-websocket-proxy" }),
  );
  const [api] = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  expect(Configuration).toMatchObject({
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Timeout: 30,
    MemorySize: 256,
    Architectures: ["x86_64"],
    State: "Active",
  });
  expect(Configuration?.Environment?.Variables).toEqual({
    BACKEND_URL: "https://api.example.com",
    API_GATEWAY_ENDPOINT: `${api?.ApiEndpoint?.replace("ws", "http")}/dev`,
    SIGNING_KEYS: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
  });
  expect(Tags).toMatchObject({
    ManagedBy: "shelfshack-ws",
    "shelfshack-ws:stack": "shelfshack-websocket-proxy",
    "shelfshack-ws:component": "Function",
  });

  const { Role } = await aws.iam.send(new GetRoleCommand({ RoleName: "shelfshack-websocket-proxy-role" }));
  expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toContain("lambda.amazonaws.com");
  const policy = await aws.iam.send(
    new GetRolePolicyCommand({
      RoleName: "shelfshack-websocket-proxy-role",
      PolicyName: "WebSocketAPIPermissions",
    }),
  );
  const { Statement } = JSON.parse(decodeURIComponent(policy.PolicyDocument ?? "")) as {
    Statement: { Resource: string | string[] }[];
  };
  expect(Statement.flatMap(({ Resource }) => Resource).filter((resource) => resource === "*")).toEqual([]);
  const { Policy } = await aws.lambda.send(
    new GetPolicyCommand({ FunctionName: "shelfshack-websocket-proxy", Qualifier: "live" }),
  );
  expect(JSON.parse(Policy ?? "{}").Statement).toMatchObject([
    { Sid: "shelfshack-ws", Principal: { Service: "apigateway.amazonaws.com" } },
  ]);
});

test("S2 a second deploy changes nothing and reads in at most two waves", async () => {
  const local = await openLocalAws();
  // Its tags say whose code it is, as those of every deploy of the program do.
  const code = { codeFrom: "shipped" } as const;
  await (await openTestStack(local.url, code)).deploy();
  const before = local.calls.length;
  const second = await openTestStack(local.url, code);
  expect(changedIds(await second.deploy())).toEqual([]);
  const calls = local.calls.slice(before);
  expect(calls.filter((call) => call.mutating)).toEqual([]);
  // Each list once, also that of the routes, of which there are three; the policies of the alias, and of the
  // function itself as earlier stacks had it.
  const operations = calls.map(({ operation }) => operation);
  expect(operations.toSorted()).toEqual([...new Set(operations), "GetPolicy"].toSorted());
});

test("S3 a plan on an empty account lists every creation and writes nothing", async () => {
  const local = await openLocalAws();
  const { plan, stack } = await openTestStack(local.url);
  const made = stack.resources
    .filter(({ desired, former, isWanted = true }) => desired && !former && isWanted)
    .map(({ id }) => id);
  expect(changedIds(await plan())).toEqual(made);
  expect(made).toEqual(expect.arrayContaining(["Role", "Api", "Function", "Stage"]));
  expect(mutating(local)).toEqual([]);
});

test("S7 changed code is uploaded once, unchanged code never", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  const before = local.calls.length;
  const changed = await openTestStack(local.url, {
    zip: await zipOf({ "index.mjs": "export const handler = async () => ({ statusCode: 201 });" }),
  });
  expect(changedIds(await changed.deploy())).toEqual(["Function", "Release", "Alias"]);
  expect(
    local.calls
      .slice(before)
      .filter((call) => call.mutating)
      .map(({ operation }) => operation),
  ).toEqual(["UpdateFunctionCode", "PublishVersion", "UpdateAlias"]);
});

test("S15 destroy removes everything of the stack, and again does nothing", async () => {
  const local = await openLocalAws();
  const { deploy, destroy, aws } = await openTestStack(local.url);
  await deploy();
  expect((await destroy()).map(({ id }) => id).toSorted()).toEqual(["Api", "Function", "LogGroup", "Role"]);
  expect(await inventory(aws)).toEqual(nothing);
  expect(await destroy()).toEqual([]);
});

test("destroy removes a role with more policies than a page of the list has", async () => {
  const local = await openLocalAws({ pageSize: 1 });
  const { deploy, destroy, aws } = await openTestStack(local.url);
  await deploy();
  const RoleName = "shelfshack-websocket-proxy-role";
  const PolicyDocument = policy({ Action: "sqs:SendMessage", Resource: "*" });
  for (const name of ["a", "b", "c"]) {
    await aws.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: name, PolicyDocument }));
    const PolicyArn = `arn:aws:iam::aws:policy/${name}`;
    await aws.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
  }
  await destroy();
  expect(await inventory(aws)).toEqual(nothing);
});

test("D-12 a role not assumable yet and a throttled creation are waited for; why is shown", async () => {
  const local = await openLocalAws();
  const refusal = {
    status: 400,
    name: "InvalidParameterValueException",
    message: "The role defined for the function cannot be assumed by Lambda.",
  };
  const answers: Fault[] = [{ refusal }, { refusal }];
  const throttled: Fault[] = ["429", "429"];
  const proxy = await openFaultProxy(local, ({ operation }) => {
    if (/^POST .*\/functions$/.test(operation)) return answers.shift();
    return /^POST .*\/apis$/.test(operation) ? throttled.shift() : undefined;
  });
  const { deploy, aws, progress } = await openTestStack(proxy.url);
  await deploy();
  expect([answers, throttled]).toEqual([[], []]);
  expect(await inventory(aws)).toEqual(completeStack);
  expect(progress).toContainEqual(
    expect.objectContaining({ kind: "waiting", reason: expect.stringContaining("IAM"), budgetMs: 180_000 }),
  );
  expect(progress.filter((event) => event.kind === "waiting" && event.id === "Api")).toContainEqual(
    expect.objectContaining({ reason: REQUEST_LIMIT, budgetMs: 92_500 }),
  );
});

test("D-13 pending functions and running updates are waited for", async () => {
  const local = await openLocalAws({ createDelayMs: 300, updateDelayMs: 300 });
  await (await openTestStack(local.url)).deploy();
  const other = await openTestStack(local.url, {
    zip: await zipOf({ "index.mjs": "export const handler = 1;" }),
    timeout: 20,
  });
  expect(changedIds(await other.deploy())).toEqual(["Function", "Release", "Alias"]);
  const { Configuration } = await other.aws.lambda.send(
    new GetFunctionCommand({ FunctionName: "shelfshack-websocket-proxy" }),
  );
  expect(Configuration).toMatchObject({ Timeout: 20, LastUpdateStatus: "Successful" });
  expect(other.progress).toContainEqual(
    expect.objectContaining({ kind: "waiting", reason: "Lambda to make the function ready" }),
  );
});

test(
  "D-16 deploys that start at the same moment end with one of everything",
  { timeout: 60_000 },
  async () => {
    for (let round = 0; round < 5; round++) {
      const local = await openLocalAws({ roleDelayMs: 50 });
      const stacks = await Promise.all([1, 2, 3].map(() => openTestStack(local.url)));
      await Promise.all(stacks.map(({ deploy }) => deploy()));
      expect(await inventory(stacks[0]!.aws), `round ${round}`).toEqual(completeStack);
    }
  },
);
