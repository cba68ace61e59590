import { GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand, DeleteLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand, DeleteRoleCommand, DeleteRolePolicyCommand } from "@aws-sdk/client-iam";
import { DeleteFunctionCommand, GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { accessLogGroupOf } from "../../src/aws/access-log.ts";
import { observe, type Change } from "../../src/stack/engine.ts";
import { FunctionName, makeByHand } from "../support/hand-made.ts";
import { lambdaTrust, makeFunction, openLocalAws, type AwsForTest } from "../support/local-aws.ts";
import { inventory, nothing, openTestStack } from "../support/stack.ts";
import { tagging } from "../support/tagging.ts";

const RoleName = `${FunctionName}-role`;
const terraform = { ManagedBy: "terraform" };

const apiId = async ({ apigatewayv2 }: AwsForTest) =>
  (await apigatewayv2.send(new GetApisCommand({}))).Items?.[0]?.ApiId ?? "";

/** Tags one behind the back of a run. */
const claim = async (local: AwsForTest, id: string, tags: Record<string, string>) => {
  await tagging[id]?.({ aws: local, ApiId: await apiId(local) }, tags);
};

/** The tags of each resource that AWS keeps tags of, by its id. */
async function tagsOfAll(url: string): Promise<Record<string, Readonly<Record<string, string>>>> {
  const { stack, aws } = await openTestStack(url, { accessLogs: "on" });
  const observed = [...(await observe(stack, aws))];
  return Object.fromEntries(
    observed.flatMap(([{ id }, found]) => {
      const tags = found?.tags ?? found?.furtherTags;
      return tags ? [[id, tags]] : [];
    }),
  );
}

type Tags = Record<string, string>;
const groupAnew =
  (logGroupName: string) =>
  async ({ logs }: AwsForTest, tags: Tags) => {
    await logs.send(new DeleteLogGroupCommand({ logGroupName }));
    await logs.send(new CreateLogGroupCommand({ logGroupName, tags }));
  };
/** How another one takes the place of each resource; an API has an id of its own. */
const replacing: Readonly<Record<string, (local: AwsForTest, tags: Tags) => Promise<void>>> = {
  Function: async (local, Tags) => {
    const { Role } = await local.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    await local.lambda.send(new DeleteFunctionCommand({ FunctionName }));
    await makeFunction(local, { FunctionName, Role, Tags });
  },
  LogGroup: groupAnew(`/aws/lambda/${FunctionName}`),
  AccessLogGroup: groupAnew(accessLogGroupOf(FunctionName)),
  Role: async ({ iam }, tags) => {
    await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "WebSocketAPIPermissions" }));
    await iam.send(new DeleteRoleCommand({ RoleName }));
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: lambdaTrust, Tags }));
  },
};

const replaced = (id: string, local: AwsForTest, tags: Tags) =>
  replacing[id]?.(local, { ...tags, "shelfshack-ws:run": "another" });

/** What of a stack, in an order in which the rest of it that needs these is gone. */
const becomingOthers = [
  ["claimed", "Function"],
  ["replaced", "Function"],
  ["claimed", "Api", "LogGroup"],
  ["replaced", "AccessLogGroup", "LogGroup"],
  ["claimed", "AccessLogGroup"],
  ["claimed", "Role"],
  ["replaced", "Role"],
] as const;

test("D-24 what becomes another's while the question waits is left, of each kind", async () => {
  const local = await openLocalAws();
  const config = { accessLogs: "on" } as const;
  const { stack, aws, deploy } = await openTestStack(local.url, config);
  const deletable = stack.resources.filter((one) => !one.within && one.delete && one.adoption !== "marked");
  const kinds = deletable.map(({ id }) => id).toSorted();
  expect(becomingOthers.flatMap(([how, ...ids]) => (how === "claimed" ? ids : [])).toSorted()).toEqual(kinds);
  expect([...Object.keys(replacing), "Api"].toSorted()).toEqual(kinds);
  await deploy();
  for (const [how, ...ids] of becomingOthers) {
    const tags = await tagsOfAll(local.url);
    const { destroy, progress } = await openTestStack(local.url, config);
    const ended = await destroy(async () => {
      for (const id of ids)
        await (how === "claimed" ? claim(local, id, terraform) : replaced(id, local, tags[id] ?? {}));
    }).catch((error: unknown) => error);
    expect([how, ids, ended]).toMatchObject([how, ids, { code: "not-ours", exitCode: 4 }]);
    const failed = progress.flatMap((event) => (event.kind === "failed" ? [event] : []));
    expect(failed.map(({ id }) => id).toSorted()).toEqual(ids);
    for (const { message } of failed)
      expect(message).toContain(how === "claimed" ? "it is managed by terraform" : "another one is in its");
    const all = await tagsOfAll(local.url);
    for (const id of ids) expect(all).toHaveProperty(id);
    if (how === "claimed") for (const id of ids) await claim(local, id, { ...tags[id] });
  }
  await (await openTestStack(local.url, config)).destroy();
  const { roles: _all, ...gone } = nothing;
  expect(await inventory(aws)).toMatchObject(gone);
});

