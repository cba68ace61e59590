import { GetApisCommand, GetIntegrationsCommand, GetRoutesCommand, GetStagesCommand, GetDeploymentsCommand } from "@aws-sdk/client-apigatewayv2";
import { DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetRoleCommand, GetRolePolicyCommand, ListRolesCommand } from "@aws-sdk/client-iam";
import { GetFunctionCommand, GetPolicyCommand, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { afterEach, expect, test } from "vitest";
import { startLocalAws, type LocalAws, type LocalAwsOptions } from "../../src/local/server.ts";
import type { Aws } from "../../src/target.ts";
import { startFaultProxy, type Call, type Fault } from "../support/fault-proxy.ts";
import { acting, openTestStack } from "../support/stack.ts";

const running: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).toReversed()) await one.close();
});

async function localAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const local = await startLocalAws({ port: 0, ...options });
  running.push(local);
  return local;
}

async function faulty(target: LocalAws, faultFor: (call: Call) => Fault | undefined) {
  const proxy = await startFaultProxy(target.url, faultFor);
  running.push(proxy);
  return proxy;
}

async function stackAt(url: string, overrides = {}) {
  const opened = await openTestStack(url, overrides);
  running.push(opened.aws);
  return opened;
}

const mutating = (local: LocalAws) => local.calls.filter((call) => call.mutating);

/** How many there are of everything that a stack has. */
async function inventory(aws: Aws) {
  const apis = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  const ApiId = apis[0]?.ApiId;
  const within = async <T>(list: Promise<{ Items?: T[] | undefined }>) => (await list).Items?.length;
  return {
    roles: (await aws.iam.send(new ListRolesCommand({}))).Roles?.length,
    logGroups: (await aws.logs.send(new DescribeLogGroupsCommand({}))).logGroups?.length,
    functions: (await aws.lambda.send(new ListFunctionsCommand({}))).Functions?.length,
    apis: apis.length,
    ...(ApiId
      ? {
          integrations: await within(aws.apigatewayv2.send(new GetIntegrationsCommand({ ApiId }))),
          routes: await within(aws.apigatewayv2.send(new GetRoutesCommand({ ApiId }))),
          deployments: await within(aws.apigatewayv2.send(new GetDeploymentsCommand({ ApiId }))),
          stages: await within(aws.apigatewayv2.send(new GetStagesCommand({ ApiId }))),
        }
      : {}),
  };
}
const oneOfEverything = { roles: 1, logGroups: 1, functions: 1, apis: 1, integrations: 1, routes: 3, deployments: 1, stages: 1 };
const nothing = { roles: 0, logGroups: 0, functions: 0, apis: 0 };

