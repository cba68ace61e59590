import { parseArgs } from "node:util";
import { measure } from "./measure.ts";
import { besideOurs } from "./peers.ts";
import { keep, keptResults, onThisMachine, type Result } from "./results.ts";
import { rows, shortRows } from "./rows.ts";
import { shortTextOf, textOf } from "./text.ts";

/**
 * `npm run bench -- [ROW ...] [--json] [--rounds N] [--short] [--compare] [--keep]`: measures the rows that
 * are named, or all. Milliseconds are of this machine; what counts is the ratio to the floor, which is
 * measured in the same rounds. `--short` takes a minute: some rows, three rounds, a line for each figure.
 */
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string" },
    short: { type: "boolean", default: false },
    /** Says what became better or worse since the results that are kept. */
    compare: { type: "boolean", default: false },
    /** Puts the results in the place of those that are kept. */
    keep: { type: "boolean", default: false },
  },
});

const SHORT_ROUNDS = "3";

// The rows load the SDK, which says of some versions of Node that it will leave them.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

const names = Object.keys(rows);
const wanted = positionals.length > 0 ? positionals : options.short ? shortRows : names;
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no row ${unknown.join(", ")}; there are ${names.join(", ")}\n`);
  process.exitCode = 2;
} else {
  const then = options.compare ? keptResults() : undefined;
  const results: Result[] = [];
  for (const name of wanted) {
    const result = await resultOf(name);
    results.push(result);
    if (options.keep) keep(onThisMachine([result]));
    if (!options.json) process.stdout.write((options.short ? shortTextOf : textOf)(result, then));
  }
  if (options.json) process.stdout.write(`${JSON.stringify(onThisMachine(results), undefined, 2)}\n`);
}

async function resultOf(name: string): Promise<Result> {
  const { row } = await rows[name]!();
  const rounds = Number(options.rounds ?? (options.short ? SHORT_ROUNDS : row.rounds));
  const result = { row: name, title: row.title, rounds, lines: [] };
  const comparison = await row.open();
  if ("missing" in comparison) return { ...result, ...comparison };
  const showsRounds = process.stderr.isTTY;
  try {
    const { present, absent } = besideOurs(comparison.peers ?? {});
    const contenders = { ...comparison.contenders, ...present };
    const lines = await measure({ ...comparison, contenders }, rounds, (round) => {
      if (showsRounds) process.stderr.write(`\r${name} round ${round} of ${rounds}\u001b[K`);
    });
    return { ...result, lines, ...(absent.length > 0 && { absent }) };
  } finally {
    if (showsRounds) process.stderr.write("\r\u001b[K");
    await comparison.close?.();
  }
}
