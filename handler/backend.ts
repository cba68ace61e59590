import type { Configuration, Kind } from "./config.ts";
import { isObject, parsed } from "./json.ts";
import { createBucket, leastMs, temporary, withRetries } from "./retry.ts";
import { exchange, type Answer, type Outcome } from "./transport.ts";
import { webhookSignature } from "./webhook.ts";

const { isUtf8 } = process.getBuiltinModule("node:buffer");

declare const SHELFSHACK_VERSION: string | undefined;
/** Set by the build; 0.0.0 when the source is run directly. */
const version = typeof SHELFSHACK_VERSION === "string" ? SHELFSHACK_VERSION : "0.0.0";

/** One request to the backend, before it is signed (CONTRACT.md 1). */
export interface Question {
  kind: Kind;
  /** Tells duplicates apart: the same on every retry. */
  webhookId: string;
  connectionId: string;
  requestId: string;
  /** The members of the envelope after the common ones. */
  members: Record<string, unknown>;
  /** The client's message as JSON text: it becomes the envelope's last member, unchanged. */
  message?: string;
}

/**
 * The backend's answer, by its meaning. `attempts` is the number of requests that were sent, `ms` how long
 * all of them took.
 */
export type Reply = Accepted | Failed;

/** A 2xx with a JSON object or nothing. `text` is the object exactly as it came, or empty. */
export interface Accepted {
  ok: true;
  status: number;
  attempts: number;
  ms?: number;
  text: string;
  value: Record<string, unknown>;
  code?: undefined;
  reason?: undefined;
}

/** Anything else. `status` is missing where no answer came. */
export interface Failed {
  ok: false;
  status?: number | undefined;
  attempts: number;
  ms?: number;
  code: "backend_unavailable" | "backend_timeout" | "payload_too_large";
  /** For the log: a Node error code or a fixed phrase. */
  reason?: string | undefined;
  /** What a refusal's `detail` says, where it is a short string. */
  detail?: string | undefined;
}

/** Asks the backend and resolves by `deadline` (epoch milliseconds); never throws. */
export type Backend = (question: Question, deadline: number) => Promise<Reply>;

/** Time limit of one attempt, milliseconds; CONTRACT.md 5 has the budgets for all attempts of one event. */
const attemptMs: Record<Kind, number> = { connect: 5_000, message: 20_000, disconnect: 3_000 };
const maxAnswerBytes = 1_048_576;

/**
 * The signed HTTP call to the backend, with its retries. Allocates nothing per event but the request itself.
 */
export function createBackend({ backend, backendTimeoutMs, keys, paths, problems }: Configuration): Backend {
  const bucket = createBucket();
  const mayRetry = (outcome: Outcome) =>
    (outcome.status === undefined ? outcome.repeatable : temporary.has(outcome.status)) && bucket.take();
  return async (question, deadline) => {
    if (backend === undefined || problems.length > 0) return notAsked("backend_unavailable", "configuration");
    if (deadline - Date.now() < leastMs) return notAsked("backend_timeout", "no time left");
    const { kind, webhookId, connectionId, requestId } = question;
    const filled = filledPath(paths[kind], question.members);
    if (filled === undefined) return { ...notAsked("backend_unavailable", "path"), status: 400 };
    const path = `${backend.prefix}${filled}`;
    const body = envelope(question, backend.authority, path);
    const once = (leftMs: number) => {
      const timestamp = Math.floor(Date.now() / 1_000);
      const headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": `shelfshack-ws/${version}`,
        "x-connection-id": connectionId,
        "x-request-id": requestId,
        "webhook-id": webhookId,
        "webhook-timestamp": String(timestamp),
        ...(keys.length > 0 && { "webhook-signature": webhookSignature(keys, webhookId, timestamp, body) }),
      };
      const timeMs = backendTimeoutMs ?? attemptMs[kind];
      return exchange({
        address: backend,
        method: "POST",
        path,
        headers,
        body,
        timeMs,
        leftMs,
        maxBytes: maxAnswerBytes,
      });
    };
    const asked = Date.now();
    const { outcome, attempts } = await withRetries(once, deadline, mayRetry);
    const reply = meaning(outcome, attempts);
    if (reply.ok) bucket.give();
    reply.ms = Date.now() - asked;
    return reply;
  };
}

