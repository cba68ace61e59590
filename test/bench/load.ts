import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ours } from "./program.ts";
import type { Row } from "./row.ts";

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.js`, import.meta.url));
const [room, flood] = [program("room"), program("flood")];
const MEASURED_MS = 2_000;
const HELD = 2_000;

function startNode(args: readonly string[]) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  child.stdout.setEncoding("utf8");
  return child;
}

/** What `bench` prints, or the bare loop. */
interface Printed {
  rate: number;
  kilobytesEach: number;
  messages: { rate: number };
  connections: { kilobytesEach: number };
}

/** What a program prints, to its end. */
async function printedBy(args: readonly string[]): Promise<Printed> {
  const child = startNode(args);
  let text = "";
  child.stdout.on("data", (part: string) => (text += part));
  await once(child, "close");
  return JSON.parse(text);
}

type Figures = Readonly<Record<string, number>>;

/** Lets a client loose on a server in a process of its own, anew each time. */
async function measured(client: (url: string, connections: number) => Promise<Figures>): Promise<Figures> {
  const server = startNode([room]);
  try {
    const [line] = (await once(server.stdout, "data")) as [string];
    const url = `ws://127.0.0.1:${JSON.parse(line).port}`;
    const { rate = 0 } = await client(url, 100);
    const { kilobytes = 0 } = await client(url, HELD);
    return { rate, kilobytes };
  } finally {
    const ended = once(server, "close");
    server.kill();
    await ended;
  }
}

/** More messages than can be sent in that time: what is late is not skipped, so that all are measured. */
async function bench(url: string, connections: number): Promise<Figures> {
  const load = ["--connections", String(connections), "--ramp", "2000", "--people-per-booking", "1"];
  const sending = connections === HELD ? ["--rate", "1000"] : ["--rate", "200000"];
  const words = ["bench", "--url", url, ...load, ...sending, "--duration", "2s", "--timeout", "60", "--json"];
  const { messages, connections: held } = await printedBy([ours, ...words]);
  return { rate: messages.rate, kilobytes: held.kilobytesEach };
}

async function bare(url: string, connections: number): Promise<Figures> {
  const words = [flood, url, String(connections), connections === HELD ? "1" : "8", String(MEASURED_MS)];
  const { rate, kilobytesEach } = await printedBy(words);
  return { rate, kilobytes: kilobytesEach };
}

export const row: Row = {
  title: "bench: messages and connections of one process",
  rounds: 3,
  open: async () => ({
    lines: [
      { figure: "rate", what: "messages, 100 connections", unit: "/s", floor: "bare ws loop", goal: 0.8 },
      { figure: "kilobytes", what: "a connection, of 2,000", unit: "KB", floor: "bare ws loop", goal: 2 },
    ],
    contenders: { ours: () => measured(bench), "bare ws loop": () => measured(bare) },
  }),
};
