import type { Sight } from "../local/gateway/watch.ts";
import type { TraceRecord } from "../trace/record.ts";

/** A frame as the page shows it: without tokens, its beginning. By its request id it can be sent again. */
export type ShownFrame = Extract<Sight, { kind: "frame" }>;

/** A line of the function's log. */
export interface ShownLine {
  kind: "log";
  at: string;
  level: string;
  text: string;
  /** API Gateway's id, or Lambda's, where the line tells. */
  requestId?: string | undefined;
  /** Whose log it is, where its group tells. */
  functionName?: string | undefined;
}

/** What the page gets, in the order in which it happens. */
export type ConsoleItem =
  | TraceRecord
  | ShownFrame
  | ShownLine
  | Exclude<Sight, { kind: "frame" }>
  /** How many were left out because the page did not keep up; the open connections follow. */
  | { kind: "omitted"; items: number };

/** An order of the page, and which connection or message it is about. */
export type ConsoleAction =
  | { action: "send"; connectionId: string; text: string }
  | { action: "close"; connectionId: string }
  | { action: "replay"; requestId: string };

/** Why an order of the page was not carried out, or a page gets nothing. */
export type RefusalReason =
  /** The connection has closed. */
  | "gone"
  /** The client was dropped, as it does not read. */
  | "slow"
  /** The message is too old to be kept. */
  | "forgotten"
  | "too-large"
  | "malformed"
  /** Another origin, or no page at all. */
  | "not-own"
  /** The session is none, or has ended. */
  | "no-session"
  | "too-many-pages"
  | "unknown";
