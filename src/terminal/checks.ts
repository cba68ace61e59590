import { partsOf, type Advice } from "../errors/advice.ts";
import { plural, screenWidth, tableLines } from "./format.ts";
import { style } from "./style.ts";

/** One check as it is shown. */
export interface CheckText {
  outcome: "passed" | "failed" | "warning" | "skipped";
  title: string;
  evidence: string;
  means: string | null;
  fix: Advice | null;
}

const signs: Readonly<Record<CheckText["outcome"], string>> = {
  passed: style.green("✓"),
  failed: style.red("✗"),
  warning: style.magenta("!"),
  skipped: style.dim("-"),
};

/** Checks as a table, with why and fix below the ones that need it; a fix is not wrapped. */
export function checkLines(checks: readonly CheckText[], width = screenWidth()): Advice[] {
  const rows = checks.flatMap(({ means, fix, ...check }) => [
    { row: rowOf(check) },
    ...(means ? [{ row: `why: ${means}` }] : []),
    ...(fix ? [{ row: "fix:", fix }] : []),
  ]);
  const lines = tableLines(
    rows.map(({ row }) => row),
    width,
  );
  return rows.map(({ fix }, index) =>
    fix === undefined ? (lines[index] ?? "") : [`${lines[index]} `, ...partsOf(fix)],
  );
}

/** The same without why and fix. */
export const shortCheckLines = (checks: readonly CheckText[]): string[] => tableLines(checks.map(rowOf));

const rowOf = ({ outcome, title, evidence }: Pick<CheckText, "outcome" | "title" | "evidence">): string[] => [
  signs[outcome],
  title,
  outcome === "skipped" ? `skipped: ${evidence}` : evidence,
];

/** How many of each: "3 passed, 1 failed, 0 warnings, 2 skipped". */
export function countsOf(checks: readonly Pick<CheckText, "outcome">[]) {
  const count = (wanted: CheckText["outcome"]) => checks.filter(({ outcome }) => outcome === wanted).length;
  return {
    passed: count("passed"),
    failed: count("failed"),
    warnings: count("warning"),
    skipped: count("skipped"),
  };
}

export const countsText = ({ passed, failed, warnings, skipped }: ReturnType<typeof countsOf>): string =>
  `${passed} passed, ${failed} failed, ${plural(warnings, "warning")}, ${skipped} skipped`;
