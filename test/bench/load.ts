import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ours, startNode } from "./program.ts";
import type { Row } from "./row.ts";

const program = (name: string) => fileURLToPath(new URL(`programs/${name}.js`, import.meta.url));
const [room, flood] = [program("room"), program("flood")];
const TALKING = 100;
const HELD = 5_000;

/** What `bench` prints, or the bare loop. */
interface Printed {
  rate: number;
  kilobytesEach: number;
  messages: { rate: number };
  connections: { kilobytesEach: number };
}

/** What a program prints, to its end. */
async function printedBy(args: readonly string[]): Promise<Printed> {
  const child = startNode(args, "pipe");
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => (text += part));
  await once(child, "close");
  return JSON.parse(text);
}

type Figures = Readonly<Record<string, number>>;

/** Lets a client loose on a server in a process of its own, anew each time. */
async function measured(client: (url: string) => Promise<Figures>): Promise<Figures> {
  const server = startNode([room], "pipe");
  try {
    const [line] = (await once(server.stdout!, "data")) as [Buffer];
    return await client(`ws://127.0.0.1:${JSON.parse(line.toString()).port}`);
  } finally {
    const ended = once(server, "close");
    server.kill();
    await ended;
  }
}

/** More in half a second than can be sent in it: what is late is not skipped, and all of it is measured. */
async function bench(url: string): Promise<Figures> {
  const fixed = "--people-per-booking 1 --message-bytes 1 --ramp 2000 --duration 500ms --timeout 60 --json";
  const load = (connections: number, rate: number) => {
    const words = ["--url", url, "--connections", String(connections), "--rate", String(rate)];
    return printedBy([ours, "bench", ...fixed.split(" "), ...words]);
  };
  const { messages } = await load(TALKING, 200_000);
  const { connections } = await load(HELD, 1_000);
  return { rate: messages.rate, kilobytes: connections.kilobytesEach };
}

async function bare(url: string): Promise<Figures> {
  const { rate } = await printedBy([flood, url, String(TALKING), "8", "2000"]);
  const { kilobytesEach } = await printedBy([flood, url, String(HELD), "1", "500"]);
  return { rate, kilobytes: kilobytesEach };
}

export const row: Row = {
  title: "bench: messages and connections of one process",
  rounds: 3,
  open: async () => ({
    lines: [
      { figure: "rate", what: "messages, 100 clients", unit: "/s", floor: "bare ws loop", goal: 0.8 },
      { figure: "kilobytes", what: "one of 5,000", unit: "KB", floor: "bare ws loop", goal: 2, atMost: 20 },
    ],
    contenders: { ours: () => measured(bench), "bare ws loop": () => measured(bare) },
  }),
};
