import { expect, test } from "vitest";
import { Webhook } from "standardwebhooks";
import { connectEvent, connectionId, consoleTestEvent } from "../support/golden-events.ts";
import { closedPort, contextWith, loadHandler, signingKey, testHandler } from "../support/test-handler.ts";

const query = { booking_id: "1", token: "eyJ.token", type: "booking" };

test("a handshake becomes one signed register request", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  const result = await handler(connectEvent({ ...query, theme: "dark", __proto__x: "1" }), contextWith());
  expect(result).toEqual({ statusCode: 200 });
  expect(backend.requests).toHaveLength(1);
  const { path, headers, text, envelope } = backend.requests[0]!;
  expect(path).toBe("/api/ws/register");
  expect(envelope).toEqual({
    v: 1,
    host: new URL(backend.url).host,
    path: "/api/ws/register",
    event: "connect",
    connection_id: connectionId,
    request_id: "UbT2aF9yIAMFkQg=",
    type: "booking",
    booking_id: "1",
    token: "eyJ.token",
    query: { theme: "dark", __proto__x: "1" },
    client: { ip: "203.0.113.7", user_agent: "shelfshack-cli/1.0", origin: "https://shelfshack.example" },
    connected_at: 1795446280123,
    callback_url: connections.endpoint,
  });
  expect(headers).toMatchObject({
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "shelfshack-ws/0.0.0",
    "x-connection-id": connectionId,
    "x-request-id": "UbT2aF9yIAMFkQg=",
    "webhook-id": "msg_c_UbT2aF9yIAMFkQg=",
  });
  expect(new Webhook(signingKey).verify(text, headers as Record<string, string>)).toEqual(envelope);
  expect(lines).toEqual([
    {
      level: "INFO",
      event: "connect",
      requestId: "UbT2aF9yIAMFkQg=",
      awsRequestId: "8f5a1c0e-0000-4000-8000-000000000001",
      connectionId,
      route: "$connect",
      type: "booking",
      booking: "1",
      status: 200,
      backendStatus: 200,
      attempts: 1,
      backendMs: expect.any(Number),
      ms: expect.any(Number),
    },
  ]);
});

test("a booking is logged where it has the form of an id; nothing that could be a token is", async () => {
  const { handler, lines } = await testHandler();
  const logged = async (booking_id: string) => {
    await handler(connectEvent({ booking_id, token: "t" }), contextWith());
    return lines.at(-1)!["booking"];
  };
  expect(await logged("2026-11_b")).toBe("2026-11_b");
  for (const odd of ["x".repeat(111), "eyJ.a.b", "a b", "ü", 'a"b', "a\nb"])
    expect(await logged(odd)).toBeUndefined();
});

test("H-26 only the allowed headers of a handshake are passed on", async () => {
  const { handler, backend } = await testHandler();
  await handler(connectEvent(query, { "X-Forwarded-For": "évil", "x-secret": "s3cret" }), contextWith());
  expect(backend.requests[0]!.text).not.toMatch(/s3cret|session=|vil"/);
});

test("README step 7: the console's test event, without type and request id, is a handshake", async () => {
  const { handler, backend } = await testHandler({ API_GATEWAY_ENDPOINT: undefined });
  expect(await handler(consoleTestEvent, contextWith())).toEqual({ statusCode: 200 });
  expect(backend.requests[0]!.envelope).toMatchObject({
    connection_id: "test-connection-123",
    request_id: "8f5a1c0e-0000-4000-8000-000000000001",
    callback_url: "https://test.execute-api.us-east-1.amazonaws.com/dev",
    client: { ip: null, user_agent: null, origin: null },
  });
});

test.each([
  [{}, 400],
  [{ type: "booking", token: "t" }, 400],
  [{ type: "booking", booking_id: "", token: "t" }, 400],
  [{ booking_id: "1" }, 401],
  [{ type: "chat" }, 401],
  [{ type: "notification" }, 401],
  [{ type: "Feed!" }, 400],
  [{ type: "" }, 400],
  [{ type: "x".repeat(33) }, 400],
])("a handshake with %j is refused with %i before the backend is asked", async (odd, statusCode) => {
  const { handler, backend, lines } = await testHandler();
  expect(await handler(connectEvent(odd as Record<string, string>), contextWith())).toEqual({ statusCode });
  expect(backend.requests).toEqual([]);
  expect(lines).toMatchObject([{ level: "WARN", status: statusCode }]);
});

test.each(["feed", "my_own-type2"])("a %s connection needs no token", async (type) => {
  const { handler, backend } = await testHandler();
  expect(await handler(connectEvent({ type }), contextWith())).toEqual({ statusCode: 200 });
  expect(backend.requests[0]!.envelope).toMatchObject({ type, booking_id: null, token: null });
});

test.each([
  [204, 200],
  [400, 400],
  [401, 401],
  [403, 403],
  [404, 404],
  [409, 409],
  [429, 429],
  [402, 502],
  [413, 502],
  [422, 502],
  [500, 502],
  [501, 502],
  [502, 502],
  [503, 502],
  [504, 502],
  [302, 502],
])("H-05 H-06 a backend that answers %i to a handshake makes %i", async (status, statusCode) => {
  const { handler, backend } = await testHandler();
  backend.answer = () => (status === 204 ? undefined : status);
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode });
});

