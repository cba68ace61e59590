import {
  CreateDeploymentCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  DeleteApiCommand,
  DeleteIntegrationCommand,
  DeleteRouteCommand,
  DeleteStageCommand,
  GetApisCommand,
  GetIntegrationsCommand,
  GetRoutesCommand,
  GetStageCommand,
  UpdateApiCommand,
  UpdateIntegrationCommand,
  UpdateRouteCommand,
  UpdateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { DeleteLogGroupCommand, PutRetentionPolicyCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetFunctionConfigurationCommand,
  PublishVersionCommand,
  RemovePermissionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { accessLogGroupOf } from "../../src/aws/access-log.ts";
import type { Aws } from "../../src/aws/clients.ts";
import { namesAsTags, namesInTags, tagNames } from "../../src/aws/tags.ts";
import { describeChanges } from "../../src/stack/describe.ts";
import { observe } from "../../src/stack/engine.ts";
import { zipOf } from "../support/zip.ts";
import { mutating, openLocalAws } from "../support/local-aws.ts";
import { changedIds, completeStack, inventory, openTestStack } from "../support/stack.ts";
import { run } from "../support/program.ts";
import { tagging } from "../support/tagging.ts";

const FunctionName = "shelfshack-websocket-proxy";
const RoleName = "shelfshack-websocket-proxy-role";
const PolicyName = "WebSocketAPIPermissions";
const statement = { FunctionName, Qualifier: "live", StatementId: "shelfshack-ws" };

async function apiId(aws: Aws): Promise<string> {
  return (await aws.apigatewayv2.send(new GetApisCommand({}))).Items?.[0]?.ApiId ?? "";
}

async function routeId(aws: Aws, ApiId: string, key: string): Promise<string> {
  const { Items = [] } = await aws.apigatewayv2.send(new GetRoutesCommand({ ApiId }));
  return Items.find(({ RouteKey }) => RouteKey === key)?.RouteId ?? "";
}

async function integrationId(aws: Aws, ApiId: string): Promise<string> {
  return (await aws.apigatewayv2.send(new GetIntegrationsCommand({ ApiId }))).Items?.[0]?.IntegrationId ?? "";
}

const deleteRole = async (aws: Aws): Promise<void> => {
  await aws.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
  await aws.iam.send(new DeleteRoleCommand({ RoleName }));
};
const deleteRoute = async (aws: Aws, key: string) => {
  const ApiId = await apiId(aws);
  await aws.apigatewayv2.send(new DeleteRouteCommand({ ApiId, RouteId: await routeId(aws, ApiId, key) }));
};
const deleteIntegration = async (aws: Aws) => {
  const ApiId = await apiId(aws);
  for (const key of ["$connect", "$disconnect", "$default"]) await deleteRoute(aws, key);
  await aws.apigatewayv2.send(
    new DeleteIntegrationCommand({ ApiId, IntegrationId: await integrationId(aws, ApiId) }),
  );
};

/** What is removed by hand, and what a deploy then does. */
const removals: readonly [string, (aws: Aws) => Promise<unknown>, string[]][] = [
  ["the role", deleteRole, ["Role", "RolePolicy"]],
  [
    "the policy",
    (aws) => aws.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName })),
    ["RolePolicy"],
  ],
  [
    "the log group",
    (aws) => aws.logs.send(new DeleteLogGroupCommand({ logGroupName: `/aws/lambda/${FunctionName}` })),
    ["LogGroup"],
  ],
  [
    "the access log's group",
    (aws) => aws.logs.send(new DeleteLogGroupCommand({ logGroupName: accessLogGroupOf(FunctionName) })),
    ["AccessLogGroup"],
  ],
  [
    "the account's role for logs",
    (aws) =>
      aws.apigateway.call("UpdateAccount", {
        patchOperations: [{ op: "replace", path: "/cloudwatchRoleArn", value: "" }],
      }),
    ["AccessLogRole"],
  ],
  [
    "the function",
    (aws) => aws.lambda.send(new DeleteFunctionCommand({ FunctionName })),
    ["Function", "Release", "Alias", "Permission"],
  ],
  ["the permission", (aws) => aws.lambda.send(new RemovePermissionCommand(statement)), ["Permission"]],
  [
    "the alias",
    (aws) => aws.lambda.send(new DeleteAliasCommand({ FunctionName, Name: "live" })),
    ["Alias", "Permission"],
  ],
  [
    "the alias and its release",
    async (aws) => {
      await aws.lambda.send(new DeleteAliasCommand({ FunctionName, Name: "live" }));
      await aws.lambda.send(new DeleteFunctionCommand({ FunctionName, Qualifier: "1" }));
    },
    ["Release", "Alias", "Permission"],
  ],
  [
    "the API",
    async (aws) => aws.apigatewayv2.send(new DeleteApiCommand({ ApiId: await apiId(aws) })),
    [
      "Api",
      "RolePolicy",
      "Integration",
      "RouteConnect",
      "RouteDisconnect",
      "RouteDefault",
      "Deployment",
      "Stage",
      "Function",
      "Release",
      "Alias",
      "Permission",
    ],
  ],
  ["$connect", (aws) => deleteRoute(aws, "$connect"), ["RouteConnect"]],
  ["$disconnect", (aws) => deleteRoute(aws, "$disconnect"), ["RouteDisconnect"]],
  ["$default", (aws) => deleteRoute(aws, "$default"), ["RouteDefault"]],
  [
    "the integration",
    deleteIntegration,
    ["Integration", "RouteConnect", "RouteDisconnect", "RouteDefault", "Deployment", "Stage"],
  ],
  [
    "the stage",
    async (aws) =>
      aws.apigatewayv2.send(new DeleteStageCommand({ ApiId: await apiId(aws), StageName: "dev" })),
    ["Stage"],
  ],
];

