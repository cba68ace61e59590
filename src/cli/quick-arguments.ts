import { commandNames, commandTable, type CommandName } from "../settings/commands.ts";
import { settingNames, settingTable, type SettingName } from "../settings/table.ts";
import { negated, type Given } from "./resolve.ts";

/** A command that is to run, with what its command line gives. */
export interface CommandRequest {
  kind: "command";
  name: CommandName;
  given: Given;
  args: string[];
}

/** The settings that every command takes. */
export const globalSettings = settingNames.filter((name) => settingTable[name].global);

/** The command that the first words name. */
export const namedBy = (argv: readonly string[]): CommandName | undefined =>
  commandNames.find((name) => name.split(" ").every((word, at) => argv[at] === word));

/**
 * Reads a command line that begins with a command and has no mistake in it, as most have none. Undefined for
 * every other one and for what asks for help: `arguments` reads those, with a package that takes as long to
 * load as all of this program.
 */
export function readQuickly(argv: readonly string[]): CommandRequest | undefined {
  const name = namedBy(argv);
  if (name === undefined) return undefined;
  const options = optionsOf(name);
  const given: Given = {};
  const args: string[] = [];
  const words = argv.slice(name.split(" ").length);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const option = word.startsWith("-") ? options.get(word.replace(/=.*/s, "")) : undefined;
    if (option) {
      const value = valueIn(word, option, words);
      if (value === undefined) return undefined;
      given[option.name] = option.isRepeatable
        ? [...((given[option.name] as string[]) ?? []), String(value)]
        : value;
    } else if (word.startsWith("-")) return undefined;
    else args.push(word);
  }
  return args.length > mostArguments(name) ? undefined : { kind: "command", name, given, args };
}

/** The value of an option, which stands behind it; undefined where none does, or what may be an option. */
function valueIn(word: string, option: QuickOption, words: string[]): string | boolean | undefined {
  const [, inWord] = /=(.*)/s.exec(word) ?? [];
  if (!option.takesValue) return inWord === undefined ? !option.isNegative : undefined;
  return inWord ?? (words[0]?.startsWith("-") ? undefined : words.shift());
}

interface QuickOption {
  name: SettingName;
  takesValue: boolean;
  isNegative: boolean;
  isRepeatable: boolean;
}

/** The options of a command by their words. */
function optionsOf(command: CommandName): Map<string, QuickOption> {
  const options = new Map<string, QuickOption>();
  for (const name of [...globalSettings, ...commandTable[command].reads]) {
    const { flag, negatable, repeatable } = settingTable[name];
    if (flag === undefined) continue;
    const [word = "", value] = flag.split(" ");
    const isNegative = word.startsWith("--no-");
    options.set(word, {
      name,
      takesValue: value !== undefined,
      isNegative,
      isRepeatable: repeatable === true,
    });
    if (negatable)
      options.set(negated(word), { name, takesValue: false, isNegative: true, isRepeatable: false });
  }
  return options;
}

/** Each of a command's own words may be left out; the last may stand for several. */
function mostArguments(command: CommandName): number {
  const { args = "" } = commandTable[command];
  return args.includes("...]") ? Infinity : args.split(" ").filter(Boolean).length;
}
