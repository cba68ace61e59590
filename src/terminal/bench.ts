import type { Percentiles } from "../bench/histogram.ts";
import type { Measurement } from "../bench/measurement.ts";
import { costText } from "../bench/price.ts";
import { refusedIn, type BenchResult } from "../bench/result.ts";
import type { Moment } from "../bench/state.ts";
import { actualText, type Met } from "../bench/threshold.ts";
import { duration, headedTable, screenWidth } from "./format.ts";
import { sparkline, valuesPerBar } from "./sparkline.ts";
import { style } from "./style.ts";

const count = (value: number): string => value.toLocaleString("en");
const ms = (value: number): string => (value < 10 ? `${Number(value.toPrecision(2))} ms` : duration(value));

/** What happens at the moment, in a line. */
export function momentText(
  { phase, open, second }: Moment,
  { connections, durationMs }: { connections: number; durationMs: number },
): string {
  if (!second) {
    const opening = `opening ${count(connections)} connections`;
    return open === 0 ? opening : `${opening}, ${count(open)} open`;
  }
  const { sent, received, p50, p99 } = second;
  const times = received > 0 ? `, p50 ${ms(p50)}, p99 ${ms(p99)}` : "";
  const delivered = `${count(received)} delivered/s${times}`;
  if (phase === "draining") return `${second.second} s, waiting for the rest: ${delivered}`;
  return `${second.second} s of ${Math.ceil(durationMs / 1000)} s: ${count(sent)} sent, ${delivered}`;
}

const names = ["p50", "p90", "p95", "p99", "p999", "max"] as const;

/** The percentiles in rows: so they stand in a narrow terminal too. */
function percentileTable({ latencyMs, messages: { answerMs, lagMs } }: BenchResult): string {
  const columns: readonly (readonly [string, Percentiles | null])[] = [
    ["delivery", latencyMs],
    ...(answerMs ? [["answer", answerMs] as const] : []),
    ["sent late", lagMs],
  ];
  const rows = names.map((name) => [name, ...columns.map(([, found]) => (found ? ms(found[name]) : "-"))]);
  return headedTable(["", ...columns.map(([title]) => title)], rows);
}

/** The figures of a run. */
export function benchText(result: BenchResult): string {
  const { connections, messages, deliveries, thresholds, cost, report, ended } = result;
  return [
    ...(ended === "interrupted"
      ? [style.magenta("stopped before its end; what was measured until then:")]
      : []),
    openText(connections),
    `${count(messages.sent)} messages sent, ${count(deliveries.received)} of ${count(deliveries.expected)} ` +
      `delivered, ${count(messages.rate)} per second`,
    wrongText(result),
    ...(messages.sent > 0 ? ["", percentileTable(result), ...byTime(result)] : []),
    ...(refusedIn(result) > 0 ? [`${style.red("✗")} ${refusedText(result)}`] : []),
    ...thresholds.map(metText),
    ...(cost ? [`cost ${costText(cost)}`] : []),
    ...(deliveries.received === 0 && messages.sent > 0 ? [nothingCame(result)] : []),
    ...(report === undefined ? [] : [`report: ${report}`]),
  ].join("\n");
}

const MOST_BARS = 60;
/** What the title of the bars takes. */
const TITLE_COLUMNS = 23;

/** The slowest of each second as a row of bars. */
function byTime({ timeline }: BenchResult): string[] {
  if (timeline.length < 2) return [];
  const columns = Math.max(1, Math.min(MOST_BARS, screenWidth() - TITLE_COLUMNS));
  const values = timeline.map(({ p99, received }) => (received > 0 ? p99 : null));
  const seconds = valuesPerBar(values.length, columns);
  const title = seconds === 1 ? "p99 by second" : `p99, highest of ${seconds} s`;
  return [`${title}  ${sparkline(values, columns)}`];
}

/** The figures say nothing of clients that were not there. */
export const refusedText = ({ connections: { failed, wanted, open } }: BenchResult): string =>
  `${count(failed)} of ${count(wanted)} clients could not connect; what was measured is of the other ` +
  `${count(open)}`;

const metText = (met: Met): string =>
  `${met.met ? style.green("✓") : style.red("✗")} ${met.threshold}: ${actualText(met)}`;

function openText({ wanted, open, failed, dropped, reasons, openMs }: Measurement["connections"]): string {
  const why = reasons.map(({ reason, count: found }) => `${reason}: ${count(found)}`);
  const trouble = failed + dropped > 0 ? `, ${count(failed)} failed, ${count(dropped)} dropped` : "";
  const reason = why.length > 0 ? ` (${why.join(", ")})` : "";
  const handshakes = openMs ? `; handshake p50 ${ms(openMs.p50)}, max ${ms(openMs.max)}` : "";
  return `${count(open)} of ${count(wanted)} connections open${trouble}${reason}${handshakes}`;
}

/** What went wrong; that nothing was lost is said too. */
function wrongText({ ended, deliveries, messages }: BenchResult): string {
  const { lost, doubled, late, underWay } = deliveries;
  const { answeredTwice, unsent, strays } = messages;
  const figures = { doubled, late, "answered twice": answeredTwice, unsent, "in another booking": strays };
  const wrong = Object.entries(figures).flatMap(([name, value]) =>
    value > 0 ? [style.red(`${name} ${count(value)}`)] : [],
  );
  const text = `lost ${count(lost)}`;
  const stopped = ended === "interrupted" ? [`not answered when stopped ${count(underWay)}`] : [];
  return [lost === 0 ? text : style.red(text), ...stopped, ...wrong].join(", ");
}

const nothingCame = ({ plan: { people }, messages: { answerMs, others } }: BenchResult): string =>
  people > 1 && answerMs
    ? "no message came to another client of its booking, only answers to the sender: " +
      "--people-per-booking 1 measures those"
    : `no message came back with its id${others > 0 ? `; ${count(others)} other frames did` : ""}: ` +
      "--send gives the message, with {id} in it, in the form that the backend delivers";
