import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { WebSocketServer, type WebSocket } from "ws";

/**
 * The least that a local gateway is: `ws`, a Runtime API over `node:http` with as many function processes as
 * there are processors, and @connections. Its argument is the function's module; prints its address.
 */
const [, , module = ""] = process.argv;
const child = fileURLToPath(new URL("function.js", import.meta.url));

interface Invocation {
  id: string;
  event: string;
  done(): void;
}

const waiting: Invocation[] = [];
const idle: ServerResponse[] = [];
const running = new Map<string, Invocation>();
const sockets = new Map<string, WebSocket>();
let made = 0;

function next(): void {
  while (waiting.length > 0 && idle.length > 0) {
    const [invocation, response] = [waiting.shift()!, idle.shift()!];
    running.set(invocation.id, invocation);
    response.writeHead(200, { "lambda-runtime-aws-request-id": invocation.id }).end(invocation.event);
  }
}

function invoke(event: object): Promise<void> {
  return new Promise((done) => {
    waiting.push({ id: String(made++), event: JSON.stringify(event), done });
    next();
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = "" } = request;
  if (url === "/next") {
    idle.push(response);
    return next();
  }
  let body = "";
  request.setEncoding("utf8").on("data", (part: string) => (body += part));
  request.on("end", () => {
    const [, kind, id = ""] = /^\/(response|dev\/@connections)\/(.+)$/.exec(url) ?? [];
    if (kind === "response") running.get(id)?.done();
    else sockets.get(decodeURIComponent(id))?.send(body);
    response.end();
  });
}

const eventOf = (routeKey: string, connectionId: string, body?: string) => ({
  requestContext: { routeKey, connectionId, messageId: String(made), requestId: String(made) },
  body,
});

const server = createServer(answer).listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const env = { ...process.env, RUNTIME: url, API_GATEWAY_ENDPOINT: `${url}/dev`, AWS_REGION: "us-east-1" };
  for (const _processor of cpus()) spawn(process.execPath, [child, module], { env, stdio: "ignore" });
  process.stdout.write(`${JSON.stringify({ url: `ws://127.0.0.1:${port}/dev` })}\n`);
});

const gateway = new WebSocketServer({ noServer: true, perMessageDeflate: false });
server.on("upgrade", (request, stream, head) => {
  const connectionId = String(made);
  void invoke(eventOf("$connect", connectionId)).then(() =>
    gateway.handleUpgrade(request, stream, head, (socket) => {
      sockets.set(connectionId, socket);
      socket.on("message", (data) => void invoke(eventOf("$default", connectionId, String(data))));
      socket.on("close", () => sockets.delete(connectionId));
    }),
  );
});
