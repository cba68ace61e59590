import { expect, test } from "vitest";
import type { AnyCommand } from "../../src/cli/command.ts";
import { commands } from "../../src/commands/index.ts";
import {
  commandNames,
  commandTable,
  load,
  measuring,
  ownCode,
  resourceNames,
  stackNames,
  stackProperties,
  type CommandName,
} from "../../src/settings/commands.ts";
import { settingNames, settingTable, type SettingName } from "../../src/settings/table.ts";

const fileOf = async (name: CommandName): Promise<AnyCommand> => (await commands[name]()).command;

/** The functions of a command that are given its options. */
const readersOf = ({ run, render, summary, exitCode }: AnyCommand): string[] =>
  [run, render, summary, exitCode].flatMap((reader) => (reader ? [String(reader)] : []));

/** The text of a function from its first brace on that is balanced, and what comes after it. */
function split(text: string, from: number): { inside: string; after: string } {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0)
      return { inside: text.slice(from + 1, at), after: text.slice(at + 1) };
  }
  return { inside: "", after: text };
}

/** Whether a function names a setting in its parameter list and uses it, under that name or its alias. */
function uses(text: string, name: SettingName): boolean {
  for (let at = text.indexOf("{"); at >= 0; at = text.indexOf("{", at + 1)) {
    const { inside, after } = split(text, at);
    const [found, alias = name] =
      new RegExp(`(?<![.\\w])${name}(?::\\s*(\\w+))?\\s*(?:,|=|$)`).exec(inside) ?? [];
    if (found && new RegExp(`(?<![.\\w])${alias}\\b(?!\\s*:)|\\b${alias}\\b`).test(after)) return true;
  }
  return false;
}

/** A group of settings that a command may hand on whole, in the rest of its options. */
const groups: readonly (readonly SettingName[])[] = [
  stackNames,
  resourceNames,
  stackProperties,
  load,
  measuring,
  ownCode,
];
const isInGroup = (name: SettingName, reads: readonly SettingName[]): boolean =>
  groups.some((group) => group.includes(name) && group.every((one) => reads.includes(one)));

test.each(commandNames)("%s uses every setting that it offers", async (name) => {
  const texts = readersOf(await fileOf(name));
  const { reads } = commandTable[name];
  const unnamed = reads.filter((one) => !texts.some((text) => uses(text, one)));
  expect(unnamed.filter((one) => !isInGroup(one, reads))).toEqual([]);
  if (unnamed.length === 0) return;
  expect(texts[0]).toMatch(/context\.stack\(|serve\(|(?:estimated|examined)\)?\(/);
});

test("a setting that is offered and not used is found", () => {
  expect(uses("async run({ out, ...options }, context) { return options; }", "out")).toBe(false);
  expect(uses("async run({ out: file, ...options }, context) { return file; }", "out")).toBe(true);
});

test("every setting is read by some command, or by all of them", () => {
  const read = new Set(commandNames.flatMap((name) => commandTable[name].reads));
  expect(settingNames.filter((name) => !settingTable[name].global && !read.has(name))).toEqual([]);
});

test("every command has a summary of at most 70 characters, and examples that name it", () => {
  for (const name of commandNames) {
    const { summary, examples } = commandTable[name];
    expect(summary.length).toBeLessThanOrEqual(70);
    expect(examples.length).toBeGreaterThan(0);
    // As it is copied, on a screen of 80 columns.
    expect(examples.filter(({ line }) => `  shelfshack-ws ${line}`.length > 80)).toEqual([]);
    expect(examples.filter(({ line }) => line !== name && !line.startsWith(`${name} `))).toEqual([]);
  }
});

test("every setting is described in at most 70 characters", () => {
  const described = settingNames.flatMap((name) => [
    settingTable[name].description,
    ...Object.values(settingTable[name].descriptionIn ?? {}),
  ]);
  expect(described.filter((text) => text.length > 70)).toEqual([]);
});
