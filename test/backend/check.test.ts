import { createServer, type AddressInfo, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { checkBackend, checks, type CheckRow } from "../../src/backend/check/checks.ts";
import { knowsKeys } from "../../src/backend/check/keys.ts";
import { ATTEMPT_MS, type Endpoint, type Subject } from "../../src/backend/check/probe.ts";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { subjectOf } from "../../src/backend/check/subject.ts";
import { resolve } from "../../src/cli/resolve.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import { startContractBackend, type ContractBackend, type Flaws } from "../support/contract-backend.ts";
import { messageEvent } from "../support/golden-events.ts";
import { contextWith, testHandler } from "../support/test-handler.ts";
import { needsFastApi, startUvicorn } from "../support/uvicorn.ts";

const running: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).toReversed()) await one.close();
});

const paths = { register: "/api/ws/register", message: "/api/ws/message", disconnect: "/api/ws/disconnect" };

async function backendWith(
  flaws: Flaws = {},
  keys = [newSigningKey()],
): Promise<ContractBackend & { keys: string[] }> {
  const backend = await startContractBackend(keys, flaws);
  running.push(backend);
  return { ...backend, keys };
}

const subjectAt = (backendUrl: string, subject: Partial<Subject> = {}): Subject => ({
  backendUrl,
  paths,
  keys: [],
  token: "good",
  type: "booking",
  booking: "shelfshack-check",
  attemptMs: ATTEMPT_MS,
  ...subject,
});

const patient: Record<Endpoint, number> = { register: 5_000, message: 5_000, disconnect: 5_000 };

function check(backendUrl: string, subject: Partial<Subject> = {}, attemptMs = patient) {
  return checkBackend(subjectAt(backendUrl, { attemptMs, ...subject }), {
    signal: new AbortController().signal,
    limitMs: 60_000,
  });
}

const idsOf = (rows: readonly CheckRow[], outcome: CheckRow["outcome"]) =>
  rows.filter((row) => row.outcome === outcome).map(({ id }) => id);
const all = checks.map(({ id }) => id);
const at = (id: string) => Object.keys(paths).map((endpoint) => `${id}-${endpoint}`);
const among = (...beginnings: string[]) =>
  all.filter((id) => beginnings.some((beginning) => id.startsWith(beginning)));

test("a backend that keeps the contract passes every check, and nothing stays behind", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url, { keys: backend.keys });
  expect(rows.filter(({ outcome }) => outcome !== "passed")).toEqual([
    expect.objectContaining({ id: "each-key", outcome: "not asked" }),
  ]);
  expect(rows.map(({ id }) => id)).toEqual(all);
  expect(backend.connected).toEqual(new Set());
});

test("every connection id is marked and has the form of one", async () => {
  const backend = await backendWith();
  await check(backend.url, { keys: backend.keys });
  const ids = backend.bodies.flatMap((body) => /"connection_id":"([^"]*)"/.exec(body)?.[1] ?? []);
  expect(ids.length).toBeGreaterThan(20);
  for (const id of ids) expect(id).toMatch(/^shelfshackCheck[A-Za-z0-9_=-]{1,113}$/);
});

