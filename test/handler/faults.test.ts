import { createServer, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createBucket, retryDelay } from "../../handler/retry.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { connectEvent, connectionId, messageEvent } from "../support/golden-events.ts";
import { contextWith, loadHandler, signingKey, testHandler } from "../support/test-handler.ts";
import { certificate, privateKey } from "../support/self-signed.ts";

const query = { booking_id: "1", token: "t" };
const codes = (frames: unknown[]) => frames.map((frame) => (frame as { code: string }).code);

/** Listens on 127.0.0.1 until the test ends. */
async function listening(server: Server & { closeAllConnections?: () => void }): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections?.();
    await closed;
  });
}

function urlOf(server: Server, origin = "http://127.0.0.1"): string {
  return `${origin}:${(server.address() as AddressInfo).port}`;
}

const json = { "content-type": "application/json" };

test("H-02 a backend that restarts: every message gets an answer or an error frame", async () => {
  const { connections } = await testHandler();
  const first = await startBackendStub(() => ({ response: "x" }));
  const environment = {
    BACKEND_URL: first.url,
    API_GATEWAY_ENDPOINT: connections.endpoint,
    AWS_ACCESS_KEY_ID: "A",
    AWS_SECRET_ACCESS_KEY: "B",
  };
  const { handler } = loadHandler(environment);
  const send = (index: number) => handler(messageEvent("{}", { messageId: `m${index}` }), contextWith());
  const all = (from: number) => Promise.all(Array.from({ length: 50 }, (_, index) => send(from + index)));
  await all(0);
  await first.close();
  await all(50);
  const second = await startBackendStub(() => ({ response: "x" }), Number(new URL(first.url).port));
  onTestFinished(() => second.close());
  await all(100);
  const frames = connections.frames(connectionId) as Record<string, unknown>[];
  expect(frames).toHaveLength(150);
  expect(frames.filter((frame) => frame["response"] === "x")).toHaveLength(100);
  expect(codes(frames).filter((code) => code === "backend_unavailable")).toHaveLength(50);
});

test.each([
  ["accepts and never answers", () => undefined],
  ["sends headers and hangs", (response: ServerResponse) => response.writeHead(200, json).flushHeaders()],
  [
    "drips one byte at a time",
    (response: ServerResponse) => {
      response.writeHead(200, json);
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
    },
  ],
])("H-03 H-04 a backend that %s is cut off in total time", async (_title, answer) => {
  const { handler, backend, connections } = await testHandler({ BACKEND_TIMEOUT_MS: "300" });
  backend.answer = () => (response) => {
    answer(response);
  };
  const started = Date.now();
  await handler(messageEvent("{}"), contextWith());
  expect(Date.now() - started).toBeGreaterThanOrEqual(290);
  // The handler's own limit for one attempt is 20 s.
  expect(Date.now() - started).toBeLessThan(10_000);
  expect(codes(connections.frames(connectionId))).toEqual(["backend_timeout"]);
});

test("H-03 the function's remaining time ends an attempt before its own limit", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => () => undefined;
  const started = Date.now();
  await handler(messageEvent("{}"), contextWith(2_100));
  // The handler's own limit for one attempt is 20 s.
  expect(Date.now() - started).toBeLessThan(10_000);
  expect(codes(connections.frames(connectionId))).toEqual(["backend_timeout"]);
});

