import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { startBackendStub } from "../support/backend-stub.ts";
import { backendChecks, topics } from "../../src/verify/backend/all-checks.ts";
import { converse } from "../../src/verify/backend/conversation.ts";
import { probeBackend } from "../../src/verify/backend/ask-once.ts";
import type { Probe, Subject } from "../../src/verify/backend/probe.ts";
import { openEvidence } from "../../src/verify/evidence.ts";
import { examine, type CheckLine } from "../../src/verify/examine.ts";
import { readKit } from "../../src/backend/kit.ts";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { subjectOf } from "../../src/verify/backend/subject.ts";
import { resolve } from "../../src/cli/resolve.ts";
import { ATTEMPT_MS, defaultPaths as paths, type Endpoint } from "../../src/contract/envelope.ts";
import { fingerprint, newSigningKey } from "../../src/contract/signature.ts";
import {
  acceptsAnyToken,
  acceptsFuture,
  acceptsMissingConnection,
  acceptsMissingId,
  acceptsOld,
  acceptsUnknownConnections,
  answersMessages,
  checksNoSignature,
  comparesNoConnection,
  comparesNoPath,
  delays,
  diesAt,
  expectsOtherFields,
  failsOnEmptyObjectsAt,
  failsOnSecondEnd,
  forgetsAnswers,
  forgetsConnections,
  hasAnotherHost,
  hasWorkers,
  isBehind,
  lacks,
  neverAnswersAt,
  redirects,
  startContractBackend,
  takesBodiesUpTo,
  takesMessagesUpTo,
  takesNoPostAt,
  toleratesOnly,
  type ContractBackend,
  type Flaw,
} from "../support/contract-backend.ts";
import { messageEvent } from "../support/golden-events.ts";
import { contextWith, testHandler } from "../support/test-handler.ts";
import { needsFastApi, startUvicorn } from "../support/uvicorn.ts";

const running: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).toReversed()) await one.close();
});

const backendWith = (...flaws: Flaw[]) => backendThatKnows([newSigningKey()], ...flaws);

async function backendThatKnows(
  keys: string[],
  ...flaws: Flaw[]
): Promise<ContractBackend & { keys: string[] }> {
  const backend = await startContractBackend(keys, ...flaws);
  running.push(backend);
  return { ...backend, keys };
}

const subjectAt = (backendUrl: string, subject: Partial<Subject> = {}): Subject => ({
  backendUrl,
  isOfFunction: false,
  paths,
  keys: [],
  token: "good",
  type: "booking",
  booking: "shelfshack-check",
  attemptMs: ATTEMPT_MS,
  ...subject,
});

const patient: Record<Endpoint, number> = { register: 5_000, message: 5_000, disconnect: 5_000 };

async function check(backendUrl: string, subject: Partial<Subject> = {}, attemptMs = patient) {
  return (await report(subjectAt(backendUrl, { attemptMs, ...subject }))).rows;
}

async function report(subject: Subject, limitMs = 60_000) {
  const { signal } = new AbortController();
  const backend = await converse(subject, backendChecks, { signal, limitMs });
  const rows = await examine(backendChecks, openEvidence({ backend: () => Promise.resolve(backend) }));
  return { rows, kit: backend.kit };
}

const idsOf = (rows: readonly CheckLine[], outcome: CheckLine["outcome"]) =>
  rows.filter((row) => row.outcome === outcome).map(({ id }) => id);
const row = (rows: readonly CheckLine[], id: string) => rows.find((one) => one.id === id);
const all = backendChecks.map(({ id }) => id);
const idsIn = (topic: string) => new Set((topics[topic] ?? []).map(({ id }) => id));
const among = (...beginnings: string[]) =>
  all.filter((id) => beginnings.some((beginning) => id.startsWith(beginning)));

test("a backend that follows the contract passes every check, and no connection stays behind", async () => {
  const backend = await backendWith();
  const { rows, kit } = await report(subjectAt(backend.url, { keys: backend.keys }));
  expect(rows.filter(({ outcome }) => outcome !== "passed")).toEqual([
    expect.objectContaining({ id: "each-key", outcome: "skipped" }),
  ]);
  expect(rows.map(({ id }) => id)).toEqual(all);
  expect(kit).toBeUndefined();
  expect(backend.connected).toEqual(new Set());
});

