import {
  CreateApiCommand,
  CreateAuthorizerCommand,
  DeleteApiCommand,
  GetApiCommand,
  GetApisCommand,
  GetRoutesCommand,
  TagResourceCommand as TagStageCommand,
  UntagResourceCommand as UntagStageCommand,
  UpdateApiCommand,
  UpdateRouteCommand,
} from "@aws-sdk/client-apigatewayv2";
import {
  CreateLogGroupCommand,
  DeleteLogGroupCommand,
  DescribeLogGroupsCommand,
  ListTagsForResourceCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  ListVersionsByFunctionCommand,
  TagResourceCommand,
} from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { describeChanges } from "../../src/stack/describe.ts";
import { observe, type Change } from "../../src/stack/engine.ts";
import type { Part } from "../../src/stack/resource.ts";
import { refuseMissingNeeds } from "../../src/stack/steps.ts";
import { serveOlder } from "../../src/aws/alias-move.ts";
import { noteIn, readReleases } from "../../src/aws/releases.ts";
import { PROVE, PROVEN } from "../../src/verify/connections-proof.ts";
import { needs } from "../support/aws-clients.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";
import { command } from "../../src/errors/advice.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { FunctionName, makeByHand, snapshot } from "../support/hand-made.ts";
import { invocationUri, mutating, openLocalAws, type AwsForTest } from "../support/local-aws.ts";
import { changedIds, openTestStack } from "../support/stack.ts";

const byHand = { backendUrl: undefined };
const adopting = { ...byHand, adopt: true };
const logGroupName = `/aws/lambda/${FunctionName}`;

const wrote = (local: AwsForTest, since: number) =>
  mutating(local)
    .slice(since)
    .map(({ operation }) => operation);

test("S10 S46 what was made by hand is adopted as it was planned, and nothing else is touched", async () => {
  const local = await openLocalAws();
  const tags = { team: "rooms" };
  const { ApiId, FunctionArn, roleArn } = await makeByHand(local, {
    functionTags: tags,
    apiTags: tags,
    more: true,
  });
  await local.apigatewayv2.send(
    new CreateAuthorizerCommand({
      ApiId,
      Name: "theirs",
      AuthorizerType: "REQUEST",
      AuthorizerUri: invocationUri(FunctionArn),
      IdentitySource: ["route.request.querystring.token"],
    }),
  );
  await local.apigatewayv2.send(
    new UpdateApiCommand({ ApiId, ApiKeySelectionExpression: "$context.authorizer.usageIdentifierKey" }),
  );
  const before = await snapshot(local, ApiId);
  const made = mutating(local).length;

  const refused = await (await openTestStack(local.url, byHand)).deploy().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "not-ours", exitCode: 4 });
  expect(refused).toMatchObject({ hint: expect.arrayContaining([command("plan", { adopt: true })]) });

  const { plan, deploy } = await openTestStack(local.url, adopting);
  const planned = (await plan()).filter(({ action }) => action !== "none");
  const paths = planned.map(({ resource, action, differences }) => [
    resource.id,
    action,
    ...differences.map(({ path }) => path),
  ]);
  expect(paths).toEqual([
    ["LogGroup", "update", "OwnTags", "RetentionInDays"],
    ["Api", "update", "OwnTags"],
    [
      "Function",
      "update",
      "OwnTags",
      "CodeSha256",
      "Runtime",
      "Handler",
      "Timeout",
      "MemorySize",
      "Environment.API_GATEWAY_ENDPOINT",
      "Environment.SIGNING_KEYS",
    ],
    ["Release", "create"],
    ["Alias", "create"],
    ["Permission", "create"],
    ["Integration", "create"],
    ["RouteConnect", "update", "Target"],
    ["RouteDisconnect", "update", "Target"],
    ["RouteDefault", "update", "Target"],
    ["Deployment", "create"],
    ["Stage", "update", "DeploymentId"],
  ]);
  expect(planned.find(({ resource }) => resource.id === "Function")?.adoption).toEqual([
    "its present code and settings stay as a release, which a rollback serves again",
    `its role stays as it is, ${roleArn}`,
    "its other variables stay: BACKEND_URL, TABLE",
  ]);
  expect(mutating(local)).toHaveLength(made);

  expect(changedIds(await deploy())).toEqual(planned.map(({ resource }) => resource.id));
  // Clients are served by the old code until its release is theirs: nothing before that touches the function.
  const around = wrote(local, made).slice(0, -5).toSorted();
  expect(around.join(" ")).toBe(
    "AddPermission CreateAlias CreateDeployment CreateIntegration PublishVersion PutRetentionPolicy " +
      "TagResource TagResource TagResource UpdateRoute UpdateRoute UpdateRoute UpdateStage",
  );
  expect(wrote(local, made).slice(-5)).toEqual([
    "TagResource",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
    "PublishVersion",
    "UpdateAlias",
  ]);
  await expectForeignKept(local, ApiId, before);
  const again = mutating(local).length;
  expect(changedIds(await (await openTestStack(local.url, byHand)).deploy())).toEqual([]);
  expect(mutating(local)).toHaveLength(again);

  // Its code may be nowhere else: the release of it outlasts all others.
  for (const memory of [512, 768, 1024])
    await (await openTestStack(local.url, { ...byHand, memory, keepReleases: 1 })).deploy();
  const { Versions = [] } = await local.lambda.send(new ListVersionsByFunctionCommand({ FunctionName }));
  const notes = Versions.map(({ Version, Description }) => [Version, noteIn(Description)?.changed]);
  expect(notes.slice(1)).toEqual([
    ["1", ["as it was found"]],
    ["4", ["MemorySize"]],
    ["5", ["MemorySize"]],
  ]);
});

