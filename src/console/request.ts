import type { IncomingMessage, ServerResponse } from "node:http";
import { jsonIn } from "../contract/json.ts";

/** Answers with a status and nothing else. */
export function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ status }));
}

/** The longest frame, of characters that JSON writes in six bytes each, and a little more. */
const LONGEST_BODY = 6 * 131_072 + 1_024;

/** The object that a request carries; undefined for anything else, and for one that is too long. */
export async function bodyOf(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LONGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  const value = jsonIn(Buffer.concat(chunks).toString());
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}
