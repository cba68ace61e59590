/** How long values are kept, in minutes; AWS keeps them for 15 days. */
const KEPT_MINUTES = 1_440;
/** The most metrics that are kept; the one that was made first gives way. */
const MOST_SERIES = 500;
export const MINUTE_MS = 60_000;

/** A metric, as its readers name it. */
export interface Metric {
  namespace: string;
  name: string;
  dimensions: Readonly<Record<string, string>>;
}

/** What was measured within one minute. `values` counts each value, rounded to two digits. */
interface Minute {
  count: number;
  sum: number;
  min: number;
  max: number;
  values: Map<number, number>;
}

/** What is read of a metric; times in ms since 1970, each aligned to its period. */
export interface Reading {
  from: number;
  until: number;
  periodMs: number;
  statistic: Statistic;
}

/** Makes one figure out of the values of a period. */
export type Statistic = (period: Minute) => number;

const plain: Readonly<Record<string, Statistic>> = {
  Sum: ({ sum }) => sum,
  SampleCount: ({ count }) => count,
  Average: ({ sum, count }) => sum / count,
  Minimum: ({ min }) => min,
  Maximum: ({ max }) => max,
};

/** A statistic by CloudWatch's name: `Sum`, `p95`, `p99.9`; undefined for every other one. */
export function statisticOf(name: string): Statistic | undefined {
  if (Object.hasOwn(plain, name)) return plain[name];
  const [, percent] = /^p(\d{1,2}(?:\.\d+)?)$/.exec(name) ?? [];
  return percent === undefined ? undefined : (period) => percentile(period, Number(percent) / 100);
}

function percentile({ values, count, max }: Minute, share: number): number {
  let seen = 0;
  for (const [value, times] of [...values].toSorted(([one], [other]) => one - other)) {
    seen += times;
    if (seen >= share * count) return Math.min(value, max);
  }
  return max;
}

/** The values of all metrics, for a day, in memory alone. */
export function openSeries() {
  const series = new Map<string, Map<number, Minute>>();
  return {
    /** Adds a value that was measured at `now`. */
    add(metric: Metric, value: number, now: number): void {
      const key = keyOf(metric);
      const minutes = series.get(key) ?? new Map<number, Minute>();
      if (!series.has(key)) makeRoom(series, MOST_SERIES);
      series.set(key, minutes);
      const at = Math.floor(now / MINUTE_MS) * MINUTE_MS;
      const minute = minutes.get(at) ?? newMinute();
      if (!minutes.has(at)) makeRoom(minutes, KEPT_MINUTES);
      minutes.set(at, minute);
      addTo(minute, { count: 1, sum: value, min: value, max: value, values: new Map([[rounded(value), 1]]) });
    },
    /** The figures of all periods in which something was measured, the latest first. */
    read(metric: Metric, { from, until, periodMs, statistic }: Reading): { at: number; value: number }[] {
      const periods = new Map<number, Minute>();
      for (const [at, minute] of series.get(keyOf(metric)) ?? []) {
        if (at < from || at >= until) continue;
        const start = Math.floor(at / periodMs) * periodMs;
        const period = periods.get(start) ?? newMinute();
        periods.set(start, period);
        addTo(period, minute);
      }
      return [...periods]
        .map(([at, period]) => ({ at, value: statistic(period) }))
        .toSorted((one, other) => other.at - one.at);
    },
  };
}

const newMinute = (): Minute => ({ count: 0, sum: 0, min: Infinity, max: -Infinity, values: new Map() });

function addTo(period: Minute, { count, sum, min, max, values }: Minute): void {
  period.count += count;
  period.sum += sum;
  period.min = Math.min(period.min, min);
  period.max = Math.max(period.max, max);
  for (const [value, times] of values) period.values.set(value, (period.values.get(value) ?? 0) + times);
}

/** Takes out what was put in first where there is no room for one more. */
function makeRoom(map: Map<unknown, unknown>, most: number): void {
  const [first] = map.keys();
  if (map.size >= most) map.delete(first);
}

const rounded = (value: number): number => Number(value.toPrecision(2));

const keyOf = ({ namespace, name, dimensions }: Metric): string =>
  JSON.stringify([
    namespace,
    name,
    Object.entries(dimensions).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  ]);