test.each(removals)(
  "D-25 S14 %s is removed by hand: plan names it, deploy restores just that",
  async (_what, remove, expected) => {
    const local = await openLocalAws();
    const opened = () => openTestStack(local.url, { accessLogs: "on" });
    const first = await opened();
    await first.deploy();
    await remove(first.aws);
    const next = await opened();
    expect(changedIds(await next.plan())).toEqual(expect.arrayContaining(expected));
    expect(changedIds(await next.deploy()).toSorted()).toEqual(expected.toSorted());
    const { deployments, ...rest } = completeStack;
    expect(await inventory(next.aws)).toMatchObject({ ...rest, roles: 2, logGroups: 2 });
    expect(deployments).toBe(1);
    expect(changedIds(await (await opened()).deploy())).toEqual([]);
  },
);

const everyone = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" }],
};
const everything = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
const configure = (change: object) => (aws: Aws) =>
  aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...change }));

async function environment(aws: Aws): Promise<Record<string, string>> {
  return (
    (await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))).Environment?.Variables ??
    {}
  );
}

async function stageElsewhere(aws: Aws): Promise<void> {
  const ApiId = await apiId(aws);
  const { DeploymentId } = await aws.apigatewayv2.send(
    new CreateDeploymentCommand({ ApiId, Description: "by hand" }),
  );
  await aws.apigatewayv2.send(new UpdateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
}

async function othersPermission(aws: Aws): Promise<void> {
  await aws.lambda.send(new RemovePermissionCommand(statement));
  await aws.lambda.send(
    new AddPermissionCommand({
      ...statement,
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: "arn:aws:execute-api:us-east-1:000000000000:other/dev/*",
    }),
  );
}

/** A release that was published by hand, with other code. */
async function releasedByHand(aws: Aws): Promise<string> {
  await configure({ Timeout: 9 })(aws);
  return (await aws.lambda.send(new PublishVersionCommand({ FunctionName }))).Version ?? "";
}

async function aliasElsewhere(aws: Aws): Promise<void> {
  const FunctionVersion = await releasedByHand(aws);
  await aws.lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion }));
}

