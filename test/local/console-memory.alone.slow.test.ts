import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { openHub, type Hub } from "../../src/console/hub.ts";
import { stream } from "../../src/console/stream.ts";
import type { Sight } from "../../src/local/gateway/watch.ts";
import type { TraceItem } from "../../src/local/traces.ts";

const SECONDS = 20;
const PER_SECOND = 1_000;
const CONNECTIONS = 10_000;

const idOf = (n: number): string => `c${String(n % CONNECTIONS).padStart(13, "0")}=`;
const text = (n: number): string => JSON.stringify({ body: `${n} ${"x".repeat(480)}`, token: "abc" });

/** A local AWS with 10,000 connections, as the console sees it, and what makes it busy. */
function busyPlace() {
  const watchers = new Set<(sight: Sight) => void>();
  const listeners = new Set<(item: TraceItem) => void>();
  const connection = (n: number) => ({
    connectionId: idOf(n),
    apiId: "a1b2c3d4e5",
    stage: "dev",
    at: 1_795_446_280_000,
    sourceIp: "127.0.0.1",
  });
  const tell = (sight: Sight) => watchers.forEach((watcher) => watcher(sight));
  const trace = (item: TraceItem) => listeners.forEach((listener) => listener(item));
  return {
    place: {
      traces: { kept: () => [], listen: added(listeners) },
      clients: {
        list: () => Array.from({ length: CONNECTIONS }, (_, n) => connection(n)),
        watch: added(watchers),
        send: () => "done" as const,
        close: () => "done" as const,
        receive: () => "done" as const,
        secretsOf: (id: string) => [`token-of-${id}`],
      },
      secrets: () => [],
    },
    /** One message: its frame, the answer, and what the gateway and the function tell. */
    message(n: number): void {
      const [connectionId, requestId, at] = [idOf(n), `r${n}`, 1_795_446_280_000 + n];
      const frame = { kind: "frame", connectionId, at, bytes: 500, text: text(n) } as const;
      tell({ ...frame, direction: "in", requestId });
      tell({ ...frame, direction: "out" });
      const hops = [{ hop: "gateway", startedAt: at, ms: 10, status: 200 }] as const;
      trace({ kind: "trace", fact: "gateway", requestId, connectionId, event: "message", at, hops });
      const line = { level: "INFO", event: "message", requestId, connectionId, backendMs: 3, sent: 2 };
      trace({
        kind: "log",
        group: "g",
        stream: "s",
        timestamp: at,
        message: JSON.stringify(line),
      });
    },
  };
}

const added =
  <Item>(items: Set<Item>) =>
  (item: Item) => {
    items.add(item);
    return () => void items.delete(item);
  };

/** Pages that are open and read nothing: all that there may be, but the one that joins the hub itself. */
async function stalledPages(hub: Hub): Promise<void> {
  const server = createServer((_request, response) => stream(hub, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => server.close().closeAllConnections());
  for (let page = 0; page < 3; page++) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(server, "request");
  }
}

test("the console keeps less than 32 MB at 1,000 messages a second and 10,000 connections", async () => {
  const { place, message } = busyPlace();
  const hub = openHub(place);
  let characters = 0;
  const before = memoryHeld();
  const leave = hub.join((json) => (characters += json.length));
  onTestFinished(() => hub.close());
  await stalledPages(hub);
  expect(hub.isFull()).toBe(true);
  let most = 0;
  for (let second = 0; second < SECONDS; second++) {
    for (let n = 0; n < PER_SECOND; n++) message(second * PER_SECOND + n);
    // The pages are written to in between.
    await new Promise((resolve) => setImmediate(resolve));
    if (second % 5 === 4) most = Math.max(most, memoryHeld() - before);
  }
  // Many times what is kept was told to the page.
  expect(characters).toBeGreaterThan(24 * 1024 * 1024);
  expect(most).toBeLessThan(32 * 1024 * 1024);
  expect(most).toBeGreaterThan(4 * 1024 * 1024);
  leave();
});

function memoryHeld(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
