import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { expect, onTestFinished, test } from "vitest";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { startLocalAws, type LocalAws } from "../../src/local/server.ts";
import { commandNames, type CommandName } from "../../src/settings/commands.ts";
import { clientsFor } from "../support/local-aws.ts";
import { run, start } from "../support/program.ts";
import { documentsIn, schemaOf, unlikeSchema, type Document, type Schema } from "../support/documents.ts";
import { createQueue } from "../support/queue.ts";
import { openSocket } from "../support/socket.ts";

/**
 * What is null, empty or absent in the results and streamed items below, though the schema has it; everything
 * else in a schema is there.
 */
const absent: Readonly<Record<CommandName, string>> = {
  init: "result.settings.env result.settings.environments result.settings.account result.settings.region",
  completion: "result.environments",
  package: "",
  plan: `result.profile result.refused result.managedBy result.resources[].differences[].from
    result.resources[].adoption result.resources[].unread result.url`,
  deploy: `result.profile result.managedBy result.resources[].differences[].from
    result.resources[].adoption result.resources[].unread result.probe result.test.fault
    result.test.checks[].code result.test.checks[].means result.test.checks[].fix
    result.test.checks[].missing result.test.checks[].repair[] result.test.checks[].argv
    result.release result.unproven[] result.rounds watching round`,
  status: `result.profile result.managedBy result.steps[] result.fix result.resources[].differences[]
    result.resources[].adoption result.resources[].unread result.argv`,
  releases: "result.profile result.managedBy",
  rollback: "result.profile result.managedBy",
  doctor: `result.profile result.managedBy result.cause result.repaired[] result.steps[] result.leftOut[]
    result.checks[].code result.checks[].means result.checks[].fix
    result.checks[].missing result.checks[].repair[] result.checks[].argv`,
  env: "result.profile result.managedBy result.changes[].from result.probe result.rolledBackTo",
  outputs: "result.managedBy result.audience result.amplify",
  export: "result.profile result.managedBy result.missing[]",
  policy: "result.document.Statement[].Condition",
  test: `result.checks[].code result.checks[].means result.checks[].fix result.checks[].missing
    result.checks[].repair[] result.checks[].argv`,
  connect: `result-refusal result-script result-clients result-talk.phases.proxy
    result-talk.phases.lookup result-talk.phases.tls result-talk.subprotocol
    result-talk.expectations[]false result-talk.expectations[].frame.base64 result-talk.close.error
    result-talk.close.isOurs frame.base64 frame.code frame.meaning frame.fix frame.as
    frame.argv`,
  bench: `result.connections.reasons[] result.connections.kilobytesEach result.messages.answerMs
    result.thresholds[] result.cost result.report`,
  connections: "result.profile result.managedBy result.connection.userAgent result.bytes",
  "logs tail": "result.accessLog",
  metrics: "minute",
  cost: "result.atMost[]",
  capacity: "result.atMost[]",
  trace: "result.requestId result.trace trace.amended trace.coldMs trace.problem trace.reason",
  "backend init": "result.version.before",
  "backend check": `result.kit result.unproven[].argv result.checks[].code
    result.checks[].repair[] result.checks[].argv`,
  "backend keys": "result.profile result.managedBy result.keys[].key result.next[] result.argv",
  destroy: "result.profile result.managedBy result.left[]",
  local: "log omitted ready.otherUrls[] ready.accessKey redeployed",
  demo: "",
};

/** What of a schema no value has: `a.b`, and `a[].b` for the members of a list. */
function unseen(schema: Schema, values: readonly unknown[], path = ""): string[] {
  const present = values.filter((value) => value !== undefined && value !== null);
  if (present.length === 0) return schema.type === "null" ? [] : [path];
  if (schema.anyOf) return schema.anyOf.flatMap((form) => unseenOfForm(form, present, path));
  const { items, properties = {} } = schema;
  if (isSchema(items)) return unseen(items, present.flat(), `${path}[]`);
  return Object.entries(properties).flatMap(([key, member]) =>
    unseen(
      member,
      present.map((value) => (value as Document)[key]),
      path === "" ? key : `${path}.${key}`,
    ),
  );
}

/** Of an object or list that is one form of several: which one a value has is decided by its literals. */
function unseenOfForm(form: Schema, values: readonly unknown[], path: string): string[] {
  const { type, properties = {}, required = [] } = form;
  if (type !== "object" && type !== "array") return [];
  const literals = Object.entries(properties).filter(
    ([key, member]) => member.const !== undefined && required.includes(key),
  );
  const own = values.filter(
    (value) =>
      Array.isArray(value) === (type === "array") &&
      literals.every(([key, member]) => (value as Document)[key] === member.const),
  );
  const words = literals.flatMap(([key, member]) => (key === "schemaVersion" ? [] : [String(member.const)]));
  const isForm = path === "" || (own.length === 0 && words.length > 0);
  return unseen(form, own, isForm ? `${path}${words.join("-")}` : path);
}

const isSchema = (items: Schema["items"]): items is Schema => items !== undefined && !Array.isArray(items);

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
  ["releases", () => []],
  ["rollback", () => ["--to", "2"]],
  ["outputs", () => []],
  ["export", () => ["terraform"]],
  ["policy", () => ["function"]],
  ["test", () => ["--token", "demo"]],
  [
    "connect",
    () =>
      ["--booking", "1", "--token", "demo", "--keepalive", "60"].concat(
        ["--send", "x", "--expect", "~ack"],
        ["--timeout", "10"],
      ),
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

const expectWhole = (name: CommandName, documents: readonly Document[]) => {
  // A gap of one command does not hide those of the next.
  expect.soft(documents.flatMap(misshapen), name).toEqual([]);
  expect.soft(documents.at(-1), name).toMatchObject({ kind: "result" });
  const known = ["error", ...absent[name].split(/\s+/)];
  const missing = unseen(schemaOf(name), documents).filter((path) => !known.includes(path));
  expect.soft(missing, name).toEqual([]);
};

test("every command's JSON has all that its schema says, but what is listed as absent", async () => {
  const { env, ...all } = await scene();
  // What is adopted is told of, and so is what is left of it.
  const { logs } = clientsFor(all.local.url);
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/aws/lambda/shelfshack-websocket-proxy" }));
  for (const [name, options] of lines) {
    const { stdout } = await run([...name.split(" "), ...(await options(all)), "--json"], { env });
    expectWhole(name, documentsIn(stdout));
  }
}, 60_000);

test("local and demo stream documents of their own", { timeout: 60_000 }, async () => {
  const local = start(["local", "--port", "0", "--json"], { input: null });
  await local.says('"kind":"ready"');
  local.signal("SIGINT");
  expectWhole("local", documentsIn((await local.ended).stdout));
  expectWhole("demo", documentsIn((await run(["demo", "--json"])).stdout));
});

test("no command is left out", () => {
  const covered: CommandName[] = [...lines.map(([name]) => name), "local", "demo"];
  expect(covered.toSorted()).toEqual(commandNames.toSorted());
});

test("what is not as the schema says is found: the programs of all tests are checked so", () => {
  const result = { schemaVersion: 1, kind: "result", shell: "bash", script: "", environments: null };
  const faultsOf = (document: object) => unlikeSchema(["completion", "--json"], JSON.stringify(document));
  expect(faultsOf({ ...result, more: "keys" })).toEqual([]);
  const others = [{ shell: 1 }, { script: undefined }, { schemaVersion: 2 }, { kind: "shell" }];
  for (const other of others) expect(faultsOf({ ...result, ...other })).toHaveLength(1);
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
