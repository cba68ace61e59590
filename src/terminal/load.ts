import type { Estimate, Load, Untold } from "../estimate/load.ts";

const shown = (amount: number): string => amount.toLocaleString("en", { maximumFractionDigits: 2 });

const several = (amount: number, one: string, more: string): string =>
  `${shown(amount)} ${amount === 1 ? one : more}`;

/** How each figure of a load is said. */
const words: Readonly<Record<keyof Load, (amount: number) => string>> = {
  connections: (amount) => several(amount, "connection", "connections"),
  messagesPerMinute: (amount) => `${several(amount, "message", "messages")} a minute of each`,
  peoplePerBooking: (amount) => `${several(amount, "person", "people")} in a booking`,
  sessionMinutes: (amount) => `sessions of ${shown(amount)} min`,
  messageBytes: (amount) => `messages of ${several(amount, "byte", "bytes")}`,
  invocationMs: (amount) => `${shown(amount)} ms an event`,
  memoryMb: (amount) => `${shown(amount)} MB`,
};

/** What a figure is that a measurement only bounds. */
const bounded: { readonly [N in keyof Load]?: string } = {
  invocationMs:
    "the run does not show the function's own time: what a delivery took, network included, is more; give " +
    "it with --invocation-ms (metrics shows it as the duration)",
};

/** What of it stands for the figure, where it has no amount. */
const named: { readonly [N in Untold["figure"]]?: string } = {
  messagesPerMinute: "messages a minute (--messages-per-minute)",
  peoplePerBooking: "people in a booking (--people-per-booking)",
  sessionMinutes: "how long sessions are (--session-minutes)",
};

/** What was to be measured and was not, a line for each reason. */
const untoldLines = (untold: readonly Untold[]): string[] =>
  [...new Set(untold.map(({ why }) => why))].map((reason) => {
    const figures = untold.filter(({ why }) => why === reason).map(({ figure }) => named[figure] ?? figure);
    return `not measured: ${figures.join(", ")}: ${reason}`;
  });

/** A load in words, and what of it was assumed. */
export function loadLine({ load, assumed, atMost, untold }: Estimate): string {
  const names = Object.keys(words) as (keyof Load)[];
  const said = (name: keyof Load) => `${atMost.includes(name) ? "at most " : ""}${words[name](load[name])}`;
  const given = names.filter((name) => !assumed.includes(name)).map(said);
  const others = names.filter((name) => assumed.includes(name)).map(said);
  const remarks = names.flatMap((name) => (atMost.includes(name) ? (bounded[name] ?? []) : []));
  return [
    given.join(", "),
    ...(others.length > 0 ? [`assumed: ${others.join(", ")}`] : []),
    ...untoldLines(untold),
    ...remarks,
  ].join("\n");
}
