import { joined, type Advice } from "../errors/advice.ts";
import { drawnBeginnings, hasFailed, isFailure, type ShownHop, type TraceRecord } from "../trace/record.ts";
import { duration, screenWidth, table, widthOf, wrap } from "./format.ts";
import { asPieces, clockTime } from "./record.ts";
import { style } from "./style.ts";

export interface TraceResult {
  /** What was read. */
  sources: string[];
  /** What was asked for, which may be the id of a connection; null where all were followed. */
  requestId: string | null;
  trace: TraceRecord | null;
  /** From when on it was looked for, ISO time; null where only new ones were followed. */
  since: string | null;
  /** How many were emitted. */
  traces: number | null;
}

/** A trace as a line; undefined for one that was shown before. */
export function traceLine(trace: TraceRecord, width = screenWidth()): string | undefined {
  if (trace.amended) return undefined;
  const head = `${style.dim(clockTime(trace.at))} ${eventWord(trace)}`;
  const pieces = [...whoOf(trace), ...hopWords(trace), ...endWords(trace), ...reasonWords(trace)];
  const wide = [...pieces, ...requestWords(trace)];
  return asPieces(head, fits([head, ...wide], width) ? wide : pieces, width);
}

/** What `trace ID` takes. */
const requestWords = ({ requestId }: TraceRecord): string[] =>
  requestId === undefined ? [] : [`request ${requestId}`];

const fits = (pieces: readonly string[], width: number): boolean => widthOf(pieces.join("  ")) <= width;

const LONGEST_EVENT = "disconnect".length;

function eventWord(trace: TraceRecord): string {
  const word = (trace.event ?? "invocation").padEnd(LONGEST_EVENT);
  return hasFailed(trace) ? style.red(word) : word;
}

const whoOf = ({ connectionId, lambdaRequestId, booking, type, event, routeKey }: TraceRecord): string[] => [
  connectionId ?? lambdaRequestId ?? "",
  ...(booking === undefined ? (type === undefined ? [] : [type]) : [`${type ?? "booking"} ${booking}`]),
  ...(event === "message" && routeKey !== undefined ? [routeKey] : []),
];

const HOPS: Readonly<Record<ShownHop["hop"], string>> = {
  gateway: "gateway",
  function: "function",
  backend: "backend",
  deliver: "frames",
};

/** `gateway 200 12 ms`, `backend 200 after 2 tries, 143 ms`; of a push `@connections 200 0.8 ms`. */
function hopWords(trace: TraceRecord): string[] {
  const isPush = trace.event === "push";
  return trace.hops
    .filter(({ hop }) => isPush || hop !== "deliver")
    .map((hop) => {
      const name = isPush ? "@connections" : HOPS[hop.hop];
      const words = [name, ...statusWords(hop, trace), ...timeWords(hop)].join(" ");
      return isFailure(hop) ? style.red(words) : words;
    });
}

function statusWords(hop: ShownHop, { attempts = 1 }: TraceRecord): string[] {
  const tries = hop.hop === "backend" && attempts > 1 ? `after ${attempts} tries,` : "";
  return [...(hop.status === undefined ? [] : [String(hop.status)]), ...(tries ? [tries] : [])];
}

const timeWords = ({ ms }: ShownHop): string[] => (ms === undefined ? [] : [duration(ms)]);

function endWords(trace: TraceRecord): string[] {
  const { coldMs, problem, test } = trace;
  return [
    ...frameWords(trace),
    ...(coldMs === undefined ? [] : [style.magenta(`cold start ${duration(coldMs)}`)]),
    ...(problem === undefined ? [] : [style.red(problem)]),
    ...(test ? ["a test of shelfshack-ws"] : []),
  ];
}

function frameWords(trace: TraceRecord): string[] {
  const { sent, gone, failed } = trace;
  const statuses = trace.event === "push" ? [] : refusalsOf(trace);
  return [
    ...(sent ? [`sent ${sent}`] : []),
    ...(gone ? [style.magenta(`gone ${gone}`)] : []),
    ...(failed ? [style.red(`failed ${failed}`)] : []),
    ...(statuses.length > 0 ? [style.red(`@connections ${statuses.join(", ")}`)] : []),
  ];
}

