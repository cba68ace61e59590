import { expect, test } from "vitest";
import { Webhook } from "standardwebhooks";
import { readEvent } from "../../handler/event.ts";
import { addressOf } from "../../handler/transport.ts";
import { connectionId, disconnectEvent, messageEvent } from "../support/golden-events.ts";
import { closedPort, contextWith, loadHandler, signingKey, testHandler } from "../support/test-handler.ts";

const requestId = "UbT2nH5bIAMFSnA=";
const error = (code: string, more = {}) => ({ type: "error", code, request_id: requestId, ...more });
const frame = (bytes: number) => ({ big: "x".repeat(bytes - '{"big":""}'.length) });

test("a message becomes one signed request that holds the client's JSON byte for byte", async () => {
  const { handler, backend, lines } = await testHandler();
  const body = ' { "b": 1e999,\n"a":12345678901234567890, "a":2, "__proto__": {"polluted": true} } ';
  expect(await handler(messageEvent(body, { routeKey: "chat" }), contextWith())).toEqual({ statusCode: 200 });
  const { path, headers, text } = backend.requests[0]!;
  expect(path).toBe("/api/ws/message");
  expect(text).toBe(
    `{"v":1,"host":"${new URL(backend.url).host}","path":"/api/ws/message","event":"message",` +
      `"connection_id":"${connectionId}","request_id":"${requestId}",` +
      `"message_id":"UbT2ncYVoAMCJpw=","route_key":"chat","message":${body}}`,
  );
  expect(headers).toMatchObject({ "webhook-id": "msg_m_UbT2ncYVoAMCJpw=", "x-connection-id": connectionId });
  expect(() => new Webhook(signingKey).verify(text, headers as Record<string, string>)).not.toThrow();
  expect(lines).toMatchObject([
    { level: "INFO", event: "message", messageId: "UbT2ncYVoAMCJpw=", bytes: body.length, sent: 0 },
  ]);
});

test.each([
  ["http://BACKEND.invalid:80/x", "backend.invalid"],
  ["https://backend.invalid:443", "backend.invalid"],
  ["https://backend.invalid:8443/x", "backend.invalid:8443"],
  ["http://bücher.invalid", "xn--bcher-kva.invalid"],
  ["http://[::1]:8000", "[::1]:8000"],
])("the host of %s is named as the Host header has it: %s", (url, host) => {
  expect(addressOf(new URL(url)).authority).toBe(host);
});

test("H-32 with two keys both sign", async () => {
  const older = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const { handler, backend } = await testHandler({ SIGNING_KEYS: `${signingKey},${older}` });
  await handler(messageEvent("1"), contextWith());
  const { text, headers } = backend.requests[0]!;
  for (const key of [signingKey, older])
    expect(() => new Webhook(key).verify(text, headers as Record<string, string>)).not.toThrow();
});

test.each([[undefined], [{}]])("a backend that answers %j sends no frame", async (answer) => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => answer;
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent).toEqual([]);
});

test("any other object goes to the sender as it is, big numbers included", async () => {
  const { handler, backend, connections } = await testHandler();
  const answer = '{"response": "processed", "id": 12345678901234567890, "deliver": []}';
  backend.answer = () => (response) =>
    response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(answer);
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent).toMatchObject([
    { method: "POST", connectionId, frame: answer, path: "/abc123/dev/@connections/UbT2acX1IAMCJpw%3D" },
  ]);
  expect(connections.sent[0]!.headers.authorization).toContain("/us-east-1/execute-api/aws4_request");
});

test("S29 a directive delivers, in order and without duplicates, and closes", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => ({
    deliver: [
      { to: "self", data: { type: "ack" } },
      { to: ["A1=", "B2=", "A1="], data: { n: 1 } },
      { to: "A1=", data: { n: 2 } },
      { to: ["self", connectionId], data: "plain" },
    ],
    close: ["C3=", "A1="],
  });
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames(connectionId)).toEqual([{ type: "ack" }, "plain"]);
  expect(connections.frames("A1=")).toEqual([{ n: 1 }, { n: 2 }]);
  expect(connections.frames("B2=")).toEqual([{ n: 1 }]);
  expect(connections.closed.toSorted()).toEqual(["A1=", "C3="]);
  const toA1 = connections.sent.filter((sent) => sent.connectionId === "A1=").map((sent) => sent.method);
  expect(toA1).toEqual(["POST", "POST", "DELETE"]);
});

