import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { WebSocket } from "ws";
import { startDemoBackend } from "../../src/backend/demo.ts";
import type { BenchResult } from "../../src/bench/result.ts";
import { startLocalAws } from "../../src/local/server.ts";
import { refusingServer, webSocketServer } from "../support/handshake-server.ts";
import { errorCode, needsTerminal, run, start, type Ended } from "../support/program.ts";

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "bench-"));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

/** A deployed stack with the demo backend behind it. */
async function deployed(): Promise<Record<string, string>> {
  const [backend, local] = await Promise.all([startDemoBackend(), startLocalAws()]);
  onTestFinished(async () => {
    await Promise.all([backend.close(), local.close()]);
  });
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  expect((await run(["deploy", "--backend-url", backend.url], { env })).code).toBe(0);
  return env;
}

/** The number of a message in the text that `bench` sends. */
const numberIn = (payload: Buffer): number => Number(/[\w-]\.(\d+)\./.exec(payload.toString())?.[1]);

/** A server that does with each message what the test says; `socket` is its sender. */
const answering = (answer: (socket: WebSocket, payload: Buffer, message: number) => void) =>
  webSocketServer((socket) =>
    socket.on("message", (payload: Buffer) => answer(socket, payload, numberIn(payload))),
  );
const echo = () => answering((socket, payload) => socket.send(payload.toString()));

const alone = ["--people-per-booking", "1", "--connections", "2", "--rate", "20", "--duration", "1s"];
const resultIn = ({ stdout }: Ended): BenchResult => JSON.parse(stdout);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

test("S51 clients of several bookings through the whole path: figures, and a report", async () => {
  const env = await deployed();
  const report = join(await folder(), "r.html");
  const load = ["--connections", "6", "--people-per-booking", "3", "--ramp", "50", "--rate", "20"];
  const words = ["bench", ...load, "--duration", "2s", "--token", "demo-secret", "--report", report];
  const ended = await run([...words, "--threshold", "lost<=0", "--threshold", "p99<60s", "--json"], { env });
  expect(ended.code).toBe(0);
  const result = resultIn(ended);
  expect(result).toMatchObject({
    ended: "done",
    report,
    connections: { wanted: 6, open: 6, failed: 0, dropped: 0, openMs: { count: 6 } },
    messages: { intended: 40, sent: 40, unsent: 0, strays: 0 },
    // Each message reaches the two others of its booking.
    deliveries: { expected: 80, received: 80, lost: 0, underWay: 0, doubled: 0 },
    latencyMs: { count: 80 },
    thresholds: [
      { threshold: "lost<=0", actual: 0, met: true },
      { threshold: "p99<60s", met: true },
    ],
  });
  const { p50 = NaN, p90 = NaN, p99 = NaN, max = NaN } = result.latencyMs ?? {};
  expect([p50, p90, p99, max].toSorted((one, other) => one - other)).toEqual([p50, p90, p99, max]);
  expect(sum(result.timeline.map(({ sent }) => sent))).toBe(40);
  expect(sum(result.distribution.map(({ count }) => count))).toBe(80);
  const page = await readFile(report, "utf8");
  expect(page).toContain("Latency over time");
  expect(page + ended.stdout + ended.stderr).not.toContain("demo-secret");
  const json = join(await folder(), "bench.json");
  await writeFile(json, ended.stdout);
  const capacity = await run(["capacity", "--from", json, "--connections", "600", "--json"]);
  expect(JSON.parse(capacity.stdout)).toMatchObject({
    load: {
      connections: 600,
      messagesPerMinute: 200,
      peoplePerBooking: 3,
      messageBytes: 500,
      invocationMs: result.latencyMs?.mean,
    },
    atMost: ["invocationMs"],
  });
  expect((await run(["cost", "--from", json])).stdout).toMatch(
    /^6 connections, 200 messages a minute of each/,
  );
  expect(errorCode(await run(["cost", "--from", json, "--measured", "--json"]))).toBe("options-contradict");
  // The next report takes its place.
  expect((await run([...words, "--duration", "200ms"], { env })).code).toBe(0);
});

