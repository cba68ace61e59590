import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { TOLERANCE_SECONDS, type Envelope } from "../contract/envelope.ts";
import { webhookSignature } from "../contract/signature.ts";

const ids = /^msg_[A-Za-z0-9_+/=-]{1,160}$/;
const signatures = /^v1,[A-Za-z0-9+/]{43}=$/;

/**
 * The envelope of a request that may be trusted, or undefined. With keys (`whsec_…`, any number) one of them
 * has to have signed it within 300 s; path and connection id, which the signature does not cover by itself,
 * have to be those of the body in any case, and no member may be there twice. The rules are the kit's.
 */
export function verified(
  keys: readonly string[],
  headers: IncomingHttpHeaders,
  body: string,
  path: string,
  nowMs: number,
): Envelope | undefined {
  if (keys.length > 0 && !isSigned(keys, headers, body, nowMs)) return undefined;
  const envelope = parsed(body);
  const bound = envelope?.["path"] === path && envelope["connection_id"] === headers["x-connection-id"];
  return bound && typeof envelope["connection_id"] === "string" ? (envelope as Envelope) : undefined;
}

function isSigned(
  keys: readonly string[],
  headers: IncomingHttpHeaders,
  body: string,
  nowMs: number,
): boolean {
  const [id, timestamp, given] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
    String(headers[name] ?? ""),
  );
  if (!ids.test(id!) || !/^[0-9]{10}$/.test(timestamp!) || given!.length > 512) return false;
  if (Math.abs(Math.floor(nowMs / 1_000) - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const candidates = given!
    .split(" ")
    .slice(0, 4)
    .filter((signature) => signatures.test(signature));
  const wanted = keys.map((key) => Buffer.from(webhookSignature([key], id!, Number(timestamp), body)));
  // Every pair is compared, so that the time tells nothing about which key or candidate came close.
  return wanted
    .flatMap((want) => candidates.map((candidate) => timingSafeEqual(want, Buffer.from(candidate))))
    .some(Boolean);
}

function parsed(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && !hasMemberTwice(body) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const marks = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:]/g;

/** Whether valid JSON, an object, has two members of one name; inside of its values that is allowed. */
function hasMemberTwice(json: string): boolean {
  const names = new Set<unknown>();
  let depth = 0;
  let text = "";
  for (const [mark] of json.matchAll(marks)) {
    if (mark === ":" && depth === 1) {
      const name: unknown = JSON.parse(text);
      if (names.has(name)) return true;
      names.add(name);
    }
    if (mark === "{" || mark === "[") depth += 1;
    if (mark === "}" || mark === "]") depth -= 1;
    text = mark;
  }
  return false;
}
