import type { Hop, TracedEvent, TracePart } from "../contract/trace.ts";
import type { LogRecord } from "../logs/record.ts";
import { checked } from "./checked.ts";
import { lastErrors } from "./log-errors.ts";
import { whyRefused } from "./refusals.ts";

const events: ReadonlySet<unknown> = new Set(["connect", "message", "disconnect", "initial"]);

/** Says what a record of a function's log tells of an event; undefined where it tells nothing. */
export type PartReader = (record: LogRecord) => TracePart | undefined;

/**
 * Reads records in the order of each stream, of one function or of several: an environment works on one event
 * at a time, so that its REPORT is of the same event as an error before it. `masked` gives a text without
 * known secrets.
 */
export function partReader(masked?: (text: string) => string): PartReader {
  const errors = lastErrors();
  return (record) => {
    const { at, origin, fields = {} } = record;
    const error = errors.before(record);
    const writtenAt = Date.parse(at);
    if (origin === "report") return checked({ ...reportPart(fields, writtenAt), ...error }, masked);
    return origin === "function" && events.has(fields["event"]) && textIn(fields, "requestId") !== undefined
      ? checked(linePart(fields, writtenAt), masked)
      : undefined;
  };
}

type Fields = Readonly<Record<string, unknown>>;

const textIn = (fields: Fields, name: string): string | undefined =>
  typeof fields[name] === "string" ? fields[name] : undefined;
const numberIn = (fields: Fields, name: string): number | undefined =>
  typeof fields[name] === "number" ? fields[name] : undefined;

/** The handler's line, which is written when the event has ended. */
function linePart(fields: Fields, writtenAt: number): TracePart {
  const number = (name: string) => numberIn(fields, name);
  const text = (name: string) => textIn(fields, name);
  const ms = number("ms");
  const startedAt = ms === undefined ? undefined : writtenAt - ms;
  return {
    fact: "line",
    requestId: text("requestId"),
    lambdaRequestId: text("awsRequestId"),
    event: text("event") as TracedEvent,
    connectionId: text("connectionId"),
    at: startedAt ?? writtenAt,
    routeKey: text("route"),
    type: text("type"),
    booking: text("booking"),
    attempts: number("attempts"),
    bytesIn: number("bytes"),
    sent: number("sent"),
    gone: number("gone"),
    failed: number("failed"),
    problem: text("code"),
    reason: text("reason") ?? whyRefused(fields),
    hops: [{ hop: "function", startedAt, ms, status: number("status") }, ...hopsIn(fields)],
  };
}

/** Of the backend only how long it took is in the line, of the frames only their number. */
function hopsIn(fields: Fields): Hop[] {
  const number = (name: string) => numberIn(fields, name);
  const timedOut = textIn(fields, "code") === "backend_timeout" ? "timeout" : undefined;
  const asked = (number("attempts") ?? 0) > 0;
  const isDelivering = ["sent", "gone", "failed"].some((name) => (number(name) ?? 0) > 0);
  return [
    ...(asked
      ? [{ hop: "backend", ms: number("backendMs"), status: number("backendStatus") ?? timedOut } as const]
      : []),
    ...(isDelivering ? [{ hop: "deliver" } as const] : []),
  ];
}

/** Lambda's REPORT (AWS.md 5.3). */
function reportPart(fields: Fields, writtenAt: number): TracePart | undefined {
  const { requestId, durationMs, initMs, status } = reportOf(fields);
  if (requestId === undefined) return undefined;
  const startedAt = durationMs === undefined ? undefined : writtenAt - durationMs;
  const failure = status === "success" ? undefined : status;
  return {
    fact: "report",
    lambdaRequestId: requestId,
    at: startedAt ?? writtenAt,
    coldMs: initMs,
    hops: [{ hop: "function", startedAt, ms: durationMs, status: failure }],
  };
}

interface Report {
  requestId: string | undefined;
  durationMs: number | undefined;
  initMs: number | undefined;
  status: string | undefined;
}

function reportOf(fields: Fields): Report {
  const ms = (name: string) => {
    const [, digits] = /^([\d.]+) ms$/.exec(textIn(fields, name) ?? "") ?? [];
    return digits === undefined ? undefined : Number(digits);
  };
  return {
    requestId: textIn(fields, "RequestId"),
    durationMs: ms("Duration"),
    initMs: ms("Init Duration"),
    status: textIn(fields, "Status"),
  };
}
