import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { connectEvent, connectionId } from "../support/golden-events.ts";
import {
  contextWith,
  invokedFunctionArn,
  loadHandler,
  signingKey,
  testHandler,
} from "../support/test-handler.ts";

const query = { booking_id: "1", token: "eyJ.token", type: "booking" };

test("S28 a second invocation sends the initial frames, in order, once the connection is open", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({
    success: true,
    initial: [
      { type: "welcome", n: 12345678901234567890n.toString() },
      { type: "history", items: [1, [2]] },
    ],
  });
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 200 });
  expect(connections.sent).toEqual([]);
  const [invocation] = connections.invocations;
  expect(invocation).toMatchObject({
    name: invokedFunctionArn,
    headers: { "x-amz-invocation-type": "Event" },
  });
  expect(invocation!.headers.authorization).toContain(
    "/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date;x-amz-invocation-type;",
  );
  connections.status = () => (connections.sent.length < 4 ? 410 : 200);
  expect(await handler(invocation!.event, contextWith())).toEqual({ statusCode: 200 });
  expect(connections.frames(connectionId)).toEqual([
    { type: "welcome", n: "12345678901234567890" },
    { type: "history", items: [1, [2]] },
  ]);
  expect(lines.at(-1)).toMatchObject({ level: "INFO", event: "initial", sent: 2, gone: 0, failed: 0 });
});

test("one initial frame needs no list", async () => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => ({ initial: { type: "welcome" } });
  await handler(connectEvent(query), contextWith());
  expect(connections.invocations[0]!.event).toMatchObject({
    shelfshackInitial: { frames: ['{"type":"welcome"}'] },
  });
});

test.each([{}, { initial: [] }, { initial: null }])("%j causes no second invocation", async (answer) => {
  const { handler, backend, connections } = await testHandler();
  backend.answer = () => answer;
  await handler(connectEvent(query), contextWith());
  expect(connections.invocations).toEqual([]);
});

test("F-29 a test event without an event type, whose connection is made up, gets no frames", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ initial: [{ type: "welcome" }] });
  const byHand = connectEvent(query, {}, { eventType: undefined, connectionId: "test-connection-123" });
  expect(await handler(byHand, contextWith())).toEqual({ statusCode: 200 });
  expect(connections.invocations).toEqual([]);
  expect(lines.map(({ level }) => level)).toEqual(["INFO"]);
});

test("a client that never opens is reported gone once, within the function's time", async () => {
  const { handler, backend, connections } = await testHandler();
  connections.status = () => 410;
  const event = {
    shelfshackInitial: { connectionId, requestId: "r", endpoint: connections.endpoint, frames: ["1", "2"] },
  };
  await handler(event, contextWith(2_500));
  expect(connections.sent.length).toBeGreaterThan(3);
  expect(backend.requests).toMatchObject([
    { path: "/api/ws/disconnect", envelope: { reason: "gone", connection_id: connectionId } },
  ]);
});

test("a client that leaves between two initial frames is not waited for", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  connections.status = () => (connections.sent.length === 1 ? 200 : 410);
  const event = {
    shelfshackInitial: {
      connectionId,
      requestId: "r",
      endpoint: connections.endpoint,
      frames: ["1", "2", "3"],
    },
  };
  await handler(event, contextWith());
  expect(connections.sent.map(({ frame }) => frame)).toEqual(["1", "2"]);
  expect(lines.at(-1)).toMatchObject({ event: "initial", sent: 1, gone: 2 });
  expect(backend.requests).toMatchObject([{ path: "/api/ws/disconnect", envelope: { reason: "gone" } }]);
});

test("initial frames that cannot be handed over are logged, and the client stays connected", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ initial: [{ type: "welcome" }] });
  connections.invokeStatus = 403;
  expect(await handler(connectEvent(query), contextWith())).toEqual({ statusCode: 200 });
  expect(lines).toMatchObject([
    {
      level: "ERROR",
      code: "initial_failed",
      reason: "the role lacks lambda:InvokeFunction",
      resource: invokedFunctionArn,
    },
  ]);
});

test.each([429, 500, 503, "reset"] as const)(
  "initial frames survive a single %s of Lambda, and each call is signed anew",
  async (trouble) => {
    const { backend, connections } = await testHandler();
    const invoked: { authorization: string | undefined; body: string }[] = [];
    const lambda = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        invoked.push({ authorization: request.headers.authorization, body });
        if (invoked.length > 1) response.writeHead(202).end();
        else if (trouble === "reset") request.socket.destroy();
        else response.writeHead(trouble, { "retry-after": "1" }).end();
      });
    });
    await new Promise<void>((resolve) => lambda.listen(0, "127.0.0.1", resolve));
    onTestFinished(async () => {
      const closed = new Promise((resolve) => lambda.close(resolve));
      lambda.closeAllConnections();
      await closed;
    });
    const loaded = loadHandler({
      BACKEND_URL: backend.url,
      API_GATEWAY_ENDPOINT: connections.endpoint,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(lambda.address() as AddressInfo).port}`,
      SIGNING_KEYS: signingKey,
      AWS_ACCESS_KEY_ID: "A",
      AWS_SECRET_ACCESS_KEY: "B",
    });
    backend.answer = () => ({ initial: [{ type: "welcome" }] });
    expect(await loaded.handler(connectEvent(query), contextWith())).toEqual({ statusCode: 200 });
    expect(loaded.lines).toMatchObject([{ level: "INFO", event: "connect", status: 200 }]);
    expect(invoked).toHaveLength(2);
    expect(invoked[1]!.body).toBe(invoked[0]!.body);
    if (typeof trouble === "number") expect(invoked[1]!.authorization).not.toBe(invoked[0]!.authorization);
  },
);

test("when Lambda keeps failing, the handshake is accepted in time, with one log line", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  backend.answer = () => ({ initial: { type: "welcome" } });
  connections.invokeStatus = 503;
  const started = Date.now();
  expect(await handler(connectEvent(query), contextWith(3_000))).toEqual({ statusCode: 200 });
  expect(Date.now() - started).toBeLessThan(3_000);
  expect(connections.invocations).toHaveLength(3);
  expect(lines).toMatchObject([{ level: "WARN", code: "initial_failed", reason: "Lambda answered 503" }]);
});