test.each([
  { deliver: "yes" },
  { deliver: [{ to: 5, data: {} }] },
  { deliver: [{ to: "self" }] },
  { deliver: [null] },
  { close: "self" },
  { close: [{}] },
])("%j is not a directive: only the sender gets a frame, an error", async (answer) => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => answer;
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent.map((sent) => JSON.parse(sent.frame) as unknown)).toEqual([
    error("backend_unavailable"),
  ]);
});

test.each([
  { deliver: [{ to: ["A1="], data: { n: 1 } }], meta: 1 },
  { deliver: [{ to: "self", data: 1 }], close: [], ok: true },
  { deliver: [null, { to: ["A1="], data: null, more: 1 }], meta: {} },
  { close: ["A1="], response: "bye" },
  { response: "bye", deliver: "x", close: [5, "A1="] },
  { success: true, deliver: [{ to: "A1=", data: {} }] },
])("H-36 %j is an error in the log, and of its ids none reaches a client", async (answer) => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => answer;
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent).toHaveLength(1);
  expect(connections.frames(connectionId)).toEqual([error("backend_unavailable")]);
  expect(lines).toMatchObject([
    { level: "ERROR", code: "backend_unavailable", reason: "another key beside deliver or close" },
  ]);
});

test.each([
  { response: 1, deliver: [], close: [] },
  { type: "order", deliver: [{ to: "Main Street 1" }, { data: 1 }, "A1="] },
  { opens: "9:00", close: ["18:00", { day: 1 }], deliver: { to: "A1=", data: 1 } },
  { message: { deliver: [{ to: "A1=", data: 1 }] } },
])("H-36 %j is the backend's own data and goes to the sender", async (answer) => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => answer;
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames(connectionId)).toEqual([answer]);
  expect(lines).toMatchObject([{ level: "INFO", sent: 1 }]);
});

test("a target that is no connection id fails alone", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ deliver: [{ to: ["../x", "A1=", "b\r\nc"], data: { n: 1 } }], close: null });
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent.map((sent) => sent.connectionId)).toEqual(["A1="]);
  expect(lines).toMatchObject([{ level: "WARN", sent: 1, failed: 2 }]);
});

test("unauthorized: the sender gets an error frame and is closed", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => 401;
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames(connectionId)).toEqual([error("unauthorized")]);
  expect(connections.sent.map((sent) => sent.method)).toEqual(["POST", "DELETE"]);
});

test.each([
  [
    403,
    {
      level: "ERROR",
      failed: 1,
      reason: "the role lacks execute-api:ManageConnections",
      resource: expect.any(String),
    },
  ],
  [500, { level: "WARN", failed: 1 }],
  ["hang", { level: "WARN", failed: 1 }],
  [410, { level: "WARN", failed: 0, gone: 0 }],
] as const)(
  "H-14 H-15 unauthorized: closing the connection ends with %s and the log says so",
  async (status, line) => {
    const { handler, backend, connections, lines } = await testHandler();
    backend.answer = () => 401;
    connections.status = ({ method }) => (method === "DELETE" ? status : 200);
    await handler(messageEvent("{}"), contextWith(2_500));
    expect(lines).toMatchObject([{ ...line, code: "unauthorized", sent: 1 }]);
  },
);

test("a close that fails is counted; one that succeeds or comes too late is not", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ close: ["A1=", "B2=", "C3="] });
  connections.status = ({ connectionId: id }) => ({ "A1=": 204, "B2=": 410 })[id] ?? 400;
  await handler(messageEvent("{}"), contextWith());
  expect(lines).toMatchObject([{ level: "WARN", sent: 0, gone: 0, failed: 1 }]);
});

test.each([400, 403, 404, 409, 413, 422, 429])(
  "H-05 rejected with %i: the sender gets the reason and stays connected",
  async (status) => {
    const { handler, backend, connections } = await testHandler();
    backend.answer = () => status;
    expect(await handler(messageEvent("{}"), contextWith())).toEqual({ statusCode: 200 });
    expect(connections.frames(connectionId)).toEqual([
      error("rejected", { status, detail: "as the test wishes" }),
    ]);
    expect(connections.closed).toEqual([]);
  },
);

