import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WireAnswer, WireRequest } from "./protocol.ts";

/** The most that a request may hold, in bytes: what Lambda takes as a zip in base64 (AWS.md 4.4). */
export const longestBody = 70_167_211;

/** The client has left: nothing is done for it any more, and nothing can be said to it. */
export class ClientLeftError extends Error {
  override name = "ClientLeftError";
}

/** Throws a ClientLeftError where the connection of a request has ended or was reset. */
export function refuseLeft({ socket }: Pick<IncomingMessage, "socket">): void {
  if (socket.destroyed) throw new ClientLeftError("the client has left");
}

/** The whole request; undefined when it is longer than AWS takes. Throws a ClientLeftError. */
export async function readRequest(request: IncomingMessage): Promise<WireRequest | undefined> {
  const { method = "", url = "", headers } = request;
  const body = await bodyOf(request).catch((cause: unknown) => {
    // A connection that is reset fails the reading of a request that has arrived whole, too.
    throw new ClientLeftError("the client has left", { cause });
  });
  const [path = "", ...query] = url.split("?");
  return body && { method, path, query: new URLSearchParams(query.join("?")), headers, body };
}

async function bodyOf(request: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > longestBody) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Writes an answer; one that is a stream, for as long as the client stays. */
export async function writeAnswer(
  response: ServerResponse,
  { status, headers, body }: WireAnswer,
): Promise<void> {
  if (typeof body === "string" || body instanceof Uint8Array) {
    const length = status === 204 ? {} : { "content-length": Buffer.byteLength(body) };
    return void response.writeHead(status, { ...headers, ...length }).end(body);
  }
  response.writeHead(status, { ...headers, connection: "close" }).flushHeaders();
  try {
    await pipeline(Readable.from(body), response);
  } catch (error) {
    // A client that leaves a live tail cuts the stream; that is how it ends.
    if (!response.destroyed) throw error;
  }
}

/** Whether an upgrade request offers what we speak. */
export const offersWebSocket = ({ headers }: Pick<IncomingMessage, "headers">): boolean =>
  headers.upgrade?.toLowerCase() === "websocket";

const upgradeHeaders = ["upgrade", "http2-settings", "connection"];

/**
 * Serves a request that offers to go on in another protocol, such as curl's `--http2` and Java's HttpClient
 * do with `h2c`, as if it did not: no server has to take the offer (RFC 9110, 7.8). Node before 24.9 hands
 * such a request over with its parser gone, so it is put back into its socket without the offer, and the
 * socket given to the server as a connection, which Node's documentation allows for any stream.
 */
export function declineUpgrade(
  server: Server,
  { method, url, rawHeaders }: Pick<IncomingMessage, "method" | "url" | "rawHeaders">,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = rawHeaders.flatMap((name, index) =>
    index % 2 > 0 || upgradeHeaders.includes(name.toLowerCase())
      ? []
      : [`${name}: ${rawHeaders[index + 1]}\r\n`],
  );
  socket.unshift(
    Buffer.concat([Buffer.from(`${method} ${url} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1"), head]),
  );
  server.emit("connection", socket);
}
