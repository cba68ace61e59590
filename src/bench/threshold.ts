import { measuredText, type Comparison, type Measure, type Threshold } from "../settings/threshold.ts";

/** Whether one was met; `actual` is null where nothing was measured, which meets none. */
export interface Met {
  threshold: string;
  measure: Measure;
  actual: number | null;
  met: boolean;
}

const holds: Readonly<Record<Comparison, (value: number, limit: number) => boolean>> = {
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
  "==": (value, limit) => value === limit,
};

/** What was measured, in words. */
export const actualText = ({ measure, actual }: Met): string =>
  actual === null ? "not measured" : measuredText(measure, actual);

/** Judges what was measured; times are milliseconds. What is absent meets nothing. */
export const judge = (
  thresholds: readonly Threshold[],
  measured: Readonly<Partial<Record<Measure, number>>>,
): Met[] =>
  thresholds.map(({ source, measure, comparison, limit }) => {
    const actual = measured[measure] ?? null;
    return { threshold: source, measure, actual, met: actual !== null && holds[comparison](actual, limit) };
  });