test.each(["d".repeat(201), { field: "x" }, 5])(
  "a detail that is not a short text stays out: %j",
  async (detail) => {
    const { handler, backend, connections } = await testHandler();
    backend.answer = () => (response) =>
      response.writeHead(422, { "content-type": "application/json" }).end(JSON.stringify({ detail }));
    await handler(messageEvent("{}"), contextWith());
    expect(connections.frames(connectionId)).toEqual([error("rejected", { status: 422 })]);
  },
);

test.each([500, 501, 502, 503, 504, 418])("H-06 a backend that answers %i is unavailable", async (status) => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => status;
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames(connectionId)).toEqual([error("backend_unavailable")]);
  expect(backend.requests).toHaveLength(status > 501 ? 3 : 1);
  expect(lines).toMatchObject([{ level: "WARN", code: "backend_unavailable", backendStatus: status }]);
});

test("H-01 S26 a backend that is down: two repeats, an error frame, and the next message works", async () => {
  const url = await closedPort();
  const { connections } = await testHandler();
  const { handler, lines } = loadHandler({
    BACKEND_URL: url,
    API_GATEWAY_ENDPOINT: connections.endpoint,
    SIGNING_KEYS: signingKey,
    AWS_ACCESS_KEY_ID: "A",
    AWS_SECRET_ACCESS_KEY: "B",
  });
  expect(await handler(messageEvent("{}"), contextWith())).toEqual({ statusCode: 200 });
  expect(connections.frames(connectionId)).toEqual([error("backend_unavailable")]);
  expect(lines).toMatchObject([{ attempts: 3, reason: "ECONNREFUSED" }]);
});

test("H-18 repeats keep the id and sign anew", async () => {
  const { handler, backend } = await testHandler();
  backend.answer = () => (backend.requests.length < 3 ? 503 : {});
  await handler(messageEvent("{}"), contextWith());
  expect(new Set(backend.requests.map(({ headers }) => headers["webhook-id"]))).toEqual(
    new Set(["msg_m_UbT2ncYVoAMCJpw="]),
  );
  expect(new Set(backend.requests.map(({ text }) => text)).size).toBe(1);
  expect(backend.requests).toHaveLength(3);
});

test("S27 a backend that is too slow is asked once and the sender gets an error frame", async () => {
  const { handler, backend, connections } = await testHandler({ BACKEND_TIMEOUT_MS: "150" });
  backend.answer = () => () => undefined;
  await handler(messageEvent("{}"), contextWith());
  expect(backend.requests).toHaveLength(1);
  expect(connections.frames(connectionId)).toEqual([error("backend_timeout")]);
});

test("S31 H-10 a reply of 128 KB passes, one byte more does not", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => frame(131_072);
  await handler(messageEvent("{}"), contextWith());
  backend.answer = () => frame(131_073);
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames(connectionId)).toEqual([frame(131_072), error("payload_too_large")]);
  expect(lines[1]).toMatchObject({ level: "WARN", code: "payload_too_large" });
});

test("S31 one frame of a directive that is too large touches no other", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => ({
    deliver: [
      { to: ["A1=", "B2="], data: frame(131_073) },
      { to: "A1=", data: { n: 1 } },
    ],
  });
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames("A1=")).toEqual([{ n: 1 }]);
  expect(connections.frames("B2=")).toEqual([]);
  expect(connections.frames(connectionId)).toEqual([error("payload_too_large")]);
});

test("H-13 S29 a 410 is not retried and is reported once; other targets get their frame", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = ({ path }) =>
    path.endsWith("/message")
      ? {
          deliver: [
            { to: ["A1=", "B2="], data: 1 },
            { to: "A1=", data: 2 },
          ],
        }
      : {};
  connections.status = (sent) => (sent.connectionId === "A1=" ? 410 : 200);
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames("B2=")).toEqual([1]);
  expect(connections.sent.filter((sent) => sent.connectionId === "A1=")).toHaveLength(1);
  const reports = backend.requests.filter(({ path }) => path === "/api/ws/disconnect");
  expect(reports).toHaveLength(1);
  expect(reports[0]).toMatchObject({
    headers: { "webhook-id": "msg_d_A1=", "x-connection-id": "A1=" },
    envelope: { event: "disconnect", connection_id: "A1=", reason: "gone", code: null, detail: null },
  });
});