test("every connection id is marked and has the form of one", async () => {
  const backend = await backendWith();
  await check(backend.url, { keys: backend.keys });
  const ids = backend.bodies.flatMap((body) => /"connection_id":"([^"]*)"/.exec(body)?.[1] ?? []);
  expect(ids.length).toBeGreaterThan(20);
  for (const id of ids) expect(id).toMatch(/^shelfshackCheck[A-Za-z0-9_=-]{1,113}$/);
});

const flaws: readonly [what: string, flaw: Flaw, failing: string[]][] = [
  ["checks no signature", checksNoSignature(), ["signature-none-register"]],
  [
    "checks no signature of messages",
    checksNoSignature(paths.message),
    ["signature-none-message", "signature-wrong-message"],
  ],
  ["takes a request without webhook-id", acceptsMissingId, ["header-webhook-id"]],
  ["takes a request without x-connection-id", acceptsMissingConnection, ["header-x-connection-id"]],
  ["takes old requests", acceptsOld, ["time-old"]],
  ["takes requests from the future", acceptsFuture, ["time-future"]],
  ["allows 60 s", toleratesOnly(60), ["time-within"]],
  ["does not compare the path", comparesNoPath, ["path-swapped"]],
  ["does not compare the connection id", comparesNoConnection, ["connection-swapped"]],
  ["takes any token", acceptsAnyToken, ["bad-token"]],
  ["does the work of a repeated message again", forgetsAnswers, ["message-repeated"]],
  ["has no endpoint for messages", lacks(paths.message), ["endpoint-message"]],
  ["has no endpoint for handshakes", lacks(paths.register), ["endpoint-register"]],
  ["takes no POST at disconnect", takesNoPostAt(paths.disconnect), ["endpoint-disconnect"]],
  ["takes bodies up to 100 KB only", takesBodiesUpTo(100_000), ["odd-long", "odd-abyss", "odd-escaped"]],
  ["takes bodies of any length", takesBodiesUpTo(Infinity), ["body-over-limit"]],
  ["fails on a second disconnect", failsOnSecondEnd, ["disconnect-twice", "disconnect-unknown"]],
  ["forgets its connections", forgetsConnections, ["message-answer"]],
  ["redirects", redirects, ["redirect"]],
  [
    "answers with a text",
    answersMessages(() => ({ body: "ok", type: "text/plain" })),
    among("message", "odd-").filter((id) => !["message-repeated", "message-unknown"].includes(id)),
  ],
  [
    "fails on numbers",
    answersMessages((content) => ({ status: typeof content === "number" ? 500 : 200, body: "{}" })),
    ["odd-number"],
  ],
  [
    "fails on all but objects",
    answersMessages((content) => ({
      status: typeof content === "object" && content !== null && !Array.isArray(content) ? 200 : 500,
      body: "{}",
    })),
    ["odd-string", "odd-number", "odd-array", "odd-null", "odd-nested", "odd-abyss"],
  ],
  [
    "delivers beside other keys",
    answersMessages(() => ({ body: '{"success":true,"deliver":[]}' })),
    ["fan-out"],
  ],
  [
    "delivers without a list",
    answersMessages(() => ({ body: '{"deliver":{"to":"self","data":1}}' })),
    ["fan-out"],
  ],
  ["delivers no data", answersMessages(() => ({ body: '{"deliver":[{"to":"self"}]}' })), ["fan-out"]],
  ["delivers to a number", answersMessages(() => ({ body: '{"deliver":[{"to":5,"data":1}]}' })), ["fan-out"]],
  ["has two workers without a common memory", hasWorkers(2), ["every-worker"]],
  ["has four workers without a common memory", hasWorkers(4), ["every-worker"]],
  ["ends at a message", diesAt("not JSON"), ["odd-text"]],
  ["ends at a handshake", diesAt("shelfshack-check-not-a-token"), ["bad-token"]],
  ["knows other host names", hasAnotherHost, ["reachable"]],
  ["expects other fields", expectsOtherFields, ["register"]],
  ["closes an invalid id", answersMessages(() => ({ body: '{"close":["../x"]}' })), ["fan-out"]],
];

