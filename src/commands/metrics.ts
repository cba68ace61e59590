import type { Aws } from "../aws/clients.ts";
import { deployedStack } from "../aws/deployed.ts";
import { readMetrics, type Measured, type MetricSeries, type Span } from "../aws/metrics.ts";
import type { Command } from "../cli/command.ts";
import { nothing, timeText, typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { pause } from "../progress.ts";
import { duration, headedTable, screenWidth } from "../terminal/format.ts";
import { clockTime } from "../terminal/record.ts";
import type { Screen } from "../terminal/screen.ts";
import { sparkline, valuesPerBar } from "../terminal/sparkline.ts";
import { style } from "../terminal/style.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** The shortest of these by which the time falls into at most `MOST_PERIODS`. */
const periodsMs = [1, 5, 15, 60, 360, 1_440].map((minutes) => minutes * MINUTE_MS);
const MOST_PERIODS = 60;
/** A minute counts as complete on AWS when its values have had the time to come (AWS.md 7.4). */
const LATE_MS = 3 * MINUTE_MS;

interface MetricsResult extends Omit<Measured, "apiId"> {
  /** Null where nothing is deployed. */
  apiId: string | null;
  region: string;
  /** ISO times of the first period's beginning and the last one's end. */
  since: string;
  until: string;
  periodSeconds: number;
  metrics: Summed[];
}

/** A metric with its figures; `total` is null where values cannot be added up. */
interface Summed extends MetricSeries {
  total: number | null;
  /** Of the last period that is over and whose values have come; null where none was measured before. */
  latest: number | null;
  highest: number | null;
}

/** One complete minute, while it is watched. */
interface Minute {
  kind: "minute";
  at: string;
  values: (Pick<MetricSeries, "name" | "unit"> & { value: number | null })[];
}

export const command: Command<"metrics", MetricsResult, Minute> = {
  async run({ since: given, watch, functionName, apiName, stage, ...options }, context) {
    const since = given ?? Date.now() - HOUR_MS;
    if (since >= Date.now())
      throw new CliError("value-invalid", `--since is in the future: ${new Date(since).toISOString()}`);
    const aws = await context.aws(options);
    const names = { functionName, apiName, stage };
    const apiId = await apiIdOf(aws, names);
    const measured = { functionName, apiId: apiId ?? "", stage };
    const lateMs = options.local ? 0 : LATE_MS;
    const read = async (from: number): Promise<MetricsResult> => {
      const span = spanSince(from);
      const complete = completeIn(span, lateMs);
      const series = apiId === null ? [] : await readMetrics(aws, measured, span);
      const metrics = series.map((one) => summed(one, complete));
      return { ...measured, apiId, ...timesOf(span), region: aws.region, metrics };
    };
    if (apiId === null || !watch) return await read(since);
    const screen = await context.screen();
    if (screen) return await redrawMinutes(screen, read, since, context.signal);
    const begin = given ?? Date.now();
    await emitMinutes(aws, measured, { since: begin, lateMs }, context);
    return { ...measured, apiId, ...timesOf(spanSince(begin)), region: aws.region, metrics: [] };
  },

  render({ metrics, ...about }, { watch }) {
    if (about.apiId === null) return `nothing is deployed in ${about.region}: there are no metrics`;
    return watch ? "" : tableOf(about, metrics);
  },

  next({ apiId, metrics }, { watch, since }) {
    if (apiId === null) return typing(invocation("deploy"));
    if (watch) return nothing("a person ends it, having seen what they wanted");
    const hasFailed = metrics.some(({ name, total }) => failures.has(name) && (total ?? 0) > 0);
    const from = timeText(since) ?? "1h";
    if (hasFailed) return typing(invocation("logs tail", { since: from, errors: true, follow: false }));
    return typing(invocation("trace", { since: from, follow: false }));
  },
  line: minuteLine,
  untilInterrupted: true,
};

const failures: ReadonlySet<MetricSeries["name"]> = new Set(["errors", "throttles", "integrationErrors"]);

/** The API of a stack that is whole; null where none is deployed. */
async function apiIdOf(aws: Aws, names: Parameters<typeof deployedStack>[1]): Promise<string | null> {
  try {
    return (await deployedStack(aws, names)).apiId;
  } catch (error) {
    if (error instanceof CliError && error.code === "not-deployed") return null;
    throw error;
  }
}

/** From the beginning of the period that `since` is in, to the end of the present one. */
function spanSince(since: number): Span {
  const now = Date.now();
  const periodMs =
    periodsMs.find((each) => Math.floor((now - since) / each) <= MOST_PERIODS) ??
    periodsMs.at(-1) ??
    MINUTE_MS;
  return {
    from: Math.floor(since / periodMs) * periodMs,
    until: (Math.floor(now / periodMs) + 1) * periodMs,
    periodMs,
  };
}

/** How many of its periods are over, and their values there. */
const completeIn = ({ from, periodMs }: Span, lateMs: number): number =>
  Math.max(0, Math.floor((Date.now() - lateMs - from) / periodMs));

const timesOf = ({ from, until, periodMs }: Span) => ({
  since: new Date(from).toISOString(),
  until: new Date(until).toISOString(),
  periodSeconds: periodMs / 1000,
});

/** Shows the table anew with every minute, always over as long a time, until Ctrl-C; returns the last one. */
async function redrawMinutes(
  screen: Screen,
  read: (since: number) => Promise<MetricsResult>,
  since: number,
  signal: AbortSignal,
): Promise<MetricsResult> {
  const spanMs = Date.now() - since;
  let result = await read(since);
  while (!signal.aborted) {
    const { metrics, ...about } = result;
    screen.show(() => `${tableOf(about, metrics)}\na new minute is shown as it ends; Ctrl-C ends`);
    await pause(MINUTE_MS - (Date.now() % MINUTE_MS), signal);
    if (!signal.aborted) result = await read(Date.now() - spanMs);
  }
  screen.end();
  return result;
}

function summed(series: MetricSeries, complete: number): Summed {
  const measured = series.values.filter((value) => value !== null);
  return {
    ...series,
    total: series.unit === "count" ? measured.reduce((sum, value) => sum + value, 0) : null,
    latest: series.values.slice(0, complete).findLast((value) => value !== null) ?? null,
    highest: measured.length > 0 ? Math.max(...measured) : null,
  };
}

/** Emits every minute since then that is complete, and each one as it becomes so, until Ctrl-C. */
async function emitMinutes(
  aws: Aws,
  measured: Measured,
  { since, lateMs }: { since: number; lateMs: number },
  { emit, drained, signal, report }: Context<Minute>,
): Promise<void> {
  let from = Math.floor(since / MINUTE_MS) * MINUTE_MS;
  report({ kind: "note", message: beginning(from, lateMs) });
  while (!signal.aborted) {
    const now = Date.now();
    const until = Math.floor((now - lateMs) / MINUTE_MS) * MINUTE_MS;
    if (until > from) {
      const series = await readMetrics(aws, measured, { from, until, periodMs: MINUTE_MS });
      for (const minute of minutesOf(series, from)) emit(minute);
      await drained();
      from = until;
    }
    await pause(MINUTE_MS - (now % MINUTE_MS), signal);
  }
}

function beginning(from: number, lateMs: number): string {
  const late = lateMs > 0 ? `, ${lateMs / MINUTE_MS} minutes later` : "";
  return `from ${minuteIn(new Date(from).toISOString())} on, each minute when it is over${late}; Ctrl-C ends`;
}

function minutesOf(series: readonly MetricSeries[], from: number): Minute[] {
  const [first] = series;
  return (first?.values ?? []).map((_, index) => ({
    kind: "minute",
    at: new Date(from + index * MINUTE_MS).toISOString(),
    values: series.map(({ name, unit, values }) => ({ name, unit, value: values[index] ?? null })),
  }));
}

function minuteLine({ at, values }: Minute): string {
  const shown = values.map(({ name, unit, value }) => `${labels[name]} ${style.bold(figure(unit, value))}`);
  return `${style.dim(minuteIn(at))}  ${shown.join("  ")}`;
}

const minuteIn = (time: string): string => clockTime(time).replace(/:\d\d\.\d{3}$/, "");

const labels: Readonly<Record<MetricSeries["name"], string>> = {
  invocations: "invocations",
  errors: "errors",
  throttles: "throttles",
  durationAverage: "duration average",
  durationP50: "duration p50",
  durationP95: "duration p95",
  connects: "connects",
  messages: "messages",
  integrationErrors: "integration errors",
};

const figure = (unit: MetricSeries["unit"], value: number | null): string =>
  value === null ? "–" : unit === "ms" ? duration(value) : value.toLocaleString("en");

/** Fewer columns of bars show nothing. */
const LEAST_BARS = 8;
const HEAD = ["", "total", "latest", "highest"];

function tableOf(
  { functionName, region, since, until, periodSeconds }: Omit<MetricsResult, "metrics">,
  metrics: readonly Summed[],
): string {
  const figures = metrics.map(({ unit, total, latest, highest }) =>
    [total, latest, highest].map((value) => figure(unit, value)),
  );
  const widths = [0, 1, 2].map((column) =>
    Math.max(...[HEAD.slice(1), ...figures].map((row) => row[column]?.length ?? 0)),
  );
  const right = (row: readonly string[]) => row.map((cell, column) => cell.padStart(widths[column] ?? 0));
  const name = Math.max(...metrics.map((metric) => labels[metric.name].length));
  const room = screenWidth() - name - widths.reduce((sum, width) => sum + width + 2, 2);
  const isNarrow = room < LEAST_BARS;
  // The highest is what the bars show: a narrow terminal has room for neither.
  const fitting = (cells: readonly string[]) => (isNarrow ? cells.slice(0, -1) : cells);
  const rows = metrics.map(({ name: id, values }, index) => [
    labels[id],
    ...fitting(right(figures[index] ?? [])),
    ...(isNarrow ? [] : [sparkline(values, room)]),
  ]);
  const bars = isNarrow
    ? ""
    : `; ${barText(periodSeconds, valuesPerBar(metrics[0]?.values.length ?? 0, room))}`;
  return [
    `${functionName} in ${region}, ${timesText(since, until)}${bars}`,
    headedTable([HEAD[0] ?? "", ...fitting(right(HEAD.slice(1)))], rows),
  ].join("\n");
}

/** From a time to another; where one is not of today, each with its date. */
function timesText(...times: [since: string, until: string]): string {
  const [since, until] = times.map(minuteIn);
  if (since?.length === until?.length) return `${since} to ${until}`;
  return times.map((time) => clockTime(time, new Date(0)).slice(0, -":00.000".length)).join(" to ");
}

/** What a bar is: a merged one is as high as the highest of its periods, as `highest` is of all. */
const barText = (seconds: number, periods: number): string =>
  periods === 1
    ? `each bar ${periodText(seconds)}`
    : `each bar ${periodText(periods * seconds)}, as high as its highest ${periodText(seconds, "")}`;

/** A time in its largest whole unit: "a minute", "6 hours"; `one` stands for the number 1. */
function periodText(seconds: number, one?: ""): string {
  const [unit, article, length] = units.find(([, , each]) => seconds % each === 0) ?? units[2];
  const count = seconds / length;
  return count === 1 ? `${one ?? `${article} `}${unit}` : `${count} ${unit}s`;
}

const units = [
  ["day", "a", 86_400],
  ["hour", "an", 3_600],
  ["minute", "a", 60],
] as const;