test("H-07 the pause before a retry is 0 to 2 s, whatever Retry-After says", () => {
  const header = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.double().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    fc.constant(undefined),
  );
  fc.assert(
    fc.property(
      header,
      fc.integer({ min: 1, max: 5 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (value, attempt, random) => {
        const delay = retryDelay(attempt, value, Date.now(), random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(2_000);
      },
    ),
    { numRuns: 2_000 },
  );
  const now = Date.UTC(2026, 10, 23);
  expect(retryDelay(1, "1", now, 0)).toBe(1_000);
  expect(retryDelay(1, new Date(now + 1_500).toUTCString(), now, 0)).toBe(1_000);
  expect(retryDelay(1, "-1", now, 0)).toBe(0);
  expect([1, 2, 3, 9].map((attempt) => retryDelay(attempt, undefined, now, 1))).toEqual([
    100, 200, 400, 1_000,
  ]);
});

test("H-07 a Retry-After that would pass the deadline is not waited for", async () => {
  const { handler, backend } = await testHandler();
  backend.answer = () => (response) => response.writeHead(503, { "retry-after": "2" }).end();
  const started = Date.now();
  await handler(messageEvent("{}"), contextWith(3_500));
  expect(Date.now() - started).toBeLessThan(2_000);
  expect(backend.requests).toHaveLength(1);
});

test("a dead backend is asked again only as long as the bucket lasts", async () => {
  const bucket = createBucket();
  expect([1, 2, 3, 4, 5].map(() => bucket.take())).toEqual([true, true, true, true, false]);
  for (let answers = 0; answers < 5; answers += 1) bucket.give();
  expect([bucket.take(), bucket.take()]).toEqual([true, false]);
  const { handler, backend } = await testHandler();
  backend.answer = () => 503;
  for (let messages = 0; messages < 10; messages += 1) await handler(messageEvent("{}"), contextWith());
  expect(backend.requests).toHaveLength(14);
  backend.answer = () => 204;
  for (let messages = 0; messages < 5; messages += 1) await handler(messageEvent("{}"), contextWith());
  backend.answer = () => 503;
  for (let messages = 0; messages < 2; messages += 1) await handler(messageEvent("{}"), contextWith());
  expect(backend.requests).toHaveLength(14 + 5 + 3);
});

test.each([301, 302, 303, 307, 308])(
  "H-08 a redirect by %i is a failure and is not followed",
  async (status) => {
    const elsewhere = await startBackendStub();
    onTestFinished(() => elsewhere.close());
    const { handler, backend, connections } = await testHandler();
    for (const location of [`${elsewhere.url}/x`, "/api/ws/message", "/api/ws/register"]) {
      backend.answer = () => (response) => response.writeHead(status, { location }).end();
      await handler(messageEvent("{}"), contextWith());
      expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
    }
    expect(elsewhere.requests).toEqual([]);
    expect(backend.requests).toHaveLength(6);
    expect(codes(connections.frames(connectionId))).toEqual(Array(3).fill("backend_unavailable"));
  },
);

const notJson = "not a JSON object";
const typed = (type: string) => ({ "content-type": type });

test.each([
  ["HTML", typed("text/html"), "<h1>hi</h1>", "content-type text/html"],
  ["JSON called HTML", typed("text/html"), "{}", "content-type text/html"],
  ["JSON called text", typed("text/plain"), "{}", "content-type text/plain"],
  ["JSON called text/json", typed("text/json"), "{}", "content-type text/json"],
  ["JSON without a type", {}, '{"a":1}', "no content-type"],
  ["JSON with a type of 10 kB", typed("x".repeat(10_000)), "{}", `content-type ${"x".repeat(100)}`],
  ["invalid JSON", json, "{", notJson],
  ["a number", json, "5", notJson],
  ["a text", json, '"x"', notJson],
  ["an array", json, "[1]", notJson],
  ["two byte order marks", json, "\ufeff\ufeff{}", notJson],
  [
    "another charset",
    typed("application/json; charset=latin1"),
    "{}",
    "content-type application/json; charset=latin1",
  ],
  ["bytes that are no UTF-8", json, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "not UTF-8"],
  [
    "gzip",
    { ...json, "content-encoding": "gzip" },
    Buffer.from("1f8b0800000000000003", "hex"),
    "content-encoding gzip",
  ],
])("H-09 H-11 %s is no answer, and the log says why", async (_title, headers, body, reason) => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => (response) => response.writeHead(200, headers as Record<string, string>).end(body);
  expect(await handler(messageEvent("{}"), contextWith())).toEqual({ statusCode: 200 });
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
  expect(codes(connections.frames(connectionId))).toEqual(["backend_unavailable"]);
  expect(lines).toMatchObject([{ reason }, { reason }]);
});

test.each([
  ["application/json", "\ufeff"],
  ["application/json; charset=us-ascii", ""],
  ["application/json; charset=utf-8; version=1", ""],
  ["application/vnd.api+json; version=1", "\ufeff \n"],
])("H-09 an answer of type %j after %j goes to the client without the mark", async (type, before) => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => (response) => response.writeHead(200, typed(type)).end(`${before}{"n": 1}\n`);
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent.map(({ frame }) => frame)).toEqual(['{"n": 1}']);
});

