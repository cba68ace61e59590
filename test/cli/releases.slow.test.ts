import {
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  ListTagsCommand,
  PublishVersionCommand,
  TagResourceCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { newSigningKey } from "../../src/contract/signature.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { startContractBackend } from "../support/contract-backend.ts";
import { demoBackend, fileWith } from "../support/given.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws, pointedAt, type AwsForTest } from "../support/local-aws.ts";
import { run } from "../support/program.ts";
import { zipOf } from "../support/zip.ts";

/** Runs a command with `--json` against one local AWS: its exit code and its document. */
async function program() {
  const [local, backend] = await Promise.all([openLocalAws(), demoBackend()]);
  const env = pointedAt(local.url);
  const asked = async (...args: string[]) => {
    const { code, stdout } = await run([...args, "--json"], { env });
    return { code, result: JSON.parse(stdout) };
  };
  return { local, env, backend, asked };
}

test("S40 a rollback is one call, and the next deploy says that it ends it", async () => {
  const { local, env, backend, asked } = await program();
  await asked("deploy", ...backend, "--no-test");
  await asked("env", "set", "LOG_LEVEL=DEBUG");
  await asked("deploy", "--memory", "512", "--no-test");
  const { releases, serves } = (await asked("releases")).result;
  expect(serves).toBe("3");
  expect(
    releases.map(({ number, changed }: { number: string; changed: string[] }) => [number, changed]),
  ).toEqual([
    ["3", ["MemorySize"]],
    ["2", ["LOG_LEVEL"]],
    ["1", ["first release"]],
  ]);

  const before = local.calls.length;
  expect(await asked("rollback")).toMatchObject({
    code: 0,
    result: { changed: true, served: "3", serves: "2" },
  });
  const wrote = local.calls.slice(before).flatMap(({ mutating, operation }) => (mutating ? [operation] : []));
  expect(wrote).toEqual(["UpdateAlias"]);
  const status = await asked("status");
  expect(status).toMatchObject({ code: 3, result: { release: "2", steps: [] } });
  expect(status.result.resources).toContainEqual(
    expect.objectContaining({ id: "Alias", brings: [{ path: "MemorySize", from: 256, to: 512 }] }),
  );
  expect(status.result.next[0].argv).toEqual([["deploy", "--local"]]);
  // A change waits for the next deploy: what was taken back would be served with it.
  const waits = { rolledBackTo: "2", changed: true };
  const level = { path: "Environment.LOG_LEVEL", from: "***", to: "***" };
  for (const [value, brought] of [
    ["INFO", [level]],
    ["DEBUG", []],
  ] as const) {
    expect((await asked("env", "set", `LOG_LEVEL=${value}`)).result).toMatchObject(waits);
    const { resources } = (await asked("plan")).result;
    const { brings } = resources.find(({ id }: { id: string }) => id === "Alias");
    expect(brings).toEqual([{ path: "MemorySize", from: 256, to: 512 }, ...brought]);
  }
  const same = await asked("env", "set", "LOG_LEVEL=DEBUG");
  expect(same.result).toMatchObject({ changed: false, rolledBackTo: null });
  expect((await asked("releases")).result).toMatchObject({ serves: "2", releases: { length: 3 } });
  const keys = await asked("backend", "keys", "rotate");
  expect(keys.result.error).toMatchObject({ code: "rolled-back" });
  const missing = await run(["rollback", "--to", "9"], { env });
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("there are 1, 2, 3")]);

  const again = await run(["deploy", ...backend, "--memory", "512", "--no-test"], { env });
  expect(again.stderr).toContain("the rollback to release 2 ends with this deploy");
  expect((await asked("status")).result).toMatchObject({ upToDate: true, release: "3" });
  // Served by a deploy, it is not taken back any more.
  expect((await asked("releases")).result.releases[0]).toMatchObject({ number: "3", takenBack: false });
  await expectMovesKept(local);
  await expectClaimsKept(local);
});

