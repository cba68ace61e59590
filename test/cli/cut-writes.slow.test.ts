import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws, pointedAt, type AwsForTest } from "../support/local-aws.ts";
import { run, start, type Ended, type Running } from "../support/program.ts";
import { inventory, nothing, openTestStack } from "../support/stack.ts";

const FunctionName = "shelfshack-websocket-proxy";
/** An operation's name, which says nothing to people: DeleteFunction deletes a release as well. */
const awsName = /\b(Add|Create|Delete|Publish|Put|Remove|Tag|Untag|Update)[A-Z]/;
const AGAIN = "run the same command again to continue";

/** The variables that clients are served with. */
const served = async ({ lambda }: AwsForTest): Promise<Record<string, string>> =>
  (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier: "live" }))).Environment
    ?.Variables ?? {};

/** A command that writes by itself, what its last words advise, and what is there when it was run again. */
const writers: readonly [
  words: readonly string[],
  advised: string,
  isThere: (local: AwsForTest) => Promise<unknown>,
  state: unknown,
][] = [
  [["env", "set", "COLOUR=red"], AGAIN, async (local) => (await served(local))["COLOUR"], "red"],
  [["env", "unset", "SIZE"], AGAIN, async (local) => (await served(local))["SIZE"], undefined],
  [
    ["backend", "keys", "rotate"],
    AGAIN,
    async (local) => (await served(local))["SIGNING_KEYS"]?.split(",").length,
    2,
  ],
  [["destroy", "--yes"], AGAIN, async ({ url }) => inventory((await openTestStack(url)).aws), nothing],
  [
    ["rollback"],
    "see what serves now: ",
    async (local) =>
      (await local.lambda.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier: "live" })))
        .Version,
    "1",
  ],
];

/** A stack of two releases, and the command as it is ended by Ctrl-C at its nth write. */
async function cutAt(n: number, words: readonly string[]): Promise<{ local: AwsForTest; ended: Ended }> {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  const env = pointedAt(local.url);
  expect((await run(["env", "set", "SIZE=1", "--no-probe"], { env })).code).toBe(0);
  const program: { running?: Running } = {};
  const proxy = await openFaultProxy(local, ({ index }) =>
    index === n ? { before: () => program.running?.signal("SIGINT") } : undefined,
  );
  program.running = start([...words, "--json"], { env: pointedAt(proxy.url), input: null });
  return { local, ended: await program.running.ended };
}

test.for(writers)(
  "D-29 Ctrl-C at any write of %j: it says how far it got, and what to type",
  { timeout: 120_000 },
  async ([words, advised, isThere, state]) => {
    for (let n = 0; ; n++) {
      const { local, ended } = await cutAt(n, words);
      if (ended.code === 0) break;
      expect(ended.code).toBe(130);
      const { error } = JSON.parse(ended.stdout);
      // Where the last write was done the result is told.
      if (error) {
        expect(error.hint).toMatch(/^(done in this run|perhaps done): \w+/);
        expect(error.hint).not.toMatch(awsName);
        expect(error.hint).toContain(advised);
        if (advised === AGAIN) expect((await run(words, { env: pointedAt(local.url) })).code).toBe(0);
      }
      expect([n, await isThere(local)]).toEqual([n, state]);
    }
  },
);

test("D-29 a deploy that is cut as the alias moves: a release was deleted, not the function", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  for (const variable of ["SIZE=1", "SIZE=2"])
    expect((await run(["env", "set", variable], { env: pointedAt(local.url) })).code).toBe(0);
  const program: { running?: Running } = {};
  const proxy = await openFaultProxy(local, ({ operation }) =>
    /^PUT .*\/aliases\//.test(operation) ? { before: () => program.running?.signal("SIGINT") } : undefined,
  );
  const words = ["deploy", "--backend-url", "http://127.0.0.1:9", "--memory", "512", "--keep-releases", "2"];
  program.running = start([...words, "--replace-code", "--json"], {
    env: pointedAt(proxy.url),
    input: null,
  });
  const { code, stdout } = await program.running.ended;
  const { hint } = JSON.parse(stdout).error ?? {};
  expect([code, hint]).toEqual([130, expect.stringContaining("old release deleted")]);
  expect(hint).not.toMatch(awsName);
});

test.each([[["env", "set", "COLOUR=red"]], [["doctor", "--fix"]]])(
  "D-29 Ctrl-C before the first write of %j says that there was none",
  async (words) => {
    const local = await openLocalAws();
    await (await openTestStack(local.url)).deploy();
    const program: { running?: Running } = {};
    const proxy = await openFaultProxy(local, ({ number }) =>
      number === 0 ? { before: () => program.running?.signal("SIGINT") } : undefined,
    );
    program.running = start([...words, "--json"], { env: pointedAt(proxy.url), input: null });
    const { code, stdout } = await program.running.ended;
    expect([code, JSON.parse(stdout).error.hint]).toEqual([130, "no changes were made"]);
  },
);
