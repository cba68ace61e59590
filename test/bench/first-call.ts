import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { bareNodeMs, msOf, ours, startNode } from "./program.ts";
import type { Row } from "./row.ts";

const deploy = ["deploy", "--backend-url", "https://api.example.com"];
const goal = process.versions.node.startsWith("20.") ? 2.2 : 3.5;

/** From the start of the process to the first byte that AWS gets. */
export const row: Row = {
  title: "start to the first byte to AWS",
  rounds: 11,
  async open() {
    // These are killed before Node has kept what it compiled: the first runs are not.
    for (const words of [["status"], deploy, ["logs", "tail"]])
      await msOf([ours, ...words, "--endpoint-url", "http://127.0.0.1:9"]);
    return {
      lines: [
        { figure: "status", what: "status", unit: "ms", floor: "bare node", goal },
        { figure: "deploy", what: "deploy", unit: "ms", floor: "bare node", goal },
        { figure: "tail", what: "logs tail", unit: "ms", floor: "bare node", goal },
      ],
      contenders: {
        ours: async () => ({
          status: await firstByteMs("status"),
          deploy: await firstByteMs(...deploy),
          tail: await firstByteMs("logs", "tail"),
        }),
        "bare node": async () => ({
          status: await bareNodeMs(),
          deploy: await bareNodeMs(),
          tail: await bareNodeMs(),
        }),
      },
    };
  },
};

async function firstByteMs(...words: string[]): Promise<number> {
  await using server = createServer().listen(0, "127.0.0.1");
  // What is not read would stay open.
  server.on("connection", (socket) => socket.on("error", () => socket.destroy()).resume());
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connected = once(server, "connection") as Promise<[Socket]>;
  const startedAt = performance.now();
  const child = startNode([ours, ...words, "--endpoint-url", url]);
  const [socket] = await connected;
  await once(socket, "data");
  const ms = performance.now() - startedAt;
  child.kill("SIGKILL");
  await once(child, "exit");
  return ms;
}
