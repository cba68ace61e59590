import { expect, test } from "vitest";
import { readArguments } from "../../src/cli/arguments.ts";
import { PROGRAM } from "../../src/cli/help.ts";
import { commandNames, commandTable, type CommandRow } from "../../src/settings/commands.ts";

const groups = new Set(
  commandNames.flatMap((name) => (name.includes(" ") ? (name.split(" ")[0] ?? "") : [])),
);
const shown = ["", ...groups, ...commandNames];
const WIDE = 1_000;

function helpOf(name: string, width: number): string {
  const request = readArguments([...name.split(" ").filter(Boolean), "--help"], "1.0.0", width);
  return request.kind === "text" ? request.text : "";
}

/** What is to be copied: never broken, however narrow the screen is. */
const copied = ({ examples, form }: CommandRow): string[] => [
  ...examples.map(({ line }) => `  ${PROGRAM} ${line}`),
  ...(form?.lines ?? []).map(({ line }) => `  ${line}`),
];
const rowOf = (name: string): CommandRow | undefined =>
  Object.hasOwn(commandTable, name) ? commandTable[name as keyof typeof commandTable] : undefined;

const wordsOf = (text: string): string[] => text.split(/\s+/).sort();
const unbroken = new Map(shown.map((name) => [name, wordsOf(helpOf(name, WIDE))]));

test.each([40, 60, 80])("F-49 the help of every command fits %i columns, no word is broken", (width) => {
  for (const name of shown) {
    const text = helpOf(name, width);
    const lines = text.split("\n");
    const row = rowOf(name);
    const whole = row ? copied(row) : [];
    expect(whole.filter((line) => !lines.includes(line))).toEqual([]);
    expect(lines.filter((line) => line.length > width && !whole.includes(line))).toEqual([]);
    // A command in backquotes stands on one line.
    expect(lines.filter((line) => (line.split("`").length - 1) % 2 > 0)).toEqual([]);
    expect(wordsOf(text)).toEqual(unbroken.get(name));
  }
});
