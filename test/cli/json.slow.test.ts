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
import { documentsIn, unlikeSchema, unseenIn, type Document } from "../support/documents.ts";
import { createQueue } from "../support/queue.ts";
import { openSocket } from "../support/socket.ts";

/** What is null, empty or absent in the results and streamed items below, by why it is. */
type Absent = Readonly<Record<string, string>>;

const noProfile = { "no profile is used": "result.profile" };
const ours = { "no other tool manages the stack": "result.managedBy" };
const plainNext = { "the next command says what it is for": "result.next[].what" };
const noNext = { "there is nothing to type next": "result.next[]" };
const place = { ...noProfile, ...ours };
const planned = {
  "nothing was there before": "result.resources[].differences[].from",
  "all can be read": "result.resources[].unread",
  "no rollback was before": "result.resources[].brings[]",
  "nothing was changed by hand": "result.alsoServed[]",
};
const healthy = (of: string): Absent => ({
  "nothing is wrong": ["code", "means", "fix", "repair[]", "argv"].map((key) => `${of}.${key}`).join(" "),
  "all that can be checked is": `${of}.missing`,
});

/** The memory that two clients of `bench` take may be too little to be measured. */
const UNSURE = "result.connections.kilobytesEach";

/** Everything else in a schema is there, and each of these is not. */
const absent: Readonly<Record<CommandName, Absent>> = {
  init: {
    ...plainNext,
    "the file is for one backend alone":
      "result.settings.env result.settings.environments result.settings.account result.settings.region",
    "no profile has one": "result.region",
  },
  completion: { ...noNext, "a script is asked for": "result.environments" },
  package: plainNext,
  plan: {
    ...place,
    ...planned,
    ...plainNext,
    "nothing refuses it": "result.refused",
    "no stage yet": "result.url",
  },
  deploy: {
    ...place,
    ...planned,
    ...plainNext,
    ...healthy("result.test.checks[]"),
    "the smoke test asks the backend": "result.probe",
    "all is proven": "result.test.fault result.release result.unproven[]",
    "nothing is watched; seen in own-code.slow": "result.rounds watching round",
  },
  status: {
    ...place,
    ...plainNext,
    "all is up to date": "result.steps[] result.resources[].differences[]",
    "no rollback was before": "result.resources[].brings[]",
    "the shipped handler runs": "result.ownCode",
    "all can be read": "result.resources[].unread",
  },
  releases: { ...place, "the shipped handler runs": "result.ownCode" },
  rollback: { ...place, ...plainNext },
  doctor: {
    ...place,
    ...plainNext,
    ...healthy("result.checks[]"),
    "no check failed": "result.cause result.repaired[] result.changes[] result.steps[] result.leftOut[]",
    "nothing was changed by hand": "result.alsoServed[]",
  },
  env: {
    ...place,
    ...plainNext,
    "the variable is a new one": "result.changes[].from",
    "no new backend": "result.probe",
    "no rollback was before": "result.rolledBackTo",
    "nothing was changed by hand": "result.alsoServed[]",
  },
  outputs: { ...ours, ...plainNext, "a person reads them": "result.audience result.file result.amplify" },
  export: { ...place, "all is deployed": "result.missing[]" },
  policy: { "of the function's statements none has one": "result.document.Statement[].Condition" },
  test: { ...plainNext, ...healthy("result.checks[]") },
  connect: {
    "there is nothing to type next": "result-talk.next[]",
    "of the modes this is one": "result-refusal result-script result-clients",
    "an address of this machine": "result-talk.phases.proxy result-talk.phases.lookup result-talk.phases.tls",
    "none is offered": "result-talk.subprotocol",
    "what is expected comes as text":
      "result-talk.expectations[]false result-talk.expectations[].frame.base64 frame.base64",
    "it ends in peace": "result-talk.close.error result-talk.close.isOurs",
    "no frame tells of an error": "frame.code frame.meaning frame.fix frame.argv",
    "one client": "frame.as",
  },
  bench: {
    ...plainNext,
    "nothing fails": "result.connections.reasons[]",
    "the backend answers no sender": "result.messages.answerMs",
    "not asked for": "result.thresholds[] result.report",
    "the local AWS costs nothing": "result.cost",
  },
  connections: {
    ...place,
    ...plainNext,
    "the client names none": "result.connection.userAgent",
    "get sends none": "result.bytes",
  },
  "logs tail": { ...plainNext, "there is none": "result.accessLog" },
  metrics: { ...plainNext, "nothing is watched": "minute" },
  cost: { ...plainNext, "nothing is measured": "result.atMost[] result.untold[]" },
  capacity: { "what is measured is no bound": "result.atMost[]" },
  trace: {
    "no id is given": "result.requestId result.trace",
    "nothing goes wrong, or comes late": "trace.amended trace.problem trace.reason",
  },
  "backend init": { "there was no file": "result.version.before" },
  "backend check": {
    "the demo backend has no kit": "result.kit",
    "what is unproven needs words alone": "result.unproven[].argv",
    "nothing is wrong": "result.checks[].repair[] result.checks[].argv",
  },
  "backend keys": {
    ...place,
    ...noNext,
    "keys are not asked for": "result.keys[].key",
    "nothing is written": "result.alsoServed[]",
  },
  destroy: { ...place, ...noNext },
  local: {
    ...noNext,
    "the function logs nothing here": "log",
    "the output is read": "omitted",
    "no other host is allowed": "ready.otherUrls[]",
    "this user's calls are taken": "ready.accessKey",
    "the handler does not change": "redeployed",
  },
  demo: {},
};

