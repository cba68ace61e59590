import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { startLocalAws, type LocalAws } from "../../src/local/server.ts";
import { commandNames, type CommandName } from "../../src/settings/commands.ts";
import { run, start } from "../support/program.ts";
import { createQueue } from "../support/queue.ts";
import { openSocket } from "../support/socket.ts";

type Document = Record<string, unknown>;

const documentsIn = (stdout: string): Document[] =>
  stdout.trimStart().startsWith("{\n")
    ? [JSON.parse(stdout)]
    : stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));

/** The keys of a document by path: `a.b`, and `a[].b` for the members of a list. */
function keysOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value) && value.length === 0) return [`${path}[]`];
  if (Array.isArray(value)) return [...new Set(value.flatMap((item) => keysOf(item, `${path}[]`)))];
  if (typeof value !== "object" || value === null) return path === "" ? [] : [path];
  return Object.entries(value).flatMap(([key, member]) =>
    keysOf(member, path === "" ? key : `${path}.${key}`),
  );
}

/** Where it is, of everything that writes or compares. */
const place = "account region profile endpointUrl stack";

/** What an estimate is about. */
const load = `load.connections load.messagesPerMinute load.peoplePerBooking load.sessionMinutes
  load.messageBytes load.invocationMs load.memoryMb`;

/** What a program may count on in the result of each command; other keys may be added. */
const promised: Readonly<Record<CommandName, string>> = {
  init: "file settings.backendUrl next argv[][]",
  package: "file bytes sha256 entries[].name entries[].bytes",
  plan: `${place} changed url backendUrl ${ofResources("id type name action compared")}`,
  deploy: `${place} backendUrl changed dryRun code.bytes code.sha256 url frontend.VITE_WS_API_ENDPOINT
    ${ofResources("id type name action compared")} test.invocation.passed test.invocation.meaning
    test.frames.code test.frames.reached test.frames.meaning
    test.roundTrip.open test.roundTrip.ms test.roundTrip.status test.roundTrip.meaning next
    test.invocation.code probe unproven[] backend.environment backend.argv[][] argv[][]`,
  status: `${place} deployed upToDate url steps[] fix ${ofResources("id type name state")}`,
  doctor: `${place} healthy passed failed warnings skipped cause repaired[] steps[] checks[].id checks[].hop
    checks[].title checks[].outcome checks[].code checks[].evidence checks[].means checks[].fix
    checks[].repair[]`,
  env: `${place} action changed functionName variables[].name variables[].value bytes bytesAtMost
    changes[].name changes[].from changes[].to probe`,
  outputs: `audience amplify url endpoint apiId stage functionName functionArn region values.websocket_url
    values.websocket_stage values.websocket_api_id values.websocket_api_endpoint
    values.websocket_lambda_function_arn values.websocket_lambda_function_name values.region`,
  policy: `principal account apiId document.Version document.Statement[].Sid document.Statement[].Effect
    document.Statement[].Action document.Statement[].Resource`,
  test: `code functionName connectionId passed handlerRan backendReached backendAccepted configured
    meaning fix statusCode answer.statusCode ms log[] disconnected`,
  connect: `url openMs subprotocol interactive ended sent received sentAll checked expectations[].met
    expectations[].expected close.code close.reason`,
  connections: `${place} action connectionId endpoint connection.connectedAt connection.lastActiveAt
    connection.sourceIp connection.userAgent bytes`,
  bench: `url ended connections.wanted connections.open connections.failed connections.dropped
    connections.reasons[]
    messages.intended messages.sent messages.unsent messages.rate messages.answeredTwice
    deliveries.expected deliveries.received deliveries.lost deliveries.underWay deliveries.doubled
    deliveries.late elapsedMs plan.connections plan.people plan.rate plan.durationMs latencyMs.p50
    latencyMs.p99 latencyMs.max thresholds[]
    timeline[].second timeline[].p99 distribution[].count`,
  "logs tail": "accessLog exists group invoked records",
  metrics: `functionName apiId stage region since until periodSeconds metrics[].name metrics[].unit
    metrics[].total metrics[].latest metrics[].highest metrics[].values[]`,
  cost: `${load} assumed[] prices.month prices.region lines[].what lines[].quantity lines[].unit lines[].usd
    lines[].freeUsd usd freeUsd`,
  capacity: `${load} assumed[] limits[].id limits[].what limits[].needed limits[].quota limits[].unit
    limits[].reachedAt limits[].raised limits[].advice reconnectSeconds`,
  trace: "sources[] since traces requestId trace",
  "backend init": "file changed next[].what next[].lines[]",
  "backend check": `backendUrl keys.from keys.count passed failed warnings checks[].id checks[].outcome
    checks[].title unproven[].code unproven[].what unproven[].why unproven[].fix`,
  "backend keys": `${place} action changed functionName keys[].fingerprint unchangedSince`,
  destroy: `${place} changed removed[].id removed[].type removed[].name removed[].physicalId`,
  local: "redeploys",
  demo: "ms delivered.text delivered.ms secondDeployChanged removed",
  completion: "shell script environments",
};

function ofResources(keys: string): string {
  return keys.replaceAll(/\w+/g, "resources[].$&");
}