const flaws: readonly [what: string, flaws: Flaws, failing: string[]][] = [
  [
    "checks no signature",
    { skips: ["signature"] },
    [
      ...at("signature-none"),
      ...at("signature-wrong"),
      "signature-body",
      "signature-id",
      "signature-timestamp",
      "header-webhook-id",
      "header-webhook-timestamp",
      "header-webhook-signature",
      "time-old",
      "time-future",
    ],
  ],
  [
    "checks no signature of messages",
    { skips: ["message signature"] },
    ["signature-none-message", "signature-wrong-message"],
  ],
  ["takes a request without webhook-id", { skips: ["id header"] }, ["header-webhook-id"]],
  ["takes a request without x-connection-id", { skips: ["connection header"] }, ["header-x-connection-id"]],
  ["takes old requests", { skips: ["old"] }, ["time-old"]],
  ["takes requests from the future", { skips: ["ahead"] }, ["time-future"]],
  ["allows 60 s", { tolerance: 60 }, ["time-within"]],
  ["does not compare the path", { skips: ["path"] }, ["path-swapped"]],
  ["does not compare the connection id", { skips: ["connection"] }, ["connection-swapped"]],
  ["takes any token", { acceptsAnyToken: true }, ["bad-token"]],
  ["does the work of a repeated message again", { forgetsRepeats: true }, ["message-repeated"]],
  ["has no endpoint for messages", { missing: [paths.message] }, ["endpoint-message"]],
  ["has no endpoint for handshakes", { missing: [paths.register] }, ["endpoint-register"]],
  ["takes no POST at disconnect", { wrongMethod: paths.disconnect }, ["endpoint-disconnect"]],
  ["takes bodies up to 100 KB only", { bodyLimit: 100_000 }, ["odd-long", "odd-abyss", "odd-escaped"]],
  ["takes bodies of any length", { bodyLimit: Infinity }, ["body-over-limit"]],
  ["fails on a second disconnect", { disconnectsOnce: true }, ["disconnect-twice", "disconnect-unknown"]],
  ["forgets its connections", { forgetsConnections: true }, ["message"]],
  ["redirects", { redirects: true }, ["redirect"]],
  [
    "answers with a text",
    { answersMessages: () => ({ body: "ok", type: "text/plain" }) },
    among("message", "odd-").filter((id) => !["message-repeated", "message-unknown"].includes(id)),
  ],
  [
    "fails on numbers",
    { answersMessages: (content) => ({ status: typeof content === "number" ? 500 : 200, body: "{}" }) },
    ["odd-number"],
  ],
  [
    "fails on what is not an object",
    {
      answersMessages: (content) => ({
        status: typeof content === "object" && content !== null && !Array.isArray(content) ? 200 : 500,
        body: "{}",
      }),
    },
    ["odd-string", "odd-number", "odd-array", "odd-null", "odd-nested", "odd-abyss"],
  ],
  [
    "delivers beside other keys",
    { answersMessages: () => ({ body: '{"success":true,"deliver":[]}' }) },
    ["fan-out"],
  ],
  [
    "delivers to what is no list",
    { answersMessages: () => ({ body: '{"deliver":{"to":"self","data":1}}' }) },
    ["fan-out"],
  ],
  ["delivers no data", { answersMessages: () => ({ body: '{"deliver":[{"to":"self"}]}' }) }, ["fan-out"]],
  [
    "delivers to a number",
    { answersMessages: () => ({ body: '{"deliver":[{"to":5,"data":1}]}' }) },
    ["fan-out"],
  ],
  ["closes what is no id", { answersMessages: () => ({ body: '{"close":["../x"]}' }) }, ["fan-out"]],
];

test.each(flaws)("a backend that %s fails exactly where it should", async (_what, broken, failing) => {
  const backend = await backendWith(broken);
  const rows = await check(backend.url, { keys: backend.keys });
  expect(new Set(idsOf(rows, "failed"))).toEqual(new Set(failing));
  for (const row of rows.filter(({ outcome }) => outcome === "failed"))
    expect(row).toMatchObject({ meaning: expect.stringMatching(/\w/), mend: expect.stringMatching(/\w/) });
});

const lesser: readonly [what: string, flaws: Flaws, warned: string[]][] = [
  ["takes messages of strangers", { takesStrangers: true }, ["message-unknown"]],
  ["is slow", { delay: (body) => (body.includes("\\u0000") ? 1_050 : 0) }, ["times"]],
];

test.each(lesser)("a backend that %s is warned of, and does not fail", async (_what, broken, warned) => {
  const backend = await backendWith(broken);
  const rows = await checkBackend(subjectAt(backend.url, { keys: backend.keys }), {
    signal: new AbortController().signal,
    limitMs: 60_000,
  });
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(idsOf(rows, "warning")).toEqual(warned);
});

test("C-05 without a key the signature checks are not asked, and never passed", async () => {
  const backend = await backendWith({}, []);
  const rows = await check(backend.url);
  const signature = rows.filter(({ id }) =>
    among("signature-", "header-", "time-", "path-", "connection-swapped", "each-key").includes(id),
  );
  expect(new Set(signature.map(({ outcome, happened }) => `${outcome}: ${happened}`))).toEqual(
    new Set(["not asked: no signing key is known: set SIGNING_KEYS, or deploy"]),
  );
  expect(idsOf(rows, "failed")).toEqual([]);
});

test("without a key a backend that wants one is not judged", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url);
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(idsOf(rows, "passed")).toEqual([
    "reachable",
    "redirect",
    "endpoint-register",
    "endpoint-message",
    "endpoint-disconnect",
    "clock",
  ]);
});

