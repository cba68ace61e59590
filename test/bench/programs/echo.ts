import { WebSocket } from "ws";

/** The least that sends a frame and waits for it to come back. */
const [, , url = "", frame = ""] = process.argv;
const socket = new WebSocket(url, { perMessageDeflate: false });
socket.on("open", () => socket.send(frame));
socket.on("message", () => socket.terminate());