test.each([429, 500, 503, "reset"] as const)(
  "H-14 @connections answering %s is tried three times",
  async (status) => {
    const { handler, backend, connections, lines } = await testHandler();
    backend.answer = () => ({ response: "x" });
    connections.status = () => status;
    expect(await handler(messageEvent("{}"), contextWith())).toEqual({ statusCode: 200 });
    // A reset on a kept-alive socket is retried once more: it looks like one that was closed before.
    expect(connections.sent.length).toBeGreaterThanOrEqual(3);
    expect(lines).toMatchObject([{ level: "WARN", failed: 1, sent: 0 }]);
  },
);

test("H-14 @connections that never answers ends with the deadline", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ response: "x" });
  connections.status = () => "hang";
  const started = Date.now();
  await handler(messageEvent("{}"), contextWith(2_200));
  // Three attempts of 1.5 s each without the deadline.
  expect(Date.now() - started).toBeLessThan(4_000);
  expect(lines).toMatchObject([{ failed: 1 }]);
});

test("H-15 a role without the right is named with its permission and resource", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ response: "x" });
  connections.status = () => 403;
  await handler(messageEvent("{}"), contextWith());
  expect(connections.sent).toHaveLength(1);
  expect(lines).toMatchObject([
    {
      level: "ERROR",
      reason: "the role lacks execute-api:ManageConnections",
      resource: "arn:aws:execute-api:us-east-1:123456789012:abc123/dev/*/@connections/*",
    },
  ]);
});

test("H-17 of 1,000 targets, a tenth each gone, refused and failing, the others get the frame", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  const ids = Array.from({ length: 1_000 }, (_, index) => `id${index}=`);
  backend.answer = ({ path }) =>
    path.endsWith("/message") ? { deliver: [{ to: ids, data: { n: 1 } }] } : {};
  connections.status = ({ connectionId: id }) => ({ 1: 410, 2: 400, 3: 403 })[id.at(-2)!] ?? 200;
  await handler(messageEvent("{}"), contextWith());
  expect(ids.filter((id) => connections.frames(id).length === 1)).toHaveLength(700);
  expect(lines).toMatchObject([{ sent: 700, gone: 100, failed: 200 }]);
  expect(backend.requests.filter(({ path }) => path === "/api/ws/disconnect")).toHaveLength(100);
});

test("H-17 a slow answer of @connections is waited for: the frame comes once", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ response: "x" });
  connections.status = () => "slow";
  await handler(messageEvent("{}"), contextWith());
  expect(connections.frames(connectionId)).toEqual([{ response: "x" }]);
  expect(lines).toMatchObject([{ sent: 1, failed: 0 }]);
});

test("H-17 while the process has no CPU, no time of a call passes: each frame comes once", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  const ids = Array.from({ length: 100 }, (_, index) => `id${index}=`);
  backend.answer = ({ path }) =>
    path.endsWith("/message") ? { deliver: [{ to: ids, data: { n: 1 } }] } : {};
  connections.status = ({ connectionId: id }) => {
    // Longer than a call may take, while the other calls are under way in this process.
    if (id === ids[0]) stop(2_000);
    return 200;
  };
  await handler(messageEvent("{}"), contextWith());
  expect(ids.map((id) => connections.frames(id).length)).toEqual(ids.map(() => 1));
  expect(lines).toMatchObject([{ sent: 100, gone: 0, failed: 0 }]);
});

/** Holds the process, as a machine that gives it no CPU does. */
function stop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("a disconnect is sent to the backend once and its answer is ignored", async () => {
  const { handler, backend, lines } = await testHandler();
  backend.answer = () => 400;
  expect(await handler(disconnectEvent(), contextWith())).toEqual({ statusCode: 200 });
  expect(backend.requests).toMatchObject([
    {
      path: "/api/ws/disconnect",
      headers: { "webhook-id": `msg_d_${connectionId}` },
      envelope: {
        event: "disconnect",
        reason: "client",
        code: 1005,
        detail: "Client-side close frame status not set",
      },
    },
  ]);
  expect(lines).toMatchObject([{ level: "WARN", event: "disconnect", backendStatus: 400 }]);
});

