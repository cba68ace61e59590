import { expect, onTestFinished, test } from "vitest";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { startConnectionsStub } from "../support/connections-stub.ts";
import { connectEvent, disconnectEvent, messageEvent } from "../support/golden-events.ts";
import { contextWith, loadHandler, signingKey } from "../support/test-handler.ts";

test("S28 S29 two clients of a booking reach each other; another booking gets nothing", async () => {
  const [backend, connections] = await Promise.all([
    startDemoBackend({ signingKeys: [signingKey] }),
    startConnectionsStub(),
  ]);
  onTestFinished(() => Promise.all([backend.close(), connections.close()]).then(() => undefined));
  const { handler, lines } = loadHandler({
    BACKEND_URL: backend.url,
    API_GATEWAY_ENDPOINT: connections.endpoint,
    AWS_ENDPOINT_URL: connections.url,
    SIGNING_KEYS: signingKey,
    AWS_ACCESS_KEY_ID: "A",
    AWS_SECRET_ACCESS_KEY: "B",
  });
  const join = async (connectionId: string, booking: string, name: string) => {
    const event = connectEvent(
      { booking_id: booking, token: "demo", name },
      {},
      { connectionId, requestId: `r${connectionId}` },
    );
    expect(await handler(event, contextWith())).toEqual({ statusCode: 200 });
    await handler(connections.invocations.at(-1)!.event, contextWith());
  };
  await join("ann=", "1", "ann");
  await join("ben=", "1", "ben");
  await join("cat=", "2", "cat");
  await handler(messageEvent('{"body":"hi"}', { connectionId: "ann=", messageId: "m1" }), contextWith());
  await handler(messageEvent('{"body":"hi"}', { connectionId: "ann=", messageId: "m1" }), contextWith());
  await handler(disconnectEvent({ connectionId: "ben=" }), contextWith());
  await handler(messageEvent("anyone there", { connectionId: "ann=", messageId: "m2" }), contextWith());
  expect(connections.frames("ben=")).toEqual([
    { type: "welcome", booking: "1", you: "ben", others: 1 },
    { type: "message", booking: "1", from: "ann", body: "hi" },
    { type: "message", booking: "1", from: "ann", body: "hi" },
  ]);
  expect(connections.frames("cat=")).toEqual([{ type: "welcome", booking: "2", you: "cat", others: 0 }]);
  expect(connections.frames("ann=").slice(1)).toEqual([
    { type: "ack", id: "m1" },
    { type: "ack", id: "m1" },
    { type: "ack", id: "m2" },
  ]);
  expect(lines.every(({ level }) => level === "INFO")).toBe(true);
});
