import type { IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { WebSocket, type ClientOptions } from "ws";
import { createQueue } from "./queue.ts";

/** A real client socket with its messages in a queue. */
export interface Socket {
  readonly webSocket: WebSocket;
  send(data: string | Buffer): void;
  /** The next message, waited for if need be. */
  next(): Promise<string>;
  /** How it ended, as this end sees it. */
  closed(): Promise<{ code: number; reason: string }>;
  close(code?: number, reason?: string): void;
}

/** A handshake that was not answered with 101. */
export interface Refusal {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface SocketOptions extends ClientOptions {
  protocols?: string[];
}

/** Opens a socket, and closes it when the test ends. Rejects when the handshake is refused. */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<Socket> {
  const webSocket = new WebSocket(url, options.protocols ?? [], { perMessageDeflate: false, ...options });
  onTestFinished(() => webSocket.terminate());
  const messages = createQueue<string>();
  webSocket.on("message", (data: Buffer, isBinary) =>
    messages.put(isBinary ? `binary ${data.toString("hex")}` : data.toString()),
  );
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    webSocket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise<void>((resolve, reject) => {
    webSocket.on("open", resolve);
    webSocket.on("error", reject);
  });
  return {
    webSocket,
    send: (data) => webSocket.send(data),
    next: () => messages.next(),
    closed: () => closed,
    close: (code, reason) => webSocket.close(code, reason),
  };
}

/** Tries to open a socket that is to be refused. */
export function refusedSocket(url: string, options: SocketOptions = {}): Promise<Refusal> {
  const webSocket = new WebSocket(url, options.protocols ?? [], options);
  return new Promise((resolve, reject) => {
    webSocket.on("unexpected-response", (_request, response) => {
      text(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
    webSocket.on("open", () => {
      webSocket.terminate();
      reject(new Error(`the handshake with ${url} was not refused`));
    });
    webSocket.on("error", reject);
  });
}