test("S1 the first deploy makes everything, with least privilege and the endpoint known at once", async () => {
  const local = await localAws();
  const { deploy, aws } = await stackAt(local.url);
  const changes = await deploy();
  expect(new Set(changes.filter(({ resource }) => resource.desired).map(({ action }) => action))).toEqual(new Set(["create"]));
  expect(await inventory(aws)).toEqual(oneOfEverything);

  const { Configuration, Tags } = await aws.lambda.send(new GetFunctionCommand({ FunctionName: "shelfshack-websocket-proxy" }));
  const [api] = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  expect(Configuration).toMatchObject({ Runtime: "nodejs24.x", Handler: "index.handler", Timeout: 30, MemorySize: 256, Architectures: ["x86_64"], State: "Active" });
  expect(Configuration?.Environment?.Variables).toEqual({
    BACKEND_URL: "https://api.example.com",
    API_GATEWAY_ENDPOINT: `${api?.ApiEndpoint?.replace("ws", "http")}/dev`,
    SIGNING_KEYS: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
  });
  expect(Tags).toMatchObject({ ManagedBy: "shelfshack-ws", "shelfshack-ws:stack": "shelfshack-websocket-proxy", "shelfshack-ws:component": "Function" });

  const { Role } = await aws.iam.send(new GetRoleCommand({ RoleName: "shelfshack-websocket-proxy-role" }));
  expect(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")).toContain("lambda.amazonaws.com");
  const policy = await aws.iam.send(new GetRolePolicyCommand({ RoleName: "shelfshack-websocket-proxy-role", PolicyName: "WebSocketAPIPermissions" }));
  const { Statement } = JSON.parse(decodeURIComponent(policy.PolicyDocument ?? "")) as { Statement: { Resource: string | string[] }[] };
  expect(Statement.flatMap(({ Resource }) => Resource).filter((resource) => resource === "*")).toEqual([]);
  const { Policy } = await aws.lambda.send(new GetPolicyCommand({ FunctionName: "shelfshack-websocket-proxy" }));
  expect(JSON.parse(Policy ?? "{}").Statement).toMatchObject([{ Sid: "shelfshack-ws", Principal: { Service: "apigateway.amazonaws.com" } }]);
});

test("S2 a second deploy changes nothing and reads in at most two waves", async () => {
  const local = await localAws();
  await (await stackAt(local.url)).deploy();
  const before = local.calls.length;
  const second = await stackAt(local.url);
  expect(acting(await second.deploy())).toEqual([]);
  const calls = local.calls.slice(before);
  expect(calls.filter((call) => call.mutating)).toEqual([]);
  expect(calls.length).toBeLessThanOrEqual(15);
});

test("S3 a plan on an empty account lists every creation and writes nothing", async () => {
  const local = await localAws();
  const { plan } = await stackAt(local.url);
  expect(acting(await plan())).toHaveLength(12);
  expect(mutating(local)).toEqual([]);
});

test("S7 changed code is uploaded once, unchanged code never", async () => {
  const local = await localAws();
  await (await stackAt(local.url)).deploy();
  const { zipOf } = await import("../support/zip.ts");
  const before = local.calls.length;
  const changed = await stackAt(local.url, { zip: await zipOf({ "index.mjs": "export const handler = async () => ({ statusCode: 201 });" }) });
  expect(acting(await changed.deploy())).toEqual(["Function"]);
  expect(local.calls.slice(before).filter((call) => call.mutating).map(({ operation }) => operation)).toEqual(["UpdateFunctionCode"]);
});

test("S15 destroy removes everything of the stack, and again does nothing", async () => {
  const local = await localAws();
  const { deploy, destroy, aws } = await stackAt(local.url);
  await deploy();
  expect((await destroy()).map(({ id }) => id).toSorted()).toEqual(["Api", "Function", "LogGroup", "Role"]);
  expect(await inventory(aws)).toEqual(nothing);
  expect(await destroy()).toEqual([]);
});

test("D-12 a role that Lambda cannot assume yet is waited for, and the reason is shown", async () => {
  const local = await localAws({ roleDelayMs: 300 });
  const { deploy, aws, progress } = await stackAt(local.url);
  await deploy();
  expect(await inventory(aws)).toEqual(oneOfEverything);
  expect(progress).toContainEqual(expect.objectContaining({ kind: "waiting", reason: expect.stringContaining("IAM"), budgetMs: 180_000 }));
});

test("D-13 pending functions and running updates are waited for", async () => {
  const local = await localAws({ createDelayMs: 300, updateDelayMs: 300 });
  await (await stackAt(local.url)).deploy();
  const { zipOf } = await import("../support/zip.ts");
  const other = await stackAt(local.url, { zip: await zipOf({ "index.mjs": "export const handler = 1;" }), timeout: 20 });
  expect(acting(await other.deploy())).toEqual(["Function"]);
  const { Configuration } = await other.aws.lambda.send(new GetFunctionCommand({ FunctionName: "shelfshack-websocket-proxy" }));
  expect(Configuration).toMatchObject({ Timeout: 20, LastUpdateStatus: "Successful" });
});

const passing: Fault[] = ["lost", "500-after", "html", "truncated", "503", "429"];
const faultIds: Partial<Record<string, string>> = { lost: "D-03 lost reply", "500-after": "D-05 500 after the work", html: "D-06 a proxy's page", truncated: "D-06 truncated reply", "503": "D-08 503", "429": "D-07 429" };

test.each(passing)("%s of any one call: the same run converges to one of everything", { timeout: 120_000 }, async (fault) => {
  const calls = await callsOfOneDeploy();
  expect(faultIds[String(fault)]).toBeDefined();
  for (let n = 0; n < calls; n++) {
    const local = await localAws();
    const proxy = await faulty(local, ({ index }) => (index === n ? fault : undefined));
    const { deploy } = await stackAt(proxy.url);
    await deploy();
    const direct = await stackAt(local.url);
    expect(await inventory(direct.aws), `${String(fault)} at call ${n}`).toEqual(oneOfEverything);
    expect(acting(await direct.deploy()), `${String(fault)} at call ${n}`).toEqual([]);
  }
});

test.each(["D-01 before", "D-02 after"])("%s any one call the run dies: the next run converges to one of everything", { timeout: 120_000 }, async (when) => {
  const calls = await callsOfOneDeploy();
  for (let n = 0; n < calls; n++) {
    const local = await localAws();
    let dead = false;
    const proxy = await faulty(local, ({ index }) => {
      if (dead || (when === "D-01 before" && index === n)) return ((dead = true), "cut-before");
      return index === n ? { after: () => void (dead = true) } : undefined;
    });
    const first = await stackAt(proxy.url);
    await first.deploy().catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    const next = await stackAt(local.url);
    await next.deploy();
    expect(await inventory(next.aws), `${when} call ${n}`).toEqual(oneOfEverything);
    expect(acting(await (await stackAt(local.url)).deploy())).toEqual([]);
  }
});

test("D-34 destroy cut at any call is finished by the next one", { timeout: 60_000 }, async () => {
  for (let n = 0; n < 6; n++) {
    const local = await localAws();
    await (await stackAt(local.url)).deploy();
    let dead = false;
    const proxy = await faulty(local, ({ index }) => {
      if (dead) return "cut-before";
      return index === n ? { after: () => void (dead = true) } : undefined;
    });
    await (await stackAt(proxy.url)).destroy().catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    const next = await stackAt(local.url);
    await next.destroy();
    expect(await inventory(next.aws), `after call ${n}`).toEqual(nothing);
  }
});

test("D-16 deploys that start at the same moment end with one of everything", { timeout: 60_000 }, async () => {
  for (let round = 0; round < 5; round++) {
    const local = await localAws({ roleDelayMs: 50 });
    const stacks = await Promise.all([1, 2, 3].map(() => stackAt(local.url)));
    await Promise.all(stacks.map(({ deploy }) => deploy()));
    expect(await inventory(stacks[0]!.aws), `round ${round}`).toEqual(oneOfEverything);
  }
});

/** How many calls that change something a first deploy makes. */
async function callsOfOneDeploy(): Promise<number> {
  const local = await localAws();
  await (await stackAt(local.url)).deploy();
  return mutating(local).length;
}
