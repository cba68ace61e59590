import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { echo, readyOf } from "./local-gateway.ts";
import { msOf, msUntilDone, ours, startNode } from "./program.ts";
import type { Row } from "./row.ts";

const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const bareGateway = fileAt("programs/gateway.js");
const client = fileAt("programs/echo.js");
const frame = '{"body":"hi"}';
const floor = "bare Runtime API";

/** The tour on one machine, beside the least that leads a frame to a function and back. */
export const row: Row = {
  title: "demo, process",
  rounds: 5,
  async open() {
    return {
      lines: [{ figure: "tour", what: "start to end", unit: "ms", floor, atMost: 3_000 }],
      contenders: {
        ours: async () => ({ tour: await msUntilDone([ours, "demo"]) }),
        [floor]: async () => ({ tour: await firstEchoMs() }),
      },
    };
  },
};

/** From the start of a bare gateway to its first frame's way there and back. */
async function firstEchoMs(): Promise<number> {
  const startedAt = performance.now();
  const gateway = startNode([bareGateway, echo], "pipe");
  try {
    const { url } = await readyOf(gateway);
    await msOf([client, `${url}?type=feed`, frame]);
    return performance.now() - startedAt;
  } finally {
    gateway.kill();
    await once(gateway, "exit");
  }
}
