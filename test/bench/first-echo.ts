import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { msOf, msOfProgram, ours } from "./program.ts";
import type { Row } from "./row.ts";

const script = fileURLToPath(new URL("programs/echo.js", import.meta.url));
const frame = '{"body":"hi"}';

/** A scripted client: it starts, sends a frame, gets it back, and ends. */
export const row: Row = {
  title: "scripted connect --url, process",
  rounds: 15,
  async open() {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(String(data))));
    await once(server, "listening");
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const words = ["connect", "--url", url, "--send", frame, "--expect", frame];
    const goal = process.versions.node.startsWith("20.") ? 1.15 : 1.25;
    return {
      lines: [{ figure: "echo", what: "start to end", unit: "ms", floor: "bare ws", goal }],
      contenders: {
        ours: async () => ({ echo: await msOf([ours, ...words]) }),
        "bare ws": async () => ({ echo: await msOf([script, url, frame]) }),
      },
      // Waits for two seconds for what may come.
      peers: { wscat: async () => ({ echo: await msOfProgram("wscat", ["-c", url, "-x", frame]) }) },
      async close() {
        server.close();
        await once(server, "close");
      },
    };
  },
};
