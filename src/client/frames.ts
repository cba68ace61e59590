import { jsonIn } from "../contract/json.ts";
import { command, type Advice } from "../errors/advice.ts";

const isLoopback = (hostname: string) =>
  /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname) || hostname.endsWith(".localhost");

/** What the close codes of a WebSocket mean behind API Gateway (AWS.md 1.12). */
export const closeCodes: Readonly<Record<number, string>> = {
  1000: "closed normally",
  1001: "API Gateway ended it: no message for 10 minutes, or 2 hours old",
  1003: "a binary frame was sent; API Gateway takes text only",
  1005: "closed without a code",
  1006: "connection lost without a close frame: network, proxy or a server that died",
  1007: "a text frame was not valid UTF-8",
  1008: "refused by a policy of the server",
  1009: "too big: API Gateway takes frames of 32 KB and messages of 128 KB",
  1011: "the server met an error of its own",
  1012: "the server restarts",
  1013: "the server is overloaded; try again later",
};

/** A close code in words, or undefined for one that only the application knows. */
export function explainClose(code: number, { hostname }: Pick<URL, "hostname">): string | undefined {
  const meaning = closeCodes[code];
  return code === 1001 && isLoopback(hostname) ? `${meaning}, or the local AWS stopped` : meaning;
}

/** A frame of API Gateway's or the handler's own: what it means and, behind a known stack, what to do. */
export interface FrameExplanation {
  code:
    | "frame-internal-error"
    | "frame-forbidden"
    | "frame-bad-request"
    | "frame-timeout"
    | "frame-throttled"
    | "frame-unauthorized"
    | "frame-rejected"
    | "frame-backend-unavailable"
    | "frame-backend-timeout"
    | "frame-payload-too-large";
  meaning: string;
  fix?: Advice;
}

const throttled: FrameExplanation = {
  code: "frame-throttled",
  meaning: "throttled by the stage's or the account's limit",
};

/** API Gateway's own frames, by their `message` (AWS.md 1.6). */
export const frameRows: Readonly<Record<string, FrameExplanation>> = {
  "Internal server error": {
    code: "frame-internal-error",
    meaning: "the function failed, timed out or may not be invoked",
    fix: ["see: ", command("logs tail", { errors: true })],
  },
  Forbidden: {
    code: "frame-forbidden",
    meaning: "no route matches this message",
    fix: ["run: ", command("deploy", { only: ["routes", "stage"] })],
  },
  "Bad request body": {
    code: "frame-bad-request",
    meaning: "the route's model does not allow this message",
  },
  "Endpoint request timed out": {
    code: "frame-timeout",
    meaning: "the function took longer than the integration's limit (29 s at most)",
    fix: ["see: ", command("logs tail")],
  },
  "Too Many Requests": throttled,
  "Limit Exceeded": throttled,
};

/** The handler's own frames, by their `code` (CONTRACT.md 3). */
export const contractRows: Readonly<Record<string, FrameExplanation>> = {
  unauthorized: {
    code: "frame-unauthorized",
    meaning: "the backend does not know this connection (it may have restarted) or its token: connect again",
  },
  rejected: { code: "frame-rejected", meaning: "the backend rejected this message" },
  backend_unavailable: {
    code: "frame-backend-unavailable",
    meaning: "the backend failed, could not be reached, or gave no valid answer",
  },
  backend_timeout: { code: "frame-backend-timeout", meaning: "the backend did not answer in time" },
  payload_too_large: {
    code: "frame-payload-too-large",
    meaning: "a frame over 128 KB, or an answer of the backend over 1 MiB",
  },
};

/**
 * What a received frame means when API Gateway itself has sent it (`message` with a connection or request id)
 * or the handler (`type` error with a code of the contract); undefined for the application's frames.
 */
export function explainFrame(text: string): FrameExplanation | undefined {
  if (text.length > 1024 || !text.startsWith("{")) return undefined;
  const frame = jsonIn(text) as Record<string, unknown> | undefined;
  if (frame?.["type"] === "error") return explainError(frame);
  const fromGateway =
    frame?.["connectionId"] !== undefined &&
    (frame["requestId"] !== undefined || frame["messageId"] !== undefined);
  const message = frame?.["message"];
  return fromGateway && typeof message === "string" && Object.hasOwn(frameRows, message)
    ? frameRows[message]
    : undefined;
}

/** The log says more under the request's id, where it has the form of one. */
function explainError({ code, request_id: id }: Record<string, unknown>): FrameExplanation | undefined {
  const row = typeof code === "string" && Object.hasOwn(contractRows, code) ? contractRows[code] : undefined;
  if (!row || typeof id !== "string" || !/^[\w=-]{1,64}$/.test(id)) return row;
  return { ...row, fix: ["see: ", command("logs tail", { request: id, since: "10m", follow: false })] };
}
