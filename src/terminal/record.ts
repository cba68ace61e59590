/**
 * A time of day here, with milliseconds; the date before it when that is not today's. `at` is an ISO time.
 */
export function clockTime(at: string, now = new Date()): string {
  const time = new Date(at);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString();
  const isToday = time.toDateString() === now.toDateString();
  return isToday ? local.slice(11, 23) : local.slice(0, 23).replace("T", " ");
}

/**
 * A text of several lines whose further lines begin with `| `, so that none of them can pass for a record of
 * its own (FAULTS.md C-03).
 */
export const continued = (text: string): string => text.replaceAll(/\r?\n/g, "\n| ");

/** One record as text: its head, and what it says. */
export const asRecord = (head: string, text: string): string => `${head}  ${continued(text)}`;

/** What is wrong, and what to do about it in a second line; neither can begin a record of its own. */
export const asProblem = (head: string, message: string, hint: string | undefined): string =>
  `${head} ${continued(message)}\n${hint === undefined ? "" : `  ${continued(hint)}\n`}`;

/** A text as a part of one line: its line ends are shown. */
export const oneLine = (text: string): string => text.replaceAll(/\r?\n/g, "\\n");