test("a backend with another key fails where the proxy would be turned away, and nothing else is concluded", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url, { keys: [newSigningKey()] });
  expect(idsOf(rows, "failed")).toEqual(["entry"]);
  expect(idsOf(rows, "passed")).not.toContain("signature-wrong-disconnect");
});

test("H-32 while keys rotate, a backend that knows only one of them is warned of", async () => {
  const [newer, older] = [newSigningKey(), newSigningKey()];
  const backend = await backendWith({}, [older]);
  const rows = await check(backend.url, { keys: [newer, older] });
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(rows.find(({ id }) => id === "each-key")).toMatchObject({
    outcome: "warning",
    happened: expect.stringMatching(/^the backend does not know the newer key/),
  });
});

test("without a token the handshake says what was sent instead", async () => {
  const backend = await backendWith();
  const rows = await check(backend.url, { keys: backend.keys, token: undefined });
  expect(idsOf(rows, "failed")).toEqual([]);
  expect(rows.find(({ id }) => id === "register")).toMatchObject({
    outcome: "not asked",
    happened: expect.stringMatching(/--token.*type feed without a token, answered 401/),
  });
  expect(rows.find(({ id }) => id === "signature-none-message")).toMatchObject({ outcome: "not asked" });
  expect(rows.find(({ id }) => id === "signature-none-disconnect")).toMatchObject({ outcome: "passed" });
  const noProof = /^answered 401 to a connection that it does not know, whatever the message$/;
  for (const row of rows.filter(({ id }) => id.startsWith("odd-")))
    expect(row).toMatchObject({
      outcome: "not asked",
      happened: expect.stringMatching(noProof),
      lacks: "token",
    });
  expect(rows.find(({ id }) => id === "disconnect-twice")).toMatchObject({
    outcome: "not asked",
    lacks: "token",
  });
});

test("without a token a backend whose feed is open is asked about messages all the same, and no booking is named", async () => {
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
  const backend = await backendWith({ skips: ["message signature"], takesStrangers: true });
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
  const backend = await backendWith({ skips: ["signature"] });
  const rows = await check(backend.url, { keys: backend.keys });
  expect(JSON.stringify(rows)).not.toContain("whsec_");
});

test("a backend that leaves requests without an answer is given up after three of them", async () => {
  const backend = await backendWith({ never: paths.message });
  const rows = await check(
    backend.url,
    { keys: backend.keys },
    { register: 5_000, message: 100, disconnect: 5_000 },
  );
  expect(rows.find(({ id }) => id === "message")).toMatchObject({
    outcome: "failed",
    happened: "no answer: the time was up",
  });
  expect(rows.find(({ id }) => id === "odd-nul")).toMatchObject({ outcome: "not asked" });
  expect(rows.find(({ id }) => id === "times")).toMatchObject({ outcome: "failed" });
});

test("the paths of the function's environment are asked, below the base URL's own path", async () => {
  const backend = await backendWith();
  const rows = await check(`${backend.url}/prefix`, {
    keys: backend.keys,
    paths: { ...paths, register: "/ws/{type}/{booking_id}/join" },
    booking: "a/b c",
  });
  expect(rows.find(({ id }) => id === "endpoint-register")?.happened).toBe(
    "POST /prefix/ws/booking/a%2Fb%20c/join answered 404",
  );
});

test.each<[what: string, flaws: Flaws, reason: string]>([
  [
    "fails",
    { failsOnStrangers: paths.message },
    "POST /api/ws/message answered 500 to an empty object, see above",
  ],
  ["is missing", { missing: [paths.message] }, "there is no endpoint for message, see above"],
])("what an endpoint that %s keeps from being asked says why", async (_what, broken, reason) => {
  const backend = await backendWith(broken);
  const rows = await check(backend.url, { keys: backend.keys });
  expect(rows.find(({ id }) => id === "signature-none-message")?.happened).toBe(reason);
});

test("a proxy in front that strips a prefix is named among what a refusal may come from", async () => {
  const backend = await backendWith({ stripped: "/prefix" });
  const rows = await check(`${backend.url}/prefix`, { keys: backend.keys });
  expect(rows.find(({ id }) => id === "entry")).toMatchObject({
    outcome: "failed",
    meaning: expect.stringContaining(
      "it does not see the path /prefix/api/ws/disconnect, which is signed and compared",
    ),
    mend: expect.stringContaining("uvicorn --root-path /prefix"),
  });
});