test("S40 no rollback serves again what one has taken back, unless that is named", async () => {
  const { backend, asked } = await program();
  const serve = async (memory: number) => {
    await asked("deploy", ...backend, "--memory", String(memory), "--no-test");
  };
  /** What serves, and what was taken back. */
  const told = async (): Promise<[string, string[]]> => {
    const { serves, releases } = (await asked("releases")).result;
    const takenBack = releases.filter((one: { takenBack: boolean }) => one.takenBack);
    return [serves, takenBack.map(({ number }: { number: string }) => number)];
  };
  for (const memory of [256, 320, 384]) await serve(memory);
  expect(await told()).toEqual(["3", []]);
  await asked("rollback");
  expect(await told()).toEqual(["2", ["3"]]);
  await serve(448);
  expect(await told()).toEqual(["4", ["3"]]);
  // A change of the variables keeps what the alias tells.
  await asked("env", "set", "LOG_LEVEL=DEBUG");
  expect(await told()).toEqual(["5", ["3"]]);
  await asked("rollback");
  expect(await told()).toEqual(["4", ["5", "3"]]);
  await asked("rollback");
  expect(await told()).toEqual(["2", ["5", "4", "3"]]);
  await asked("rollback");
  expect(await told()).toEqual(["1", ["5", "4", "3", "2"]]);
  const none = await asked("rollback");
  expect([none.code, none.result.error.code]).toEqual([2, "release-missing"]);
  // Forwards again, by number: what served is not taken back by that.
  await asked("rollback", "--to", "3");
  expect(await told()).toEqual(["3", ["5", "4", "2"]]);
  const between = await asked("rollback");
  expect(between.result).toMatchObject({ served: "3", serves: "1" });
  await asked("rollback", "--to", "5");
  expect(await told()).toEqual(["5", ["4", "3", "2"]]);
});

const FunctionName = "shelfshack-websocket-proxy";

const moved = (local: AwsForTest, FunctionVersion: string, Description = "") =>
  local.lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion, Description }));

/** What another run does between a command's reading and its move of the alias, and what that says then. */
const races: readonly {
  words: string[];
  meanwhile(local: AwsForTest): Promise<unknown>;
  ends: { code: number; says: RegExp; serves: string };
}[] = [
  {
    words: ["rollback"],
    meanwhile: (local) => moved(local, "1"),
    ends: { code: 4, says: /release 1 serves now, .* place of 3/, serves: "1" },
  },
  {
    words: ["env", "set", "LOG_LEVEL=WARN"],
    meanwhile: (local) => moved(local, "2", "shelfshack-ws: rolled back from 3 by user/anna"),
    ends: { code: 4, says: /written as release 4, .* serves 2/, serves: "2" },
  },
  {
    words: ["backend", "keys", "rotate"],
    // Another deploy, which has read what this run has written.
    meanwhile: async (local) => {
      await local.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, MemorySize: 640 }));
      await local.lambda.send(new PublishVersionCommand({ FunctionName }));
      await moved(local, "6");
    },
    ends: { code: 0, says: /signs with 2 keys/, serves: "6" },
  },
];

/** Each begins with the release that was published last, which serves. */
async function expectMovesKept(local: AwsForTest): Promise<void> {
  for (const [index, { words, meanwhile, ends }] of races.entries()) {
    await moved(local, String([3, 3, 4][index]));
    let isDone = false;
    const proxy = await openFaultProxy(local, ({ operation }) => {
      if (isDone || !/^PUT .*\/aliases\/live$/.test(operation)) return undefined;
      isDone = true;
      return { before: () => meanwhile(local) };
    });
    const { code, stdout, stderr } = await run(words, { env: pointedAt(proxy.url) });
    expect([words[0], code, stdout + stderr]).toEqual([
      words[0],
      ends.code,
      expect.stringMatching(ends.says),
    ]);
    const { FunctionVersion } = await local.lambda.send(new GetAliasCommand({ FunctionName, Name: "live" }));
    expect(FunctionVersion).toBe(ends.serves);
  }
}