async function sharedAlias(aws: Aws): Promise<void> {
  const AdditionalVersionWeights = { [await releasedByHand(aws)]: 0.5 };
  const RoutingConfig = { AdditionalVersionWeights };
  await aws.lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", RoutingConfig }));
}

/** What is changed by hand, and the property that a plan names. */
const changes: readonly [string, (aws: Aws) => Promise<unknown>, string, string][] = [
  [
    "the trust policy",
    (aws) =>
      aws.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: JSON.stringify(everyone) })),
    "Role",
    "AssumeRolePolicyDocument.Statement",
  ],
  [
    "the policy",
    (aws) =>
      aws.iam.send(
        new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: JSON.stringify(everything) }),
      ),
    "RolePolicy",
    "PolicyDocument.Statement",
  ],
  [
    "the retention",
    (aws) =>
      aws.logs.send(
        new PutRetentionPolicyCommand({ logGroupName: `/aws/lambda/${FunctionName}`, retentionInDays: 1 }),
      ),
    "LogGroup",
    "RetentionInDays",
  ],
  ["the timeout", configure({ Timeout: 3 }), "Function", "Timeout"],
  ["the memory", configure({ MemorySize: 128 }), "Function", "MemorySize"],
  ["the handler", configure({ Handler: "other.handler" }), "Function", "Handler"],
  ["the runtime", configure({ Runtime: "nodejs22.x" }), "Function", "Runtime"],
  [
    "a variable",
    configure({ Environment: { Variables: { BACKEND_URL: "http://elsewhere" } } }),
    "Function",
    "Environment.BACKEND_URL",
  ],
  [
    "the code",
    async (aws) =>
      aws.lambda.send(
        new UpdateFunctionCodeCommand({ FunctionName, ZipFile: await zipOf({ "index.mjs": "1" }) }),
      ),
    "Function",
    "CodeSha256",
  ],
  [
    "the route selection",
    async (aws) =>
      aws.apigatewayv2.send(
        new UpdateApiCommand({ ApiId: await apiId(aws), RouteSelectionExpression: "$request.body.type" }),
      ),
    "Api",
    "RouteSelectionExpression",
  ],
  [
    "the integration's time limit",
    async (aws) => {
      const ApiId = await apiId(aws);
      await aws.apigatewayv2.send(
        new UpdateIntegrationCommand({
          ApiId,
          IntegrationId: await integrationId(aws, ApiId),
          TimeoutInMillis: 1_000,
        }),
      );
    },
    "Integration",
    "TimeoutInMillis",
  ],
  [
    "a route's target",
    async (aws) => {
      const ApiId = await apiId(aws);
      const { IntegrationId } = await aws.apigatewayv2.send(
        new CreateIntegrationCommand({ ApiId, IntegrationType: "MOCK" }),
      );
      const Target = `integrations/${IntegrationId}`;
      await aws.apigatewayv2.send(
        new UpdateRouteCommand({ ApiId, RouteId: await routeId(aws, ApiId, "$default"), Target }),
      );
    },
    "RouteDefault",
    "Target",
  ],
  ["the stage's deployment", stageElsewhere, "Stage", "DeploymentId"],
  ["the permission", othersPermission, "Permission", "SourceArn"],
  ["the alias", aliasElsewhere, "Alias", "FunctionVersion"],
  ["the alias' shares", sharedAlias, "Alias", "AlsoServed"],
  [
    "a setting that the stack leaves alone",
    configure({ EphemeralStorage: { Size: 1024 } }),
    "Release",
    "Content",
  ],
];

