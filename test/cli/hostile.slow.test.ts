import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commandNames, type CommandName } from "../../src/settings/commands.ts";
import { settingNames, settingTable } from "../../src/settings/table.ts";
import { safe } from "../../src/terminal/safe.ts";
import { openFaultProxy, type Fault } from "../support/fault-proxy.ts";
import { refusingServer, webSocketServer } from "../support/handshake-server.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { run, type Ended } from "../support/program.ts";
import { openTestStack } from "../support/stack.ts";
import { zipOf } from "../support/zip.ts";

/** Begins lines of its own, gives CI systems orders, and steers a terminal. */
const hostile =
  "x\r\nerror: forged\n::error::forged\n  ::add-mask::m\n##[set-output name=a;]b ##vso[a]b ##teamcity[a]" +
  "\u001b[2J\u009b31m\u202e\u0000";

/** What must not be in an output, by line: a line that text from outside began, a command, a raw control. */
function harm({ stdout, stderr }: Ended, isCi: boolean): string[] {
  const own = /^::(error|warning) title=shelfshack-ws::/;
  const isOrder = (line: string) => (/^\s*::/.test(line) && !own.test(line)) || /##\w*\[/.test(line);
  return [stdout, stderr].flatMap((text) => [
    ...(text === safe(text) ? [] : ["a raw control character"]),
    ...text.split("\n").filter((line) => line.startsWith("error: forged") || (isCi && isOrder(line))),
  ]);
}

/** As a person, a program and a CI system run it: more options, and variables. */
const ways = {
  plain: [[], {}],
  json: [["--json"], {}],
  ci: [["--debug"], { GITHUB_ACTIONS: "true", CI: "true" }],
} as const;
type Way = keyof typeof ways;

interface Options {
  env: Record<string, string>;
  cwd?: string;
  in?: readonly Way[];
}

/** What does harm, by command and way; `told` counts the outputs that have hostile text at all. */
async function harmOf(
  args: readonly string[],
  { env, in: chosen = ["plain", "json", "ci"], ...rest }: Options,
): Promise<{ harm: string[]; told: number }> {
  const outcomes = await Promise.all(
    chosen.map(async (way) => {
      const [more, variables] = ways[way];
      const ended = await run([...args, ...more], { ...rest, env: { ...env, ...variables } });
      const found = harm(ended, way === "ci").map((line) => `${args.join(" ")}, ${way}: ${line}`);
      return { found, told: (ended.stdout + ended.stderr).includes("forged") };
    }),
  );
  return {
    harm: outcomes.flatMap(({ found }) => found),
    told: outcomes.filter(({ told }) => told).length,
  };
}

const handler = `export const handler = async (event) => {
  console.log(${JSON.stringify(hostile)});
  console.log(${JSON.stringify(JSON.stringify({ level: "ERROR", event: hostile, x: hostile }))});
  if (event.requestContext?.connectionId === "throw") throw new Error(${JSON.stringify(hostile)});
  return { statusCode: 200, body: ${JSON.stringify(hostile)} };
};`;