/**
 * What a value in a path must not contain, however a server decodes it: a leading dot, `..`, separators,
 * control characters, lone surrogates.
 */
const unsafeSegment = /^\.|\.\.|[/\\\p{C}]/u;

/**
 * The path with `{type}` and `{booking_id}` filled in, percent-encoded; undefined when one is missing or
 * unsafe.
 */
function filledPath(template: string, members: Record<string, unknown>): string | undefined {
  let fits = true;
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = (members[name] as string | null) || "..";
    fits &&= !unsafeSegment.test(value);
    return fits ? encodeURIComponent(value) : "";
  });
  return fits ? path : undefined;
}

function notAsked(code: Failed["code"], reason: string): Failed {
  return { ok: false, attempts: 0, code, reason };
}

/** The signature covers neither URL nor headers, so the body repeats both. */
function envelope(
  { kind, connectionId, requestId, members, message }: Question,
  host: string,
  path: string,
): string {
  const head = JSON.stringify({
    v: 1,
    host,
    path,
    event: kind,
    connection_id: connectionId,
    request_id: requestId,
    ...members,
  });
  return message === undefined ? head : `${head.slice(0, -1)},"message":${message}}`;
}

function meaning(outcome: Outcome, attempts: number): Reply {
  const failed = { ok: false, attempts, status: outcome.status, code: "backend_unavailable" } as const;
  if (outcome.status === undefined) {
    const { reason } = outcome;
    return { ...failed, reason, ...(reason === "timeout" && { code: "backend_timeout" }) };
  }
  const { status, body } = outcome;
  const content = contentOf(outcome);
  const isGood = status >= 200 && status <= 299;
  if (!isGood) return { ...failed, detail: detailOf(content) };
  if (typeof content !== "string") return { ok: true, status, attempts, ...content };
  return { ...failed, reason: content, ...(body === undefined && { code: "payload_too_large" }) };
}

function detailOf(content: Content | string): string | undefined {
  const detail = typeof content === "string" ? undefined : content.value["detail"];
  return typeof detail === "string" && detail.length <= 200 ? detail : undefined;
}

type Content = Pick<Accepted, "text" | "value">;

/**
 * The object of an answer, or why it has none, for the log (CONTRACT.md 5.1). An empty body counts as an
 * empty object, and so does `null`, which FastAPI sends for an endpoint that returns nothing.
 */
function contentOf({ headers, body }: Answer): Content | string {
  if (body === undefined) return "answer over 1 MiB";
  if (body.length === 0) return { text: "", value: {} };
  const { "content-encoding": encoding = "", "content-type": type = "" } = headers;
  if (!/^(identity)?$/i.test(encoding)) return header("content-encoding", encoding);
  if (!jsonTypes.test(type)) return header("content-type", type);
  if (!isUtf8(body)) return "not UTF-8";
  const text = body.toString().replace(/^\ufeff/, "");
  const value = parsed(text)?.value;
  if (value === null) return { text: "", value: {} };
  return isObject(value) ? { text: text.trim(), value } : "not a JSON object";
}

function header(name: string, value: string): string {
  return value ? `${name} ${value.slice(0, 100)}` : `no ${name}`;
}

/** Of a type's parameters only a charset counts (RFC 8259, 8.1 and 11); ASCII is UTF-8. */
const jsonTypes =
  /^application\/([\w.+-]+\+)?json\s*(;(?!\s*charset\s*=)[^;]*|;\s*charset="?(utf-?8|(us-)?ascii)"?\s*)*$/i;