/** What becomes another's before a deploy writes to it, how, and what it would write. */
const written = [
  ["replaced", "Function", { timeout: 20 }],
  ["replaced", "LogGroup", { logRetention: 7 }],
  ["claimed", "AccessLogGroup", { logRetention: 14 }],
  ["replaced", "AccessLogGroup", { logRetention: 60 }],
  ["claimed", "Stage", { throttleRate: 5, throttleBurst: 5 }],
  ["replaced", "Role", { permissionsBoundary: "arn:aws:iam::000000000000:policy/most" }],
] as const;

test("D-24 what becomes another's before it is written to stays as it is, of each kind", async () => {
  const local = await openLocalAws();
  const config = { accessLogs: "on" } as const;
  await (await openTestStack(local.url, config)).deploy();
  for (const [how, id, change] of written) {
    const tags = (await tagsOfAll(local.url))[id] ?? {};
    const { deploy, plan, progress } = await openTestStack(local.url, { ...config, ...change });
    const ended = await deploy(undefined, async () => {
      await (how === "claimed" ? claim(local, id, terraform) : replaced(id, local, tags));
    }).catch((error: unknown) => error);
    expect([how, id, ended]).toMatchObject([how, id, { code: "not-ours", exitCode: 4 }]);
    const failed = progress.flatMap((event) => (event.kind === "failed" ? [event] : []));
    expect(failed).toMatchObject([{ id }]);
    expect(failed[0]?.message).toContain(how === "claimed" ? "managed by terraform" : "in its place");
    if (how === "claimed") await claim(local, id, { ...tags });
    const isDiffering = ({ resource, action }: Change) => resource.id === id && action === "update";
    expect([id, (await plan()).some(isDiffering)]).toEqual([id, true]);
  }
});

test("D-24 what gets an owner, or a tag, before it is tagged keeps it, of each kind", async () => {
  const adopting = { backendUrl: undefined, adopt: true };
  for (const id of ["LogGroup", "Api", "Function"]) {
    const local = await openLocalAws();
    await makeByHand(local);
    const { deploy } = await openTestStack(local.url, adopting);
    const ended = await deploy(undefined, () => claim(local, id, terraform)).catch((error: unknown) => error);
    expect([id, ended]).toMatchObject([id, { code: "not-ours", exitCode: 4 }]);
    expect(String(ended)).toContain(`could not update ${id} `);
    expect([id, (await tagsOfAll(local.url))[id]]).toEqual([id, terraform]);
  }
  const local = await openLocalAws();
  const deployed = async (configuredTags: Tags, meanwhile?: () => Promise<unknown>) => {
    const { deploy } = await openTestStack(local.url, { accessLogs: "on", configuredTags });
    await deploy(undefined, async () => void (await meanwhile?.()));
  };
  await deployed({ team: "ours", cost: "1" });
  const claimAll = (tags: Tags) =>
    Promise.all(Object.keys(tagging).map(async (id) => await claim(local, id, tags)));
  await deployed({ team: "ours", cost: "2" }, () => claimAll({ team: "theirs" }));
  const all = await tagsOfAll(local.url);
  expect(Object.keys(all).toSorted()).toEqual(Object.keys(tagging).toSorted());
  for (const [id, tags] of Object.entries(all))
    expect([id, tags]).toMatchObject([id, { team: "theirs", cost: "2" }]);
});
