import type { Sight } from "../local/gateway/watch.ts";
import type { LogRecord } from "../logs/record.ts";
import type { TraceRecord } from "../trace/record.ts";
import type { ShownFrame, ShownLine } from "./items.ts";
import type { KnownSecrets } from "./known-secrets.ts";
import { redacted } from "../logs/redact.ts";

const LONGEST_SHOWN = 4_096;

/** The beginning of a text without secrets. What is known of them is masked first: a part of one is not. */
const shownText = (text: string, known: KnownSecrets): string =>
  redacted(known.masked(text).slice(0, 2 * LONGEST_SHOWN)).slice(0, LONGEST_SHOWN);

export function shownLine(
  { at, level, text, origin, fields = {} }: LogRecord,
  functionName: string | undefined,
  known: KnownSecrets,
): ShownLine {
  const id = fields["requestId"] ?? fields["RequestId"];
  return {
    kind: "log",
    at,
    level,
    text: shownText(origin === "report" ? `report ${text}` : text, known),
    ...(typeof id === "string" ? { requestId: id } : {}),
    ...(functionName === undefined ? {} : { functionName }),
  };
}

/** What a client wrote stands in some of its members, too. */
export const shownTrace = (record: TraceRecord, known: KnownSecrets): TraceRecord => ({
  ...record,
  ...Object.fromEntries(
    (["type", "booking", "problem", "reason"] as const).flatMap((name) => {
      const text = record[name];
      return text === undefined ? [] : [[name, shownText(text, known)]];
    }),
  ),
});

export const shownFrame = (
  { text, ...frame }: Sight & { kind: "frame" },
  known: KnownSecrets,
): ShownFrame => ({ ...frame, text: shownText(text, known) });