/** What each of them says to type next, without what leads to its stack. */
const nextOf: Readonly<Record<CommandName, readonly string[]>> = {
  init: ["local --config FOLDER/c.json"],
  completion: [],
  package: ["deploy --backend-url URL"],
  plan: ["deploy --backend-url BACKEND"],
  deploy: ["connect --booking 1 --token TOKEN"],
  status: ["doctor"],
  doctor: ["connect --booking ID"],
  env: ["test --token-stdin"],
  releases: ["rollback"],
  rollback: ["releases"],
  outputs: ["connect --booking ID --token TOKEN"],
  export: ["package --out websocket_proxy.zip"],
  policy: ["doctor"],
  test: ["connect --booking 1"],
  connect: [],
  bench: ["metrics --since 6m"],
  connections: ["trace ID"],
  "logs tail": ["trace --since 1h --no-follow"],
  metrics: ["trace --since 1h --no-follow"],
  cost: ["capacity --connections 10"],
  capacity: ["local --quotas"],
  trace: ["trace ID"],
  "backend init": [
    "outputs --for backend --out backend.env",
    "",
    "backend check --backend-url http://127.0.0.1:8000 --token demo",
  ],
  "backend check": ["backend check"],
  "backend keys": [],
  destroy: [],
  local: [],
  demo: ["deploy --backend-url https://api.example.com"],
};

/** The words of each, with names for what differs from run to run. */
const nextIn = ({ next }: Document, { folder, backendUrl }: Pick<Scene, "folder" | "backendUrl">) =>
  (next as { argv?: string[][] }[]).map(({ argv: [words = []] = [] }) =>
    words
      .filter((word) => word !== "--local")
      .join(" ")
      .replace(folder, "FOLDER")
      .replace(backendUrl, "BACKEND")
      .replace(/ --port \d+$/, "")
      .replace(/(?<=^trace )[\w-]+=$/, "ID"),
  );

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

const expectWhole = (
  name: CommandName,
  documents: readonly Document[],
  of: Pick<Scene, "folder" | "backendUrl"> = { folder: "FOLDER", backendUrl: "BACKEND" },
) => {
  // A gap of one command does not hide those of the next.
  expect.soft(documents.flatMap(misshapen), name).toEqual([]);
  expect.soft(documents.at(-1), name).toMatchObject({ kind: "result" });
  expect.soft(nextIn(documents.at(-1) ?? {}, of), name).toEqual(nextOf[name]);
  const known = Object.values(absent[name]).flatMap((paths) => paths.split(" "));
  const unseen = unseenIn(name, documents).filter((path) => path !== UNSURE);
  expect.soft(unseen.toSorted(), name).toEqual(known.toSorted());
};

test("every command's JSON has all that its schema says, but what is listed as absent", async () => {
  const { env, ...all } = await scene();
  // What is adopted is told of, and so is what is left of it.
  const { logs } = clientsFor(all.local.url);
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/aws/lambda/shelfshack-websocket-proxy" }));
  for (const [name, options] of lines) {
    const { stdout } = await run([...name.split(" "), ...(await options(all)), "--json"], { env });
    expectWhole(name, documentsIn(stdout), all);
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
  const result = {
    schemaVersion: 1,
    kind: "result",
    shell: "bash",
    script: "",
    environments: null,
    next: [],
  };
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