test.each(changes)(
  "D-26 D-24 %s is changed by hand: plan names it, deploy restores it unless it is claimed meanwhile",
  async (_what, change, id, path) => {
    const local = await openLocalAws();
    const first = await openTestStack(local.url);
    await first.deploy();
    await change(first.aws);
    const next = await openTestStack(local.url);
    const plan = await next.plan();
    const planned = plan.find(({ resource }) => resource.id === id);
    expect(planned?.differences.map((difference) => difference.path)).toContain(path);
    // The permission is the alias', and goes with the function.
    const whole = id === "Permission" ? "Function" : (planned?.resource.within?.id ?? id);
    const tags = plan.find(({ resource }) => resource.id === whole)?.found?.tags ?? {};
    const claim = async (all: Record<string, string>) =>
      await tagging[whole]?.({ aws: first.aws, ApiId: await apiId(first.aws) }, all);
    let written = 0;
    const refused = next.deploy(undefined, async () => {
      await claim({ ManagedBy: "terraform" });
      written = mutating(local).length;
    });
    await expect(refused).rejects.toMatchObject({ code: "not-ours", exitCode: 4 });
    await expect(refused).rejects.toThrow("has changed since it was read: it is managed by terraform");
    expect(mutating(local)).toHaveLength(written);
    await claim({ ...tags });
    await next.deploy();
    expect(changedIds(await (await openTestStack(local.url)).deploy())).toEqual([]);
  },
);

test("F-18 a KMS key is set, kept where the configuration names none, and changed", async () => {
  const local = await openLocalAws();
  const key = (id: string) => `arn:aws:kms:us-east-1:000000000000:key/${id}`;
  const keyOf = async (kmsKey?: string) => {
    const { aws, deploy } = await openTestStack(local.url, { kmsKey });
    const changed = changedIds(await deploy());
    const { KMSKeyArn } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    return [KMSKeyArn, changed.includes("Function"), Object.keys(await environment(aws)).length];
  };
  expect([await keyOf(key("one")), await keyOf(key("one")), await keyOf(), await keyOf(key("two"))]).toEqual([
    [key("one"), true, 3],
    [key("one"), false, 3],
    [key("one"), false, 3],
    [key("two"), true, 3],
  ]);
});

test("D-27 variables and larger memory that were set by hand stay as they are", async () => {
  const local = await openLocalAws();
  const first = await openTestStack(local.url);
  await first.deploy();
  const before = await environment(first.aws);
  await configure({
    MemorySize: 1024,
    Environment: { Variables: { ...before, FOO: "theirs", BACKEND_URL: "http://elsewhere" } },
  })(first.aws);
  const next = await openTestStack(local.url);
  await next.deploy();
  expect(await environment(next.aws)).toEqual({ ...before, FOO: "theirs" });
  expect((await next.aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))).MemorySize).toBe(
    1024,
  );
});

test("a stage made by hand serves on after its routes were restored", async () => {
  const local = await openLocalAws();
  const first = await openTestStack(local.url);
  await first.deploy();
  const ApiId = await apiId(first.aws);
  const before = await first.aws.apigatewayv2.send(new GetStageCommand({ ApiId, StageName: "dev" }));
  await deleteRoute(first.aws, "$default");
  await (await openTestStack(local.url)).deploy();
  const after = await first.aws.apigatewayv2.send(new GetStageCommand({ ApiId, StageName: "dev" }));
  expect(after.DeploymentId).toBe(before.DeploymentId);
});

test("a password in an address that was set by hand is masked", async () => {
  const local = await openLocalAws();
  const { aws, deploy } = await openTestStack(local.url);
  await deploy();
  const { Environment } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, BACKEND_URL: "https://bob:s3cret@api.example.com" };
  await aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  const [change] = (await (await openTestStack(local.url)).plan()).filter(
    ({ action }) => action === "update",
  );
  expect(change?.differences).toEqual([
    { path: "Environment.BACKEND_URL", from: "https://***@api.example.com", to: "https://api.example.com" },
  ]);
});

test("invalid signing keys are created again", async () => {
  const local = await openLocalAws();
  const { aws, deploy } = await openTestStack(local.url);
  await deploy();
  const variables = async () =>
    (await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))).Environment?.Variables ??
    {};
  const Variables = { ...(await variables()), SIGNING_KEYS: "x", FOO: "bar" };
  await aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  const next = await openTestStack(local.url);
  expect(changedIds(await next.plan())).toEqual(["Function", "Release", "Alias"]);
  expect(changedIds(await next.deploy())).toEqual(["Function", "Release", "Alias"]);
  expect(await variables()).toMatchObject({ SIGNING_KEYS: expect.stringMatching(/^whsec_/), FOO: "bar" });
  expect(changedIds(await next.deploy())).toEqual([]);
});

