import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Times in milliseconds: how many were counted, and the time below which 50, 90 … percent are. */
export interface Percentiles {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
}

const HIGHEST_US = 3_600_000_000;

/** A histogram of times, in microseconds. */
export const times = (figures = 3): RecordableHistogram =>
  createHistogram({ lowest: 1, highest: HIGHEST_US, figures });

/** Adds a time in milliseconds. */
export const record = (histogram: RecordableHistogram, ms: number): void =>
  histogram.record(Math.min(HIGHEST_US, Math.max(1, Math.round(ms * 1000))));

const rounded = (us: number): number => Math.round(us) / 1000;

/** The figures of a histogram; null where nothing was counted. */
export function percentilesOf(histogram: RecordableHistogram): Percentiles | null {
  const { count, mean, max } = histogram;
  if (count === 0) return null;
  const at = (percent: number) => rounded(Math.min(max, histogram.percentile(percent)));
  return {
    count,
    mean: rounded(mean),
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    max: rounded(max),
  };
}