test.each(flaws)("a backend that %s fails exactly where it should", async (_what, broken, failing) => {
  const backend = await backendWith(broken);
  const rows = await check(backend.url, { keys: backend.keys });
  expect(new Set(idsOf(rows, "failed"))).toEqual(new Set(failing));
  for (const row of rows.filter(({ outcome }) => outcome === "failed"))
    expect(row).toMatchObject({
      code: expect.stringMatching(/\w/),
      means: expect.stringMatching(/\w/),
      fix: expect.anything(),
    });
});

test("F-27 a backend without a signature check fails once, and the other checks of it say why", async () => {
  const backend = await backendWith(checksNoSignature());
  const rows = await check(backend.url, { keys: backend.keys });
  const own = new Set(["signature-none-register", "time-within", "each-key"]);
  const others = rows.filter(({ id }) => idsIn("signatures").has(id) && !own.has(id));
  expect(others.length).toBeGreaterThan(15);
  for (const other of others)
    expect(other).toMatchObject({ outcome: "skipped", evidence: expect.stringContaining("see above") });
});

test("F-27 what ends a backend is named once, with its cause", async () => {
  const backend = await backendWith(diesAt("not JSON"));
  const rows = await check(backend.url, { keys: backend.keys });
  const ended = rows.findIndex(({ id }) => id === "odd-text");
  expect(rows[ended]).toMatchObject({ outcome: "failed", code: "connection-refused" });
  for (const later of rows.slice(ended + 1))
    expect(later).toMatchObject({
      outcome: "skipped",
      evidence: expect.stringContaining("no longer answers"),
    });
});

test("F-27 the answer's own words are shown where they tell the cause", async () => {
  const fields = await check((await backendWith(expectsOtherFields)).url, { keys: [] });
  expect(fields.every(({ outcome }) => outcome !== "failed")).toBe(true);
  const backend = await backendWith(expectsOtherFields);
  const register = row(await check(backend.url, { keys: backend.keys }), "register");
  expect(register).toMatchObject({
    evidence: expect.stringContaining("Field required"),
    means: expect.stringContaining("other fields than the envelope"),
  });
  const foreign = await check((await backendWith(hasAnotherHost)).url);
  expect(row(foreign, "reachable")).toMatchObject({
    evidence: "answered 400: Invalid host header",
    fix: expect.stringContaining("127.0.0.1"),
  });
});

test("F-27 a 413 of the application is a refusal, one of the body's limit a failure", async () => {
  const application = await backendWith(takesMessagesUpTo(4_000));
  const rows = await check(application.url, { keys: application.keys });
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(row(rows, "odd-long")).toMatchObject({
    outcome: "passed",
    evidence: expect.stringContaining("413"),
  });
});

test("F-18 every envelope names the host that it is for", async () => {
  const backend = await backendWith();
  await check(backend.url, { keys: backend.keys });
  const { host } = new URL(backend.url);
  const enveloped = backend.bodies.filter((body) => body.includes('"connection_id"'));
  for (const body of enveloped) expect(JSON.parse(body)).toMatchObject({ host });
});

const lesser: readonly [what: string, flaw: Flaw, warned: string[]][] = [
  ["accepts unknown connections", acceptsUnknownConnections, ["message-unknown"]],
  ["is slow", delays((body) => (body.includes("\\u0000") ? 1_050 : 0)), ["times"]],
];

test.each(lesser)("a backend that %s is warned of, and does not fail", async (_what, broken, warned) => {
  const backend = await backendWith(broken);
  const { rows } = await report(subjectAt(backend.url, { keys: backend.keys }));
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(idsOf(rows, "warning")).toEqual(warned);
});

test("C-05 without a key the signature checks are skipped for want of keys", async () => {
  const backend = await backendThatKnows([]);
  const rows = await check(backend.url);
  const signature = rows.filter(({ id }) =>
    among("signature-", "header-", "time-", "path-", "connection-swapped", "each-key").includes(id),
  );
  expect(signature.length).toBeGreaterThan(15);
  for (const row of signature) expect(row).toMatchObject({ outcome: "skipped", missing: "keys" });
  expect(idsOf(rows, "failed")).toEqual([]);
});

