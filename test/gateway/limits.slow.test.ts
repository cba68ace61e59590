import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createBacklog } from "../../src/local/gateway/backlog.ts";
import { limitFrames } from "../../src/local/gateway/frame-limits.ts";
import { post, testGateway } from "../support/test-gateway.ts";
import { encodeFrame, openRaw, upgradeRequest } from "../support/raw-socket.ts";
import { openSocket } from "../support/socket.ts";

test.each([
  ["one frame of 32,768 bytes", [32_768], undefined],
  ["one frame of 32,769 bytes", [32_769], 1009],
  ["131,072 bytes in frames of 32,768", [32_768, 32_768, 32_768, 32_768], undefined],
  ["131,073 bytes in frames", [32_768, 32_768, 32_768, 32_768, 1], 1009],
  ["a second frame of 32,769 bytes", [1, 32_769], 1009],
])("G-02 %s", async (_, sizes, code) => {
  const api = await testGateway();
  const socket = await openSocket(api.url);
  sizes.forEach((size, index) =>
    socket.webSocket.send("x".repeat(size), { fin: index === sizes.length - 1 }),
  );
  if (code) {
    expect((await socket.closed()).code).toBe(code);
    expect((await api.event("DISCONNECT")).requestContext.disconnectStatusCode).toBe(code);
    expect(api.calls.all).toHaveLength(2);
  } else {
    expect((await api.event("MESSAGE")).body).toHaveLength(sizes.reduce((sum, size) => sum + size));
  }
});

test("G-02 a version of ws whose frames cannot be limited is refused, not trusted", async () => {
  const { port } = await testGateway();
  const withoutReceiver = new WebSocket(`ws://127.0.0.1:${port}/nowhere/dev`);
  expect(() => limitFrames(withoutReceiver)).toThrow("the installed version of ws has no receiver");
  await expect(new Promise((_, reject) => withoutReceiver.on("error", reject))).rejects.toThrow("403");
});

test("G-03 a binary message closes the connection with 1003, and what follows it is not served", async () => {
  const api = await testGateway();
  const socket = await openSocket(api.url);
  socket.send(Buffer.from("x"));
  socket.send("more");
  expect((await socket.closed()).code).toBe(1003);
  expect((await api.event("DISCONNECT")).requestContext.disconnectStatusCode).toBe(1003);
  expect(api.calls.all).toHaveLength(2);
});

test(
  "G-05 a reader that stalls is cut when 4 MB wait for it, and the others go on",
  { timeout: 30_000 },
  async () => {
    const api = await testGateway();
    const stalled = await openSocket(api.url);
    const { requestContext } = await api.event("CONNECT");
    stalled.webSocket.pause();
    const message = Buffer.alloc(128 * 1024, "x");
    let accepted = 0;
    while ((await post(api, requestContext.connectionId, message)) === 200) accepted += 1;
    // The 4 MB that the gateway keeps, and what the buffers of the two sockets in the kernel take.
    expect(accepted * message.length).toBeLessThan(24 * 1024 * 1024);
    expect(accepted * message.length).toBeGreaterThan(4 * 1024 * 1024);
    expect((await api.event("DISCONNECT")).requestContext.disconnectStatusCode).toBe(1006);
    const reader = await openSocket(api.url);
    const { requestContext: other } = await api.event("CONNECT");
    expect(await post(api, other.connectionId, "hello")).toBe(200);
    expect(await reader.next()).toBe("hello");
  },
);

test("G-05 what waits exceeds the limit by no more than what was sent last, whichever client reads", () => {
  const client = fc.integer({ min: 0, max: 9 });
  const step = fc.oneof(
    fc.record({ sends: client, bytes: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ reads: client, bytes: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ leaves: client, bytes: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const backlog = createBacklog<{ socket: { bufferedAmount: number } }>(100);
      const clients = Array.from({ length: 10 }, () => ({ socket: { bufferedAmount: 0 } }));
      const waiting = () => clients.map(({ socket }) => socket.bufferedAmount);
      const total = () => waiting().reduce((sum, bytes) => sum + bytes);
      const leave = (one: (typeof clients)[number]) => {
        backlog.forget(one);
        one.socket.bufferedAmount = 0;
      };
      for (const { bytes, ...what } of steps) {
        if ("sends" in what) {
          const one = clients[what.sends]!;
          one.socket.bufferedAmount += bytes;
          const dropped = backlog.update(one);
          expect(dropped !== undefined).toBe(total() > 100);
          if (dropped) expect(dropped.socket.bufferedAmount).toBe(Math.max(...waiting()));
          if (dropped) leave(dropped);
          expect(total()).toBeLessThanOrEqual(100);
        } else if ("reads" in what) {
          const { socket } = clients[what.reads]!;
          socket.bufferedAmount = Math.max(0, socket.bufferedAmount - bytes);
        } else leave(clients[what.leaves]!);
      }
    }),
  );
});

test("G-06 a client that no longer answers is dropped after two pings", async () => {
  const api = await testGateway({ pingMs: 150 });
  const ws = fileURLToPath(import.meta.resolve("ws")).replace("wrapper.mjs", "index.js");
  const program = `new (require(${JSON.stringify(ws)}))(${JSON.stringify(api.url)})`;
  const client = spawn(process.execPath, ["-e", program], { stdio: "inherit" });
  onTestFinished(() => void client.kill("SIGKILL"));
  const { requestContext } = await api.event("CONNECT");
  const alive = await openSocket(api.url);
  await api.event("CONNECT");
  client.kill("SIGSTOP");
  const gone = await api.event("DISCONNECT");
  expect(gone.requestContext).toMatchObject({
    connectionId: requestContext.connectionId,
    disconnectStatusCode: 1006,
  });
  expect(await post(api, requestContext.connectionId, "x")).toBe(410);
  alive.send("still here");
  expect((await api.event("MESSAGE")).body).toBe("still here");
});

