import { distribution, type Bin } from "./distribution.ts";
import { percentilesOf, record, times, type Percentiles } from "./histogram.ts";

/** One second of a run. */
export interface Second {
  /** Since the start of sending. */
  second: number;
  sent: number;
  received: number;
  p50: number;
  p95: number;
  p99: number;
}

/** What became of the messages at those that they were for. */
export interface Deliveries {
  expected: number;
  received: number;
  lost: number;
  /** Not there when the run was stopped, and not late yet. */
  underWay: number;
  doubled: number;
  late: number;
}

/** Keeps account of every message by its number and by each client that it is for. */
export interface Tally {
  timeline: readonly Second[];
  /** A message left for `expected` clients. */
  sent(message: number, expected: number): void;
  /** It came to one of its booking's clients, `place` from 0, `ms` after it was intended. */
  received(message: number, place: number, ms: number): void;
  /** The sender itself has it: whether for the first time. */
  answered(message: number, place: number): boolean;
  /** How many deliveries are owed still. */
  owed(): number;
  /** Ends a second of the run. */
  endSecond(): Second;
  /** Ends the last one, where there was anything in it. */
  end(): void;
  /** Of messages before that number nothing is under way any more: what is owed of them is lost. */
  deliveries(firstUnderWay: number): Deliveries;
  latency(): Percentiles | null;
  distribution(): Bin[];
}

/** Starts an account of that number of messages, each for at most `people` clients. */
export function tally(messages: number, people: number, lateMs: number): Tally {
  const isNew = firstTimes(messages, people);
  const owed = new Uint16Array(messages);
  const [all, ofSecond, spread] = [times(), times(2), distribution()];
  const timeline: Second[] = [];
  const counts = { expected: 0, received: 0, doubled: 0, late: 0 };
  const second = { sent: 0, received: 0 };
  const endSecond = (): Second => {
    const { p50 = 0, p95 = 0, p99 = 0 } = percentilesOf(ofSecond) ?? {};
    const ended = { second: timeline.length + 1, ...second, p50, p95, p99 };
    timeline.push(ended);
    ofSecond.reset();
    Object.assign(second, { sent: 0, received: 0 });
    return ended;
  };
  return {
    timeline,
    sent(message, expected) {
      owed[message] = expected;
      counts.expected += expected;
      second.sent++;
    },
    received(message, place, ms) {
      if (!isNew(message, place)) return void counts.doubled++;
      if (owed[message]) owed[message]--;
      counts.received++;
      second.received++;
      if (ms > lateMs) counts.late++;
      record(all, ms);
      record(ofSecond, ms);
      return spread.add(ms);
    },
    answered: isNew,
    owed: () => counts.expected - counts.received,
    endSecond,
    end: () => void (second.sent + second.received > 0 && endSecond()),
    deliveries: (firstUnderWay) => ({
      ...counts,
      lost: sumOf(owed.subarray(0, firstUnderWay)),
      underWay: sumOf(owed.subarray(firstUnderWay)),
    }),
    latency: () => percentilesOf(all),
    distribution: spread.bins,
  };
}

/** Whether a message is at a client for the first time, with one bit for each. */
function firstTimes(messages: number, people: number): (message: number, place: number) => boolean {
  const seen = new Uint8Array(Math.ceil((messages * people) / 8));
  return (message, place) => {
    const bit = message * people + place;
    const [at, mask] = [Math.floor(bit / 8), 1 << (bit % 8)];
    if ((seen[at] ?? 0) & mask) return false;
    seen[at] = (seen[at] ?? 0) | mask;
    return true;
  };
}

const sumOf = (numbers: Uint16Array): number => numbers.reduce((sum, number) => sum + number, 0);
