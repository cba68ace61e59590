import { Command as Commander, CommanderError, Option } from "commander";
import type { Command } from "./command.ts";
import type { CommandEntry } from "../commands/index.ts";
import { closest } from "./closest.ts";
import { CliError } from "../errors/error.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { settingNames, settingTable, type SettingName } from "../settings/table.ts";
import { defaultWords, type Given } from "./resolve.ts";
import { screenWidth, wrap } from "../terminal/format.ts";

/** What the words of the command line ask for. */
export type Request =
  | { kind: "command"; name: string; command: Command<unknown, unknown>; given: Given; words: string[] }
  /** Help or version, ready to print. */
  | { kind: "text"; text: string };

const PROGRAM = "shelfshack-ws";
/** Longer lines are hard to read, however wide the screen is. */
const HELP_WIDTH = 80;
const notes = `
stdout carries the result alone, everything else goes to stderr. With --json
the result is one JSON document, a failure is
{"error":{"code","message","hint","exitCode"}}, and what a command streams is one JSON
document per line.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 differences or
an unmet expectation, 4 refused, 130 interrupted.`;

/**
 * Reads the words after the program's name. Only the command that they name is loaded.
 * Throws a CliError (exit 2) for an unknown command or option, a missing value, or a word too many.
 */
export async function readArguments(
  argv: readonly string[],
  version: string,
  commands: readonly CommandEntry[],
): Promise<Request> {
  let text = "";
  let asked: Request = { kind: "text", text };
  const program = new Commander(PROGRAM)
    .description("Packages, deploys and tests a Lambda WebSocket proxy on AWS")
    .usage("<command> [options]")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({
      getOutHelpWidth: () => Math.min(screenWidth(), HELP_WIDTH),
      writeOut: (words) => void (text += words),
      writeErr: () => undefined,
    })
    .configureHelp({
      showGlobalOptions: true,
      minWidthToWrap: 20,
      visibleOptions: (shown) => [...shown.options, new Option("-h, --help", "print help")],
      visibleCommands: (shown) =>
        shown.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command])),
      subcommandTerm: (command) => pathOf(command).slice(1).join(" "),
    })
    .addHelpText("after", notes);
  addOptions(program, globalSettings);
  for (const entry of commands) {
    declare(program, entry, (found) => void (asked = found));
  }
  try {
    await program.parseAsync(argv[0] === "help" ? [...argv.slice(1), "--help"] : [...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error, program, argv);
    return { kind: "text", text };
  }
  return asked;
}

const globalSettings = settingNames.filter((name) => settingTable[name].global);

function addOptions(commander: Commander, names: readonly SettingName[], command = ""): void {
  for (const name of names) {
    const { flag, description, descriptionIn, default: fallback, defaultText } = settingTable[name];
    if (flag === undefined) continue;
    const words = defaultText ?? defaultWords(fallback);
    const says = descriptionIn?.[command] ?? description;
    commander.addOption(repeated(name, new Option(flag, words ? `${says} [${words}]` : says)));
  }
}

function repeated(name: SettingName, option: Option): Option {
  if (!settingTable[name].repeatable) return option;
  return option.argParser((word: string, earlier: string[] | undefined) => [...(earlier ?? []), word]);
}

/**
 * Declares a command by its row alone; its options and examples are added when it is the one that is called.
 */
function declare(
  program: Commander,
  { name, summary, load }: CommandEntry,
  found: (asked: Request) => void,
): void {
  const [first = name, second] = name.split(" ");
  const parent = second === undefined ? program : groupOf(program, first);
  const declared = parent
    .command(second ?? first)
    .description(summary)
    .helpOption("-h, --help", "print help")
    .allowExcessArguments(false);
  parent.hook("preSubcommand", async (_parent, called) => {
    if (called !== declared) return;
    const { command } = await load();
    const { usage, options, examples } = command;
    addOptions(declared, options, name);
    if (usage !== undefined)
      declared.argument(usage.includes("[") || usage.includes("<") ? usage : `[${usage}...]`);
    declared.addHelpText("after", `\nExamples:\n${examples.map(exampleLines).join("\n")}`);
    declared.action(() =>
      found({
        kind: "command",
        name,
        command,
        given: givenTo(declared, [...globalSettings, ...options]),
        words: declared.args,
      }),
    );
  });
}

