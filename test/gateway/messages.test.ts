import { expect, test } from "vitest";
import { answered, testGateway, type TestGatewayOptions } from "../support/test-gateway.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";

const frame = (message: string, { connectionId, requestId }: { connectionId: string; requestId: string }) =>
  `{"message": "${message}", "connectionId":"${connectionId}", "requestId":"${requestId}"}`;

/** The function answers so on `$default`, whose body goes back; on the other routes it just agrees. */
const echoing = (answer: unknown): TestGatewayOptions => ({
  routes: ["$connect", "$disconnect", { routeKey: "$default", twoWay: true }],
  lambda: ({ requestContext }) =>
    answered(requestContext.eventType === "MESSAGE" ? answer : { statusCode: 200 }),
});

test.each([
  [{ statusCode: 200, body: "yes" }],
  [{ statusCode: "201", body: "yes" }],
  [{ body: "yes" }],
  [{ statusCode: 200, headers: null, multiValueHeaders: null, body: "yes" }],
  [
    {
      statusCode: 200,
      headers: { a: true, b: 1 },
      multiValueHeaders: { c: ["d"] },
      isBase64Encoded: false,
      body: "yes",
    },
  ],
  [{ statusCode: 500, body: "yes" }],
])("the answer %j is well formed", async (answer) => {
  const { url } = await testGateway(echoing(answer));
  const socket = await openSocket(url);
  socket.send("?");
  expect(await socket.next()).toBe("yes");
});

test.each([
  [{ statusCode: 200, anything: "else" }],
  [{}],
  ["a string"],
  [["an", "array"]],
  [5],
  [null],
  [undefined],
  [{ statusCode: "abc" }],
  [{ statusCode: 20.5 }],
  [{ statusCode: 200, headers: ["x"] }],
  [{ statusCode: 200, multiValueHeaders: { x: "not-a-list" } }],
  [{ statusCode: 200, body: { obj: 1 } }],
  [{ statusCode: 200, ConnectionId: "x", Data: "y" }],
])("G-10 the answer %j is malformed, and the connection stays open", async (answer) => {
  const api = await testGateway({ ...echoing(answer), routes: ["$default"] });
  const socket = await openSocket(api.url);
  for (const text of ["first", "second"]) {
    socket.send(text);
    const { requestContext } = await api.event("MESSAGE");
    expect(await socket.next()).toBe(frame("Internal server error", requestContext));
  }
});

test.each([
  [
    "throws",
    { lambda: () => ({ kind: "answered", payload: "{}", functionError: "Unhandled" }) },
    "Internal server error",
  ],
  ["answers no JSON", { lambda: () => ({ kind: "answered", payload: "<html>" }) }, "Internal server error"],
  ["may not be invoked", { lambda: () => ({ kind: "forbidden" }) }, "Internal server error"],
  ["does not exist", { lambda: () => ({ kind: "missing" }) }, "Internal server error"],
  ["has no concurrency left", { lambda: () => ({ kind: "throttled" }) }, "Internal server error"],
  ["cannot be called", { lambda: () => Promise.reject(new Error("no runtime")) }, "Internal server error"],
  [
    "takes too long",
    { lambda: () => new Promise(() => undefined), integrationTimeoutMs: 20 },
    "Endpoint request timed out",
  ],
] as [string, TestGatewayOptions, string][])(
  "G-10 a function that %s is answered with an error frame",
  async (_, options, message) => {
    const api = await testGateway({ routes: ["$default"], ...options });
    const socket = await openSocket(api.url);
    socket.send("x");
    const { requestContext } = await api.event("MESSAGE");
    expect(await socket.next()).toBe(frame(message, requestContext));
    expect(await api.failures.next()).toMatchObject({
      requestId: requestContext.requestId,
      routeKey: "$default",
    });
  },
);

test("without a route response nothing comes back, whatever the function answers", async () => {
  const { url } = await testGateway({
    routes: [{ routeKey: "$default" }, { routeKey: "ask", twoWay: true }],
    lambda: ({ requestContext }) =>
      answered({ statusCode: requestContext.routeKey === "ask" ? 200 : 500, body: requestContext.routeKey }),
  });
  const socket = await openSocket(url);
  socket.send("quiet");
  socket.send('{"action":"ask"}');
  expect(await socket.next()).toBe("ask");
});

test("with a route response an answer without body sends nothing", async () => {
  const { url } = await testGateway({
    routes: [{ routeKey: "$default", twoWay: true }],
    lambda: ({ body }) => answered(body === "quiet" ? { statusCode: 200 } : { statusCode: 200, body }),
  });
  const socket = await openSocket(url);
  socket.send("quiet");
  socket.send("loud ünïcode");
  expect(await socket.next()).toBe("loud ünïcode");
});

