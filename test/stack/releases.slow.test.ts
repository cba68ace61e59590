import {
  GetAliasCommand,
  GetFunctionCommand,
  GetPolicyCommand,
  ListVersionsByFunctionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
} from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import { serveOlder } from "../../src/aws/alias-move.ts";
import { readFunction } from "../../src/aws/lambda-function.ts";
import { releaseEnvironment } from "../../src/aws/release-variables.ts";
import { readReleases } from "../../src/aws/releases.ts";
import { checkOfTags } from "../../src/stack/again.ts";
import { PROVE, PROVEN } from "../../src/verify/connections-proof.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { withoutAlias } from "../support/former-stack.ts";
import { openLocalAws, type AwsForTest } from "../support/local-aws.ts";
import { openSocket } from "../support/socket.ts";
import { changedIds, openTestStack } from "../support/stack.ts";
import { tagging } from "../support/tagging.ts";
import { zipOf } from "../support/zip.ts";

const FunctionName = "shelfshack-websocket-proxy";

const code = (status: number) =>
  zipOf({ "index.mjs": `export const handler = async () => ({ statusCode: ${status} });` });

const numbers = async ({ lambda }: AwsForTest) =>
  ((await lambda.send(new ListVersionsByFunctionCommand({ FunctionName }))).Versions ?? []).map(
    ({ Version }) => Version,
  );
const served = async ({ lambda }: AwsForTest) =>
  (await lambda.send(new GetAliasCommand({ FunctionName, Name: "live" }))).FunctionVersion;

/** Sends and awaits, again and again, until it is told to end; returns how much arrived. */
async function conversation(url: string, isOver: () => boolean): Promise<number> {
  const socket = await openSocket(`${url}?booking_id=1&token=t`);
  let arrived = 0;
  do {
    socket.send(PROVE);
    expect(await socket.next()).toBe(PROVEN);
    arrived++;
  } while (!isOver());
  socket.close();
  return arrived;
}

test("S42 a stack without an alias moves to it while messages pass: none is lost", async () => {
  const [backend, local, { zip, sha256 }] = await Promise.all([
    startBackendStub(),
    openLocalAws(),
    packageHandler(),
  ]);
  onTestFinished(() => backend.close());
  const config = {
    zip,
    zipSha256: sha256,
    backendUrl: backend.url,
    variables: { SIGNING_KEYS: newSigningKey() },
  };
  const first = await openTestStack(local.url, config);
  const changes = await first.deploy();
  const url = `${changes.find(({ resource }) => resource === first.stack.api)?.attributes.ApiEndpoint}/dev`;
  await withoutAlias(local);

  let isOver = false;
  const sockets = [1, 2].map(() => conversation(url, () => isOver));
  const newcomers = (async () => {
    let count = 0;
    do {
      (await openSocket(`${url}?booking_id=1&token=t`)).close();
      count++;
    } while (!isOver);
    return count;
  })();
  const moving = await openTestStack(local.url, config);
  const before = local.calls.length;
  const moved = changedIds(await moving.deploy());
  isOver = true;
  for (const count of await Promise.all([...sockets, newcomers])) expect(count).toBeGreaterThan(0);

  expect(moved).toEqual([
    "Release",
    "Alias",
    "Permission",
    "Integration",
    "Deployment",
    "Stage",
    "FormerPermission",
  ]);
  const wrote = local.calls.slice(before).flatMap(({ mutating, operation }) => (mutating ? [operation] : []));
  expect(wrote).toEqual([
    "PublishVersion",
    "CreateAlias",
    "AddPermission",
    "UpdateIntegration",
    "CreateDeployment",
    "UpdateStage",
    "RemovePermission",
  ]);
  await expect(local.lambda.send(new GetPolicyCommand({ FunctionName }))).rejects.toMatchObject({
    name: "ResourceNotFoundException",
  });
  expect(changedIds(await (await openTestStack(local.url, config)).plan())).toEqual([]);
});

test("S40 each change is a release; the oldest go, but not the one that served before", async () => {
  const local = await openLocalAws();
  const deploy = async (status: number) =>
    await (await openTestStack(local.url, { zip: await code(status), keepReleases: 2 })).deploy();
  for (const status of [200, 201, 202]) await deploy(status);
  expect(await numbers(local)).toEqual(["$LATEST", "2", "3"]);
  expect(await served(local)).toBe("3");
  // A release that a rollback chose is the one before for the next deploy.
  await local.lambda.send(
    new UpdateAliasCommand({
      FunctionName,
      Name: "live",
      FunctionVersion: "2",
      Description: "shelfshack-ws: rolled back from 3 by user/anna",
    }),
  );
  const {
    deploy: onceMore,
    progress,
    plan,
    aws,
  } = await openTestStack(local.url, {
    zip: await code(203),
    keepReleases: 2,
  });
  expect(changedIds(await plan())).toEqual(["Function", "Release", "Alias"]);
  await onceMore();
  expect(progress).toContainEqual({
    kind: "note",
    message: "the rollback to release 2 ends with this deploy",
  });
  expect(await numbers(local)).toEqual(["$LATEST", "2", "3", "4"]);
  expect(await served(local)).toBe("4");
  // Chosen by what served, which another run has moved since.
  const found = await readReleases(aws, FunctionName);
  await local.lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "3" }));
  expect(
    found &&
      (await serveOlder(aws, FunctionName, found, { serves: "2", by: "test", check: () => undefined })),
  ).toBe("3");
  expect(await served(local)).toBe("3");

  // What becomes another's as soon as the new one serves keeps the old ones, whatever has published it.
  const kept = { zip: await code(204), keepReleases: 2 };
  const ways = [
    async (url: string) => await (await openTestStack(url, kept)).deploy(),
    async (url: string) => {
      const { stack, aws: at } = await openTestStack(url, kept);
      const { Tags = {} } = (await readFunction(at, FunctionName)) ?? {};
      await releaseEnvironment(at, FunctionName, (present) => ({ ...present, NAME: "1" }), {
        check: checkOfTags(stack.lambdaFunction, { attributes: {}, properties: {}, tags: Tags }, stack),
        tellAlso: () => undefined,
        by: "test",
        run: "1",
        owner: "own",
        keepReleases: 2,
        afterRollback: "waits",
      });
    },
  ];
  const claim = () => tagging["Function"]?.({ aws: local, ApiId: "" }, { ManagedBy: "terraform" });
  const { Configuration, Tags } = await local.lambda.send(new GetFunctionCommand({ FunctionName }));
  const { FunctionArn: Resource } = Configuration!;
  for (const way of ways) {
    let isServed = false;
    const proxy = await openFaultProxy(local, ({ operation }) => {
      isServed ||= /^PUT .*\/aliases\/live/.test(operation);
      return isServed && /^Get .*\/versions/.test(operation) ? { before: claim } : undefined;
    });
    const before = await numbers(local);
    await expect(way(proxy.url)).rejects.toMatchObject({ code: "not-ours", exitCode: 4 });
    expect(await numbers(local)).toEqual([...before, await served(local)]);
    await local.lambda.send(new UntagResourceCommand({ Resource, TagKeys: ["ManagedBy"] }));
    await local.lambda.send(new TagResourceCommand({ Resource, Tags }));
  }
});