test("S51 messages leave when they are due, answered or not, and latency counts from then", async () => {
  const held: (() => void)[] = [];
  const url = await answering((socket, payload) => {
    held.push(() => socket.send(payload.toString()));
    if (held.length === 10) for (const send of held) send();
  });
  const load = ["--people-per-booking", "1", "--connections", "1", "--rate", "10", "--duration", "1s"];
  const { messages, latencyMs } = resultIn(await run(["bench", "--url", url, ...load, "--json"]));
  expect(messages).toMatchObject({ sent: 10, unsent: 0 });
  // The first was answered when the last one had been sent, 900 ms after it.
  expect(latencyMs?.max).toBeGreaterThanOrEqual(900);
  expect(latencyMs?.count).toBe(10);
});

test("what is lost, doubled, of another run or of no run is told apart", async () => {
  const url = await answering((socket, payload, message) => {
    const text = payload.toString();
    if (message % 5 === 0) return;
    for (let times = message % 5 === 1 ? 2 : 1; times > 0; times--) socket.send(text);
    if (message === 2) socket.send(text.replace(/\.\d+\./, ".99999999999999999999."));
    if (message === 3) socket.send(text.replace(/\.\d+\./, "."));
    if (message === 4) socket.send(Buffer.from([0xff, 0x00]));
  });
  const ended = await run(["bench", "--url", url, ...alone, "--timeout", "0.5", "--json"]);
  expect(resultIn(ended)).toMatchObject({
    messages: { sent: 20, others: 3 },
    deliveries: { expected: 20, received: 16, lost: 4, doubled: 4 },
  });
  expect(ended.code).toBe(0);
});

test("an answer that comes twice to the sender is counted apart from what the others get", async () => {
  const clients = new Set<WebSocket>();
  const url = await webSocketServer((socket) => {
    clients.add(socket);
    socket.on("message", (payload: Buffer) => {
      for (const client of clients) client.send(payload.toString());
      socket.send(payload.toString());
    });
  });
  const load = ["--connections", "3", "--booking", "7", "--rate", "20", "--duration", "500ms"];
  const json = resultIn(await run(["bench", "--url", url, ...load, "--json"]));
  expect(json).toMatchObject({
    plan: { people: 3 },
    messages: { answeredTwice: 10, answerMs: { count: 10 } },
    deliveries: { expected: 20, received: 20, doubled: 0 },
  });
  clients.clear();
  expect((await run(["bench", "--url", url, ...load])).stdout).toContain("answered twice 10");
});

test("S51 a threshold that is missed ends with 3, in words, JSON and as an annotation", async () => {
  const words = [
    "bench",
    "--url",
    await echo(),
    ...alone,
    "--threshold",
    "p50<0.001ms",
    "--threshold",
    "lost==0",
  ];
  const env = { GITHUB_ACTIONS: "true", CI: "true" };
  const [told, json] = await Promise.all([run(words, { env }), run([...words, "--json"])]);
  expect([told.code, json.code]).toEqual([3, 3]);
  expect(told.stdout).toMatch(/✗ p50<0\.001ms: [\d.]+ ms\n✓ lost==0: 0\n/);
  expect(told.stderr).toContain("::error title=shelfshack-ws::threshold missed: p50<0.001ms");
  expect(resultIn(json).thresholds.map(({ met }) => met)).toEqual([false, true]);
});

test("clients that are refused fail the run, unless a threshold says how many may be", async () => {
  const report = join(await folder(), "r.html");
  const isRefused = (upgrade: number) => upgrade === 1;
  const url = await webSocketServer(
    (socket) => socket.on("message", (payload: Buffer) => socket.send(payload.toString())),
    { isRefused },
  );
  const words = ["bench", "--url", url, ...alone, "--connections", "3", "--report", report];
  const env = { GITHUB_ACTIONS: "true", CI: "true" };
  const told = await run(words, { env });
  expect(told.code).toBe(3);
  const said = "1 of 3 clients could not connect";
  for (const text of [told.stdout, told.stderr, await readFile(report, "utf8")]) expect(text).toContain(said);
  // The second client of a run that follows is not the second of the server.
  const allowed = await run([...words, "--threshold", "failed<=1", "--json"]);
  expect([allowed.code, resultIn(allowed).passed]).toEqual([0, true]);
});

