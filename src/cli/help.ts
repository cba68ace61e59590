import type { Command as Commander, Option } from "commander";
import { globalsOf, type CommandRow, type Example } from "../settings/commands.ts";
import { descriptionOf, settingTable, type SettingName } from "../settings/table.ts";
import { globalSettings } from "./quick-arguments.ts";
import { table, wrap } from "../terminal/format.ts";
import { unstyled, whole } from "../terminal/style.ts";

/** The word that calls the program. */
export const PROGRAM = "shelfshack-ws";

/** Narrower, an option's description stands below it. */
export const NARROW = 70;
const notes = [
  "`shelfshack-ws` stands for what starts the program: in a project that is " +
    "`npx --no-install shelfshack-ws`, for which `completion` teaches a shell the short name.",
  "stdout carries the result alone, everything else goes to stderr. With --json the result is one JSON " +
    'document of kind "result", a failure is one of kind "error" with a code, a message and perhaps a ' +
    "hint, and what a command streams is one document per line, each with its kind. Every document has a " +
    "schemaVersion, and the package a JSON schema per command: dist/schemas/NAME.json.",
  "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 differences, a failed check, an unmet " +
    "expectation or, with --strict, something not proven, 4 refused, 130 interrupted.",
];

/** A command and those that it is a part of, the program first. */
export const ancestry = (called: Commander): Commander[] =>
  called.parent ? [...ancestry(called.parent), called] : [called];
/** Their names. */
export const pathOf = (called: Commander): string[] => ancestry(called).map((command) => command.name());

/** A text of the help in lines of this width: what stands in backquotes is typed, and not broken. */
export const helpLines = (text: string, width: number): string[] =>
  wrap(
    text.replaceAll(/`[^`]+`/g, (typed) => whole(typed)),
    width,
  ).map(unstyled);

/** What stands behind the help of every command, in lines of this width. */
export const notesText = (width: number): string =>
  `\n${notes.flatMap((note) => helpLines(note, width)).join("\n")}`;

/** An option or a command, and its description in lines below it. */
export const itemBelow = (term: string, description: string, width: number): string =>
  [...standingIn(term, width, 2), ...standingIn(description, width, 6)].join("\n");

const standingIn = (text: string, width: number, indent: number): string[] =>
  helpLines(text, width - indent).map((line) => " ".repeat(indent) + line);

/** The global options that a command makes use of; the program's own help has all of them. */
export function globalOptionsOf(shown: Commander): Option[] {
  const used = globalsOf(pathOf(shown).slice(1).join(" "));
  return ancestry(shown)
    .slice(0, -1)
    .flatMap(({ options }) => [...options])
    .filter((option) => !option.hidden && isUsed(option, used));
}

const isUsed = ({ long }: Option, used: readonly SettingName[]): boolean =>
  !globalSettings.some((name) => longOf(name) === long) || used.some((name) => longOf(name) === long);
const longOf = (name: SettingName): string | undefined => settingTable[name].flag?.split(" ")[0];

/**
 * The variables of some settings, each with its option, or with what it is where it has none: as those that
 * are `bare`, options of other commands.
 */
export function variablesText(
  names: readonly SettingName[],
  width: number,
  bare: readonly SettingName[] = [],
): string {
  const rows = [...names, ...bare].flatMap((name): [string, string][] => {
    const { env = [] } = settingTable[name];
    const long = bare.includes(name) ? undefined : longOf(name);
    const value = long?.startsWith("--no-") ? "=false" : "";
    const variables = env.map((variable) => variable + value).join(", ");
    return env.length === 0 ? [] : [[variables, long ?? descriptionOf(name)]];
  });
  if (rows.length === 0) return "";
  const lines =
    width < NARROW
      ? rows.map(([variables, meaning]) => itemBelow(variables, meaning, width))
      : table(rows, width - 2)
          .split("\n")
          .map((line) => `  ${line}`);
  return `\nVariables:\n${lines.join("\n")}\n`;
}

/** The form of what a command's option reads. */
export const formText = ({ form }: Pick<CommandRow, "form">, width: number): string =>
  form ? `\n${form.title}:\n${form.lines.map((one) => explainedLine(one, width)).join("\n")}\n` : "";

/** The examples of a command. */
export const examplesText = ({ examples }: Pick<CommandRow, "examples">, width: number): string =>
  `\nExamples:\n${examples.map((one) => explainedLine(one, width, `${PROGRAM} `)).join("\n")}`;

/** A line, which is never broken, and what it does. */
function explainedLine({ line, description }: Example, width: number, before = ""): string {
  return [`  ${before}${line}`, ...standingIn(description, width, 6)].join("\n");
}
