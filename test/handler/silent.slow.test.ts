import { expect, test } from "vitest";
import { messageEvent } from "../support/golden-events.ts";
import { contextWith, testHandler } from "../support/test-handler.ts";

test("H-17 of 1,000 targets 100 never answer: the others get the frame, once, in time", async () => {
  const { handler, backend, connections, lines } = await testHandler();
  const ids = Array.from({ length: 1_000 }, (_, index) => `id${index}=`);
  backend.answer = ({ path }) =>
    path.endsWith("/message") ? { deliver: [{ to: ids, data: { n: 1 } }] } : {};
  // The first ones, so that the others have to wait for all of them.
  const silent = new Set(ids.slice(0, 100));
  connections.status = ({ connectionId: id }) => (silent.has(id) ? "hang" : 200);
  await handler(messageEvent("{}"), contextWith());
  expect(ids.filter((id) => connections.frames(id).length === 1)).toHaveLength(900);
  expect(lines).toMatchObject([{ sent: 900, gone: 0, failed: 100 }]);
});
