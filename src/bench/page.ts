import { createHash } from "node:crypto";
import { distributionChart, timeChart } from "./charts.ts";
import type { Percentiles } from "./histogram.ts";
import { count, escaped, ms } from "./html.ts";
import { css } from "./page-style.ts";
import { costText } from "./price.ts";
import { refusedIn, type BenchResult } from "./result.ts";
import { actualText } from "./threshold.ts";

/** How a report begins: a file that begins so may be replaced by the next one. */
export const REPORT_BEGINS = "<!doctype html>\n<!-- a load test by shelfshack-ws -->";

const hash = createHash("sha256").update(css).digest("base64");
const policy = `default-src 'none'; style-src 'sha256-${hash}'`;

/** A report as one page that loads nothing and runs nothing: figures, latency over time, the distribution. */
export function benchPage(result: BenchResult, madeAt: Date): string {
  const title = `bench of ${escaped(result.url)}`;
  return [
    REPORT_BEGINS,
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escaped(policy)}">`,
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${title}</title><style>${css}</style></head><body><main>`,
    `<h1>${title}</h1>`,
    planText(result, madeAt),
    ...refusedText(result),
    figuresOf(result),
    thresholdsOf(result),
    "<h2>Latency over time</h2>",
    timeChart(result.timeline, "ms", ["p50", "p95", "p99"]),
    "<h2>Messages per second</h2>",
    timeChart(result.timeline, "/s", ["sent", "received"]),
    "<h2>Distribution of the latency</h2>",
    distributionChart(result.distribution),
    "<h2>In detail</h2>",
    detailsOf(result),
    "<p>Latency counts from the time at which a message was to be sent, with all delay before it was.</p>",
    "</main></body></html>",
    "",
  ].join("\n");
}

function planText({ plan, ended }: BenchResult, madeAt: Date): string {
  const { connections, people, rate, durationMs } = plan;
  const end = ended === "interrupted" ? "; stopped before its end" : "";
  return (
    `<p>${count(connections)} connections, ${count(people)} in each booking, ${count(rate)} messages/s for ` +
    `${count(durationMs / 1000)} s; ${madeAt.toISOString()}${end}</p>`
  );
}

/** The figures say nothing of clients that were not there. */
function refusedText(result: BenchResult): string[] {
  const { wanted, failed, open, reasons } = result.connections;
  if (refusedIn(result) === 0) return [];
  const why = reasons.map(({ reason, count: found }) => `${escaped(reason)}: ${count(found)}`).join(", ");
  return [
    `<p class="missed">${count(failed)} of ${count(wanted)} clients could not connect (${why}). ` +
      `What was measured is of the other ${count(open)}.</p>`,
  ];
}

type Rows = readonly (readonly [name: string, value: string])[];

function figuresOf({ latencyMs, deliveries, messages, connections, ended }: BenchResult): string {
  const latencies = (["p50", "p95", "p99", "max"] as const).map(
    (name) => [name, latencyMs ? ms(latencyMs[name]) : "none"] as const,
  );
  const figures: Rows = [
    ...latencies,
    ["delivered per second", count(messages.rate)],
    ["delivered", count(deliveries.received)],
    ["lost", count(deliveries.lost)],
    ...(ended === "interrupted" ? [["under way when stopped", count(deliveries.underWay)] as const] : []),
    ["doubled", count(deliveries.doubled)],
    ["late", count(deliveries.late)],
    ["connections open", count(connections.open)],
    ...(connections.failed > 0 ? [["not connected", count(connections.failed)] as const] : []),
  ];
  const faults = new Set(["lost", "doubled", "late", "not connected"]);
  const items = figures.map(([name, value]) => {
    const isFault = faults.has(name) && value !== "0";
    return `<div><dt>${name}</dt><dd${isFault ? ' class="missed"' : ""}>${value}</dd></div>`;
  });
  return `<dl class="figures">${items.join("")}</dl>`;
}

function thresholdsOf({ thresholds }: BenchResult): string {
  if (thresholds.length === 0) return "";
  const rows = thresholds.map(
    (one) =>
      `<tr><th scope="row" class="others">${escaped(one.threshold)}</th>` +
      `<td class="own">${actualText(one)}</td>` +
      `<td class="own ${one.met ? "met" : "missed"}">${one.met ? "met" : "missed"}</td></tr>`,
  );
  return `<h2>Thresholds</h2><table>${rows.join("")}</table>`;
}

const percentileNames = ["p50", "p90", "p95", "p99", "p999", "max", "mean"] as const;
const percentilesText = (found: Percentiles | null): string =>
  found ? percentileNames.map((name) => `${name} ${ms(found[name])}`).join(", ") : "none";

function detailsOf({ latencyMs, messages, connections, deliveries, cost }: BenchResult): string {
  const reasons = connections.reasons.map(({ reason, count: found }) => `${reason}: ${count(found)}`);
  const sending =
    `${count(messages.intended)} intended, ${count(messages.sent)} sent, ` +
    `${count(messages.unsent)} not taken by their sender`;
  const others = `${count(messages.others)}; in another booking ${count(messages.strays)}`;
  const rows: Rows = [
    ["latency of a delivery", percentilesText(latencyMs)],
    ["answer to the sender", percentilesText(messages.answerMs)],
    ["answered twice", count(messages.answeredTwice)],
    ["sent later than intended", percentilesText(messages.lagMs)],
    ["handshake", percentilesText(connections.openMs)],
    ["messages", sending],
    ["deliveries", `${count(deliveries.received)} of ${count(deliveries.expected)} expected`],
    ["other frames", others],
    ["connections", `${count(connections.failed)} failed, ${count(connections.dropped)} dropped`],
    ...(reasons.length > 0 ? [["why", reasons.join(", ")] as const] : []),
    ...(cost ? [["price of the run", costText(cost)] as const] : []),
  ];
  const cells = rows.map(
    ([name, value]) => `<tr><th scope="row">${name}</th><td>${escaped(value)}</td></tr>`,
  );
  return `<table>${cells.join("")}</table>`;
}
