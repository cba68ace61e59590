import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { addressOf, exchange } from "../../handler/transport.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import type { ConnectionsStub } from "../support/connections-stub.ts";
import { connectEvent, connectionId, messageEvent } from "../support/golden-events.ts";
import { closedPort, contextWith, invokedFunctionArn, testHandler } from "../support/test-handler.ts";

const query = { booking_id: "1", token: "t" };
const large = "x".repeat(131_073);

/** A way on which @connections does not take what it is sent, and what the log says of it. */
interface Trouble {
  endpoint?: string;
  environment?: Record<string, string | undefined>;
  status?: ReturnType<ConnectionsStub["status"]>;
  errorType?: string;
  reason: string | RegExp;
  level?: string;
}

const troubles: Record<string, Trouble> = {
  "a name that is not found": {
    endpoint: "http://nosuchapi.invalid/dev",
    reason: /^@connections: (ENOTFOUND|EAI_AGAIN)$/,
  },
  "a port that is closed": { reason: "@connections: ECONNREFUSED" },
  "no answer": { status: "hang", reason: "@connections: timeout" },
  "a cut connection": { status: "reset", reason: "@connections: ECONNRESET" },
  "400": { status: 400, errorType: "BadRequestException", reason: answered(400, "BadRequestException") },
  "403 for want of the right": {
    status: 403,
    errorType: "AccessDeniedException",
    reason: "the role lacks execute-api:ManageConnections",
    level: "ERROR",
  },
  "403 for a wrong address": {
    status: 403,
    errorType: "ForbiddenException",
    reason: answered(403, "ForbiddenException"),
  },
  "403 for a wrong region": {
    status: 403,
    errorType: "InvalidSignatureException:http://internal.amazon.com/",
    reason: answered(403, "InvalidSignatureException"),
  },
  "404 of something else": { status: 404, reason: answered(404) },
  "429": {
    status: 429,
    errorType: "LimitExceededException",
    reason: answered(429, "LimitExceededException"),
  },
  "500": { status: 500, reason: answered(500) },
  "503 with a hostile type": { status: 503, errorType: "\u009b31m", reason: answered(503) },
  "no credentials": { environment: { AWS_ACCESS_KEY_ID: undefined }, reason: "no credentials" },
  "no endpoint": { environment: { API_GATEWAY_ENDPOINT: undefined }, reason: "no endpoint" },
};

function answered(status: number, type?: string): string {
  return `@connections answered ${status}${type === undefined ? "" : ` (${type})`}`;
}

/** What is sent, by its order: all of them go through @connections. */
const sendings: Record<string, { answer: object | number; isInitial?: true }> = {
  "a reply": { answer: { n: 1 } },
  deliver: { answer: { deliver: [{ to: "A1=", data: 1 }] } },
  close: { answer: { close: ["A1="] } },
  "an error frame": { answer: 501 },
  initial: { answer: {}, isInitial: true },
};

const members = Object.keys(troubles).flatMap((trouble) =>
  Object.keys(sendings).map((sending) => [sending, trouble] as const),
);

test.each(members)("H-37 %s that meets %s leaves its cause and host in the log", async (sending, trouble) => {
  const { endpoint, environment, status, errorType, reason, level = "WARN" } = troubles[trouble]!;
  const { answer, isInitial } = sendings[sending]!;
  const closed = endpoint ?? (trouble === "a port that is closed" ? `${await closedPort()}/dev` : undefined);
  const { handler, backend, connections, lines } = await testHandler({
    ...(closed && { API_GATEWAY_ENDPOINT: closed }),
    ...environment,
  });
  backend.answer = () => answer;
  if (status !== undefined) connections.status = () => status;
  connections.errorType = errorType;
  const noDomain = { domainName: undefined };
  const event = isInitial
    ? { shelfshackInitial: { connectionId, requestId: "r", endpoint: "none", frames: ["1"] } }
    : messageEvent("{}", noDomain);
  expect(await handler(event, contextWith(status === "hang" ? 2_300 : 30_000))).toEqual({ statusCode: 200 });
  const host = trouble === "no endpoint" ? undefined : new URL(closed ?? connections.endpoint).host;
  expect(lines).toHaveLength(1);
  const { reason: said, ...line } = lines[0]!;
  expect(line).toMatchObject({ level, sent: 0, gone: 0, failed: 1, ...(host && { host }) });
  if (typeof reason === "string") expect(said).toBe(reason);
  else expect(said).toMatch(reason);
});

test("H-37 causes are counted, and stand after the backend's own", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  const ids = Array.from({ length: 10 }, (_, index) => `id${index}=`);
  backend.answer = () => ({ deliver: [{ to: [...ids, "../x"], data: 1 }] });
  connections.status = ({ connectionId: id }) => (Number(id.at(-2)) < 7 ? 400 : 404);
  await handler(messageEvent("{}"), contextWith());
  backend.answer = () => (response) => response.writeHead(200, { "content-type": "text/plain" }).end("{}");
  await handler(messageEvent("{}"), contextWith());
  expect(lines.map(({ reason }) => reason)).toEqual([
    "not a connection id; @connections answered 400 (7 times); @connections answered 404 (3 times)",
    "content-type text/plain; @connections answered 404",
  ]);
});

test("H-37 no more than five causes are logged", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  const ids = Array.from({ length: 100 }, (_, index) => `id${index}=`);
  backend.answer = () => ({ deliver: [{ to: ids, data: 1 }] });
  connections.status = ({ connectionId: id }) => 440 + Number(id.slice(2, -1));
  await handler(messageEvent("{}"), contextWith());
  expect(lines).toMatchObject([{ failed: 100 }]);
  expect(String(lines[0]!["reason"]).split("; ")).toHaveLength(5);
});