/** All that was there is as it was, but for what the plan named. */
async function expectForeignKept(
  local: AwsForTest,
  ApiId: string,
  before: Awaited<ReturnType<typeof snapshot>>,
): Promise<void> {
  const after = await snapshot(local, ApiId);
  const { role, policies, rolePolicy, permission } = before;
  expect(after).toMatchObject({ role, policies, rolePolicy, permission });
  expect(after.functionTags).toMatchObject({ ...before.functionTags, "shelfshack-ws:adopted": "true" });
  const variables = { ...before.function?.Environment?.Variables };
  const changed = {
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Timeout: 30,
    MemorySize: 256,
    Environment: {
      Variables: {
        ...variables,
        API_GATEWAY_ENDPOINT: expect.stringContaining(ApiId),
        SIGNING_KEYS: expect.any(String),
      },
    },
    ...given(expect.anything(), ["CodeSha256", "CodeSize", "LastModified", "RevisionId"]),
  };
  expect(after.function).toEqual({ ...before.function, ...changed });
  expect(after.authorizers).toEqual(before.authorizers);
  const untouched = { $metadata: expect.anything(), Tags: expect.objectContaining(before.api.Tags ?? {}) };
  expect(after.api).toEqual({ ...before.api, ...untouched });
  const [ours] = after.integrations.filter(({ Description }) => Description === "shelfshack-ws");
  expect(after.integrations).toEqual([...before.integrations, ours]);
  const Target = `integrations/${ours?.IntegrationId}`;
  expect(after.routes).toEqual(
    before.routes.map((one) => (one.RouteKey?.startsWith("$") ? { ...one, Target } : one)),
  );
  const moved = given(expect.anything(), ["DeploymentId", "LastUpdatedDate"]);
  expect(after.stages).toEqual(
    before.stages.map((one) => (one.StageName === "dev" ? { ...one, ...moved } : one)),
  );
}

const given = (value: unknown, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, value]));

