import { Command as Commander, CommanderError, Help, Option } from "commander";
import { CliError } from "../errors/error.ts";
import type { ErrorCode } from "../errors/codes.ts";
import {
  commandNames,
  commandTable,
  headingOf,
  readsInHelp,
  type CommandName,
} from "../settings/commands.ts";
import { redactWord } from "../settings/redact.ts";
import { descriptionOf, settingTable, type SettingName } from "../settings/table.ts";
import { globalSettings, namedBy, type CommandRequest } from "./quick-arguments.ts";
import { defaultWords, negated, type Given } from "./resolve.ts";
import {
  ancestry,
  examplesText,
  formText,
  globalOptionsOf,
  helpLines,
  itemBelow,
  NARROW,
  notesText,
  pathOf,
  PROGRAM,
  variablesText,
} from "./help.ts";
import { hintFor, type Mistake } from "./usage-hints.ts";
import { screenWidth } from "../terminal/format.ts";

/** What the command line asks for. */
export type Request =
  | CommandRequest
  /** Help or version, ready to print. */
  | { kind: "text"; text: string };

/** Longer lines are hard to read, however wide the screen is. */
const HELP_WIDTH = 80;
/** What stands before a command's usage. */
const USAGE = "Usage: ";

/**
 * Reads the words after the program's name.
 * Throws a CliError (exit 2) for an unknown command or option, a missing value, or a word too many.
 */
export function readArguments(
  argv: readonly string[],
  version: string,
  width = Math.min(screenWidth(), HELP_WIDTH),
): Request {
  const printed: string[] = [];
  let request: Request | undefined;
  const program = programFor(version, width, (text) => void printed.push(text));
  for (const name of declaredFor(argv)) declare(program, name, width, (found) => void (request = found));
  try {
    refuseHelpOfUnknown(program, argv);
    program.parse(withOption(argv), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error, program, argv);
  }
  return request ?? { kind: "text", text: printed.join("") };
}

/** `help` and `version` in place of the options, as many programs take them. */
function withOption(argv: readonly string[]): string[] {
  const [first, ...others] = argv;
  if (first === "version") return ["--version", ...others];
  return first === "help" ? [...others, "--help"] : [...argv];
}

/** The command that the words name alone has to be declared; otherwise all of them. */
function declaredFor(argv: readonly string[]): readonly CommandName[] {
  const named = namedBy(argv);
  return named === undefined ? commandNames : [named];
}

/**
 * What is printed as it stands, by the words that ask for it; help as a screen of at least 80 columns shows
 * it. The build keeps them, and `bin` prints them without loading anything.
 */
export function readyTexts(version: string): Record<string, string> {
  const groups = commandNames.filter((name) => name.includes(" ")).map((name) => name.split(" ")[0] ?? "");
  const helped = ["", ...new Set(groups), ...commandNames].map((name) => `${name} --help`.trimStart());
  return Object.fromEntries(
    ["--version", ...helped].map((words) => [
      words,
      textOf(readArguments(words.split(" "), version, HELP_WIDTH)),
    ]),
  );
}

const textOf = (request: Request): string => (request.kind === "text" ? request.text : "");

/** The program without its commands; what it prints goes to `print`. */
function programFor(version: string, width: number, print: (text: string) => void): Commander {
  const program = new Commander(PROGRAM)
    .description("Packages, deploys and tests a Lambda WebSocket proxy on AWS")
    .usage("<command> [options]")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({
      getOutHelpWidth: () => width,
      writeOut: print,
      writeErr: () => undefined,
    })
    .configureHelp({
      showGlobalOptions: true,
      minWidthToWrap: 20,
      visibleGlobalOptions: (shown) => globalOptionsOf(shown),
      formatItem(term, termWidth, description, helper) {
        return width < NARROW
          ? itemBelow(term, description, width)
          : Help.prototype.formatItem.call(this, term, termWidth, description, helper);
      },
      boxWrap: (text, room) => helpLines(text, room).join("\n"),
      commandUsage(shown) {
        const usage = Help.prototype.commandUsage.call(this, shown);
        return helpLines(usage, width - USAGE.length).join(`\n${" ".repeat(USAGE.length)}`);
      },
      visibleOptions: (shown) => [...shown.options, new Option("-h, --help", "print help")],
      visibleCommands: (shown) =>
        shown.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command])),
      subcommandTerm: (command) => pathOf(command).slice(1).join(" "),
    })
    .addHelpText("after", () => variablesText(globalSettings, width, ["port"]) + notesText(width));
  addOptions(program, globalSettings);
  return program;
}

