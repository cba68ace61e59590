import { expect, onTestFinished, test } from "vitest";
import type { WebSocket } from "ws";
import { deliver } from "../../src/client/delivery.ts";
import { expectation } from "../../src/client/expectation.ts";
import { lastingSession, pauseMs } from "../../src/client/lasting.ts";
import { openSession, type Closed } from "../../src/client/session.ts";
import { refusingServer, webSocketServer } from "../support/handshake-server.ts";
import { createQueue } from "../support/queue.ts";

test("the pauses double by chance up to half a minute", () => {
  const [least, most] = [() => 0, () => 1];
  expect([0, 1, 2].map((tries) => pauseMs(tries, 500, least))).toEqual([250, 500, 1000]);
  expect([0, 1, 2].map((tries) => pauseMs(tries, 500, most))).toEqual([500, 1000, 2000]);
  expect(pauseMs(1_000, 500, most)).toBe(30_000);
});

/** A session at the URLs in turn, with what is told of it. */
async function lastingAt({ whenLost }: { whenLost: boolean }, ...urls: string[]) {
  const told = createQueue<string>();
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const { signal } = ending;
  const session = await lastingSession({
    whenLost,
    open: () => {
      const url = urls.length > 1 ? urls.shift() : urls[0];
      return openSession(new URL(url ?? ""), { timeoutMs: 10_000, signal });
    },
    onLost: ({ code }: Closed) => told.put(`lost ${code}`),
    onRefused: () => told.put("refused"),
    onBack: () => told.put("back"),
    signal,
    firstPauseMs: 1,
  });
  return { session, told };
}

test("a connection that the peer closes is opened again, and messages go on", async () => {
  let connections = 0;
  const url = await webSocketServer((socket) => {
    const number = ++connections;
    socket.on("message", (payload: Buffer) => {
      const text = payload.toString();
      if (text === "cut") return socket.terminate();
      if (text === "restart") return socket.close(1012);
      return socket.send(`${number} ${text}`);
    });
  });
  const { session, told } = await lastingAt({ whenLost: true }, url, url, await refusingServer(503), url);
  const received = createQueue<string | undefined>();
  const reading = (async () => {
    for await (const { text } of session.frames) received.put(text);
  })();
  for (const text of ["a", "cut", "b", "restart", "c"]) {
    await session.send(text);
    // What is sent into a connection that ends is lost, so the next message waits for the next one.
    if (text === "cut" || text === "restart") await told.next((event) => event === "back");
    else await received.next();
  }
  expect(received.all).toEqual(["1 a", "2 b", "3 c"]);
  expect(told.all).toEqual(["lost 1006", "back", "lost 1012", "refused", "back"]);
  expect((await session.close()).code).toBe(1000);
  await reading;
});

test("a refusal that would only be repeated ends it", async () => {
  const url = await webSocketServer((socket) => socket.close(1012));
  const { session, told } = await lastingAt({ whenLost: true }, url, await refusingServer(401));
  const frames = session.frames[Symbol.asyncIterator]();
  await expect(frames.next()).rejects.toMatchObject({ failure: { kind: "status", status: 401 } });
  expect(told.all).toEqual(["lost 1012"]);
  expect(await session.send("x")).toBeUndefined();
  await session.close();
});

test("a session is renewed when it is told to, and then also where it does not come back", async () => {
  const closed: number[] = [];
  const url = await webSocketServer((socket) => {
    socket.on("close", (code) => closed.push(code));
    socket.on("message", (payload: Buffer) => socket.send(payload.toString()));
  });
  const { session, told } = await lastingAt({ whenLost: false }, url);
  const frames = session.frames[Symbol.asyncIterator]();
  await session.renew();
  await session.send("x");
  expect((await frames.next()).value).toMatchObject({ text: "x" });
  expect(told.all).toEqual(["back"]);
  expect((await session.close(4000)).code).toBe(4000);
  expect(await frames.next()).toMatchObject({ done: true });
});

test("S19 one sends, and it is told when each of the others received it", async () => {
  const sockets: WebSocket[] = [];
  const url = await webSocketServer((socket) => {
    sockets.push(socket);
    socket.send('{"type":"welcome"}');
    // The last one gets nothing.
    socket.on("message", (payload: Buffer) => {
      for (const one of sockets.slice(0, 3)) one.send(payload.toString());
      sockets[3]?.close(4000);
    });
  });
  const { signal } = new AbortController();
  const frames: string[] = [];
  const { clients, deliveries } = await deliver({
    clients: 4,
    text: '{"body":"hi"}',
    expected: [expectation('{"body":"hi"}')],
    withinMs: 10_000,
    open: () => openSession(new URL(url), { timeoutMs: 10_000 }),
    onFrame: ({ text, direction }, client) => void frames.push(`${client} ${direction} ${text}`),
    signal,
  });
  expect(clients).toBe(4);
  expect(deliveries).toMatchObject([
    { client: 2, ms: expect.any(Number) },
    { client: 3, ms: expect.any(Number) },
    { client: 4, ms: null, closed: 4000 },
  ]);
  expect(frames).toContain('1 sent {"body":"hi"}');
});
