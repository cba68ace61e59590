import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { LambdaClient, UpdateAliasCommand, UpdateFunctionCodeCommand } from "@aws-sdk/client-lambda";
import WebSocket from "ws";
import { zipFiles } from "../../src/artifact/zip.ts";
import { startSurroundings } from "./function-process.ts";
import { accessKey, ours, startNode } from "./program.ts";
import type { Row } from "./row.ts";

const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** As it stands in the sources: it is deployed as it is. */
const echo = fileAt("../test/bench/functions/echo.mjs");
const [bareGateway, flood] = [fileAt("programs/gateway.js"), fileAt("programs/flood.js")];

const SOCKETS = 50;
const HELD = 2_000;
/** As many are opened at the same time. */
const OPENING = 25;
const MEASURED_MS = 4_000;
const floor = "bare Runtime API";

/** The local gateway beside the least that does the same; both run the function in processes of its own. */
export const row: Row = {
  title: "the local gateway, all of its processes",
  rounds: 3,
  async open() {
    if (process.platform !== "linux") return { missing: "a Linux, whose /proc tells what processes take" };
    const backend = await startSurroundings({ response: "processed" });
    const local = [ours, "local", "--port", "0", "--fresh", "--json"].concat(
      "--backend-url",
      backend.environment["BACKEND_URL"] ?? "",
    );
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

/** What a gateway prints when it is ready. */
interface Ready {
  url: string;
  endpointUrl: string;
}

async function measured(words: readonly string[], deploy?: (ready: Ready) => Promise<void>) {
  const startedAt = performance.now();
  const gateway = startNode(words, "pipe");
  try {
    const [line] = (await once(gateway.stdout!, "data")) as [Buffer];
    const printed = JSON.parse(line.toString().split("\n")[0]!) as Ready;
    const ready = { ...printed, url: `${printed.url}?type=feed` };
    (await accepted(ready.url)).terminate();
    const start = performance.now() - startedAt;
    await deploy?.(ready);
    const rate = await rateOf(ready.url);
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

async function rateOf(url: string): Promise<number> {
  const client = startNode([flood, url, String(SOCKETS), "1", String(MEASURED_MS)], "pipe");
  const [printed] = (await once(client.stdout!, "data")) as [Buffer];
  const { rate } = JSON.parse(printed.toString()) as { rate: number };
  return rate;
}

async function held(url: string): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  while (sockets.length < HELD)
    sockets.push(...(await Promise.all(Array.from({ length: OPENING }, () => accepted(url)))));
  return sockets;
}

/** The code that sends each message back, in place of the shipped handler. */
async function deployEcho({ endpointUrl: endpoint }: Ready): Promise<void> {
  const lambda = new LambdaClient({ endpoint, region: "us-east-1", credentials: accessKey });
  const { zip: ZipFile } = await zipFiles(new Map([["index.mjs", await readFile(echo)]]));
  const FunctionName = "shelfshack-websocket-proxy";
  const code = { FunctionName, ZipFile, Publish: true };
  const { Version: FunctionVersion } = await lambda.send(new UpdateFunctionCodeCommand(code));
  await lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion }));
  lambda.destroy();
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
