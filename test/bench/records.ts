import { execFile, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startSurroundings } from "./function-process.ts";
import { deployEcho, flooded, FLOOD_SECONDS, localWith, readyOf } from "./local-gateway.ts";
import { startNode } from "./program.ts";
import type { Row } from "./row.ts";

const run = promisify(execFile);
const recorder = fileURLToPath(new URL("programs/records.js", import.meta.url));
/** Linux counts a process's time in these, whatever the kernel's own clock is. */
const TICK_MICROSECONDS = 10_000;
const whole = "the gateway";

/** What keeping records of a message for pages and `trace` takes, while none is there to see them. */
export const row: Row = {
  title: "records of a message, as part of what the gateway's process takes for it",
  rounds: 5,
  async open() {
    if (process.platform !== "linux") return { missing: "a Linux, whose /proc tells what processes take" };
    const backend = await startSurroundings({ response: "processed" });
    const gateway = startNode(localWith(backend), "pipe");
    const ready = await readyOf(gateway);
    gateway.stdout!.resume();
    await deployEcho(ready);
    await flooded(ready.url);
    return {
      lines: [{ figure: "cpu", what: "CPU of a message", unit: "µs", floor: whole, goal: 0.03 }],
      contenders: {
        ours: async () => ({ cpu: Number((await run(process.execPath, [recorder])).stdout) }),
        [whole]: async () => {
          const before = await microsecondsOf(gateway);
          const messages = (await flooded(ready.url)) * FLOOD_SECONDS;
          return { cpu: ((await microsecondsOf(gateway)) - before) / messages };
        },
      },
      async close() {
        gateway.kill();
        await once(gateway, "exit");
        await backend.close();
      },
    };
  },
};

/** CPU time of one process since its start, without those that it started. */
async function microsecondsOf({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may have blanks and parentheses: the fields from the third on.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user = NaN, system = NaN] = fields.slice(11, 13).map(Number);
  return (user + system) * TICK_MICROSECONDS;
}