test("a body over 128 KB does not go back", async () => {
  const api = await testGateway(echoing({ body: "é".repeat(64 * 1024 + 1) }));
  const socket = await openSocket(api.url);
  socket.send("x");
  expect(await socket.next()).toContain("Internal server error");
});

test("a message reaches the function of its route as it was sent", async () => {
  const api = await testGateway({ routes: ["$default", "join"] });
  const socket = await openSocket(api.url);
  socket.send('{"action":\n "join"}');
  const { event, sourceArn } = await api.calls.next();
  expect(event).toMatchObject({
    body: '{"action":\n "join"}',
    requestContext: { routeKey: "join", eventType: "MESSAGE" },
  });
  expect(event).not.toHaveProperty("headers");
  expect(sourceArn).toBe("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/dev/join");
});

test.each([
  "not json",
  '{"action":"nope"}',
  '{"action":"$connect"}',
  '{"action":"$disconnect"}',
  '"join"',
  "",
])("the message %j goes to $default, and is refused without it", async (text) => {
  const api = await testGateway({ routes: ["$connect", "$disconnect", "$default", "join"] });
  const socket = await openSocket(api.url);
  socket.send(text);
  expect(await api.event("MESSAGE")).toMatchObject({
    body: text,
    requestContext: { routeKey: "$default" },
  });
  const bare = await testGateway({ routes: ["$connect", "$disconnect", "join"] });
  const other = await openSocket(bare.url);
  other.send(text);
  expect(await other.next()).toMatch(
    /^\{"message": "Forbidden", "connectionId":"[\w-]{15}=", "requestId":"[\w-]{15}="\}$/,
  );
  expect(bare.calls.all.map(({ event }) => event.requestContext.eventType)).toEqual(["CONNECT"]);
});

test("a route without target accepts in silence", async () => {
  const { url, calls } = await testGateway({
    routes: [
      { routeKey: "$default", integration: undefined as never },
      { routeKey: "ask", twoWay: true },
    ],
  });
  const socket = await openSocket(url);
  socket.send("x");
  socket.send('{"action":"ask"}');
  expect((await calls.next()).event.requestContext.routeKey).toBe("ask");
});

test("messages of one connection run concurrently", async () => {
  const waiting: (() => void)[] = [];
  const api = await testGateway({
    routes: [{ routeKey: "$default", twoWay: true }],
    lambda: async ({ body }) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return answered({ body });
    },
  });
  const socket = await openSocket(api.url);
  socket.send("first");
  socket.send("second");
  await api.event("MESSAGE");
  await api.event("MESSAGE");
  waiting[1]?.();
  expect(await socket.next()).toBe("second");
  waiting[0]?.();
  expect(await socket.next()).toBe("first");
});

test("a throttled message is answered with an error frame, and other routes are not affected", async () => {
  const api = await testGateway({
    routes: ["$connect", "$default", "join"],
    stage: {
      throttle: (routeKey) => (routeKey === "join" ? { rate: 0.001, burst: 1 } : { rate: 100, burst: 100 }),
    },
  });
  const socket = await openSocket(api.url);
  socket.send('{"action":"join"}');
  await api.event("MESSAGE");
  socket.send('{"action":"join"}');
  expect(await socket.next()).toContain('{"message": "Too Many Requests", "connectionId":');
  socket.send("other");
  expect((await api.event("MESSAGE")).requestContext.routeKey).toBe("$default");
});

test("a stage that is made again begins with a full throttle, other stages stay as they are", async () => {
  const api = await testGateway({
    routes: ["$default"],
    stage: { throttle: () => ({ rate: 0.001, burst: 1 }) },
  });
  await openSocket(api.url);
  expect((await refusedSocket(api.url)).status).toBe(429);
  api.gateway.disconnect("a1b2c3d4e5", "de");
  api.gateway.disconnect("a1b2c3d4e");
  expect((await refusedSocket(api.url)).status).toBe(429);
  api.gateway.disconnect("a1b2c3d4e5", "dev");
  await openSocket(api.url);
  expect((await refusedSocket(api.url)).status).toBe(429);
  api.gateway.disconnect("a1b2c3d4e5");
  await openSocket(api.url);
});

test("a throttle fills again", async () => {
  const api = await testGateway({
    routes: ["$default"],
    stage: { throttle: () => ({ rate: 100, burst: 1 }) },
  });
  const socket = await openSocket(api.url);
  socket.send("first");
  await api.event("MESSAGE");
  // Each refused message is one round trip, so this goes on until the bucket has a token again.
  const again = api.event("MESSAGE").then(() => "served");
  for (let tries = 0, heard = ""; heard !== "served" && tries < 10_000; tries += 1) {
    socket.send("again");
    heard = await Promise.race([again, socket.next()]);
  }
  expect(await again).toBe("served");
});