const Resource = `arn:aws:lambda:us-east-1:000000000000:function:${FunctionName}`;
const claimed = ({ lambda }: AwsForTest) =>
  lambda.send(new TagResourceCommand({ Resource, Tags: { ManagedBy: "terraform" } }));

/** Each command that writes beside a deploy, the reading before which another claims it, and its writes. */
const claims: readonly [words: string, reading: number, ...wrote: string[]][] = [
  ["rollback", 2],
  ["env set LOG_LEVEL=ERROR", 3],
  ["env set LOG_LEVEL=ERROR", 4, "UpdateFunctionConfiguration"],
  ["env set LOG_LEVEL=INFO", 5, "UpdateFunctionConfiguration", "PublishVersion"],
  ["env unset LOG_LEVEL", 3],
  ["backend keys rotate", 2],
  ["backend keys rotate --finish --force", 2],
  ["doctor --fix", 4],
  // Variables were taken back by then, which the refusal must not deny.
  ["doctor --fix", 5, "UpdateFunctionConfiguration"],
];

/** Each begins with a function that is ours again. */
async function expectClaimsKept(local: AwsForTest): Promise<void> {
  const { Tags = {} } = await local.lambda.send(new ListTagsCommand({ Resource }));
  for (const [words, reading, ...writes] of claims) {
    await local.lambda.send(new TagResourceCommand({ Resource, Tags }));
    const before = local.calls.length;
    let readings = 0;
    const proxy = await openFaultProxy(local, ({ operation }) => {
      if (!operation.endsWith(`/functions/${FunctionName}`)) return undefined;
      readings++;
      return readings === reading ? { before: () => claimed(local) } : undefined;
    });
    const { code, stdout } = await run([...words.split(" "), "--json"], { env: pointedAt(proxy.url) });
    const { error } = JSON.parse(stdout);
    expect([words, code, error]).toMatchObject([words, 4, { code: "not-ours" }]);
    const wrote = local.calls
      .slice(before)
      .flatMap(({ mutating, operation }) => (mutating && operation !== "TagResource" ? [operation] : []));
    expect([words, wrote]).toEqual([words, writes]);
    const isToldOf = /nothing was changed but variables taken back: LOG_LEVEL/.test(error.hint);
    expect([words, isToldOf]).toEqual([words, words === "doctor --fix" && writes.length > 0]);
  }
  // A release is of all that was written: what was changed by hand is named before it serves.
  await local.lambda.send(new TagResourceCommand({ Resource, Tags }));
  await local.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, MemorySize: 704 }));
  const served = await run(["env", "set", "LOG_LEVEL=DEBUG", "--json"], { env: pointedAt(local.url) });
  expect(JSON.parse(served.stdout)).toMatchObject({ changed: true, alsoServed: ["MemorySize"] });
  expect(served.stderr).toMatch(also);
  for (const words of [["plan"], ["doctor", "--fix"], ["deploy", "--only", "env", "--no-test"]]) {
    const MemorySize = 704 + 64 * words.length;
    await local.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, MemorySize }));
    const { stdout, stderr } = await run([...words, "--json"], { env: pointedAt(local.url) });
    const { alsoServed } = JSON.parse(stdout);
    expect([words, alsoServed, stderr]).toEqual([words, ["MemorySize"], expect.stringMatching(also)]);
  }
}

const also = /also serves? what was changed since release \d+: MemorySize/;

