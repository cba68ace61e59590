import { expect, test } from "vitest";
import { createQueue } from "../support/queue.ts";
import { testGateway } from "../support/test-gateway.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";

/** The message is cut into frames that the gateway takes. */
const frameSize = 30_000;

test.each([
  ["60,000 lists in each other", "[".repeat(60_000) + "]".repeat(60_000)],
  ["a list of 60,000 numbers", `[${Array(60_000).fill("1").join(",")}]`],
])("G-02 %s where the action should be is a message like any other", async (_, action) => {
  const api = await testGateway({ routes: ["$connect", "$default", "join"] });
  const socket = await openSocket(api.url);
  const text = `{"action":${action}}`;
  for (let at = 0; at < text.length; at += frameSize)
    socket.webSocket.send(text.slice(at, at + frameSize), { fin: at + frameSize >= text.length });
  const { requestContext, body } = await api.event("MESSAGE");
  expect([requestContext.routeKey, body]).toEqual(["$default", text]);
  socket.send('{"action":"join"}');
  expect((await api.event("MESSAGE")).requestContext.routeKey).toBe("join");
});

/** A gateway whose stage throws for one route, as a bug would. */
async function startBroken(broken: string) {
  const bugs = createQueue<unknown>();
  const bug = new Error("a bug");
  const throttle = (routeKey: string) => {
    if (routeKey === broken) throw bug;
    return { rate: 100, burst: 100 };
  };
  const api = await testGateway({
    routes: ["$connect", "$default", "join"],
    stage: { throttle },
    onBug: (error) => bugs.put(error),
  });
  return { ...api, bugs, bug };
}

test("a bug in one message is reported, and all clients are served further", async () => {
  const { url, bugs, bug, event } = await startBroken("join");
  const socket = await openSocket(url);
  socket.send('{"action":"join"}');
  expect(await socket.next()).toMatch(/^\{"message": "Internal server error", "connectionId":"/);
  expect(bugs.all).toEqual([bug]);
  socket.send("next");
  expect((await event("MESSAGE")).body).toBe("next");
});

test("a bug in a handshake is reported, and refuses it", async () => {
  const { url, bugs, bug } = await startBroken("$connect");
  expect(await refusedSocket(url)).toMatchObject({
    status: 500,
    body: '{"message":"Internal Server Error"}',
  });
  expect(bugs.all).toEqual([bug]);
});

test("a bug at the end of a connection is reported", async () => {
  const bugs = createQueue<unknown>();
  const bug = new Error("a bug");
  const onFailure = () => {
    throw bug;
  };
  const api = await testGateway({
    lambda: ({ requestContext: { eventType } }) =>
      eventType === "CONNECT" ? { kind: "answered", payload: '{"statusCode":200}' } : { kind: "missing" },
    onFailure,
    onBug: (error) => bugs.put(error),
  });
  (await openSocket(api.url)).close();
  await api.event("DISCONNECT");
  expect(await bugs.next()).toBe(bug);
});