test("a connection without messages is closed, and pings do not count as messages", async () => {
  const api = await testGateway({ idleMs: 60, pingMs: 10 });
  const socket = await openSocket(api.url);
  expect(await socket.closed()).toEqual({ code: 1001, reason: "Going away" });
  expect((await api.event("DISCONNECT")).requestContext).toMatchObject({
    disconnectStatusCode: 1001,
    disconnectReason: "Going away",
  });
});

test("a connection that is old enough is closed, however busy", async () => {
  const unlimited = { rate: Infinity, burst: Infinity };
  const api = await testGateway({ maxAgeMs: 1_000, stage: { throttle: () => unlimited } });
  // Its age counts from the gateway's answer, which comes before the client has read it.
  const began = Date.now();
  const socket = await openSocket(api.url);
  const closed = socket.closed().then(({ code }) => code);
  // Every message is a round trip and none is throttled, so the connection is busy until it ends.
  const talk = async () => {
    while (socket.webSocket.readyState === socket.webSocket.OPEN) {
      socket.send("x");
      await Promise.race([api.event("MESSAGE"), closed]);
    }
  };
  await talk();
  expect(await closed).toBe(1001);
  expect(api.calls.all.length).toBeGreaterThan(2);
  expect(Date.now() - began).toBeGreaterThanOrEqual(990);
});

test("a ping is answered", async () => {
  const api = await testGateway();
  const { webSocket } = await openSocket(api.url);
  const pong = new Promise<string>((resolve) => webSocket.on("pong", (data) => resolve(data.toString())));
  webSocket.ping("are you there");
  expect(await pong).toBe("are you there");
});

test.each([
  ["a code and a reason", 4000, "bye", 4000, "bye"],
  ["a browser's close code", 1001, "", 1001, ""],
  ["no code", undefined, undefined, 1005, "Client-side close frame status not set"],
])(
  "a client that closes with %s is announced as gone with it",
  async (_, code, reason, disconnectStatusCode, disconnectReason) => {
    const api = await testGateway();
    (await openSocket(api.url)).close(code, reason);
    expect((await api.event("DISCONNECT")).requestContext).toMatchObject({
      disconnectStatusCode,
      disconnectReason,
    });
  },
);

test("a client that hangs up without a close frame is announced as gone", async () => {
  const api = await testGateway();
  (await openSocket(api.url)).webSocket.terminate();
  expect((await api.event("DISCONNECT")).requestContext).toMatchObject({ disconnectStatusCode: 1006 });
});

test("the connections of a deleted stage are closed, those of other stages not", async () => {
  const api = await testGateway();
  const socket = await openSocket(api.url);
  api.gateway.disconnect("a1b2c3d4e5", "prod");
  api.gateway.disconnect("another");
  socket.send("still here");
  expect((await api.event("MESSAGE")).body).toBe("still here");
  api.deleteStage();
  api.gateway.disconnect("a1b2c3d4e5", "dev");
  expect(await socket.closed()).toEqual({ code: 1001, reason: "Going away" });
});

test("a deleted API takes all its connections with it, also those whose handshake is pending", async () => {
  let accept = () => {};
  const accepted = new Promise<void>((resolve) => (accept = resolve));
  const api = await testGateway({
    lambda: () => accepted.then(() => ({ kind: "answered", payload: '{"statusCode":200}' })),
  });
  const raw = await openRaw(api.port);
  raw.write(upgradeRequest("/a1b2c3d4e5/dev"));
  await api.event("CONNECT");
  api.gateway.disconnect("a1b2c3d4e5");
  accept();
  expect(await raw.head()).toBe("");
});

test("G-23 a gateway that closes says so to 200 clients and delivers every $disconnect", async () => {
  const api = await testGateway();
  const sockets = await Promise.all(Array.from({ length: 200 }, () => openSocket(api.url)));
  await api.gateway.close();
  const ends = await Promise.all(sockets.map((socket) => socket.closed()));
  expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([1001]));
  const gone = api.calls.all.filter(({ event }) => event.requestContext.eventType === "DISCONNECT");
  expect(new Set(gone.map(({ event }) => event.requestContext.connectionId)).size).toBe(200);
});

test("G-23 a gateway closes although a client does not answer the close frame", async () => {
  const api = await testGateway();
  const raw = await openRaw(api.port);
  raw.write(upgradeRequest("/a1b2c3d4e5/dev"));
  expect(await raw.head()).toMatch(/^HTTP\/1.1 101 /);
  await api.gateway.close();
  expect((await api.event("DISCONNECT")).requestContext.disconnectStatusCode).toBe(1001);
});

test("a closed gateway accepts no client", async () => {
  const api = await testGateway();
  await api.gateway.close();
  const raw = await openRaw(api.port);
  raw.write(upgradeRequest("/a1b2c3d4e5/dev"));
  expect(await raw.head()).toMatch(/^HTTP\/1.1 503 /);
});

test(
  "G-08 500 connections are all served, and none is left after they close",
  { timeout: 30_000 },
  async () => {
    const api = await testGateway();
    const raws = await Promise.all(Array.from({ length: 500 }, () => openRaw(api.port)));
    for (const raw of raws) raw.write(upgradeRequest("/a1b2c3d4e5/dev"));
    await Promise.all(raws.map((raw) => raw.head()));
    for (const raw of raws) raw.write(encodeFrame({ opcode: 1, payload: Buffer.from("x") }));
    for (const _ of raws) await api.event("MESSAGE");
    for (const raw of raws) raw.cut();
    for (const _ of raws) await api.event("DISCONNECT");
    expect(api.calls.all).toHaveLength(1_500);
  },
);
