import type { IncomingMessage, ServerResponse } from "node:http";
import { jsonIn } from "../contract/json.ts";
import type { RefusalReason } from "./items.ts";

const statuses: Readonly<Record<RefusalReason, number>> = {
  malformed: 400,
  "no-session": 401,
  "not-own": 403,
  unknown: 404,
  slow: 409,
  gone: 410,
  forgotten: 410,
  "too-large": 413,
  "too-many-pages": 503,
};

/** Answers with the reason and its status. */
export function refuse(response: ServerResponse, reason: RefusalReason): void {
  const status = statuses[reason];
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ status, reason }));
}

/** The longest frame, of characters that JSON writes in six bytes each, and a little more. */
const LONGEST_BODY = 6 * 131_072 + 1_024;

/** The object that a request carries, or why there is none. */
export async function bodyOf(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | "too-large" | "malformed"> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // The rest is read as well: a sender that is cut off does not hear why.
    if (bytes <= LONGEST_BODY) chunks.push(chunk);
  }
  if (bytes > LONGEST_BODY) return "too-large";
  const value = jsonIn(Buffer.concat(chunks).toString());
  return typeof value === "object" && value !== null ? { ...value } : "malformed";
}