test("H-09 null is what an endpoint that returns nothing answers", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => (response) => response.writeHead(200, json).end("null");
  await handler(messageEvent("{}"), contextWith());
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 200 });
  expect(connections.sent).toEqual([]);
});

test("H-10 an endless answer is cut off at 1 MiB without filling the memory", async () => {
  const { handler, backend, connections } = await testHandler();
  const chunk = Buffer.alloc(65_536, " ");
  let written = 0;
  backend.answer = () => (response) => {
    response.writeHead(200, json);
    const more = () => {
      while (!response.destroyed && response.write(chunk)) written += chunk.length;
      written += chunk.length;
    };
    response.on("drain", more);
    more();
  };
  await handler(messageEvent("{}"), contextWith());
  expect(codes(connections.frames(connectionId))).toEqual(["payload_too_large"]);
  expect(written).toBeLessThan(32 * 1_048_576);
  backend.answer = () => (response) =>
    response.writeHead(200, { ...json, "content-length": "209715200" }).write("{");
  await handler(messageEvent("{}"), contextWith());
  expect(codes(connections.frames(connectionId))).toEqual(["payload_too_large", "payload_too_large"]);
});

test("a connection cut in the middle of the answer is not repeated", async () => {
  const { handler, backend, lines } = await testHandler();
  backend.answer = () => (response) => {
    response.writeHead(200, { ...json, "content-length": "100" }).write("{", () => response.destroy());
  };
  await handler(messageEvent("{}"), contextWith());
  expect(backend.requests).toHaveLength(1);
  expect(lines).toMatchObject([{ reason: "cut off", code: "backend_unavailable" }]);
});

test.each([
  [
    "an answer that is not HTTP",
    "hello\r\n\r\n",
    { reason: "HPE_INVALID_CONSTANT", attempts: 1, status: 502 },
  ],
  [
    "a switch of protocols",
    "HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    { reason: "closed", attempts: 1, status: 502 },
  ],
  [
    "an answer that ends with the connection",
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"a":1}',
    { status: 200 },
  ],
  [
    "a long one",
    `HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{"a":"${"x".repeat(500_000)}"}`,
    { status: 200 },
  ],
])("%s is understood", async (_title, bytes, line) => {
  const server = createTcpServer((socket) =>
    socket.on("data", () => socket.end(bytes)).on("error", () => undefined),
  );
  await listening(server);
  const { handler, lines } = loadHandler({ BACKEND_URL: urlOf(server), SIGNING_KEYS: signingKey });
  await handler(connectEvent(query), contextWith());
  expect(lines).toMatchObject([line]);
});

test("H-16 a frame that @connections finds too large: the sender gets an error frame", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => ({ response: "x" });
  connections.status = () => (connections.sent.length === 1 ? 413 : 200);
  await handler(messageEvent("{}"), contextWith());
  expect(codes(connections.frames(connectionId))).toEqual(["payload_too_large"]);
});

test.each([0, 50, 500, 1_499, -5])("H-29 with %i ms left the backend is not asked", async (remaining) => {
  const { handler, backend } = await testHandler();
  expect(await handler(messageEvent("{}"), contextWith(remaining))).toEqual({ statusCode: 200 });
  expect(await handler(connectEvent(query), contextWith(remaining))).toEqual({ statusCode: 504 });
  expect(backend.requests).toEqual([]);
});

