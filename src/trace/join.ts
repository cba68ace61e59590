import { TEST_CONNECTION, type Trace, type TraceFact, type TracePart } from "../contract/trace.ts";
import { merged, nothing } from "./merge.ts";

/** When a trace is given on although something of it is missing, and what a join keeps at most. */
const SETTLED_MS = 3_000;
const KEPT_MS = 60_000;
const MOST_OPEN = 10_000;
/** The same where all are kept until the end, to be given in order. */
const MOST_HELD = 50_000;

/** Puts the parts of several sources together. `now` is in milliseconds of any clock. */
export interface Joiner {
  add(part: TracePart, now: number): void;
  /** Gives on what has waited long enough, and lets go of what is too old for a late part. */
  settle(now: number): void;
  /** Gives on all that is left. */
  end(): void;
}

interface JoinOptions {
  /** What is waited for. */
  facts: readonly TraceFact[];
  /** Gives each trace only at the end, in its last form, and all of them by their time. */
  isOrdered?: boolean;
  /** Gets each trace once it is complete or has waited, and again with each part that is late. */
  emit(trace: Trace, amended: boolean): void;
  settledMs?: number;
  mostOpen?: number;
}

/** See {@link Joiner}. */
export function createJoiner({
  facts,
  emit,
  isOrdered = false,
  settledMs = SETTLED_MS,
  mostOpen = isOrdered ? MOST_HELD : MOST_OPEN,
}: JoinOptions): Joiner {
  const opened = openedTraces();
  const known = new Map<string, Client>();
  function give(one: Open): void {
    const amended = one.emitted;
    one.emitted = true;
    const { connectionId = "" } = one.trace;
    const client = known.get(connectionId);
    const test = client?.test ?? (connectionId === TEST_CONNECTION || undefined);
    const { type = client?.type, booking = client?.booking } = one.trace;
    emit({ ...one.trace, type, booking, ...(test && { test }) }, amended);
  }
  function close(one: Open): void {
    if (!one.emitted) give(one);
    opened.forget(one);
  }
  return {
    add(part, now) {
      learn(known, part);
      const keys = keysOf(part);
      if (part.isPast || keys.length === 0) return;
      const one = opened.find(keys, now);
      one.trace = merged(one.trace, part, part.fact);
      one.facts.add(part.fact);
      if (!isOrdered && (one.emitted || part.isAll || isWhole(one, facts))) give(one);
      if (!isOrdered && part.isAll) opened.forget(one);
      const [oldest = one] = opened.all;
      if (opened.all.size > mostOpen) close(oldest);
    },
    settle(now) {
      if (isOrdered) return;
      for (const one of opened.all) {
        if (!one.emitted && now - one.openedAt >= settledMs) give(one);
        if (now - one.openedAt >= KEPT_MS) close(one);
      }
    },
    end() {
      const left = [...opened.all];
      if (isOrdered) left.sort((a, b) => a.trace.at - b.trace.at);
      for (const one of left) close(one);
    },
  };
}

/** The frames that follow a connect have no event of API Gateway's. */
const isWhole = ({ trace: { event }, facts }: Open, wanted: readonly TraceFact[]): boolean =>
  wanted.every((fact) => facts.has(fact) || (fact === "gateway" && event === "initial"));

interface Open {
  trace: Trace;
  facts: Set<TraceFact>;
  keys: Set<string>;
  openedAt: number;
  emitted: boolean;
}

/** The traces that parts may still come of, oldest first, found by any of their keys. */
function openedTraces() {
  const all = new Set<Open>();
  const byKey = new Map<string, Open>();
  function name(one: Open, keys: Iterable<string>): void {
    for (const key of keys) {
      one.keys.add(key);
      byKey.set(key, one);
    }
  }
  /** A part has shown that two are one. */
  function unite(one: Open, other: Open): void {
    one.trace = merged(one.trace, other.trace, "line");
    for (const fact of other.facts) one.facts.add(fact);
    name(one, other.keys);
    one.emitted ||= other.emitted;
    all.delete(other);
  }
  return {
    all,
    /** The one with these keys; a new one where there is none. */
    find(keys: readonly string[], now: number): Open {
      const [first, ...others] = new Set(keys.flatMap((key) => byKey.get(key) ?? []));
      const one = first ?? fresh(now);
      for (const other of others) unite(one, other);
      name(one, keys);
      all.add(one);
      return one;
    },
    forget(one: Open): void {
      all.delete(one);
      for (const key of one.keys) byKey.delete(key);
    },
  };
}

const fresh = (openedAt: number): Open => ({
  trace: nothing,
  facts: new Set(),
  keys: new Set(),
  openedAt,
  emitted: false,
});

/** By API Gateway's id and by Lambda's; a connect and its initial frames share the former. */
function keysOf({ requestId, lambdaRequestId, event }: TracePart): string[] {
  return [
    ...(requestId === undefined ? [] : [event === "initial" ? `${requestId} initial` : requestId]),
    ...(lambdaRequestId === undefined ? [] : [`lambda ${lambdaRequestId}`]),
  ];
}

/** Who a client is. */
type Client = Pick<Trace, "type" | "booking" | "test">;

/** Only a connect says who a connection is. As many are remembered as traces are open at most. */
function learn(known: Map<string, Client>, { connectionId, type, booking, test }: TracePart): void {
  if (connectionId === undefined || (type ?? booking ?? test) === undefined) return;
  const before = known.get(connectionId);
  known.delete(connectionId);
  known.set(connectionId, {
    type: type ?? before?.type,
    booking: booking ?? before?.booking,
    test: test ?? before?.test,
  });
  const [oldest = connectionId] = known.keys();
  if (known.size > MOST_OPEN) known.delete(oldest);
}
