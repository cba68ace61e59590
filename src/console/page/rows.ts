import { drawnBeginnings, hasFailed, isFailure, type TraceRecord } from "../../trace/record.ts";
import { clock, duration, element, size } from "./element.ts";
import type { Shown, ViewName } from "./store.ts";

/** The head of each view, its cells named as those of the rows below. */
const heads: Readonly<Record<ViewName, readonly Cell[]>> = {
  messages: [
    { text: "time" },
    { text: "event" },
    { text: "connection", name: "who" },
    { text: "booking", name: "booking" },
    { text: "stack", name: "stack" },
    { text: "result", name: "result" },
    { text: "took", name: "number" },
    { text: "hops", name: "hops" },
  ],
  frames: [
    { text: "time" },
    { text: "" },
    { text: "connection", name: "who" },
    { text: "stack", name: "stack" },
    { text: "size", name: "size number" },
    { text: "text" },
  ],
  log: [{ text: "time" }, { text: "level" }, { text: "stack", name: "stack" }, { text: "line" }],
  connections: [
    { text: "since" },
    { text: "connection" },
    { text: "booking" },
    { text: "stage", name: "place" },
    { text: "address", name: "address" },
  ],
};

/** The head of a view. */
export const headOf = (view: ViewName): HTMLElement =>
  element("div", { className: `row ${view}` }, ...nodesOf(heads[view]));

const nodesOf = (cells: readonly Cell[]): Node[] =>
  cells.map((cell) =>
    cell instanceof Node ? cell : element("span", { className: cell.name ?? "" }, cell.text ?? ""),
  );

type Cell = { text: string | number | undefined; name?: string } | Node;

/** One row of a view, by what it is about and the stacks that it may be of. */
export function rowOf(shown: Shown, stacks: readonly string[]): HTMLElement {
  const { view, cells } = cellsOf(shown, { text: stacks.join(" "), name: "stack quiet" });
  const row = element("div", { className: `row ${view}` });
  row.setAttribute("role", "option");
  row.append(...nodesOf(cells));
  return row;
}

function cellsOf(shown: Shown, stack: Cell): { view: string; cells: readonly Cell[] } {
  if (shown.kind === "trace") return { view: "messages", cells: messageCells(shown, stack) };
  const time = { text: clock(shown.at), name: "quiet" };
  if (shown.kind === "frame")
    return {
      view: "frames",
      cells: [
        time,
        { text: shown.direction === "in" ? "→" : "←", name: shown.direction === "in" ? "" : "quiet" },
        { text: shown.connectionId, name: "who quiet" },
        stack,
        { text: size(shown.bytes), name: "size number quiet" },
        { text: shown.text },
      ],
    };
  if (shown.kind === "log")
    return {
      view: "log",
      cells: [time, { text: shown.level, name: shown.level }, stack, { text: shown.text, name: shown.level }],
    };
  return {
    view: "connections",
    cells: [
      time,
      { text: shown.connectionId },
      { text: shown.booking ?? shown.type },
      { text: `${shown.apiId}/${shown.stage}`, name: "place quiet" },
      { text: shown.sourceIp, name: "address quiet" },
    ],
  };
}

const messageCells = (record: TraceRecord, stack: Cell): readonly Cell[] => [
  { text: clock(record.at), name: "quiet" },
  { text: record.event, name: hasFailed(record) ? "bad" : "" },
  { text: record.connectionId, name: "who quiet" },
  { text: record.booking ?? record.type, name: "booking" },
  stack,
  { text: resultOf(record), name: `result ${hasFailed(record) ? "bad" : "quiet"}` },
  { text: duration(record.ms), name: "number" },
  barsOf(record),
];

/** What became of a message, in a few words: first the status that its first hop knows. */
export function resultOf(record: TraceRecord): string {
  const { hops, problem, sent, gone = 0, failed = 0, attempts = 1, coldMs, test } = record;
  return [
    hops.find(({ status }) => status !== undefined)?.status,
    test && "test",
    problem,
    sent === undefined ? undefined : `${sent} sent`,
    gone > 0 ? `${gone} gone` : undefined,
    failed > 0 ? `${failed} failed` : undefined,
    attempts > 1 ? `${attempts} attempts` : undefined,
    coldMs === undefined ? undefined : "cold",
  ]
    .filter((word) => word !== undefined)
    .join(", ");
}

/** The hops of a message on one line, without single frames; a push has nothing else. */
function barsOf({ event, hops, ms }: TraceRecord): HTMLElement {
  const shown = event === "push" ? hops : hops.filter(({ to }) => to === undefined);
  return element("span", { className: "bars hops" }, ...barsFor(shown, ms));
}

/** Whether a hop failed by itself: API Gateway and the function hand on how a hop behind them has failed. */
function isCause(hops: TraceRecord["hops"], index: number): boolean {
  const hop = hops[index];
  if (!hop || !isFailure(hop)) return false;
  const handsOn = hop.hop === "gateway" || hop.hop === "function";
  return !handsOn || !hops.slice(index + 1).some((other) => other.to === undefined && isFailure(other));
}

/** A bar for each hop, as long and as far as its time in the whole; undefined where that is not known. */
export function barsFor(hops: TraceRecord["hops"], wholeMs = 0): (HTMLElement | undefined)[] {
  const beginnings = drawnBeginnings(hops);
  return hops.map((hop, index) => {
    const { startMs, ms } = hop;
    if (ms === undefined || wholeMs === 0) return undefined;
    const bar = element("i", { className: `bar ${hop.hop}${isCause(hops, index) ? " failed" : ""}` });
    bar.classList.toggle("loose", startMs === undefined);
    bar.title = startMs === undefined ? `${hop.hop}: when it began is not known` : hop.hop;
    bar.style.left = `${(100 * (beginnings[index] ?? 0)) / wholeMs}%`;
    bar.style.width = `${(100 * ms) / wholeMs}%`;
    return bar;
  });
}
