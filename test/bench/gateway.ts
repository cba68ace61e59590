import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import { startSurroundings } from "./function-process.ts";
import { deployEcho, echo, flooded, localWith, readyOf, SOCKETS, type Ready } from "./local-gateway.ts";
import { startNode } from "./program.ts";
import type { Row } from "./row.ts";

const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const bareGateway = fileAt("programs/gateway.js");

const HELD = 2_000;
/** As many are opened at the same time. */
const OPENING = 25;
const floor = "bare Runtime API";

/** The local gateway beside the least that does the same; both run the function in processes of its own. */
export const row: Row = {
  title: "the local gateway, all of its processes",
  rounds: 3,
  async open() {
    if (process.platform !== "linux") return { missing: "a Linux, whose /proc tells what processes take" };
    const backend = await startSurroundings({ response: "processed" });
    const local = localWith(backend);
    return {
      lines: [
        { figure: "start", what: "start to first accepted connection", unit: "ms", floor, goal: 1.35 },
        { figure: "rate", what: `messages, ${SOCKETS} sockets`, unit: "/s", floor, goal: 0.85 },
        { figure: "loaded", what: "memory after that", unit: "MB", floor, goal: 1.5 },
        { figure: "held", what: `each of ${HELD} connections`, unit: "KB", floor, goal: 1.5 },
      ],
      contenders: { ours: () => measured(local, deployEcho), [floor]: () => measured([bareGateway, echo]) },
      close: backend.close,
    };
  },
};

async function measured(words: readonly string[], deploy?: (ready: Ready) => Promise<void>) {
  const startedAt = performance.now();
  const gateway = startNode(words, "pipe");
  try {
    const ready = await readyOf(gateway);
    (await accepted(ready.url)).terminate();
    const start = performance.now() - startedAt;
    await deploy?.(ready);
    const rate = await flooded(ready.url);
    const loaded = await kilobytesOf(gateway.pid!);
    const sockets = await held(ready.url);
    const each = ((await kilobytesOf(gateway.pid!)) - loaded) / HELD;
    for (const socket of sockets) socket.terminate();
    return { start, rate, loaded: loaded / 1024, held: each };
  } finally {
    gateway.kill();
    await once(gateway, "exit");
  }
}

function accepted(url: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.once("error", reject).once("open", () => resolve(socket));
  });
}

async function held(url: string): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  while (sockets.length < HELD)
    sockets.push(...(await Promise.all(Array.from({ length: OPENING }, () => accepted(url)))));
  return sockets;
}

/** The memory of a process and of all that it has started, as `ps` counts it. */
async function kilobytesOf(pid: number): Promise<number> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const read = (id: string) => readFile(`/proc/${id}/status`, "utf8").catch(() => "");
  const all = await Promise.all(ids.map(async (id) => ({ id: Number(id), status: await read(id) })));
  const number = (status: string, name: string) =>
    Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1] ?? 0);
  const tree = new Set([pid]);
  // A process has a larger number than the one that started it, as long as they are not used up.
  for (const { id, status } of all.toSorted((one, other) => one.id - other.id))
    if (tree.has(number(status, "PPid"))) tree.add(id);
  return all.reduce((sum, { id, status }) => sum + (tree.has(id) ? number(status, "VmRSS") : 0), 0);
}