test("S46 clients get in while it is adopted; a rollback serves the old code as it was", async (context) => {
  needs(context, "python3", ["--version"]);
  const [backend, local, { zip, sha256 }] = await Promise.all([
    startBackendStub(),
    openLocalAws(),
    packageHandler(),
  ]);
  onTestFinished(() => backend.close());
  await makeByHand(local, { autoDeploy: true });
  const config = { zip, zipSha256: sha256, backendUrl: backend.url };
  const { deploy, aws } = await openTestStack(local.url, { ...config, adopt: true });
  const { Items: [api] = [] } = await local.apigatewayv2.send(new GetApisCommand({}));
  const url = `${api?.ApiEndpoint}/dev`;
  (await openSocket(url)).close();

  let isOver = false;
  const newcomers = (async () => {
    let count = 0;
    for (; !isOver; count++) (await openSocket(`${url}?booking_id=1&token=t`)).close();
    return count;
  })();
  await deploy();
  isOver = true;
  expect(await newcomers).toBeGreaterThan(0);
  const socket = await openSocket(`${url}?booking_id=1&token=t`);
  socket.send(PROVE);
  expect(await socket.next()).toBe(PROVEN);
  expect((await refusedSocket(url)).status).toBe(400);

  const releases = await readReleases(aws, FunctionName);
  expect(releases?.releases.map(({ number }) => number)).toEqual(["2", "1"]);
  if (releases)
    await serveOlder(aws, FunctionName, releases, { serves: "1", by: "test", check: () => undefined });
  (await openSocket(url)).close();
});

test("S46 cut at the 2nd, 5th, 8th, 15th call, the next run goes on", async () => {
  for (const n of [2, 5, 8, 15]) {
    const local = await openLocalAws();
    await makeByHand(local);
    const { CodeSha256: old } = await local.lambda.send(
      new GetFunctionConfigurationCommand({ FunctionName }),
    );
    let dead = false;
    const proxy = await openFaultProxy(local, ({ index }) => {
      if (dead || (n % 2 === 0 && index === n)) return ((dead = true), "cut-before");
      return index === n ? { after: () => void (dead = true) } : undefined;
    });
    const cut = await openTestStack(proxy.url, adopting);
    await cut.deploy().catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    expect(dead, `cut at ${n}`).toBe(true);
    const next = await openTestStack(local.url, adopting);
    await next.deploy();
    const { releases = [], serves } = (await readReleases(next.aws, FunctionName)) ?? {};
    const [newer, older, ...more] = releases.map(({ number, sha256 }) => [number, sha256]);
    expect([newer?.[0], older, more, serves], `cut at ${n}`).toEqual(["2", ["1", old], [], "2"]);
    expect(changedIds(await (await openTestStack(local.url, byHand)).plan())).toEqual([]);
  }
});

test.each([
  ["terraform", { functionTags: { ManagedBy: "terraform" } }],
  ["CloudFormation", { apiTags: { "aws:cloudformation:stack-name": "rooms" } }],
  ["the stack other", { functionTags: { ManagedBy: "shelfshack-ws", "shelfshack-ws:stack": "other" } }],
])("S11 what belongs to %s is no candidate: exit 4, and nothing is changed", async (owner, extras) => {
  const local = await openLocalAws();
  await makeByHand(local, extras);
  const made = mutating(local).length;
  const { deploy } = await openTestStack(local.url, adopting);
  await expect(deploy()).rejects.toMatchObject({
    code: "not-ours",
    message: expect.stringMatching(new RegExp(` (managed by|belongs to) ${owner}$`)),
  });
  expect(mutating(local)).toHaveLength(made);
});