test("without a key a backend that requires one is not judged", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url);
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(idsOf(rows, "passed")).toEqual([
    "reachable",
    "redirect",
    "endpoint-register",
    "endpoint-message",
    "endpoint-disconnect",
    "backend-clock",
  ]);
});

test("a backend with another key rejects the proxy, and nothing else is concluded", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url, { keys: [newSigningKey()] });
  expect(idsOf(rows, "failed")).toEqual(["entry"]);
  expect(idsOf(rows, "passed")).not.toContain("signature-wrong-disconnect");
});

test("H-32 while keys rotate, a backend that knows only one of them is warned of", async () => {
  const [newer, older] = [newSigningKey(), newSigningKey()];
  const backend = await backendThatKnows([older]);
  const rows = await check(backend.url, { keys: [newer, older] });
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(row(rows, "each-key")).toMatchObject({
    outcome: "warning",
    evidence: `the backend does not know the newer key (${fingerprint(newer)})`,
    fix: expect.arrayContaining([expect.objectContaining({ command: "outputs" })]),
  });
});

test("without a token the handshake says what was sent instead", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url, { keys: backend.keys, token: undefined });
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(row(rows, "register")?.evidence).toBe(
    "no --token was given; type feed without a token: answered 401",
  );
  expect(row(rows, "signature-none-disconnect")).toMatchObject({ outcome: "passed" });
  for (const id of ["register", "signature-none-message", "disconnect-twice", ...among("odd-")])
    expect(row(rows, id)).toMatchObject({ outcome: "skipped", missing: "token" });
});

test("without a token an open feed is used to check messages, and no booking is named", async () => {
  const keys = [newSigningKey()];
  const backend = await startDemoBackend({ signingKeys: keys });
  running.push(backend);
  const rows = await check(backend.url, { keys, token: undefined });
  expect(rows.filter(({ outcome }) => outcome !== "passed").map(({ id }) => id)).toEqual([
    "register",
    "each-key",
  ]);
});

test("without a token an endpoint that takes unsigned requests is still found", async () => {
  const backend = await backendWith(checksNoSignature(paths.message), acceptsUnknownConnections);
  const rows = await check(backend.url, { keys: backend.keys, token: undefined });
  expect(idsOf(rows, "failed")).toEqual(["signature-none-message", "signature-wrong-message"]);
});

test("a refused token is a failure that names what was sent, and not the token", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url, { keys: backend.keys, token: "secret-but-wrong" });
  expect(idsOf(rows, "failed")).toEqual(["register"]);
  expect(JSON.stringify(rows)).not.toContain("secret-but-wrong");
});

test("C-05 no key is in the result", async () => {
  const backend = await backendWith(checksNoSignature());
  const rows = await check(backend.url, { keys: backend.keys });
  expect(JSON.stringify(rows)).not.toContain("whsec_");
});

test("a backend that leaves requests without an answer is given up after three of them", async () => {
  const backend = await backendWith(neverAnswersAt(paths.message));
  const rows = await check(
    backend.url,
    { keys: backend.keys },
    { register: 5_000, message: 100, disconnect: 5_000 },
  );
  expect(row(rows, "message-answer")?.outcome).toBe("failed");
  expect(row(rows, "odd-nul")?.outcome).toBe("skipped");
  expect(row(rows, "times")?.outcome).toBe("failed");
});

test("the paths of the function's environment are asked, below the base URL's own path", async () => {
  const backend = await backendWith();
  const rows = await check(`${backend.url}/prefix`, {
    keys: backend.keys,
    paths: { ...paths, register: "/ws/{type}/{booking_id}/join" },
    booking: "a/b c",
  });
  expect(row(rows, "endpoint-register")?.evidence).toBe(
    "POST /prefix/ws/booking/a%2Fb%20c/join answered 404",
  );
});

test.each<[what: string, flaw: Flaw, reason: string]>([
  [
    "fails",
    failsOnEmptyObjectsAt(paths.message),
    "POST /api/ws/message answered 500 to an empty object, see above",
  ],
  ["is missing", lacks(paths.message), "there is no endpoint for message, see above"],
])("what an endpoint that %s keeps from being asked says why", async (_what, broken, reason) => {
  const backend = await backendWith(broken);
  const rows = await check(backend.url, { keys: backend.keys });
  expect(row(rows, "signature-none-message")?.evidence).toBe(reason);
});