test.each([
  [{ success: true }, 200],
  [{ user: "u1" }, 200],
  [{ success: false }, 403],
  [{ success: "false" }, 403],
  [{ success: null }, 403],
])("a backend that answers %j makes %i", async (answer, statusCode) => {
  const { handler, backend } = await testHandler();
  backend.answer = () => answer;
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode });
});

test("S25 a refused token is one WARN line without the token", async () => {
  const { handler, backend, raw, lines } = await testHandler();
  backend.answer = () => 401;
  await handler(connectEvent({ ...query, token: "canary-token", other: "canary-query" }), contextWith());
  expect(lines).toMatchObject([{ level: "WARN", status: 401, backendStatus: 401, code: "rejected" }]);
  expect(raw.join("")).not.toContain("canary");
});

test("S26 S27 a handshake fails closed: 502 without a backend, 504 with a slow one", async () => {
  const { handler } = await testHandler({ BACKEND_URL: await closedPort() });
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
  const slow = await testHandler({ BACKEND_TIMEOUT_MS: "100" });
  slow.backend.answer = () => () => undefined;
  expect(await slow.handler(connectEvent(query), contextWith())).toEqual({ statusCode: 504 });
  expect(slow.backend.requests).toHaveLength(1);
});

test("H-31 with a malformed signing key one log line says so and no client can connect", async () => {
  const { handler, backend, lines, raw } = await testHandler({ SIGNING_KEYS: "whsec_canary" });
  expect(lines).toEqual([
    {
      level: "ERROR",
      event: "load",
      code: "configuration",
      reason: "SIGNING_KEYS has to be one or two keys, each whsec_ and the base64 of 24 to 64 bytes",
    },
  ]);
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
  expect(backend.requests).toEqual([]);
  expect(raw.join("")).not.toContain("canary");
});

test.each([",", " ", " ,\n"])(
  "H-31 SIGNING_KEYS=%j holds no key: one log line says so and no client can connect",
  async (keys) => {
    const { handler, backend, lines } = await testHandler({ SIGNING_KEYS: keys });
    expect(lines).toMatchObject([
      { level: "ERROR", event: "load", reason: expect.stringContaining("SIGNING_KEYS has to be") },
    ]);
    expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
    expect(backend.requests).toEqual([]);
  },
);

test.each([undefined, ""])(
  "with SIGNING_KEYS=%j one WARN line says that requests go unsigned",
  async (keys) => {
    const { handler, backend, lines } = await testHandler({ SIGNING_KEYS: keys });
    expect(lines).toEqual([
      { level: "WARN", event: "load", code: "unsigned", reason: "SIGNING_KEYS is not set" },
    ]);
    expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 200 });
    expect(backend.requests[0]!.headers).not.toHaveProperty("webhook-signature");
    expect((await testHandler()).lines).toEqual([]);
  },
);

test.each([
  ["BACKEND_URL", undefined],
  ["BACKEND_URL", "api.example.com"],
  ["BACKEND_URL", "ftp://api.example.com"],
  ["BACKEND_URL", "http://user:secret@api.example.com"],
  ["BACKEND_URL", "http://api.example.com/?x=1"],
  ["BACKEND_URL", "http://169.254.169.254/latest"],
  ["BACKEND_URL", "http://2852039166/"],
  ["BACKEND_URL", "http://[fd00:ec2::254]/"],
  ["BACKEND_URL", "http://[::ffff:169.254.169.254]/"],
  ["API_GATEWAY_ENDPOINT", "wss://abc.execute-api.us-east-1.amazonaws.com/dev"],
  ["REGISTER_PATH", "api/ws/register"],
  ["MESSAGE_PATH", "/api/../admin"],
  ["DISCONNECT_PATH", "//evil.example/x"],
  ["BACKEND_TIMEOUT_MS", "soon"],
  ["BACKEND_TIMEOUT_MS", "0"],
])("%s=%s is one clear line and 502", async (name, value) => {
  const { handler, lines } = loadHandler({ BACKEND_URL: "http://127.0.0.1:1", [name]: value });
  expect(lines).toMatchObject([{ level: "ERROR", event: "load", reason: expect.stringContaining(name) }]);
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 502 });
});

test("a path before the backend's paths is kept, requested and signed", async () => {
  const { backend } = await testHandler();
  const { handler } = loadHandler({
    BACKEND_URL: `${backend.url}/prefix/`,
    REGISTER_PATH: "/hooks/register",
  });
  await handler(connectEvent(query), contextWith());
  expect(backend.requests[0]).toMatchObject({
    path: "/prefix/hooks/register",
    envelope: { path: "/prefix/hooks/register" },
  });
  expect(backend.requests[0]!.headers).not.toHaveProperty("webhook-signature");
});

test.each([
  [{ "sec-websocket-protocol": "shelf.v1, shelf.v2" }, { "Sec-WebSocket-Protocol": "shelf.v1" }],
  [{ "Sec-WebSocket-Protocol": "bad proto\r\nx: y" }, undefined],
  [{}, undefined],
])("a client that offers %j gets %j back", async (offered, headers) => {
  const { handler, backend } = await testHandler();
  expect(await handler(connectEvent(query, offered), contextWith())).toEqual({
    statusCode: 200,
    ...(headers && { headers }),
  });
  backend.answer = () => 401;
  expect(await handler(connectEvent(query, offered), contextWith())).toEqual({ statusCode: 401 });
});
