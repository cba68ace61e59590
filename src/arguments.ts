import { Command as Commander, CommanderError, Option } from "commander";
import type { Command } from "./commands/command.ts";
import type { CommandEntry } from "./commands/index.ts";
import { CliError, exitCodes } from "./errors.ts";
import { settingNames, settingTable, type SettingName } from "./settings.ts";
import { defaultWords, type Given } from "./settle.ts";

/** What the words of the command line ask for. */
export type Asked =
  | { kind: "command"; name: string; command: Command<unknown, unknown>; given: Given; words: string[] }
  /** Help or version, ready to print. */
  | { kind: "text"; text: string };

const PROGRAM = "shelfshack-ws";
const notes = `
stdout carries the result alone, everything else goes to stderr. With --json the result is one JSON document,
a failure is {"error":{"message","hint","exitCode"}}, and what a command streams is one JSON document per line.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 differences or an unmet expectation, 4 refused, 130 interrupted.`;

/**
 * Reads the words after the program's name. Only the command that they name is loaded.
 * Throws a CliError (exit 2) for an unknown command or option, a missing value, or a word too many.
 */
export async function readArguments(argv: readonly string[], version: string, commands: readonly CommandEntry[]): Promise<Asked> {
  let asked: Asked | undefined;
  let text = "";
  const program = new Commander(PROGRAM)
    .description("Packages, deploys and tests a Lambda WebSocket proxy on AWS")
    .usage("<command> [options]")
    .version(version, "--version", "print the version")
    .helpOption("--help", "print help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (words) => void (text += words), writeErr: () => undefined })
    .configureHelp({
      showGlobalOptions: true,
      visibleOptions: (shown) => [...shown.options.filter(({ hidden }) => !hidden), ...helpOption],
    })
    .addHelpText("after", notes);
  const helpOption = [new Option("--help", "print help")];
  addOptions(program, globalSettings);
  for (const entry of commands) {
    declare(program, entry, (found) => void (asked = found));
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw usageError(error, program, argv);
    return { kind: "text", text };
  }
  if (asked) return asked;
  throw new CliError("no command was given", { hint: `${PROGRAM} --help lists the commands`, exitCode: exitCodes.usage });
}

const globalSettings = settingNames.filter((name) => settingTable[name].global);

function addOptions(commander: Commander, names: readonly SettingName[]): void {
  for (const name of names) {
    const { flag, meaning, default: fallback, derivedAs } = settingTable[name];
    if (flag === undefined) continue;
    const words = derivedAs ?? defaultWords(fallback);
    commander.addOption(repeated(name, new Option(flag, words ? `${meaning} [${words}]` : meaning)));
  }
}

function repeated(name: SettingName, option: Option): Option {
  if (!settingTable[name].repeatable) return option;
  return option.argParser((word: string, earlier: string[] | undefined) => [...(earlier ?? []), word]);
}

/** Declares a command by its row alone; its options and examples are added when it is the one that is called. */
function declare(program: Commander, { name, summary, load }: CommandEntry, found: (asked: Asked) => void): void {
  const [first = name, second] = name.split(" ");
  const parent = second === undefined ? program : groupOf(program, first);
  const declared = parent
    .command(second ?? first)
    .description(summary)
    .helpOption("--help", "print help")
    .allowExcessArguments(false);
  parent.hook("preSubcommand", async (_parent, called) => {
    if (called !== declared) return;
    const { command } = await load();
    const { usage, options, examples } = command;
    addOptions(declared, options);
    if (usage !== undefined) declared.argument(usage.includes("[") || usage.includes("<") ? usage : `[${usage}...]`);
    declared.addHelpText(
      "after",
      `\nExamples:\n${examples.map(({ line, does }) => `  ${PROGRAM} ${line}\n      ${does}`).join("\n")}\n${notes}`,
    );
    declared.action(() =>
      found({ kind: "command", name, command, given: givenTo(declared, [...globalSettings, ...options]), words: declared.args }),
    );
  });
}

/** The first word of commands of two words. */
function groupOf(program: Commander, name: string): Commander {
  const existing = program.commands.find((command) => command.name() === name);
  return existing ?? program.command(name).description(`${name} …`).helpOption("--help", "print help").helpCommand(false);
}

/** What was given on the command line, by setting; commander's own defaults are not. */
function givenTo(commander: Commander, names: readonly SettingName[]): Given {
  const values = commander.optsWithGlobals();
  return Object.fromEntries(
    names.flatMap((name) => {
      const { flag } = settingTable[name];
      const attribute = flag === undefined ? "" : new Option(flag).attributeName();
      return commander.getOptionValueSourceWithGlobals(attribute) === "cli" ? [[name, values[attribute]]] : [];
    }),
  );
}

/** Commander's complaint in our form: its suggestion is the hint, or else where to look. */
function usageError({ message, code }: CommanderError, program: Commander, argv: readonly string[]): CliError {
  const [complaint = "", suggestion] = message.replace(/^error: /, "").split("\n");
  const command = program.commands.find((candidate) => argv.includes(candidate.name()));
  const where = code === "commander.unknownCommand" || !command ? PROGRAM : `${PROGRAM} ${command.name()}`;
  const hint = suggestion ? suggestion.replace(/^\(Did you mean (.*)\?\)$/, "did you mean $1?") : `${where} --help shows what there is`;
  return new CliError(complaint.replaceAll("'", '"'), { hint, exitCode: exitCodes.usage });
}
