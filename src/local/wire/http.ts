import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { WireAnswer, WireRequest } from "./protocol.ts";

/** The most that a request may hold, in bytes: what Lambda takes as a zip in base64 (aws-behaviour 4.4). */
export const longestBody = 70_167_211;

/** The whole request; undefined when it is longer than AWS takes. */
export async function readRequest(request: IncomingMessage): Promise<WireRequest | undefined> {
  const { method = "", url = "", headers } = request;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longestBody) return undefined;
    chunks.push(chunk);
  }
  const [path = "", ...query] = url.split("?");
  return { method, path, query: new URLSearchParams(query.join("?")), headers, body: Buffer.concat(chunks) };
}

/** Writes an answer; one that is a stream, for as long as the client stays. */
export async function writeAnswer(response: ServerResponse, { status, headers, body }: WireAnswer): Promise<void> {
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

/** Refuses a request that reached no service. The connection is closed, for the rest of the request may be unread. */
export function refuse(response: ServerResponse, status: number, { type, message }: { type: string; message: string }): void {
  response
    .writeHead(status, { "content-type": "application/json", "x-amzn-ErrorType": type, connection: "close" })
    .end(JSON.stringify({ message }));
}