test("a reverse proxy that strips a prefix is named among the causes of a 401", async () => {
  const backend = await backendWith(isBehind("/prefix"));
  const rows = await check(`${backend.url}/prefix`, { keys: backend.keys });
  expect(row(rows, "entry")).toMatchObject({
    outcome: "failed",
    means: expect.stringContaining("/prefix/api/ws/disconnect"),
    fix: expect.arrayContaining([expect.stringContaining("uvicorn --root-path /prefix")]),
  });
});

test.each([
  ["application/json", true],
  ["APPLICATION/JSON;charset=UTF-8", true],
  ['application/json; charset="utf-8" ', true],
  ["application/vnd.api+json", true],
  ["application/json; profile=x", true],
  ["application/json; charset=utf-8; profile=x", true],
  ["application/vnd.api+json; version=1;charset=US-ASCII", true],
  ["application/json;", true],
  ["application/json; charset=iso-8859-1", false],
  ["application/json; profile=x; charset = latin1", false],
  ["application/json; charset=utf-8; charset=utf-16", false],
  ["application/json charset=utf-8", false],
  ["application/jsonp", false],
  ["text/json", false],
])("H-09 the handler and the check judge the content type %s alike", async (type, isGood) => {
  const { handler, backend: stub, connections } = await testHandler();
  stub.answer = () => (response) =>
    response.writeHead(200, { "content-type": type }).end('{"code":"as it came"}');
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent.map(({ frame }) => JSON.parse(frame) as unknown)).toMatchObject([
    { code: isGood ? "as it came" : "backend_unavailable" },
  ]);
  const backend = await backendWith(answersMessages(() => ({ body: "{}", type })));
  const rows = await check(backend.url, { keys: backend.keys });
  expect(row(rows, "message-answer")?.outcome).toBe(isGood ? "passed" : "failed");
});

test("an answer that takes longer than the handler waits for one attempt is a failure", async () => {
  const backend = await backendWith(delays((body) => (body.includes('"event":"connect"') ? 6_000 : 0)));
  const { rows } = await report(subjectAt(backend.url, { keys: backend.keys }), 3_000);
  expect(row(rows, "register")?.outcome).toBe("failed");
  expect(row(rows, "times")?.outcome).toBe("skipped");
}, 20_000);

test("a function's own BACKEND_TIMEOUT_MS counts, within what a whole event has", () => {
  const { settings } = resolve({ backendUrl: "http://127.0.0.1:1" }, {}, "/");
  const attemptsWith = (milliseconds: string) =>
    subjectOf(settings, { BACKEND_TIMEOUT_MS: milliseconds }, []).attemptMs;
  expect(subjectOf(settings, {}, []).attemptMs).toEqual({
    register: 5_000,
    message: 20_000,
    disconnect: 3_000,
  });
  expect(attemptsWith("6000")).toEqual({ register: 6_000, message: 6_000, disconnect: 5_000 });
});

test("a backend is asked once, without harm, and each cause has a code and words of its own", async () => {
  const backend = await backendWith();
  const { signal } = new AbortController();
  const said = async (url: string, keys: readonly string[]) =>
    await probeBackend(subjectAt(url, { keys }), { signal });
  const answering = async (status: number, body: string) => {
    const stub = await startBackendStub(() => (response) => void response.writeHead(status).end(body));
    onTestFinished(() => stub.close());
    return await said(stub.url, backend.keys);
  };
  expect(await said(backend.url, backend.keys)).toMatchObject({ code: "reached", fix: null });
  expect(await said(backend.url, [newSigningKey()])).toMatchObject({ code: "keys-unknown" });
  expect(await said(backend.url, [])).toMatchObject({ code: "keys-missing" });
  expect(await said(`${backend.url}/elsewhere`, backend.keys)).toMatchObject({
    code: "backend-endpoint-missing",
  });
  expect(await said("http://127.0.0.1:1", backend.keys)).toMatchObject({ code: "backend-unreachable" });
  expect(await answering(400, "Invalid host header")).toMatchObject({
    code: "backend-host-refused",
    meaning: expect.stringContaining("(400: Invalid host header)"),
  });
  expect(await answering(422, '{"detail":"x"}')).toMatchObject({ code: "backend-fields-refused" });
  expect(await answering(500, "")).toMatchObject({ code: "backend-failed" });
  expect(await answering(418, "tea")).toMatchObject({ code: "backend-refused" });
  expect(backend.bodies.filter((body) => !body.includes('"event":"disconnect"'))).toEqual([]);
  await expect(probeBackend(subjectAt(backend.url), { signal: AbortSignal.abort() })).rejects.toThrow(
    /abort/,
  );
});

