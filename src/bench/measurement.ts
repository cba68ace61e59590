import type { Bin } from "./distribution.ts";
import { percentilesOf, type Percentiles } from "./histogram.ts";
import type { Plan } from "./plan.ts";
import type { State } from "./state.ts";
import type { Deliveries, Second } from "./tally.ts";

/** What a run found. Times are milliseconds. */
export interface Measurement {
  connections: {
    wanted: number;
    open: number;
    failed: number;
    /** Closed before the end. */
    dropped: number;
    /** Why some could not be opened, and with which codes others were closed. */
    reasons: { reason: string; count: number }[];
    openMs: Percentiles | null;
    /** What one takes of this process's memory, KB; null where there are too few to tell. */
    kilobytesEach: number | null;
  };
  messages: {
    intended: number;
    sent: number;
    /** Their sender was closed, or took no more. */
    unsent: number;
    /** Delivered per second, while messages were sent. */
    rate: number;
    /** How much later than intended they left. */
    lagMs: Percentiles | null;
    /** From the intended time to the first frame with the id at the sender; null where none came. */
    answerMs: Percentiles | null;
    /** Further frames with the id of a message at its sender. */
    answeredTwice: number;
    /** Frames without an id of this run. */
    others: number;
    /** Frames with the id of another booking's message: they should have come to no client there. */
    strays: number;
  };
  /** At the other clients of the booking, or at the sender where each is alone. */
  deliveries: Deliveries;
  /** From the intended time to the delivery. */
  latencyMs: Percentiles | null;
  timeline: readonly Second[];
  distribution: readonly Bin[];
  elapsedMs: number;
}

/** What was counted, in figures. Of a run that was stopped the youngest messages are still under way. */
export function measurementOf(
  plan: Plan,
  state: State,
  { elapsedMs, isStopped }: { elapsedMs: number; isStopped: boolean },
): Measurement {
  const { tally } = state;
  const deliveries = tally.deliveries(isStopped ? firstUnderWay(plan, state) : state.intended);
  return {
    connections: connectionsOf(plan, state),
    messages: messagesIn(state, deliveries),
    deliveries,
    latencyMs: tally.latency(),
    timeline: tally.timeline,
    distribution: tally.distribution(),
    elapsedMs,
  };
}

/** The first message that may have left less than the time ago after which it is late. */
function firstUnderWay({ lateMs }: Plan, { reached }: State): number {
  const before = performance.now() - lateMs;
  return reached.findLast(({ at }) => at <= before)?.message ?? 0;
}

const connectionsOf = (
  { connections: wanted }: Plan,
  { open, failed, dropped, reasons, opening, kilobytesEach }: State,
): Measurement["connections"] => ({
  wanted,
  open,
  failed,
  dropped,
  reasons: [...reasons].map(([reason, count]) => ({ reason, count })),
  openMs: percentilesOf(opening),
  kilobytesEach,
});

const messagesIn = (
  { intended, sent, unsent, startedAt, lastAt, lag, answers, answeredTwice, others, strays }: State,
  { received }: Deliveries,
): Measurement["messages"] => ({
  intended,
  sent,
  unsent,
  rate: received === 0 ? 0 : Math.round((received * 1000) / Math.max(1, lastAt - startedAt)),
  lagMs: percentilesOf(lag),
  answerMs: percentilesOf(answers),
  answeredTwice,
  others,
  strays,
});