test.each([
  ["application/json", true],
  ["APPLICATION/JSON;charset=UTF-8", true],
  ['application/json; charset="utf-8" ', true],
  ["application/vnd.api+json", true],
  ["application/json; profile=x", false],
  ["application/json; charset=utf-8; profile=x", false],
  ["application/json; charset=iso-8859-1", false],
  ["application/json;", false],
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
  const backend = await backendWith({ answersMessages: () => ({ body: "{}", type }) });
  const rows = await check(backend.url, { keys: backend.keys });
  expect(rows.find(({ id }) => id === "message")?.outcome).toBe(isGood ? "passed" : "failed");
});

test("an answer that takes longer than the handler waits for one attempt is a failure", async () => {
  const backend = await backendWith({ delay: (body) => (body.includes('"event":"connect"') ? 6_000 : 0) });
  const rows = await checkBackend(subjectAt(backend.url, { keys: backend.keys }), {
    signal: new AbortController().signal,
    limitMs: 3_000,
  });
  expect(rows.find(({ id }) => id === "register")).toMatchObject({
    outcome: "failed",
    happened: expect.stringContaining("the time was up"),
  });
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

test("whether a backend knows the keys is asked without harm", async () => {
  const backend = await backendWith();
  const { signal } = new AbortController();
  const known = (url: string, keys: readonly string[]) => knowsKeys(subjectAt(url, { keys }), { signal });
  expect(await known(backend.url, backend.keys)).toBe(true);
  expect(await known(backend.url, [newSigningKey()])).toBe(false);
  expect(await known(`${backend.url}/elsewhere`, backend.keys)).toBe(undefined);
  expect(await known("http://127.0.0.1:1", backend.keys)).toBe(undefined);
  expect(backend.bodies.filter((body) => !body.includes('"event":"disconnect"'))).toEqual([]);
  await expect(knowsKeys(subjectAt(backend.url), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
});

test("a run that is interrupted disconnects what it registered", async () => {
  const backend = await backendWith();
  const stop = new AbortController();
  const run = checkBackend(subjectAt(backend.url, { keys: backend.keys }), {
    signal: stop.signal,
    limitMs: 60_000,
    onRow: ({ id }) => id === "fan-out" && stop.abort(),
  });
  await expect(run).rejects.toThrow(/abort/);
  expect(backend.connected).toEqual(new Set());
});

test("the demo backend keeps the contract", async () => {
  const keys = [newSigningKey()];
  const backend = await startDemoBackend({ signingKeys: keys });
  running.push(backend);
  const rows = await check(backend.url, { keys, token: "demo" });
  expect(rows.filter(({ outcome }) => outcome === "failed" || outcome === "warning")).toEqual([]);
});

test("the kit keeps the contract in a real FastAPI application under uvicorn", async (context) => {
  needsFastApi(context);
  const keys = [newSigningKey(), newSigningKey()];
  const backend = await startUvicorn(import.meta.dirname, "app", { SIGNING_KEYS: keys.join(",") });
  const rows = await check(backend.url, { keys, token: "ann" });
  expect(rows.filter(({ outcome }) => outcome !== "passed")).toEqual([]);
  const known = await fetch(`${backend.url}/known?booking=shelfshack-check`);
  expect(await known.json()).toEqual([]);
});

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

test.each([
  [
    "dns",
    () => Promise.resolve("http://no-such-host.invalid"),
    /the name could not be looked up \((ENOTFOUND|EAI_AGAIN)\)/,
  ],
  ["tcp", () => Promise.resolve("http://127.0.0.1:1"), /no connection \(ECONNREFUSED\)/],
  [
    "tls",
    async () => `https://127.0.0.1:${await oddServer((socket) => socket.end("no TLS here"))}`,
    /the TLS connection failed/,
  ],
  [
    "http",
    async () => `http://127.0.0.1:${await oddServer((socket) => socket.end("no HTTP here\r\n\r\n"))}`,
    /the connection was cut \(HPE_/,
  ],
  ["time", async () => `http://127.0.0.1:${await oddServer((socket) => socket.resume())}`, /the time was up/],
])("a backend that cannot be reached fails once, with the phase %s", async (_phase, address, happened) => {
  const rows = await check(await address(), {}, { register: 300, message: 300, disconnect: 300 });
  expect(rows[0]).toMatchObject({
    id: "reachable",
    outcome: "failed",
    happened: expect.stringMatching(happened),
  });
  expect(rows.slice(1).every(({ outcome }) => outcome === "not asked")).toBe(true);
});