/** The statuses of frames that failed, each once. */
const refusalsOf = ({ hops }: TraceRecord): string[] => [
  ...new Set(
    hops.filter((hop) => hop.hop === "deliver" && isFailure(hop)).map(({ status }) => String(status)),
  ),
];

/** Why it failed; of frames only where no status of theirs tells it. */
const reasonWords = (trace: TraceRecord): string[] =>
  trace.reason !== undefined && hasFailed(trace) && refusalsOf(trace).length === 0
    ? [style.red(trace.reason)]
    : [];

/** What was found of one message; of followed ones the lines have said it all. */
export function traceText({ requestId, trace, sources, since, traces }: TraceResult): Advice {
  const looked =
    sources.length === 0 ? "there is nothing to look through" : `looked through ${sources.join(", ")}`;
  if (traces !== null) return traces === 0 ? `no message in that time; ${looked}` : "";
  if (trace === null) {
    const hint =
      "look further back with --since, for example --since 1d; `trace` takes the id of a request, an " +
      "invocation or a connection: that of a message is in no log";
    return joined([`nothing is known of ${requestId}; ${looked}, since ${since}`, hint]);
  }
  return waterfall(trace);
}

/** Narrower than this a bar says nothing. */
const NARROWEST_BAR = 12;
const WIDEST_BAR = 48;
/** What the columns before the bar take. */
const COLUMNS = 46;

/** One trace with a bar for each hop. */
export function waterfall(trace: TraceRecord, width = screenWidth()): string {
  const room = Math.min(WIDEST_BAR, width - COLUMNS);
  const bars = room < NARROWEST_BAR ? [] : barsOf(trace, room);
  const rows = trace.hops.map((hop, index) => [
    hopName(hop, bars.length === 0 ? " " : "  to "),
    statusWords(hop, trace).join(" ").replace(/,$/, ""),
    hop.startMs === undefined ? "" : `+${duration(hop.startMs)}`,
    timeWords(hop).join(""),
    ...(bars[index] === undefined ? [] : [isFailure(hop) ? style.red(bars[index]) : bars[index]]),
  ]);
  const broken = (lines: readonly string[]) => lines.flatMap((line) => wrap(line, width));
  const parts = [...broken(headLines(trace)), "", table(rows, width), ...broken(tailLines(trace))];
  return parts.join("\n");
}

const hopName = ({ hop, to }: ShownHop, before: string): string =>
  to === undefined ? HOPS[hop] : before + to;

function headLines(trace: TraceRecord): string[] {
  const { event = "invocation", requestId, lambdaRequestId, at, bytesIn, ms } = trace;
  const facts = [
    ...(ms === undefined ? [] : [duration(ms)]),
    ...(bytesIn === undefined ? [] : [`${bytesIn} bytes`]),
    ...endWords(trace),
  ];
  return [
    `${style.bold(event)}  ${whoOf(trace).join("  ")}`,
    `${clockTime(at)}  ${facts.join("  ")}`,
    ...(requestId === undefined ? [] : [`request ${requestId}`]),
    ...(lambdaRequestId === undefined ? [] : [`Lambda  ${lambdaRequestId}`]),
  ];
}

const tailLines = ({ reason }: TraceRecord): string[] =>
  reason === undefined ? [] : ["", `reason: ${reason}`];

function barsOf({ hops, ms: whole = 0 }: TraceRecord, room: number): string[] {
  const scale = (ms: number) => Math.round((ms / Math.max(whole, 0.01)) * room);
  const beginnings = drawnBeginnings(hops);
  return hops.map(({ startMs, ms }, index) => {
    if (ms === undefined) return "";
    const from = Math.min(scale(beginnings[index] ?? 0), room - 1);
    const length = Math.max(1, Math.min(scale(ms), room - from));
    return " ".repeat(from) + (startMs === undefined ? "░" : "█").repeat(length);
  });
}