function addOptions(commander: Commander, names: readonly SettingName[], command?: CommandName): void {
  for (const name of names) {
    const { flag, default: fallback, defaultText, negatable } = settingTable[name];
    if (flag === undefined) continue;
    const words = defaultText ?? defaultWords(fallback);
    const text = descriptionOf(name, command ?? "");
    const heading = command === undefined ? undefined : headingOf(command, name);
    const under = (option: Option) => (heading === undefined ? option : option.helpGroup(heading));
    commander.addOption(under(repeated(name, new Option(flag, words ? `${text} [${words}]` : text))));
    if (negatable) commander.addOption(under(new Option(negated(flag), `the opposite of ${flag}`)));
  }
}

function repeated(name: SettingName, option: Option): Option {
  if (!settingTable[name].repeatable) return option;
  return option.argParser((word: string, earlier: string[] | undefined) => [...(earlier ?? []), word]);
}

/** Declares a command by its row. */
function declare(
  program: Commander,
  name: CommandName,
  width: number,
  found: (request: Request) => void,
): void {
  const { [name]: row } = commandTable;
  const { summary, args, reads } = row;
  const [first = name, second] = name.split(" ");
  const parent = second === undefined ? program : groupOf(program, first);
  const declared = parent
    .command(second ?? first)
    .description(summary)
    .helpOption("-h, --help", "print help")
    .allowExcessArguments(false)
    .addHelpText("after", () => variablesText(reads, width) + formText(row, width) + examplesText(row, width))
    .action(() => {
      const given = givenTo(declared, [...globalSettings, ...reads]);
      found({ kind: "command", name, given, args: declared.args });
    });
  if (args !== undefined) declared.arguments(args);
  // Of all commands only the called one needs its options.
  parent.hook("preSubcommand", (_parent, called) => {
    if (called === declared) addOptions(declared, readsInHelp(name), name);
  });
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
  const words = complaints[code]?.(called) ?? message.replace(/^error: /, "").replaceAll("'", '"');
  const complaint = withoutSecrets(words, argv);
  const hint = hintFor({
    kind: mistakes[code] ?? "other",
    word: code === TOO_MANY ? (called.args.at(-1) ?? "") : (/"(-*[^"=]+)/.exec(complaint)?.[1] ?? ""),
    path: pathOf(called).slice(1),
    options: optionsOf(called),
    subcommands: namesIn(called),
  });
  return new CliError(usageCodes[code] ?? "argument-unexpected", complaint, { hint });
}

const TOO_MANY = "commander.excessArguments";
/** What kind of word commander complains of. */
const mistakes: Readonly<Record<string, Mistake["kind"]>> = {
  "commander.unknownOption": "option",
  "commander.unknownCommand": "word",
  [TOO_MANY]: "word",
};

/** What was typed is repeated without the value of an option, and without long words. */
function withoutSecrets(complaint: string, argv: readonly string[]): string {
  const typed = argv.map((word) => word.replace(/^(-+)[^=]*=/, "$1").replace(/^-+/, ""));
  const values = argv.flatMap((word) => /^-[^=]*=(.+)$/s.exec(word)?.[1] ?? []);
  const secret = [...new Set([...typed.filter((word) => redactWord(word) !== word), ...values])];
  return secret
    .toSorted((one, other) => other.length - one.length)
    .reduce((text, word) => text.replaceAll(word, "***"), complaint);
}

/** Commander prints the help of the program or group where help is asked of a word that is no command. */
function refuseHelpOfUnknown(program: Commander, argv: readonly string[]): void {
  const isHelp = argv[0] === "help";
  const words = isHelp ? argv.slice(1) : argv;
  const end = isHelp ? words.length : words.findIndex((word) => word === "--help" || word === "-h");
  let called = program;
  for (const word of words.slice(0, Math.max(0, end))) {
    if (called.commands.length === 0 || word.startsWith("-")) return;
    const next = called.commands.find((command) => command.name() === word);
    if (!next) throw new CommanderError(1, "commander.unknownCommand", `error: unknown command '${word}'`);
    called = next;
  }
}

const namesIn = (called: Commander): string[] => called.commands.map((command) => command.name());
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
  "commander.excessArguments": (called) =>
    `"${called.name()}": unexpected argument: ${called.args.join(" ")}`,
  "commander.help": (called) =>
    called.parent
      ? `"${called.name()}" needs a subcommand: ${namesIn(called).join(", ")}`
      : "no command was given",
};