test("H-21 a disconnect without its two fields is fine, and so is a message after it", async () => {
  const { handler, backend } = await testHandler();
  await handler(
    disconnectEvent({ disconnectStatusCode: undefined, disconnectReason: undefined }),
    contextWith(),
  );
  await handler(disconnectEvent(), contextWith());
  await handler(messageEvent("{}"), contextWith());
  expect(backend.requests.map(({ envelope }) => [envelope["event"], envelope["code"]])).toEqual([
    ["disconnect", null],
    ["disconnect", 1005],
    ["message", undefined],
  ]);
});

test("H-24 base64 is decoded once and flagged", async () => {
  const { handler, backend } = await testHandler();
  await handler(
    { ...messageEvent(Buffer.from('{"a":1}').toString("base64")), isBase64Encoded: true },
    contextWith(),
  );
  expect(backend.requests[0]!.envelope).toMatchObject({ is_base64_encoded: true, message: { a: 1 } });
});

test("H-28 the event's domain is used only where no endpoint is set, and only if it is one", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => ({ response: "x" });
  await handler(messageEvent("{}", { domainName: "evil.example", stage: "x" }), contextWith());
  expect(connections.frames(connectionId)).toEqual([{ response: "x" }]);
  const alone = loadHandler({ BACKEND_URL: backend.url, AWS_ACCESS_KEY_ID: "A", AWS_SECRET_ACCESS_KEY: "B" });
  for (const domainName of [
    "127.0.0.1:9",
    "169.254.169.254",
    "u@evil.example",
    "evil.example/x",
    "localhost",
    "a b.example",
    5,
    "",
  ]) {
    await alone.handler(messageEvent("{}", { domainName }), contextWith());
    expect(alone.lines.at(-1), String(domainName)).toMatchObject({ failed: 1 });
  }
  for (const stage of ["../x", "a/b", "a?b", "", null]) {
    await alone.handler(messageEvent("{}", { stage }), contextWith());
    expect(alone.lines.at(-1), String(stage)).toMatchObject({ failed: 1 });
  }
});

test.each([
  "https://evil.example/dev",
  "https://amazonaws.com.evil.example/dev",
  "https://evilamazonaws.com/dev",
  "http://abc123.execute-api.us-east-1.amazonaws.com/dev",
  "https://u@abc123.execute-api.us-east-1.amazonaws.com/dev",
  "https://169.254.169.254/.amazonaws.com/dev",
  "https://127.0.0.1:9?.amazonaws.com/dev",
  "https://127.0.0.1\\.amazonaws.com/dev",
  "https://abc123.execute-api.us-east-1.amazonaws.com:8443/dev",
  "https://abc123.execute-api.us-east-1.amazonaws.com/dev/../x",
  "http://169.254.169.254/latest",
])("H-28 frames that the function sends itself never go to %s", (endpoint) => {
  const event = { shelfshackInitial: { connectionId, requestId, endpoint, frames: ["1"] } };
  expect(readEvent(event, {})).toMatchObject({ kind: "initial", endpoint: undefined });
});

test.each([
  "https://abc123.execute-api.us-east-1.amazonaws.com/dev",
  "https://abc123.execute-api.cn-north-1.amazonaws.com.cn/dev",
])("H-28 frames that the function sends itself go to %s", (endpoint) => {
  const event = { shelfshackInitial: { connectionId, requestId, endpoint, frames: ["1"] } };
  expect(readEvent(event, {})).toMatchObject({ endpoint: new URL(endpoint) });
});

test("H-28 a configured endpoint wins over the one in the function's own event", async () => {
  const { handler, backend, connections } = await testHandler();
  const event = {
    shelfshackInitial: { connectionId, requestId, endpoint: "https://evil.example/dev", frames: ["1"] },
  };
  await handler(event, contextWith());
  expect(connections.frames(connectionId)).toEqual([1]);
  const alone = loadHandler({
    BACKEND_URL: backend.url,
    SIGNING_KEYS: signingKey,
    AWS_ACCESS_KEY_ID: "A",
    AWS_SECRET_ACCESS_KEY: "B",
  });
  const toUs = { shelfshackInitial: { ...event.shelfshackInitial, endpoint: connections.endpoint } };
  await alone.handler(toUs, contextWith());
  expect(connections.sent).toHaveLength(1);
  expect(alone.lines).toMatchObject([{ level: "WARN", event: "initial", failed: 1 }]);
});