test("H-29 a context that says nothing leaves the budgets in force", async () => {
  const { handler, backend } = await testHandler();
  for (const context of [undefined, null, {}, contextWith(Number.NaN)]) {
    expect(await handler(connectEvent(query), context)).toEqual({ statusCode: 200 });
  }
  expect(backend.requests).toHaveLength(4);
});

test("H-19 H-30 a thousand events at once: none fails, sockets stay within 25", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = ({ envelope }) => ({ echo: envelope["message"] });
  const ids = Array.from({ length: 1_000 }, (_, index) => `c${index}=`);
  await Promise.all(
    ids.map((id, index) =>
      handler(messageEvent(String(index), { connectionId: id, messageId: `m${index}` }), contextWith()),
    ),
  );
  // A frame whose answer is late on a busy machine is sent once more: that is no failure.
  const without = ids.filter((id, index) => {
    const frames = new Set(connections.frames(id).map((frame) => JSON.stringify(frame)));
    return frames.size !== 1 || !frames.has(JSON.stringify({ echo: index }));
  });
  expect(without).toEqual([]);
  expect(backend.sockets.most).toBeLessThanOrEqual(25);
});

test("a kept-alive socket that the backend closed is replaced, in every one of 20 messages", async () => {
  const { handler, backend, lines } = await testHandler();
  for (let messages = 0; messages < 20; messages += 1) {
    await handler(messageEvent("{}"), contextWith());
    backend.hangUp();
  }
  expect(backend.requests).toHaveLength(20);
  expect(new Set(lines.map(({ attempts }) => attempts))).toEqual(new Set([1]));
});

test("a backend that resets a reused socket after reading is asked at once again", async () => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    if (requests === 2) request.socket.destroy();
    else response.writeHead(204).end();
  });
  await listening(server);
  const { handler, lines } = loadHandler({ BACKEND_URL: urlOf(server), SIGNING_KEYS: signingKey });
  await handler(connectEvent(query), contextWith());
  await handler(connectEvent(query), contextWith());
  expect(requests).toBe(3);
  expect(lines[1]).toMatchObject({ attempts: 1, status: 200 });
});

test("H-33 any thrown value becomes status 500 and one log line", async () => {
  const { handler, lines } = await testHandler();
  const thrower = (thrown: unknown) => ({
    get requestContext(): never {
      throw thrown;
    },
  });
  for (const thrown of [new Error("canary"), "canary", null, { toString: 5 }]) {
    expect(await handler(thrower(thrown), contextWith())).toEqual({ statusCode: 500 });
  }
  const angry = {
    getRemainingTimeInMillis: () => Promise.reject(new Error("no")).catch(() => 5) as unknown as number,
  };
  expect(await handler(connectEvent(query), angry)).toEqual({ statusCode: 200 });
  expect(lines.filter(({ event }) => event === "crash")).toHaveLength(4);
  expect(JSON.stringify(lines)).not.toContain("canary");
});

test("H-12 a certificate that cannot be trusted is a failure with a name", async () => {
  const server = createTlsServer({ cert: certificate, key: privateKey }, (_request, response) =>
    response.writeHead(204).end(),
  );
  await listening(server);
  const { handler, lines } = loadHandler({
    BACKEND_URL: urlOf(server, "https://localhost"),
    SIGNING_KEYS: signingKey,
  });
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
  expect(lines).toMatchObject([{ reason: "DEPTH_ZERO_SELF_SIGNED_CERT", attempts: 1 }]);
});

test("a backend whose name cannot be found is unavailable", async () => {
  const { handler, lines } = loadHandler({ BACKEND_URL: "http://backend.invalid", SIGNING_KEYS: signingKey });
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
  expect(lines).toMatchObject([
    { code: "backend_unavailable", reason: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) },
  ]);
});