test("S41 a deploy that fails says what serves, or serves the release before again", async () => {
  const { local, env, backend, asked } = await program();
  await asked("deploy", ...backend, "--no-test");
  // What the release before does not suffer from is no backend that is not ready yet.
  const astray = await asked("deploy", "--backend-url", "http://127.0.0.1:9", "--rollback-on-failure");
  const again = { serves: "1", before: "1", rolledBack: true, movedBy: null, failure: null };
  expect([astray.code, astray.result]).toMatchObject([3, { test: { fault: "reached" }, release: again }]);
  const { Environment } = await local.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, MESSAGE_PATH: "no-slash" };
  await local.lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }),
  );
  const deploy = (...args: string[]) => run(["deploy", ...backend, ...args], { env });
  const failed = await deploy("--memory", "512");
  expect([failed.code, failed.stdout]).toEqual([
    3,
    expect.stringMatching(/^release 3 serves; to serve release 1 again: .* rollback/m),
  ]);
  const taken = await deploy("--memory", "768", "--rollback-on-failure", "--json");
  const release = { serves: "3", before: "3", rolledBack: true, movedBy: null, failure: null };
  expect([taken.code, JSON.parse(taken.stdout).release]).toEqual([3, release]);
  expect((await asked("releases")).result).toMatchObject({ serves: "3", rolledBack: true });

  // What another one lets serve while the test runs is not undone.
  let meanwhile: (local: AwsForTest) => Promise<unknown> = () => moved(local, "4");
  const stub = await startBackendStub(() => (response) => {
    void meanwhile(local).then(() => response.writeHead(500).end());
  });
  onTestFinished(() => stub.close());
  const code = `export const handler = async () => { await fetch("${stub.url}"); throw new Error("no"); };`;
  const zip = join(await mkdtemp(join(tmpdir(), "outrun-")), "own.zip");
  onTestFinished(() => rm(dirname(zip), { recursive: true }));
  await writeFile(zip, await zipOf({ "index.mjs": code }));
  const outrun = await asked("deploy", "--zip", zip, "--rollback-on-failure");
  const stays = { serves: "4", before: "3", rolledBack: false, movedBy: "user/local", failure: null };
  expect([outrun.code, outrun.result.release]).toEqual([3, stays]);

  // What another one claims then is not written to; what the test has found is told all the same.
  meanwhile = claimed;
  const late = await asked("deploy", "--zip", zip, "--memory", "896", "--rollback-on-failure");
  const failure = expect.stringContaining("managed by terraform");
  const kept = { serves: "6", before: "4", rolledBack: false, movedBy: null, failure };
  expect([late.code, late.result.release]).toEqual([3, kept]);
  expect(late.result.test).toMatchObject({ passed: false });
});

test("S41 what the smoke test has found is told also where releases cannot be read", async () => {
  const { local, env, backend, asked } = await program();
  await asked("deploy", ...backend, "--no-test");
  const zip = join(await mkdtemp(join(tmpdir(), "unread-")), "own.zip");
  onTestFinished(() => rm(dirname(zip), { recursive: true }));
  for (const words of [[], ["--rollback-on-failure"]]) {
    let isTested = false;
    const proxy = await openFaultProxy(local, ({ operation }) => {
      isTested ||= operation.endsWith("/invocations");
      const refusal = { status: 403, name: "AccessDeniedException", message: "not allowed" };
      return isTested && /^Get .*\/versions/.test(operation) ? { refusal } : undefined;
    });
    const options = { env: { ...env, ...pointedAt(proxy.url) } };
    const thrown = `export const handler = async () => { throw new Error("${words.length}"); };`;
    await writeFile(zip, await zipOf({ "index.mjs": thrown }));
    const { code, stdout } = await run(["deploy", "--zip", zip, ...words, "--json"], options);
    const { release, test: tested } = JSON.parse(stdout);
    expect([code, tested]).toMatchObject([3, { passed: false, fault: "invocation" }]);
    expect(release).toMatchObject({ serves: null, rolledBack: false });
    expect(release.failure).toContain("not allowed");
  }
});