test("S51 Ctrl-C ends with 130 and the report; what is under way then is not lost", async () => {
  const report = join(await folder(), "r.html");
  let saidAll = () => {};
  const ten = new Promise<void>((resolve) => (saidAll = resolve));
  const url = await answering((_socket, _payload, message) => void (message === 9 && saidAll()));
  const load = ["--connections", "1", "--rate", "50", "--duration", "600s", "--timeout", "600"];
  const running = start([
    "bench",
    "--url",
    url,
    "--people-per-booking",
    "1",
    ...load,
    "--report",
    report,
    "--json",
  ]);
  await ten;
  running.signal("SIGINT");
  const ended = await running.ended;
  expect(ended.code).toBe(130);
  const { deliveries, messages, ...result } = resultIn(ended);
  expect(result.ended).toBe("interrupted");
  expect(deliveries).toMatchObject({ received: 0, lost: 0, underWay: messages.sent });
  expect(messages.sent).toBeGreaterThanOrEqual(10);
  expect(messages.intended).toBe(messages.sent);
  expect(await readFile(report, "utf8")).toContain("stopped before its end");
});

test("Ctrl-C before a client is connected writes a report too", async () => {
  const report = join(await folder(), "r.html");
  let connected = () => {};
  const connecting = new Promise<void>((resolve) => (connected = resolve));
  const url = await webSocketServer(() => connected());
  const running = start(["bench", "--url", url, "--connections", "2", "--ramp", "0.01", "--report", report]);
  await connecting;
  running.signal("SIGINT");
  expect((await running.ended).code).toBe(130);
  expect(await readFile(report, "utf8")).toContain("Nothing was measured.");
});

const aws = "execute-api.us-east-1.amazonaws.com";

test("a heavy load on AWS is refused with its price, before a call and a token", async () => {
  const heavy = [
    ["--connections", "1001"],
    ["--ramp", "501"],
    ["--rate", "10000", "--duration", "1000s"],
  ];
  const hosts = [aws, `${aws}.`, aws.toUpperCase(), `${aws}.cn`, `${aws}．`];
  const endpoint = ["--endpoint-url", "https://apigateway.us-east-1.amazonaws.com"];
  const targets = [[], endpoint, ...hosts.map((host) => ["--url", `wss://x.${host}/dev`])];
  const calls = [
    ...heavy.map((load) => [...load, ...targets[0]!]),
    ...targets.map((to) => [...heavy[0]!, ...to]),
  ];
  for (const words of calls) {
    // Its stdin is open and silent: a token is not waited for.
    const env = { AWS_REGION: "us-east-1" };
    const ended = await start(["bench", ...words, "--token-stdin", "--json"], { env }).ended;
    expect([ended.code, errorCode(ended)], words.join(" ")).toEqual([4, "load-refused"]);
    expect(JSON.parse(ended.stdout).error.message).toMatch(/^this run would cost (about \$|< \$0\.01)/);
  }
});

test("many handshakes at once are no leak, and stderr has nothing but progress", async () => {
  const load = ["--people-per-booking", "1", "--connections", "60", "--ramp", "10000", "--duration", "500ms"];
  const { code, stderr } = await run(["bench", "--url", await echo(), ...load]);
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/^ {2}opening 60 connections\n✓ measured, .*\n$/),
  ]);
});

test("elsewhere, and with --yes, a heavy load is not refused", async () => {
  const url = await echo();
  const load = ["--people-per-booking", "1", "--rate", "10", "--duration", "100ms", "--ramp", "1000"];
  expect((await run(["bench", "--url", url, ...load])).code).toBe(0);
  const dead = await run(["bench", "--url", `wss://nothing.invalid.${aws}/dev`, ...load, "--yes"]);
  expect([dead.code, dead.stderr]).toEqual([1, expect.stringMatching(/^this run costs < \$0\.01 by/)]);
});