test("every resource that a deploy creates is removed or changed by hand here", async () => {
  const { stack } = await openTestStack("http://127.0.0.1:9");
  const covered = new Set([...removals.flatMap(([, , ids]) => ids), ...changes.map(([, , id]) => id)]);
  const created = stack.resources.filter(({ desired, former }) => desired && !former).map(({ id }) => id);
  expect(created.filter((id) => !covered.has(id))).toEqual([]);
});

const emptied = ({ lambda }: Aws) =>
  lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables: {} } }));

test.each([
  ...removals.map(([what, remove]) => [what, remove] as const),
  ["the variables", emptied] as const,
])(
  "%s is removed by hand: the program plans and repairs it, and that serves nothing of others",
  async (_what, remove) => {
    const { url } = await openLocalAws();
    const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: new URL(url).port };
    const given = ["--backend-url", "https://api.example.com", "--access-logs", "on", "--no-test", "--json"];
    expect((await run(["deploy", ...given], { env })).code).toBe(0);
    const { aws } = await openTestStack(url);
    await remove(aws);
    const planned = await run(["deploy", ...given, "--dry-run"], { env });
    expect([planned.code, JSON.parse(planned.stdout)]).toMatchObject([0, { alsoServed: [], changed: true }]);
    const repaired = await run(["deploy", ...given], { env });
    expect([repaired.code, JSON.parse(repaired.stdout)]).toMatchObject([0, { changed: true }]);
  },
);

test("a variable that left the configuration is taken away; those of others stay", async () => {
  const local = await openLocalAws();
  const calls = () => local.calls.length;
  await (await openTestStack(local.url, { codeFrom: "shipped", variables: { FOO: "1", BAR: "2" } })).deploy();
  const { aws } = await openTestStack(local.url);
  const variables = async () =>
    (await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))).Environment?.Variables;
  const theirs = { ...(await variables()), THEIRS: "3" };
  await aws.lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables: theirs } }),
  );
  const fewer = { codeFrom: "shipped", variables: { BAR: "2" } } as const;
  const planned = await (await openTestStack(local.url, fewer)).plan();
  const ofTheFunction = planned.filter(({ resource: { id } }) => id === "Function");
  expect(ofTheFunction.flatMap((change) => change.differences)).toEqual([
    { path: "ConfiguredVariables", from: ["BAR", "FOO"], to: ["BAR"] },
  ]);
  expect(changedIds(planned)).toEqual(["Function", "Release", "Alias"]);
  await (await openTestStack(local.url, fewer)).deploy();
  const { FOO: _gone, ...rest } = theirs as Record<string, string>;
  expect(await variables()).toEqual(rest);
  const before = calls();
  expect(changedIds(await (await openTestStack(local.url, fewer)).deploy())).toEqual([]);
  expect(calls() - before).toBe(15);
  // A name that others use already is theirs until the configuration sets it.
  await (await openTestStack(local.url, { variables: {} })).deploy();
  const { BAR: _too, ...left } = rest;
  expect(await variables()).toEqual(left);
});

