import { WebSocketServer } from "ws";

/** A server that sends each frame back to its sender; prints its address. */
const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket) => socket.on("message", (data) => socket.send(data, { binary: false })));
server.on("listening", () => process.stdout.write(`${JSON.stringify(server.address())}\n`));
