import type { Percentiles } from "../../src/bench/histogram.ts";
import { planOf } from "../../src/bench/plan.ts";
import type { BenchResult } from "../../src/bench/result.ts";
import type { Second } from "../../src/bench/tally.ts";

const times = (p50: number): Percentiles => ({
  count: 1_000,
  mean: p50,
  p50,
  p90: p50 * 2,
  p95: p50 * 3,
  p99: p50 * 5,
  p999: p50 * 8,
  max: p50 * 10,
});

const seconds = (length: number): Second[] =>
  Array.from({ length }, (_, index) => ({
    second: index + 1,
    sent: 100,
    received: 95 + (index % 5),
    p50: 8 + (index % 3),
    p95: 20 + (index % 7) * 3,
    p99: 40 + (index % 11) * 8,
  }));

/** What `bench` found, with some of it as a test wants it. */
export const benchResult = ({
  reasons = [],
  ...parts
}: Partial<BenchResult> & Partial<Pick<BenchResult["connections"], "reasons">>): BenchResult => ({
  url: "ws://127.0.0.1:4566/abc/dev",
  plan: planOf({ connections: 200, rate: 100, durationMs: 30_000, ramp: 100 }),
  ended: "done",
  connections: {
    wanted: 200,
    open: 199,
    failed: 1,
    dropped: 0,
    reasons,
    openMs: times(12),
    kilobytesEach: 9.5,
  },
  messages: {
    intended: 3_000,
    sent: 3_000,
    unsent: 0,
    rate: 97,
    lagMs: times(0.2),
    answerMs: times(6),
    answeredTwice: 0,
    others: 4,
    strays: 0,
  },
  deliveries: { expected: 3_000, received: 2_997, lost: 3, underWay: 0, doubled: 0, late: 2 },
  latencyMs: times(8.4),
  timeline: seconds(30),
  distribution: Array.from({ length: 30 }, (_, bin) => ({
    fromMs: Number((0.1 * 10 ** ((bin - 1) / 10)).toPrecision(3)),
    toMs: Number((0.1 * 10 ** (bin / 10)).toPrecision(3)),
    count: Math.round(800 * Math.exp(-(((bin - 19) / 4) ** 2))),
  })),
  elapsedMs: 32_000,
  thresholds: [],
  passed: false,
  ...parts,
});