test("S46 an API with other stages or guarded routes is refused with all reasons, and kept", async () => {
  const local = await openLocalAws();
  const { ApiId } = await makeByHand(local, { otherStage: true, addressOff: true });
  const { Items = [] } = await local.apigatewayv2.send(new GetRoutesCommand({ ApiId }));
  const guards = { AuthorizationType: "AWS_IAM" } as const;
  const RouteId = Items.find(({ RouteKey }) => RouteKey === "$connect")?.RouteId;
  await local.apigatewayv2.send(new UpdateRouteCommand({ ApiId, RouteId, ...guards }));
  const made = mutating(local).length;
  // The local AWS has no routes with these.
  const others: Readonly<Record<string, object>> = {
    $disconnect: { apiKeyRequired: true },
    $default: { requestModels: { $default: "theirs" } },
  };
  const guarded = (payload: Buffer) => {
    const answer = JSON.parse(payload.toString()) as { items: { routeKey: string }[] };
    const items = answer.items.map((one) => ({ ...one, ...others[one.routeKey] }));
    return Buffer.from(JSON.stringify({ ...answer, items }));
  };
  const proxy = await openFaultProxy(local, ({ operation }) =>
    operation.startsWith(`Get /v2/apis/${ApiId}/routes`) ? { rewrite: guarded } : undefined,
  );
  const { deploy } = await openTestStack(proxy.url, adopting);
  const refusal = await deploy().catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "unfit-to-adopt", exitCode: 4 });
  expect(String(refusal)).toContain("other stages too: beta");
  expect(String(refusal)).toContain("its own address, which frames are sent to, is off");
  expect(String(refusal)).toContain("$connect has the authorization AWS_IAM; remove it");
  expect(String(refusal)).toContain("$disconnect has a required API key; remove it");
  expect(String(refusal)).toContain("$default has request models; remove it");
  expect(mutating(local)).toHaveLength(made);
});

test("S10 an API whose messages find others' routes keeps how; further routes are refused then", async () => {
  const local = await openLocalAws();
  const { apigatewayv2 } = local;
  const { ApiId } = await makeByHand(local, { more: true });
  const selection = { RouteSelectionExpression: "$request.body.type" };
  await apigatewayv2.send(new UpdateApiCommand({ ApiId, ...selection }));
  const apiIn = (changes: readonly Change[]) => changes.find(({ resource }) => resource.id === "Api");
  const pathsOf = (change: Change | undefined) => change?.differences.map(({ path }) => path);
  const expectRefused = async () => {
    const made = mutating(local).length;
    const further = await openTestStack(local.url, { ...adopting, routes: ["ping"] });
    expect(pathsOf(apiIn(await further.plan()))).toContain("RouteSelectionExpression");
    const refusal = await further.deploy().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "unfit-to-adopt", exitCode: 4 });
    expect(String(refusal)).toContain("RouteSelectionExpression $request.body.type for typing stays");
    const alone = await further.deploy(["routes"]).catch((error: unknown) => error);
    expect(alone).toMatchObject({ code: "unfit-to-adopt", exitCode: 4 });
    expect(mutating(local)).toHaveLength(made);
  };
  await expectRefused();
  const { plan, deploy } = await openTestStack(local.url, adopting);
  const planned = apiIn(await plan());
  expect(pathsOf(planned)).toEqual(["OwnTags"]);
  expect(planned?.adoption?.at(-1)).toBe("its RouteSelectionExpression $request.body.type for typing stays");
  await deploy();
  expect(changedIds(await (await openTestStack(local.url, byHand)).plan())).toEqual([]);
  expect(await apigatewayv2.send(new GetApiCommand({ ApiId }))).toMatchObject(selection);
  await expectRefused();
  // What the stack takes over is none of others any more.
  const all = await openTestStack(local.url, { ...byHand, routes: ["typing"] });
  expect(pathsOf(apiIn(await all.plan()))).toEqual(["RouteSelectionExpression"]);
});

test("S46 parts are refused while an adoption that was cut is not at its end", async () => {
  const local = await openLocalAws();
  const { FunctionArn: Resource } = await makeByHand(local);
  const { stack } = await openTestStack(local.url, byHand);
  const Tags = { ...stack.lambdaFunction.tags, "shelfshack-ws:adopted": "begun" };
  await local.lambda.send(new TagResourceCommand({ Resource, Tags }));
  const refuse = async (parts: readonly Part[]) =>
    refuseMissingNeeds(stack, await observe(stack, (await openTestStack(local.url, byHand)).aws), parts);
  for (const part of ["code", "function"] as const)
    await expect(refuse([part])).rejects.toMatchObject({ code: "adoption-begun", exitCode: 4 });
});