/** Commands that ask for several things at once, and a call whose denial must not hide the refusal. */
const refusedAnyway: readonly [words: string, denied: RegExp, code: string][] = [
  ["rollback", /^Get .*\/versions/, "not-ours"],
  ["releases --account 111111111111", /^Get .*\/versions/, "account-other"],
  ["connections get abc= --account 111111111111", /^Get .*\/apis/, "account-other"],
  ["policy deployer --account 111111111111", /^Get .*\/apis/, "account-other"],
  ["env set LOG_LEVEL=INFO --account 111111111111", /^Get .*\/functions\//, "account-other"],
  ["deploy --account 111111111111", /^Get .*\/apis/, "account-other"],
  ["status --account 111111111111", /^Get .*\/apis/, "account-other"],
];

test("S12 a refusal is told, whatever else fails at the same time and comes first", async () => {
  const { local, env, backend, asked } = await program();
  await asked("deploy", ...backend, "--no-test");
  await claimed(local);
  // The refusal comes last: its own question waits until the denial was answered.
  const told = await Promise.all(
    refusedAnyway.map(async ([words, pattern, code]) => {
      let denied: () => void = () => undefined;
      const wasDenied = new Promise<void>((resolve) => (denied = resolve));
      const refusal = { status: 403, name: "AccessDeniedException", message: "not allowed" };
      const proxy = await openFaultProxy(local, ({ operation }) => {
        if (pattern.test(operation)) return { refusal, before: denied };
        const isTelling =
          code === "not-ours" ? /functions\/[^/]+$/.test(operation) : operation === "GetCallerIdentity";
        return isTelling ? { before: () => wasDenied } : undefined;
      });
      const options = { env: { ...env, ...pointedAt(proxy.url) } };
      const ended = await run([...words.split(" "), "--json"], options);
      const { error } = JSON.parse(ended.stdout);
      return [words, ended.code, error.code];
    }),
  );
  expect(told).toEqual(refusedAnyway.map(([words, , code]) => [words, 4, code]));
  expect(local.calls.filter(({ operation }) => operation === "UpdateAlias")).toEqual([]);
});

test("S41 a release whose keys the backend does not know gives way to the one before", async () => {
  const key = newSigningKey();
  const [{ env, local, asked }, backend] = await Promise.all([program(), startContractBackend([key])]);
  onTestFinished(() => backend.close());
  const config = await fileWith(
    JSON.stringify({ backendUrl: backend.url, variables: { SIGNING_KEYS: key } }),
  );
  // The made-up token is refused, by a backend that knows the key.
  const first = await asked("deploy", "--config", config);
  expect(first).toMatchObject({ code: 0, result: { test: { fault: null } } });
  expect(first.result.unproven).toMatchObject([{ code: "token-refused" }]);
  const { Environment } = await local.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, SIGNING_KEYS: newSigningKey() };
  await local.lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }),
  );
  const second = await asked(
    "deploy",
    "--backend-url",
    backend.url,
    "--memory",
    "512",
    "--rollback-on-failure",
  );
  expect(second).toMatchObject({
    code: 3,
    result: { test: { fault: "accepted" }, release: { serves: "1", before: "1", rolledBack: true } },
  });
  const { checks } = second.result.test as { checks: { id: string; code: string }[] };
  expect(checks.find(({ id }) => id === "accepted")?.code).toBe("keys-unknown");

  // Who may not list the versions is told of the rollback all the same.
  const proxy = await openFaultProxy(local, ({ operation }) =>
    /^Get .*\/versions/.test(operation)
      ? { refusal: { status: 403, name: "AccessDeniedException", message: "not allowed" } }
      : undefined,
  );
  const status = await run(["status", "--json"], { env: { ...env, ...pointedAt(proxy.url) } });
  const { resources, steps } = JSON.parse(status.stdout);
  expect([status.code, steps]).toEqual([3, []]);
  const states = (resources as { id: string; state: string }[]).map(({ id, state }) => [id, state]);
  expect(Object.fromEntries(states)).toMatchObject({ Alias: "rolled back", Release: "unread" });
});