test("a run that is interrupted disconnects what it registered", async () => {
  const backend = await backendWith();
  const stop = new AbortController();
  const questions = backendChecks.map(({ ask, ...one }) => ({
    ...one,
    ask: (probe: Probe) => ask(probe).finally(() => one.id === "fan-out" && stop.abort()),
  }));
  const subject = subjectAt(backend.url, { keys: backend.keys });
  const run = converse(subject, questions, { signal: stop.signal, limitMs: 60_000 });
  await expect(run).rejects.toThrow(/abort/);
  expect(backend.connected).toEqual(new Set());
});

test("the demo backend follows the contract", async () => {
  const keys = [newSigningKey()];
  const backend = await startDemoBackend({ signingKeys: keys });
  running.push(backend);
  const rows = await check(backend.url, { keys, token: "demo" });
  expect(rows.filter(({ outcome }) => outcome === "failed" || outcome === "warning")).toEqual([]);
});

test("the kit follows the contract in a real FastAPI application under uvicorn", async (context) => {
  needsFastApi(context);
  const keys = [newSigningKey(), newSigningKey()];
  const backend = await startUvicorn(import.meta.dirname, "app", { SIGNING_KEYS: keys.join(",") });
  const { rows, kit } = await report(subjectAt(backend.url, { keys, token: "ann" }));
  expect(rows.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  expect(kit).toBe((await readKit()).version);
  const known = await fetch(`${backend.url}/known?booking=shelfshack-check`);
  expect(await known.json()).toEqual([]);
});

test("F-07 two workers of the kit with memory of their own are found, named once", async (context) => {
  needsFastApi(context);
  const keys = [newSigningKey()];
  const workers = { SIGNING_KEYS: keys.join(","), WEB_CONCURRENCY: "2" };
  const backend = await startUvicorn(import.meta.dirname, "app", workers);
  const failing = async () => {
    const rows = await check(backend.url, { keys, token: "ann" });
    return rows.filter(({ id, outcome }) => idsIn("messages").has(id) && outcome === "failed");
  };
  // The kernel chooses the worker of a TCP connection: one of them may get all of a short run.
  await expect.poll(failing, { timeout: 60_000 }).toMatchObject([{ id: "every-worker" }]);
}, 90_000);

/** A server that accepts connections and does something else than HTTP. */
async function oddServer(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    onConnection(socket.on("error", () => socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  running.push({
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  });
  return (server.address() as AddressInfo).port;
}

test.each<[phase: string, address: () => Promise<string>, cause: string[]]>([
  ["lookup", () => Promise.resolve("http://no-such-host.invalid"), ["host-not-found", "name-server-failed"]],
  ["connect", () => Promise.resolve("http://127.0.0.1:1"), ["connection-refused"]],
  [
    "tls",
    async () => `https://127.0.0.1:${await oddServer((socket) => socket.end("no TLS here"))}`,
    ["tls-failed"],
  ],
  [
    "http",
    async () => `http://127.0.0.1:${await oddServer((socket) => socket.end("no HTTP here\r\n\r\n"))}`,
    ["not-http"],
  ],
  ["answer", async () => `http://127.0.0.1:${await oddServer((socket) => socket.resume())}`, ["timed-out"]],
])("a backend that fails in the phase %s fails once, with its cause", async (_phase, address, causes) => {
  const rows = await check(await address(), {}, { register: 300, message: 300, disconnect: 300 });
  expect(rows[0]).toMatchObject({ id: "reachable", outcome: "failed", fix: expect.anything() });
  expect(causes).toContain(rows[0]?.code);
  expect(rows.slice(1).every(({ outcome }) => outcome === "skipped")).toBe(true);
});
