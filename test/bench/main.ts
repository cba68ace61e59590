import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { table } from "../../src/terminal/format.ts";
import { measure, type Measured, type Spread } from "./measure.ts";
import { rows } from "./rows.ts";

/**
 * `npm run bench -- [ROW ...] [--json] [--rounds N]`: measures the rows that are named, or all. Milliseconds
 * are of this machine; what counts is the ratio to the floor, which is measured in the same rounds.
 */
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, rounds: { type: "string" } },
});

interface Result {
  row: string;
  title: string;
  rounds: number;
  lines: Measured[];
  /** What has to be installed before this row can be measured. */
  missing?: string;
}

const names = Object.keys(rows);
const wanted = positionals.length > 0 ? positionals : names;
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no row ${unknown.join(", ")}; there are ${names.join(", ")}\n`);
  process.exitCode = 2;
} else {
  const results: Result[] = [];
  for (const name of wanted) {
    const result = await resultOf(name);
    results.push(result);
    if (!options.json) process.stdout.write(textOf(result));
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ ...machine(), results }, undefined, 2)}\n`);
}

function machine() {
  const [cpu] = cpus();
  const processors = `${cpus().length} × ${cpu?.model ?? "unknown"}`;
  return { date: new Date().toISOString(), node: process.version, system: process.platform, processors };
}

async function resultOf(name: string): Promise<Result> {
  const { row } = await rows[name]!();
  const rounds = Number(options.rounds ?? row.rounds);
  const result = { row: name, title: row.title, rounds, lines: [] };
  const comparison = await row.open();
  if ("missing" in comparison) return { ...result, ...comparison };
  const showsRounds = process.stderr.isTTY;
  try {
    const lines = await measure(comparison, rounds, (round) => {
      if (showsRounds) process.stderr.write(`\r${name} round ${round} of ${rounds}\u001b[K`);
    });
    return { ...result, lines };
  } finally {
    if (showsRounds) process.stderr.write("\r\u001b[K");
    await comparison.close?.();
  }
}

function textOf({ row, title, rounds, lines, missing }: Result): string {
  const head = `${row}  ${title}`;
  if (missing !== undefined) return `${head}: not measured, ${missing}\n\n`;
  const measured = lines.flatMap(({ what, unit, ours, others, ...line }) => [
    [`  ${what}`, "ours", figure(ours, unit), "", ""],
    ...others.map(({ name, ratio, ...spread }, at) => [
      "",
      name,
      figure(spread, unit),
      `${ratio.median.toFixed(2)} × (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`,
      at === 0 ? goalText({ unit, ...line }) : "",
    ]),
  ]);
  return `${head}, ${rounds} rounds\n${table(measured)}\n\n`;
}

function goalText({ unit, goal, atMost, met }: Pick<Measured, "unit" | "goal" | "atMost" | "met">): string {
  const most = atMost === undefined ? "" : `, ≤ ${atMost} ${unit}`;
  return `goal ${unit === "/s" ? "≥" : "≤"} ${goal}${most}: ${met ? "met" : "missed"}`;
}

function figure({ median, low, high }: Spread, unit: string): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(median)));
  return `${median.toFixed(digits)} ${unit} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}
