import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { certificate, privateKey } from "./self-signed.ts";

/** A server on loopback, as the URL that a WebSocket client would open. */
export type Url = string;

async function listening(server: Server, scheme = "ws"): Promise<Url> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Speaks whatever `script` writes to a TCP connection, once the client has said something. */
export function tcpServer(script: (socket: Socket, request: string) => void): Promise<Url> {
  return listening(
    createTcpServer((socket) => socket.once("data", (request) => script(socket, request.toString()))),
  );
}

/** Refuses every upgrade with a status and a body, as API Gateway does. */
export function refusingServer(
  status: number,
  body = `{"message":"Forbidden"}`,
  headers: Record<string, string> = {},
): Promise<Url> {
  const server = createHttpServer();
  server.on("upgrade", (_request, socket) => {
    const lines = Object.entries({
      "content-length": String(Buffer.byteLength(body)),
      connection: "close",
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join("")}\r\n${body}`);
  });
  return listening(server);
}

/** Accepts the connection and the request, and never answers. */
export const silentServer = (): Promise<Url> => tcpServer(() => {});

/** A TLS server with a self-signed certificate. */
export async function selfSignedServer(): Promise<Url> {
  return listening(createTlsServer({ cert: certificate, key: privateKey }), "wss");
}

/** An address where nothing listens. */
export async function deadAddress(): Promise<Url> {
  const server = createTcpServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `ws://127.0.0.1:${port}`;
}

/**
 * A WebSocket server; `onConnection` gets each socket with the URL that was asked for and the TCP connection
 * below it.
 */
export async function webSocketServer(
  onConnection: (socket: WebSocket, url: string, connection: Duplex) => void,
  { isRefused = (_upgrade: number): boolean => false } = {},
): Promise<Url> {
  let upgrades = 0;
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const server = createHttpServer();
  server.on("upgrade", (request, connection, head) => {
    if (isRefused(upgrades++)) return connection.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    webSockets.handleUpgrade(request, connection, head, (socket) =>
      onConnection(socket, request.url ?? "", connection),
    );
  });
  return await listening(server);
}
