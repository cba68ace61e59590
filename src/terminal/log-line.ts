import type { LogLevel, LogRecord } from "../logs/record.ts";
import type { TailResult } from "../logs/tail.ts";
import { screenWidth } from "./format.ts";
import { asRecord, clockTime } from "./record.ts";
import { style } from "./style.ts";

/** A log record as a line of a screen, a report in short; undefined for records that say nothing new. */
export function recordLine(
  { at, level, origin, text }: LogRecord,
  width = screenWidth(),
): string | undefined {
  if (origin === "start" || origin === "end") return undefined;
  return asRecord(
    `${style.dim(clockTime(at))} ${levelWord(level)}`,
    origin === "report" ? `report ${text}` : text,
    width,
  );
}

const levelStyles: Readonly<Record<LogLevel, (text: string) => string>> = {
  DEBUG: style.dim,
  INFO: (text) => text,
  WARN: style.magenta,
  ERROR: style.red,
};

/** A level in its colour, as wide as the longest. */
export const levelWord = (level: LogLevel): string => levelStyles[level](level.padEnd(5));

/** How a tail ended; empty where its records say it all. */
export function tailText({ group, exists, invoked, records }: TailResult, follow: boolean): string {
  if (!exists) return `not invoked yet, and nothing seems to be deployed: there is no log group ${group}`;
  if (!invoked) return `not invoked yet: there is nothing in ${group}`;
  return records === 0 && !follow ? `nothing in ${group} in that time` : "";
}
