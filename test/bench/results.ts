import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Measured } from "./measure.ts";
import type { Absent } from "./peers.ts";

/** What one row measured. */
export interface Result {
  row: string;
  title: string;
  rounds: number;
  lines: Measured[];
  /** What has to be installed before this row can be measured. */
  missing?: string;
  /** The peers that were not measured, as they are not installed. */
  absent?: readonly Absent[];
}

/** The results of a run, with what they depend on. */
export interface Results {
  /** ISO date. */
  date: string;
  node: string;
  system: string;
  processors: string;
  memory: string;
  /** How many processes wanted to run, in the mean of fifteen minutes; the benches are among them. */
  load: number;
  results: Result[];
}

/** The latest results, which are kept with the sources. */
const file = fileURLToPath(new URL("../test/bench/results.json", import.meta.url));

export function onThisMachine(results: Result[]): Results {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    processors: `${cpus().length} × ${cpu?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    load: Math.round(loadavg()[2]! * 10) / 10,
    results,
  };
}

export const keptResults = (): Results => JSON.parse(readFileSync(file, "utf8"));

/** Keeps these results; rows that were not measured stay as they are. */
export function keep(now: Results): void {
  const measured = new Set(now.results.map(({ row }) => row));
  const others = keptResults().results.filter(({ row }) => !measured.has(row));
  writeFileSync(file, `${JSON.stringify({ ...now, results: [...others, ...now.results] }, undefined, 2)}\n`);
}

/** What became of a line since the results that are kept. */
export type Change = "better" | "worse" | "same" | "new";

/** By more than the spread of both: the quarters around the medians of the ratio do not overlap. */
export function changeOf(row: string, { figure, unit, others: [floor] }: Measured, then: Results): Change {
  const line = then.results.find((one) => one.row === row)?.lines.find((one) => one.figure === figure);
  const [before] = line?.others ?? [];
  if (!floor || !before) return "new";
  const [isAbove, isBelow] = [floor.ratio.low > before.ratio.high, floor.ratio.high < before.ratio.low];
  if (!isAbove && !isBelow) return "same";
  return isAbove === (unit === "/s") ? "better" : "worse";
}