test("what makes no sense is refused before a client connects", async () => {
  let connections = 0;
  const url = await webSocketServer(() => connections++);
  const place = await folder();
  const [other, link] = [join(place, "other.html"), join(place, "link.html")];
  await writeFile(other, "mine");
  await symlink(join(place, "nowhere"), link);
  const cases: readonly (readonly [string, ...string[]])[] = [
    ["file-kept", "--report", other],
    ["file-unusable", "--report", link],
    ["file-unusable", "--report", place],
    ["file-unusable", "--report", join(place, "none", "r.html")],
    ["value-invalid", "--connections", "0"],
    ["value-invalid", "--connections", "1.5"],
    ["value-invalid", "--people-per-booking", "11"],
    ["value-invalid", "--rate", "1e6", "--duration", "100s"],
    ["value-invalid", "--ramp", "0.00001"],
    ["value-invalid", "--duration", "100000s"],
    ["value-invalid", "--message-bytes", "1e9"],
    ["value-invalid", "--send", "no id"],
    ["options-contradict", "--send", "{id}", "--send", "{id}"],
    ["options-contradict", "--send", "{id}", "--message-bytes", "100"],
    ["options-contradict", "--booking", "1", "--people-per-booking", "2"],
    ["value-invalid", "--threshold", "lost < 5ms"],
  ];
  for (const [code, ...words] of cases) {
    const ended = await run(["bench", "--url", url, ...words, "--json"]);
    expect(errorCode(ended), words.join(" ")).toBe(code);
  }
  expect(connections).toBe(0);
  expect(await readFile(other, "utf8")).toBe("mine");
});

test("clients that are closed or refused are counted with the reason; nothing came: 3", async () => {
  const closing = await webSocketServer((socket) => socket.close(4001, "go"));
  const closed = await run(["bench", "--url", closing, "--connections", "3", "--json"]);
  expect([closed.code, resultIn(closed)]).toMatchObject([
    3,
    {
      connections: { open: 0, dropped: 3, reasons: [{ reason: "closed with 4001", count: 3 }] },
      messages: { intended: 100 },
    },
  ]);
  const silent = await webSocketServer(() => {});
  const load = ["--rate", "20", "--duration", "500ms", "--timeout", "0.2"];
  const unanswered = await run(["bench", "--url", silent, ...load]);
  expect([unanswered.code, unanswered.stdout]).toEqual([3, expect.stringContaining("lost 10")]);
  expect(unanswered.stdout).toContain("no message came back with its id");
  const refused = await run(["bench", "--url", await refusingServer(403), "--json"]);
  expect([refused.code, errorCode(refused)]).toEqual([1, "handshake-403"]);
});

test("a message that is larger than a frame of API Gateway leaves in several", async () => {
  const url = await echo();
  const words = ["--people-per-booking", "1", "--message-bytes", "100000", "--rate", "5", "--duration", "1s"];
  const ended = await run(["bench", "--url", url, ...words, "--json"]);
  expect(resultIn(ended).deliveries).toMatchObject({ received: 5, lost: 0 });
});

test("a client that takes nothing does not hold up the others, and its messages are told", async () => {
  let first: WebSocket | undefined;
  const url = await webSocketServer((socket) => {
    first ??= socket;
    if (socket === first) socket.pause();
    socket.on("message", (payload: Buffer) => socket.send(payload.toString()));
  });
  const size = ["--message-bytes", "1000000", "--rate", "60", "--duration", "1s", "--timeout", "1"];
  const load = ["--people-per-booking", "1", "--connections", "2"];
  const { messages, deliveries } = resultIn(await run(["bench", "--url", url, ...load, ...size, "--json"]));
  expect(messages.unsent).toBeGreaterThan(0);
  expect(deliveries.received).toBe(30);
  expect(messages.sent + messages.unsent).toBe(60);
});

test("in a pipe progress is a line now and then, on a terminal one that changes", async (context) => {
  const url = await echo();
  const words = ["bench", "--url", url, "--people-per-booking", "1", "--rate", "20", "--duration", "2s"];
  const piped = await run(words);
  expect(piped.stderr).toMatch(/^ {2}opening 10 connections\n✓ measured, [\d.]+ s\n$/);
  expect((await run([...words, "--quiet"])).stderr).toBe("");
  needsTerminal(context);
  for (const columns of [40, 80, 200]) {
    const { stdout } = await run(words, { columns });
    expect(stdout).toMatch(/1 s of 2 s: \d+ sent/);
    expect(stdout).toContain("lost 0");
  }
});
