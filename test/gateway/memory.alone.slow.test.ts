import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { openSocket } from "../support/socket.ts";
import { post, testGateway } from "../support/test-gateway.ts";

test(
  "G-05 twenty readers that stall hold less than 32 MB together, and the others go on",
  { timeout: 60_000 },
  async () => {
    const api = await testGateway();
    const ids: string[] = [];
    for (let clients = 0; clients < 20; clients += 1) {
      const { webSocket } = await openSocket(api.url);
      webSocket.pause();
      ids.push((await api.event("CONNECT")).requestContext.connectionId);
    }
    const message = Buffer.alloc(128 * 1024, "x");
    const before = memoryHeld();
    let most = 0;
    const cut = new Set<string>();
    for (let rounds = 0; rounds < 200 && cut.size < 10; rounds += 1) {
      for (const id of ids) if ((await post(api, id, message)) !== 200) cut.add(id);
      most = Math.max(most, memoryHeld() - before);
    }
    expect(cut.size).toBeGreaterThanOrEqual(10);
    expect(most).toBeLessThan(32 * 1024 * 1024);
    expect(most).toBeGreaterThan(8 * 1024 * 1024);
    const reader = await openSocket(api.url);
    const { requestContext } = await api.event("CONNECT");
    expect(await post(api, requestContext.connectionId, message)).toBe(200);
    expect(await reader.next()).toHaveLength(message.length);
    const rest = await Promise.all(ids.map((id) => post(api, id, "small")));
    expect(rest).toContain(200);
  },
);

/** Bytes of buffers that something holds on to. */
function memoryHeld(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().arrayBuffers;
}
