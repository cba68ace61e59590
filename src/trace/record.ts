import { hopNames, type Hop, type Trace } from "../contract/trace.ts";

/** A hop as it is shown: its beginning is counted from the trace's. */
export interface ShownHop extends Omit<Hop, "startedAt"> {
  startMs?: number | undefined;
}

/** A trace as it is shown: an ISO time, as every time in JSON, and its hops in the order of the way. */
export interface TraceRecord extends Omit<Trace, "at" | "hops"> {
  kind: "trace";
  at: string;
  /** From the beginning to the end of its longest hop; undefined where no hop says. */
  ms?: number | undefined;
  hops: readonly ShownHop[];
  /** It was given before, and is more complete now. */
  amended?: true;
}

/** A trace as it is shown. */
export function recordOf({ at, hops, ...trace }: Trace, amended = false): TraceRecord {
  // A clock that is behind another one must not make a hop begin before the first one.
  const shown = withFrames(hops).map(({ startedAt, ...hop }) => ({
    ...hop,
    ...(startedAt === undefined ? {} : { startMs: rounded(Math.max(0, startedAt - at)) }),
    ...(hop.ms === undefined ? {} : { ms: rounded(hop.ms) }),
  }));
  const ends = shown.flatMap(({ startMs = 0, ms }) => (ms === undefined ? [] : [startMs + ms]));
  const { coldMs } = trace;
  return {
    kind: "trace",
    at: new Date(at).toISOString(),
    ...trace,
    ...(coldMs === undefined ? {} : { coldMs: rounded(coldMs) }),
    ms: ends.length > 0 ? rounded(Math.max(...ends)) : undefined,
    hops: shown.toSorted((a, b) => placeOf(a) - placeOf(b)),
    ...(amended ? { amended: true } : {}),
  };
}

/** When each frame was sent says when all of them were. */
function withFrames(hops: readonly Hop[]): readonly Hop[] {
  const frames = hops.filter(({ hop, to, startedAt }) => hop === "deliver" && to !== undefined && startedAt);
  if (frames.length === 0) return hops;
  const startedAt = Math.min(...frames.map((frame) => frame.startedAt ?? Infinity));
  const ms = Math.max(...frames.map((frame) => (frame.startedAt ?? 0) + (frame.ms ?? 0))) - startedAt;
  const isWhole = ({ hop, to }: Hop) => hop === "deliver" && to === undefined;
  return hops.map((hop) => (isWhole(hop) ? { startedAt, ms, ...hop } : hop));
}

const rounded = (ms: number): number => Math.round(ms * 100) / 100;
/** Single frames stand behind all of them together. */
const placeOf = ({ hop, to }: ShownHop): number => hopNames.indexOf(hop) + (to === undefined ? 0 : 0.5);

/** Which traces are wanted; all without a choice. */
export interface Selection {
  connection?: string | undefined;
  booking?: string | undefined;
  /** Only those that took at least this long, in milliseconds. */
  slow?: number | undefined;
  errors: boolean;
}

/** Whether a trace is wanted. */
export function isSelected(trace: TraceRecord, { connection, booking, slow, errors }: Selection): boolean {
  return (
    (connection === undefined || isAbout(trace, connection)) &&
    (booking === undefined || trace.booking === booking) &&
    (slow === undefined || (trace.ms ?? 0) >= slow) &&
    (!errors || hasFailed(trace))
  );
}

/** The names of a stack, and the id of its API where there is one. */
interface TracedStack {
  functionName: string;
  region: string;
  stage: string;
  apiId: string | undefined;
}

/** Whether a trace came to the stack's stage, or its function was invoked for it and for no other stage. */
export const isOfStack = (trace: TraceRecord, { functionName, region, stage, apiId }: TracedStack): boolean =>
  trace.apiId === undefined || apiId === undefined
    ? trace.functionName === functionName && (trace.region ?? region) === region
    : trace.apiId === apiId && trace.stage === stage;

const isAbout = ({ connectionId, hops }: TraceRecord, connection: string): boolean =>
  connectionId === connection || hops.some(({ to }) => to === connection);

/** Whether a hop, or the whole, went wrong. That a client has left is no failure. */
export function hasFailed({ problem, failed = 0, hops }: TraceRecord): boolean {
  return problem !== undefined || failed > 0 || hops.some(isFailure);
}

/** Whether a hop failed: by its status, where 410 only says that a client has left. */
export const isFailure = ({ status, hop }: ShownHop): boolean =>
  typeof status === "string" ||
  (status !== undefined && status >= 400 && !(hop === "deliver" && status === 410));

/**
 * Where each hop is drawn to begin, milliseconds. One whose beginning is not known is drawn after the one
 * before it, in lighter shade: the order of hops is known, not when they began.
 */
export function drawnBeginnings(hops: readonly ShownHop[]): number[] {
  let after = 0;
  return hops.map(({ hop, startMs, ms = 0 }) => {
    const begin = startMs ?? after;
    after = hop === "gateway" || hop === "function" ? begin : begin + ms;
    return begin;
  });
}
