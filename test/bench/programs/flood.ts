import { WebSocket } from "ws";

/**
 * The least that sends as much as goes: sockets that each keep some messages under way. Prints how many came
 * back in a second, and what one connection takes of its memory in KB.
 */
const [, , url = "", connections = "100", underWay = "8", forMs = "2000"] = process.argv;
const frame = '{"body":"0123456789 "}';
let received = 0;
const open = () =>
  new Promise<WebSocket>((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.once("error", reject);
    socket.once("open", () => resolve(socket));
    socket.on("message", () => {
      received++;
      socket.send(frame);
    });
  });
const first = await open();
const before = process.memoryUsage.rss();
const sockets = [first];
for (let made = 1; made < Number(connections); made += 50)
  sockets.push(
    ...(await Promise.all(Array.from({ length: Math.min(50, Number(connections) - made) }, open))),
  );
const kilobytesEach = (process.memoryUsage.rss() - before) / 1024 / (sockets.length - 1);
const startedAt = performance.now();
for (const socket of sockets) for (let sent = 0; sent < Number(underWay); sent++) socket.send(frame);
setTimeout(() => {
  const rate = (received * 1000) / (performance.now() - startedAt);
  process.stdout.write(`${JSON.stringify({ rate, kilobytesEach })}\n`);
  for (const socket of sockets) socket.terminate();
}, Number(forMs));