test.each([
  ["initial", "connect"],
  ["deliver", "message"],
  ["a reply", "message"],
])("H-16 a frame of %s that is too large names the answer that it is from", async (sending, asked) => {
  const { handler, backend, connections, lines } = await testHandler();
  const answers: Record<string, object> = {
    deliver: { deliver: [{ to: ["A1=", "B1="], data: large }] },
    initial: {},
    "a reply": { large },
  };
  backend.answer = () => answers[sending]!;
  const endpoint = "https://abc123.execute-api.us-east-1.amazonaws.com/dev";
  const initial = { connectionId, requestId: "r", endpoint, frames: ["1", JSON.stringify(large)] };
  await handler(sending === "initial" ? { shelfshackInitial: initial } : messageEvent("{}"), contextWith());
  const times = sending === "deliver" ? " (2 times)" : "";
  expect(lines).toMatchObject([
    {
      level: "WARN",
      code: "payload_too_large",
      reason: `a frame over 128 KB in the answer to ${asked}${times}`,
      host: new URL(connections.endpoint).host,
    },
  ]);
});

test("H-37 the error frame that cannot be sent after a frame that was too large is counted", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ deliver: [{ to: "A1=", data: large }] });
  connections.status = () => 400;
  await handler(messageEvent("{}"), contextWith());
  expect(lines).toMatchObject([
    {
      failed: 2,
      reason: "a frame over 128 KB in the answer to message; @connections answered 400",
    },
  ]);
});

test.each([
  ["403", 403, "AccessDeniedException", "the role lacks lambda:InvokeFunction", invokedFunctionArn],
  ["another 403", 403, "InvalidSignatureException", "Lambda answered 403 (InvalidSignatureException)"],
  ["404", 404, "ResourceNotFoundException", "Lambda answered 404 (ResourceNotFoundException)"],
  ["413", 413, "RequestTooLargeException", "initial in the answer to connect is over 1 MB"],
  ["503", 503, undefined, "Lambda answered 503"],
])("H-37 a self-invocation that meets %s leaves cause and host in the log", async (...row) => {
  const [, status, errorType, reason, resource] = row;
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ initial: { n: 1 } });
  connections.invokeStatus = status;
  connections.errorType = errorType;
  expect(await handler(connectEvent(query), contextWith(3_000))).toEqual({ statusCode: 200 });
  const host = new URL(connections.url).host;
  const level = resource === undefined ? "WARN" : "ERROR";
  expect(lines).toMatchObject([
    { level, code: "initial_failed", reason, host, ...(resource !== undefined && { resource }) },
  ]);
});

test("H-37 a self-invocation that reaches no host logs cause and host", async () => {
  const url = await closedPort();
  const { handler, backend, lines } = await testHandler({ AWS_ENDPOINT_URL: url });
  backend.answer = () => ({ initial: { n: 1 } });
  await handler(connectEvent(query), contextWith());
  expect(lines).toMatchObject([
    { code: "initial_failed", reason: "Lambda: ECONNREFUSED", host: new URL(url).host },
  ]);
});

const request = { method: "POST", path: "/", headers: {}, body: "{}", maxBytes: 1_000 } as const;

test("H-38 the limit of an attempt starts when the request has its socket", async () => {
  const server = createServer((_request, response) => void setTimeout(() => response.end(), 1_000));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = addressOf(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  // 25 sockets, so the last request waits for two others: for longer than it may take itself.
  const outcomes = await Promise.all(
    Array.from({ length: 75 }, () => exchange({ ...request, address, timeMs: 1_900, leftMs: 30_000 })),
  );
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([200]));
});

test("H-38 a request that gets no socket in time ends with the event's own limit, unsent", async () => {
  const backend = await startBackendStub(() => () => undefined);
  onTestFinished(() => backend.close());
  const address = addressOf(new URL(backend.url));
  const busy = Array.from({ length: 25 }, () =>
    exchange({ ...request, address, timeMs: 3_000, leftMs: 3_000 }),
  );
  await backend.opened.next();
  expect(await exchange({ ...request, address, timeMs: 3_000, leftMs: 100 })).toEqual({
    reason: "timeout",
    repeatable: false,
  });
  await Promise.all(busy);
  expect(backend.requests).toHaveLength(25);
});

/** Answers from a thread of its own, and says through `answered` how often it has done so. */
const answering = `
  const { createServer } = require("node:http");
  const { parentPort, workerData } = require("node:worker_threads");
  const server = createServer((request, response) => {
    response.end("{}", () => (Atomics.add(workerData, 0, 1), Atomics.notify(workerData, 0)));
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`;

test("H-38 an answer that came while the process had no CPU is read, not given up", async () => {
  const answers = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(answering, { eval: true, workerData: answers });
  onTestFinished(() => worker.terminate().then(() => undefined));
  const port = await new Promise((resolve) => worker.once("message", resolve));
  const address = addressOf(new URL(`http://127.0.0.1:${String(port)}`));
  const first = await exchange({ ...request, address, timeMs: 5_000, leftMs: 5_000 });
  const second = exchange({ ...request, address, timeMs: 100, leftMs: 5_000 });
  // The request leaves, and then this thread does nothing until the answer is there and the limit is over.
  await new Promise((resolve) => setImmediate(resolve));
  Atomics.wait(answers, 0, 1);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  expect([first.status, (await second).status]).toEqual([200, 200]);
});