test("S12 two APIs that could be adopted: both are listed, exit 4; one with an owner is none", async () => {
  const local = await openLocalAws();
  const { ApiId } = await makeByHand(local);
  const { apigatewayv2 } = local;
  const twin = async (Tags: Record<string, string>) =>
    await apigatewayv2.send(
      new CreateApiCommand({
        Name: "shelfshack-websocket-api",
        ProtocolType: "WEBSOCKET",
        RouteSelectionExpression: "$request.body.action",
        Tags,
      }),
    );
  await twin({ ManagedBy: "terraform" });
  const { plan } = await openTestStack(local.url, adopting);
  expect(changedIds(await plan())).toContain("Api");
  const { ApiId: other } = await twin({});
  const refusal = await plan().catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "several-candidates", exitCode: 4 });
  expect(String(refusal)).toContain(ApiId);
  expect(String(refusal)).toContain(other);
});

test("S15 destroy leaves what was adopted, without our tags, and removes what was made", async () => {
  const local = await openLocalAws();
  const { ApiId, FunctionArn } = await makeByHand(local);
  await local.apigatewayv2.send(new DeleteApiCommand({ ApiId }));
  await (await openTestStack(local.url, adopting)).deploy();
  const { destroy } = await openTestStack(local.url, byHand);
  const { Items: [made] = [] } = await local.apigatewayv2.send(new GetApisCommand({}));
  const gone = await destroy();
  const idsOf = (all: typeof gone) => all.map(({ id }) => id).toSorted();
  expect(idsOf(gone.filter(({ keeps }) => keeps === undefined))).toEqual(["Api"]);
  expect(idsOf(gone.filter(({ keeps }) => keeps !== undefined))).toEqual(["Function", "LogGroup"]);
  const { Tags } = await local.lambda.send(new GetFunctionCommand({ FunctionName }));
  expect([made?.ApiId === ApiId, Tags]).toEqual([false, undefined]);
  const { tags } = await local.logs.send(
    new ListTagsForResourceCommand({
      resourceArn: FunctionArn.replace(/:lambda:(.*):function:.*/, `:logs:$1:log-group:${logGroupName}`),
    }),
  );
  expect(tags).toEqual({});
  expect((await local.apigatewayv2.send(new GetApisCommand({}))).Items).toEqual([]);
  const kept = await local.lambda.send(new GetAliasCommand({ FunctionName, Name: "live" }));
  expect(kept.FunctionVersion).toBe("2");
  expect((await destroy()).length).toBe(0);
});

