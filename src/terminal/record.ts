import { screenWidth, widthOf, wrap } from "./format.ts";
import { safeStyled } from "./style.ts";

/**
 * A time of day here, with milliseconds; the date before it when that is not today's. `at` is an ISO time.
 */
export function clockTime(at: string, now = new Date()): string {
  const time = new Date(at);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString();
  const isToday = time.toDateString() === now.toDateString();
  return isToday ? local.slice(11, 23) : local.slice(0, 23).replace("T", " ");
}

/** A time of AWS for people: `24 Nov 2026, 23:57 UTC`. */
export function minuteOf(time: string): string {
  const [, day, month, year, minute] =
    /^\w+, (\d+) (\w+) (\d+) (\d+:\d+)/.exec(new Date(time).toUTCString()) ?? [];
  return year === undefined ? time : `${Number(day)} ${month} ${year}, ${minute} UTC`;
}

/**
 * A text of several lines whose further lines begin with `| `, so that none of them can pass for a record of
 * its own (FAULTS.md C-03).
 */
export const continued = (text: string): string => text.replaceAll(/\r?\n/g, "\n| ");

const GAP = "  ";
/** Narrower than this beside its head, a text goes below it. */
const NARROWEST = 30;

/**
 * One record as text: its head, and what it says. On a screen a text that does not fit is broken between
 * words and hangs below its beginning, or below the head where too little room is left beside that.
 */
export function asRecord(head: string, text: string, width = screenWidth()): string {
  if (width === Infinity) return head + GAP + continued(text);
  const [first = "", ...more] = safeStyled(text).split(/\r?\n/);
  const indent = widthOf(head) + GAP.length;
  const isBeside = indent + widthOf(first) <= width || width - indent >= NARROWEST;
  const hang = isBeside ? indent : GAP.length;
  const [begin = "", ...rest] = wrap(first, width - hang);
  return [
    isBeside ? head + GAP + begin : `${head}\n${GAP}${begin}`,
    ...rest.map((line) => " ".repeat(hang) + line),
    ...more.flatMap((line) => wrap(line, width - GAP.length).map((piece) => `| ${piece}`)),
  ].join("\n");
}

/**
 * One record as text: its head, and pieces that are broken, and lose their style, only where they are longer
 * than a line. They hang beside the head, or below it where too little room is left beside that.
 */
export function asPieces(head: string, pieces: readonly string[], width = screenWidth()): string {
  if (width === Infinity) return head + GAP + continued(pieces.join(GAP));
  const indent = widthOf(head) + GAP.length;
  const isBeside = width - indent >= NARROWEST;
  const hang = " ".repeat(isBeside ? indent : GAP.length);
  const [begin = "", ...more] = linesOf(pieces, width - hang.length);
  return [isBeside ? head + GAP + begin : `${head.trimEnd()}\n${hang}${begin}`]
    .concat(more.map((line) => hang + line))
    .join("\n");
}

function linesOf(pieces: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const piece of pieces.flatMap((one) => wrap(safeStyled(one), width))) {
    const longer = `${lines.at(-1) ?? ""}${GAP}${piece}`;
    if (lines.length > 0 && widthOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(piece);
  }
  return lines;
}

/** What is wrong, and what to do about it in a second line; neither can begin a record of its own. */
export const asProblem = (head: string, message: string, hint: string | undefined): string =>
  `${head} ${continued(message)}\n${hint === undefined ? "" : `  ${continued(hint)}\n`}`;