/** A backend that answers everything with hostile text. */
async function hostileBackend(): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/json", "shelfshack-kit": "9 ::error::x" });
    response.end(JSON.stringify({ detail: hostile, [hostile]: hostile, success: hostile }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A stack whose function and backend say hostile things, and how a proxy in front of its AWS is reached. */
async function scene(faultFor: () => Fault | undefined) {
  const local = await openLocalAws();
  const zip = await zipOf({ "index.mjs": handler });
  const backendUrl = await hostileBackend();
  await (await openTestStack(local.url, { zip, backendUrl })).deploy();
  const proxy = await openFaultProxy(local, faultFor);
  const folder = await mkdtemp(join(tmpdir(), "hostile-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const env = {
    SHELFSHACK_ENDPOINT_URL: proxy.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
  };
  return { env, folder, backendUrl };
}

/** Every command that reads from AWS or a backend, as it is called here. */
const lines: Readonly<Partial<Record<CommandName, (backendUrl: string) => string[]>>> = {
  plan: (backendUrl) => ["--backend-url", backendUrl],
  deploy: (backendUrl) => ["--dry-run", "--backend-url", backendUrl],
  status: () => [],
  outputs: () => [],
  export: () => ["terraform"],
  policy: () => ["deployer"],
  test: () => ["--token", "t"],
  doctor: () => ["--token", "t"],
  connect: () => ["--booking", "1", "--token", "t", "--timeout", "2"],
  bench: () => ["--connections", "1", "--rate", "5", "--duration", "1s", "--token", "t", "--timeout", "1"],
  connections: () => ["get", hostile.replaceAll("\u0000", "")],
  "logs tail": () => ["--no-follow"],
  metrics: () => [],
  cost: () => ["--connections", "10", "--measured"],
  capacity: () => ["--connections", "10", "--measured"],
  trace: () => ["--no-follow"],
  "backend check": () => ["--timeout", "5"],
  "backend keys": () => ["show"],
  env: () => ["list"],
  releases: () => [],
  rollback: () => ["--to", "7"],
  destroy: () => ["--yes"],
};

/** One after another, as the last one removes what others read. At least this many outputs tell of it. */
async function expectNoHarm(
  { env, backendUrl }: Awaited<ReturnType<typeof scene>>,
  way: Way,
  toldAtLeast: number,
): Promise<void> {
  const found: string[] = [];
  let told = 0;
  for (const [name, options] of Object.entries(lines)) {
    const one = await harmOf([...name.split(" "), ...options(backendUrl)], { env, in: [way] });
    found.push(...one.harm);
    told += one.told;
  }
  expect(found).toEqual([]);
  expect(told).toBeGreaterThanOrEqual(toldAtLeast);
}

/** What the engine goes by; everything else of an answer is text for people. */
const kept = new RegExp(
  "^(\\w*(Ids?|Arn|Endpoint|Status|Key|Token)|Target|State|Sid|nextToken|Marker|StageName|FunctionName|" +
    "CodeSha256|CodeSize|LastModified|Policy|Statement|logGroupName|logStreamName|Version|Type)$",
);

/** A JSON answer with hostile text behind every text that is for people; others as they are. */
function poisoned(payload: Buffer): Buffer {
  const text = payload.toString();
  if (!text.startsWith("{")) return payload;
  const value: unknown = JSON.parse(text, function (this: unknown, key, member: unknown) {
    return typeof member === "string" && !kept.test(key) && !/^\d+$/.test(key) ? member + hostile : member;
  });
  return Buffer.from(JSON.stringify(value));
}

/** Each in turn, with a stack of its own. */
const inEachWay = test.each(Object.keys(ways) as Way[]);

inEachWay(
  "F-16 what AWS, a function or a backend says begins no line and gives no order, %s",
  async (way) => {
    await expectNoHarm(await scene(() => undefined), way, 2);
  },
  120_000,
);

inEachWay(
  "F-16 hostile text in every field of AWS's answers does no harm in any command, %s",
  async (way) => {
    await expectNoHarm(await scene(() => ({ rewrite: poisoned })), way, 6);
  },
  120_000,
);

inEachWay(
  "F-16 nor does it in AWS's errors, %s",
  async (way) => {
    const refusal = {
      status: 400,
      name: "ValidationException",
      message: `##[error]forged ${hostile.replaceAll("\u0000", "")}`,
    };
    await expectNoHarm(await scene(() => ({ refusal })), way, Object.keys(lines).length - 2);
  },
  120_000,
);

test("F-16 frames, close reasons and refused handshakes do no harm", async () => {
  const url = await webSocketServer((socket) => {
    socket.send(hostile);
    socket.send(JSON.stringify({ type: "error", code: hostile, request_id: hostile }));
    socket.send(JSON.stringify({ type: "error", code: "unauthorized", request_id: hostile }));
    socket.send(Buffer.from(hostile));
    socket.close(4000, "x\n::error::forged\u001b[2J");
  });
  const refused = await refusingServer(403, hostile);
  const expected = ["--expect", "~never", "--expect", JSON.stringify({ type: hostile })];
  for (const address of [url, refused]) {
    const args = ["connect", "--url", address, "--timeout", "5", ...expected];
    expect(await harmOf(args, { env: {} })).toEqual({ harm: [], told: 3 });
    const load = ["bench", "--url", address, "--connections", "2", "--rate", "5", "--duration", "1s"];
    expect((await harmOf(load, { env: {} })).harm).toEqual([]);
  }
});

const words = hostile.replaceAll("\u0000", "");

/** The lines that do harm, of commands in a folder, as a CI system runs them. */
async function harmIn(folder: string, env: Record<string, string>, lines: readonly (readonly string[])[]) {
  const found: string[] = [];
  for (const args of lines) found.push(...(await harmOf(args, { env, cwd: folder, in: ["ci"] })).harm);
  return found;
}

test("F-16 what options are given does no harm", async () => {
  const { env, folder } = await scene(() => undefined);
  const flags = settingNames.flatMap((name) => settingTable[name].flag ?? []);
  const valued = flags.filter((flag) => flag.includes("<")).map((flag) => flag.split(" ")[0] ?? "");
  const lines = valued.map((flag) => ["connect", flag, words]);
  expect(await harmIn(folder, env, lines)).toEqual([]);
});

test("F-16 words behind a command do no harm", async () => {
  const { env, folder } = await scene(() => undefined);
  const lines = commandNames.map((name) => [...name.split(" "), words]);
  expect(await harmIn(folder, env, lines)).toEqual([]);
});

test("F-16 a config file's content and paths do no harm", async () => {
  const { env, folder } = await scene(() => undefined);
  const above = join(folder, "a\n::error::forged");
  const place = join(above, "below");
  await mkdir(place, { recursive: true });
  const config = join(above, "shelfshack-ws.config.json");
  const contents = [
    { region: words },
    { [words]: 1 },
    { variables: { [words]: "1" } },
    { variables: { OK: words } },
    { env: words },
  ];
  const found: string[] = [];
  for (const content of contents) {
    await writeFile(config, JSON.stringify(content));
    found.push(...(await harmIn(place, env, [["status"]])));
  }
  await rm(config);
  const paths = [
    ["package", "--out", "p\n::error::x.zip"],
    ["backend", "init", "--out", "m\n::error::x.py"],
  ];
  expect([...found, ...(await harmIn(place, env, paths))]).toEqual([]);
});

test("F-16 no command is left out", () => {
  // `local` and `demo` print records and changes as the others do; the text of the rest is not from outside.
  const others: CommandName[] = ["package", "backend init", "local", "demo", "init", "completion"];
  expect([...Object.keys(lines), ...others].toSorted()).toEqual([...commandNames].toSorted());
});