test("S15 the tags of the configuration go with ours, but not those that were there before", async () => {
  const local = await openLocalAws();
  const tags = { team: "rooms", theirs: "1" };
  const { ApiId } = await makeByHand(local, { functionTags: tags, apiTags: tags });
  const ResourceArn = `arn:aws:apigateway:us-east-1::/apis/${ApiId}/stages/dev`;
  await local.apigatewayv2.send(new TagStageCommand({ ResourceArn, Tags: tags }));
  const tagged = (configuredTags: Record<string, string>, adopt = false) =>
    openTestStack(local.url, { ...byHand, adopt, configuredTags });
  const tagsNow = async () => {
    const { functionTags, api, stages } = await snapshot(local, ApiId);
    return [functionTags, api.Tags, stages[0]?.Tags];
  };
  const all = { team: "ours", cost: "1", more: "1" };
  await (await tagged(all, true)).deploy();
  for (const each of await tagsNow()) expect(each).toMatchObject({ ...tags, ...all });
  expect(changedIds(await (await tagged(all)).deploy())).toEqual([]);
  // One that is configured no more is taken off only where a deploy had put it on.
  const fewer = await tagged({ cost: "1" });
  const told = describeChanges(await fewer.plan()).find(({ id }) => id === "Function")?.differences;
  expect(told).toEqual([{ path: "Tags.more", from: "1", to: null }]);
  await fewer.deploy();
  for (const each of await tagsNow()) expect(each).toMatchObject({ ...tags, team: "ours" });

  // While the question waits: the stage is claimed, and the log group is gone.
  const mine = { ...tags, team: "ours" };
  const tagStage = (Tags: Record<string, string>) =>
    local.apigatewayv2.send(new TagStageCommand({ ResourceArn, Tags }));
  const meanwhile = async () => {
    await tagStage({ ManagedBy: "terraform" });
    await local.logs.send(new DeleteLogGroupCommand({ logGroupName }));
  };
  const ended = await fewer.destroy(meanwhile).catch((error: unknown) => error);
  expect(ended).toMatchObject({ code: "not-ours", exitCode: 4 });
  expect(fewer.progress.filter(({ kind }) => kind === "failed")).toMatchObject([{ id: "Api" }]);
  expect(fewer.progress).toContainEqual(expect.objectContaining({ id: "LogGroup", outcome: "deleted" }));
  const [functionTags, api, stage] = await tagsNow();
  expect([functionTags, api, stage]).toMatchObject([mine, { cost: "1" }, { cost: "1" }]);
  await local.apigatewayv2.send(new UntagStageCommand({ ResourceArn, TagKeys: ["ManagedBy"] }));
  // What others set then is not ours to take off.
  const again = await tagged({ cost: "1" });
  await again.destroy(async () => void (await tagStage({ cost: "theirs" })));
  expect(await tagsNow()).toEqual([mine, mine, { ...mine, cost: "theirs" }]);
});

test("S15 what is within an adopted API cannot be read: all else goes, and that is told", async () => {
  const local = await openLocalAws();
  const { ApiId } = await makeByHand(local);
  await (await openTestStack(local.url, adopting)).deploy();
  const proxy = await openFaultProxy(local, ({ operation }) =>
    /^Get .*\/stages\//.test(operation)
      ? { refusal: { status: 403, name: "AccessDeniedException", message: "User: u is not authorized" } }
      : undefined,
  );
  const { destroy, progress } = await openTestStack(proxy.url, byHand);
  const ended = await destroy().catch((error: unknown) => error);
  expect(ended).toMatchObject({ code: "denied", exitCode: 1 });
  expect(String(ended)).toContain("Stage dev could not be read, so our tags stay on it and on Api ");
  const left = progress.flatMap((event) => (event.kind === "finished" ? [[event.id, event.outcome]] : []));
  expect(Object.fromEntries(left)).toMatchObject({ Function: "left", LogGroup: "left" });
  const tagged = async () => {
    const { functionTags, api } = await snapshot(local, ApiId);
    const isTagged = (tags: object = {}) => Object.keys(tags).some((name) => name.startsWith("shelfshack"));
    return [functionTags, api.Tags].map(isTagged);
  };
  expect(await tagged()).toEqual([false, true]);
  await (await openTestStack(local.url, byHand)).destroy();
  expect(await tagged()).toEqual([false, false]);
});

test("a log group that was left over is taken over with its retention, which is said", async () => {
  const local = await openLocalAws();
  await local.logs.send(new CreateLogGroupCommand({ logGroupName }));
  const { deploy, destroy, progress } = await openTestStack(local.url);
  await deploy();
  expect(progress).toContainEqual({
    kind: "note",
    message: `LogGroup ${logGroupName} is adopted: it was there before; lines older than 30 days go`,
  });
  const { logGroups } = await local.logs.send(new DescribeLogGroupsCommand({}));
  expect(logGroups).toMatchObject([{ logGroupName, retentionInDays: 30 }]);
  expect(changedIds(await (await openTestStack(local.url)).deploy())).toEqual([]);
  await destroy();
  expect((await local.logs.send(new DescribeLogGroupsCommand({}))).logGroups).toHaveLength(1);
});