test("tags are on all that is created; what left the configuration goes, what others set stays", async () => {
  const local = await openLocalAws();
  const tagged = (configuredTags: Record<string, string>) => openTestStack(local.url, { configuredTags });
  const ids = ["Role", "LogGroup", "Api", "Function", "Stage"];
  const tagsNow = async ({ aws, stack }: Awaited<ReturnType<typeof tagged>>) => {
    const observed = await observe(stack, aws);
    return stack.resources
      .filter(({ id }) => ids.includes(id))
      .map((one) => observed.get(one)?.tags ?? observed.get(one)?.furtherTags);
  };
  const first = await tagged({ team: "chat", "Cost Center": "a=b" });
  await first.deploy();
  // Accounts may demand tags with the creation itself.
  const tagging = local.calls.filter(({ operation }) => /^(Tag|Untag)/.test(operation));
  expect(tagging).toEqual([]);
  const created = { team: "chat", "Cost Center": "a=b", "shelfshack-ws:tags": "Cost=20Center team" };
  expect(await tagsNow(first)).toEqual(ids.map(() => expect.objectContaining(created)));
  await first.aws.iam.send(new TagRoleCommand({ RoleName, Tags: [{ Key: "theirs", Value: "1" }] }));
  const next = await tagged({ team: "video" });
  const planned = await next.plan();
  expect(changedIds(planned)).toEqual(ids);
  expect(planned[1]?.differences).toEqual([
    { path: "Tags.team", from: "chat", to: "video" },
    { path: "ConfiguredTags", from: ["Cost Center", "team"], to: ["team"] },
  ]);
  expect(describeChanges(planned)[0]?.differences).toEqual([
    { path: "Tags.team", from: "chat", to: "video" },
    { path: "Tags.Cost Center", from: "a=b", to: null },
  ]);
  await next.deploy();
  const [role, ...others] = await tagsNow(next);
  expect(role).toMatchObject({ team: "video", theirs: "1" });
  for (const tags of [role, ...others]) expect(tags).not.toHaveProperty("Cost Center");
  expect(changedIds(await (await tagged({ team: "video" })).deploy())).toEqual([]);
});

test("further routes: what left the configuration goes, those made by hand stay", async () => {
  const local = await openLocalAws();
  const routed = (...routes: string[]) => openTestStack(local.url, { routes });
  const first = await routed("ping", "pong");
  await first.deploy();
  const { aws } = first;
  const ApiId = await apiId(aws);
  await aws.apigatewayv2.send(new CreateRouteCommand({ ApiId, RouteKey: "theirs" }));
  const targets = async () => {
    const { Items = [] } = await aws.apigatewayv2.send(new GetRoutesCommand({ ApiId }));
    return Object.fromEntries(Items.map(({ RouteKey = "", Target }) => [RouteKey, Target]));
  };
  const { $default: target } = await targets();
  expect(await targets()).toMatchObject({ ping: target, pong: target });
  const planned = (await (await routed("ping")).plan()).filter(({ action }) => action !== "none");
  expect(planned.map(({ resource: { id }, action }) => [id, action])).toEqual([
    ["FormerRoutes", "delete"],
    ["Deployment", "replace"],
    ["Stage", "update"],
  ]);
  await (await routed("ping")).deploy();
  expect(Object.keys(await targets()).toSorted()).toEqual([
    "$connect",
    "$default",
    "$disconnect",
    "ping",
    "theirs",
  ]);
  expect(changedIds(await (await routed("ping")).deploy())).toEqual([]);
});

test("many names of variables are kept in several tags, and a shorter list ends where it ends", () => {
  const names = Array.from({ length: 60 }, (_, index) => `VARIABLE_${index}`);
  const tags = namesAsTags(tagNames.variables, names);
  expect(Object.values(tags).every((value) => value.length <= 256)).toBe(true);
  expect(namesInTags(tagNames.variables, tags)).toEqual(names);
  expect(
    namesInTags(tagNames.variables, { ...tags, ...namesAsTags(tagNames.variables, names.slice(0, 30)) }),
  ).toEqual(names.slice(0, 30));
  expect(namesInTags(tagNames.variables, { ...tags, ...namesAsTags(tagNames.variables, ["ONE"]) })).toEqual([
    "ONE",
  ]);
  expect(namesInTags(tagNames.variables, { ...tags, ...namesAsTags(tagNames.variables, []) })).toEqual([]);
});

test("less memory than there is: it stays, and the run says so", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url, { memory: 512 })).deploy();
  const { deploy, progress } = await openTestStack(local.url, { memory: 256 });
  expect(changedIds(await deploy())).toEqual([]);
  const notes = progress.flatMap((event) => (event.kind === "note" ? [event.message] : []));
  expect(notes).toEqual([
    "MemorySize of shelfshack-websocket-proxy stays 512: a larger value is not lowered to 256",
  ]);
});