/** The commands that run against a stack, in an order in which each finds what it needs. */
const lines: readonly (readonly [CommandName, (scene: Scene) => string[] | Promise<string[]>])[] = [
  [
    "init",
    ({ folder, backendUrl }) => ["--yes", "--backend-url", backendUrl, "--config", join(folder, "c.json")],
  ],
  ["completion", () => ["bash"]],
  ["package", ({ folder }) => ["--out", join(folder, "p.zip")]],
  ["plan", ({ backendUrl }) => ["--backend-url", backendUrl]],
  ["deploy", ({ backendUrl }) => ["--backend-url", backendUrl]],
  ["status", () => []],
  ["doctor", () => ["--token", "demo"]],
  ["env", () => ["set", "LOG_LEVEL=DEBUG"]],
  ["outputs", () => []],
  ["policy", () => ["function"]],
  ["test", () => ["--token", "demo"]],
  [
    "connect",
    () => ["--booking", "1", "--token", "demo", "--send", "x", "--expect", "~x", "--timeout", "10"],
  ],
  [
    "bench",
    () => ["--connections", "2", "--rate", "5", "--duration", "1s", "--booking", "1", "--token", "demo"],
  ],
  ["connections", async ({ connected }) => ["get", await connected()]],
  ["logs tail", () => ["--no-follow"]],
  ["metrics", () => []],
  ["cost", () => ["--connections", "10"]],
  ["capacity", () => ["--connections", "10", "--measured"]],
  ["trace", () => ["--no-follow"]],
  ["backend init", ({ folder }) => ["--out", join(folder, "shelfshack_ws.py")]],
  ["backend check", () => []],
  ["backend keys", () => ["show"]],
  ["destroy", () => ["--yes"]],
];

interface Scene {
  local: LocalAws;
  folder: string;
  backendUrl: string;
  /** Opens a connection to the deployed stage, and gives its id. */
  connected(): Promise<string>;
}

async function scene(): Promise<Scene & { env: Record<string, string> }> {
  const backend = await startDemoBackend();
  let ids = createQueue<string>();
  const seen = new Set<string>();
  const local = await startLocalAws({
    onLog: (entries) => {
      for (const { message } of entries) {
        const [, id] = /"connectionId":"([^"]+)"/.exec(message) ?? [];
        if (id === undefined || seen.has(id)) continue;
        seen.add(id);
        ids.put(id);
      }
    },
  });
  const folder = await mkdtemp(join(tmpdir(), "json-"));
  onTestFinished(async () => {
    await Promise.all([backend.close(), local.close(), rm(folder, { recursive: true })]);
  });
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  const connected = async () => {
    const { stdout } = await run(["outputs", "--json"], { env });
    const { url } = JSON.parse(stdout) as { url: string };
    // The connections of the commands before it have had their events.
    ids = createQueue<string>();
    await openSocket(`${url}?booking_id=1&token=demo`);
    return await ids.next();
  };
  return { local, folder, backendUrl: backend.url, env, connected };
}

/** Texts of others below these keys: values by their own names, log lines, answers, properties of AWS. */
const foreign = new Set(["values", "fields", "answer", "from", "to", "frontend", "document"]);

/** What is no key or time of ours by its form: `name` for a key in camelCase, `name=time` for an ISO time. */
function misshapen(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    ...(Array.isArray(value) || /^[a-z][A-Za-z0-9]*$/.test(key) ? [] : [key]),
    ...(typeof member === "string" && /^\d{4}-\d\d-\d\dT/.test(member) && !/\.\d{3}Z$/.test(member)
      ? [`${key}=${member}`]
      : []),
    ...(foreign.has(key) ? [] : misshapen(member)),
  ]);
}

const expectPromised = (name: CommandName, documents: readonly Document[]) => {
  expect(documents.flatMap(misshapen), name).toEqual([]);
  expect(documents.at(-1), name).toMatchObject({ kind: "result" });
  expect(
    documents.filter(({ kind }) => typeof kind !== "string"),
    name,
  ).toEqual([]);
  expect(
    documents.map(({ schemaVersion }) => schemaVersion),
    name,
  ).toEqual(documents.map(() => 1));
  expect(keysOf(documents.at(-1)), name).toEqual(expect.arrayContaining(promised[name].split(/\s+/)));
};

test("every command's JSON has the promised keys, and every document has schemaVersion 1", async () => {
  const { env, ...all } = await scene();
  for (const [name, options] of lines) {
    const { stdout } = await run([...name.split(" "), ...(await options(all)), "--json"], { env });
    expectPromised(name, documentsIn(stdout));
  }
}, 60_000);

test(
  "local and demo stream documents of their own, all with schemaVersion 1",
  { timeout: 60_000 },
  async () => {
    const local = start(["local", "--port", "0", "--json"], { input: null });
    await local.says('"kind":"ready"');
    local.signal("SIGINT");
    expectPromised("local", documentsIn((await local.ended).stdout));
    expectPromised("demo", documentsIn((await run(["demo", "--json"])).stdout));
  },
);

test("no command is left out", () => {
  const covered: CommandName[] = [...lines.map(([name]) => name), "local", "demo"];
  expect(covered.toSorted()).toEqual(commandNames.toSorted());
});

test("an error's JSON has a code, a message, an exit code and, where there is one, a hint", async () => {
  const { code, stdout } = await run(["init", "--yes", "--json"]);
  expect([code, JSON.parse(stdout)]).toEqual([
    2,
    {
      schemaVersion: 1,
      kind: "error",
      error: { code: "no-backend-url", message: expect.any(String), hint: expect.any(String), exitCode: 2 },
    },
  ]);
});
