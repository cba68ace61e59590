import type { Absent } from "./peers.ts";
import { table } from "../../src/terminal/format.ts";
import type { Measured, Spread } from "./measure.ts";
import { changeOf, type Result, type Results } from "./results.ts";

/** A row as a table; beside each goal what became of it since `then`. */
export function textOf(
  { row, title, rounds, lines, missing, absent = [] }: Result,
  then: Results | undefined,
): string {
  const head = `${row}  ${title}`;
  if (missing !== undefined) return `${head}: not measured, ${missing}\n\n`;
  const measured = lines.flatMap((line) => [
    [`  ${line.what}`, "ours", figure(line.ours, line.unit), "", ""],
    ...line.others.map(({ name, ratio, ...spread }, at) => [
      "",
      name,
      figure(spread, line.unit),
      times(ratio),
      at === 0 ? goalOf(line) + since(row, line, then) : "",
    ]),
  ]);
  return `${head}, ${rounds} rounds\n${table(measured)}\n${beside(absent)}\n`;
}

/** One line for each figure: its ratio to the floor. */
export function shortTextOf({ row, lines, missing }: Result, then: Results | undefined): string {
  if (missing !== undefined) return `${row}  not measured, ${missing}\n`;
  const measured = lines.map((line) => {
    const [floor] = line.others;
    const ratio = floor ? times(floor.ratio) : "";
    return [row, line.what, ratio, line.floor, goalOf(line) + since(row, line, then)];
  });
  return `${table(measured)}\n`;
}

const times = ({ median, low, high }: Spread): string =>
  `${median.toFixed(2)} × (${low.toFixed(2)}–${high.toFixed(2)})`;

function goalOf({ unit, goal, atMost, met }: Measured): string {
  const goals = [
    ...(goal === undefined ? [] : [`${unit === "/s" ? "≥" : "≤"} ${goal}`]),
    ...(atMost === undefined ? [] : [`≤ ${atMost} ${unit}`]),
  ];
  return `goal ${goals.join(", ")}: ${met ? "met" : "missed"}`;
}

/** The peers that were not measured, and how to have them measured. */
const beside = (absent: readonly Absent[]): string =>
  absent.map(({ name, install }) => `  not beside it: ${name} (${install})\n`).join("");

const since = (row: string, line: Measured, then: Results | undefined): string =>
  then ? `, ${changeOf(row, line, then)} since ${then.date}` : "";

function figure({ median, low, high }: Spread, unit: string): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(median)));
  return `${median.toFixed(digits)} ${unit} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}
