import * as v from "valibot";
import type { ValueType } from "./value-types.ts";

/** What measures are counted in, how a limit may end, with its factor, and what is right. */
const kinds = {
  time: { unit: " ms", units: { ms: 1, s: 1000 }, rule: "in ms or s", limit: "100ms" },
  count: { unit: "", units: { "": 1 }, rule: "as a number without a unit", limit: "10" },
  rate: { unit: " per second", units: { "": 1, "/s": 1 }, rule: "in messages per second", limit: "450" },
} as const;

/** What a threshold may be about. */
const measures = {
  p50: "time",
  p90: "time",
  p95: "time",
  p99: "time",
  p999: "time",
  max: "time",
  mean: "time",
  lost: "count",
  doubled: "count",
  late: "count",
  unsent: "count",
  failed: "count",
  dropped: "count",
  rate: "rate",
} as const satisfies Record<string, keyof typeof kinds>;
export type Measure = keyof typeof measures;

/** A value of a measure, in words. */
export const measuredText = (measure: Measure, value: number): string =>
  `${value.toLocaleString("en")}${kinds[measures[measure]].unit}`;

export type Comparison = "<" | "<=" | ">" | ">=" | "==";

/** What a measure has to be, and how that was written. The limit of a time is milliseconds. */
export interface Threshold {
  source: string;
  measure: Measure;
  comparison: Comparison;
  limit: number;
}

const form = /^\s*([a-z]\w*)\s*(<=|>=|==|<|>)\s*(\d+(?:\.\d+)?)\s*(\S*)\s*$/;

/** Reads `p99<100ms`, `lost<=0` or `rate>=450`; for anything else says what is expected. */
function read(source: string): Threshold | { expected: string } {
  const [, name = "", comparison = "", digits = "", unit = ""] = form.exec(source) ?? [];
  if (name === "") return { expected: "a condition like p99<100ms, lost<=0 or rate>=450" };
  if (!Object.hasOwn(measures, name)) return { expected: `one of ${Object.keys(measures).join(", ")}` };
  const measure = name as Measure;
  const { units, rule, limit } = kinds[measures[measure]];
  const factor = Object.entries(units).find(([ending]) => ending === unit)?.[1];
  return factor === undefined
    ? { expected: `${measure} ${rule}, as in ${measure}${comparison}${limit}` }
    : { source, measure, comparison: comparison as Comparison, limit: Number(digits) * factor };
}

/** Thresholds of `bench`: each measure has its unit. */
export const thresholds: ValueType<Threshold[]> = {
  parse: (words) => words,
  schema: v.array(
    v.pipe(
      v.string(),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        const found = read(dataset.value);
        if (!("expected" in found)) return found;
        addIssue({ message: `expected ${found.expected}` });
        return NEVER;
      }),
    ),
  ),
};