/** An example as its line, which is never broken, and what it does. */
function exampleLines({ line, does }: Command<unknown>["examples"][number]): string {
  const explained = wrap(does, Math.min(screenWidth(), HELP_WIDTH) - 6).map((words) => `      ${words}`);
  return [`  ${PROGRAM} ${line}`, ...explained].join("\n");
}

/** The first word of commands of two words. */
function groupOf(program: Commander, name: string): Commander {
  const existing = program.commands.find((command) => command.name() === name);
  return (
    existing ??
    program
      .command(name)
      .usage("<command> [options]")
      .helpOption("-h, --help", "print help")
      .helpCommand(false)
  );
}

/** What was given on the command line, by setting; commander's own defaults are not. */
function givenTo(commander: Commander, names: readonly SettingName[]): Given {
  const values = commander.optsWithGlobals();
  return Object.fromEntries(
    names.flatMap((name) => {
      const { flag } = settingTable[name];
      const attribute = flag === undefined ? "" : new Option(flag).attributeName();
      return commander.getOptionValueSourceWithGlobals(attribute) === "cli"
        ? [[name, values[attribute]]]
        : [];
    }),
  );
}

/** Commander's complaint in our form, with what was probably meant as the hint. */
function usageError(
  { message, code }: CommanderError,
  program: Commander,
  argv: readonly string[],
): CliError {
  const called = calledBy(program, argv);
  const complaint = complaints[code]?.(called) ?? message.replace(/^error: /, "").replaceAll("'", '"');
  const word = /"(-*[^"=]+)/.exec(complaint)?.[1] ?? "";
  const meant =
    otherNames.get(word) ??
    closest(word, code === "commander.unknownOption" ? optionsOf(called) : namesIn(called));
  return new CliError(usageCodes[code] ?? "argument-unexpected", complaint, {
    hint: meant ? `did you mean ${meant}?` : `${pathOf(called).join(" ")} --help shows what there is`,
  });
}

/** What other programs call it. */
const otherNames = new Map(["version", "-v", "-V"].map((word) => [word, "--version"]));
const namesIn = (called: Commander): string[] => called.commands.map((command) => command.name());
const ancestry = (called: Commander): Commander[] =>
  called.parent ? [...ancestry(called.parent), called] : [called];
const pathOf = (called: Commander): string[] => ancestry(called).map((command) => command.name());
const optionsOf = (called: Commander): string[] =>
  ancestry(called).flatMap(({ options }) => options.map(({ long }) => long ?? ""));

/** The command that the words name, as far as they name one. */
function calledBy(program: Commander, argv: readonly string[]): Commander {
  const next = program.commands.find((command) => argv.includes(command.name()));
  return next ? calledBy(next, argv.slice(argv.indexOf(next.name()) + 1)) : program;
}

/** Our codes for commander's. */
const usageCodes: Readonly<Record<string, ErrorCode>> = {
  "commander.unknownCommand": "command-unknown",
  "commander.help": "command-missing",
  "commander.unknownOption": "option-unknown",
  "commander.optionMissingArgument": "value-missing",
  "commander.missingArgument": "value-missing",
  "commander.excessArguments": "argument-unexpected",
};

/** Where commander has no words of its own. */
const complaints: Readonly<Record<string, (called: Commander) => string>> = {
  "commander.excessArguments": (called) => `"${called.name()}" takes no words: ${called.args.join(" ")}`,
  "commander.help": (called) =>
    called.parent
      ? `"${called.name()}" needs one more word: ${namesIn(called).join(", ")}`
      : "no command was given",
};
