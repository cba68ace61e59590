import { help, joined, partsOf, type Advice } from "../errors/advice.ts";
import { commandNames, commandTable, type CommandName } from "../settings/commands.ts";
import { settingNames, settingTable, type SettingName } from "../settings/table.ts";
import { closest } from "../errors/closest.ts";

/** A command line that makes no sense, as far as it was understood. */
export interface Mistake {
  kind: "option" | "word" | "other";
  /** The option or word that is unknown, or one too many. */
  word: string;
  /** The command that the words before it name: none for the program itself, one word for a group. */
  path: readonly string[];
  /** The options that are known there, in their long form. */
  options: readonly string[];
  /** The subcommands there. */
  subcommands: readonly string[];
}

/** What was probably meant, or where to read on. */
export function hintFor(mistake: Mistake): Advice {
  const { path } = mistake;
  return hints[mistake.kind](mistake) ?? ["see: ", help(path)];
}

const hints: Readonly<Record<Mistake["kind"], (mistake: Mistake) => Advice | undefined>> = {
  option: ({ word, options }) => meant(sameOption(word, options) ?? closest(word, options)) ?? takenBy(word),
  word: (mistake) =>
    addressHint(mistake) ?? meant(sameOption(mistake.word, mistake.options)) ?? named(mistake),
  other: () => undefined,
};

const meant = (what: string | undefined): string | undefined => what && `did you mean ${what}?`;

/** What other programs call an option: wscat, curl, npm and the like. */
const otherNames: Readonly<Record<string, string>> = {
  version: "--version",
  "-v": "--version",
  "-V": "--version",
  "-H": "--header",
  "-s": "--subprotocol",
  "-o": "--origin",
  "-c": "--url",
  "-x": "--send",
  "--execute": "--send",
  "--protocol": "--subprotocol",
  "--timeout": "--function-timeout",
  "--request-id": "--request",
  "--log-group": "--function-name",
};

const sameOption = (word: string, options: readonly string[]): string | undefined =>
  options.find((option) => option === otherNames[word]);

/** The command of that name, or the one whose second word it is. */
function named({ word, path, subcommands }: Mistake): string | undefined {
  const near = closest(word, subcommands);
  if (near !== undefined) return meant([...path, near].join(" "));
  return path.length === 0 ? meant(commandNames.find((name) => name.split(" ")[1] === word)) : undefined;
}

/** The option for an address that was given as a bare word. */
function addressHint({ word, path }: Mistake): string | undefined {
  const name = path.join(" ");
  if (!isCommand(name)) return undefined;
  const reads: readonly SettingName[] = commandTable[name].reads;
  if (/^wss?:/i.test(word) && reads.includes("url")) return "pass the address with --url";
  if (/^https?:/i.test(word) && reads.includes("backendUrl"))
    return "pass the backend's address with --backend-url";
  return undefined;
}

const isCommand = (name: string): name is CommandName => Object.hasOwn(commandTable, name);

/** Which commands take an option that this one does not; the port of the local AWS has a variable. */
function takenBy(word: string): Advice | undefined {
  const setting = settingNames.find((name) => settingTable[name].flag?.split(" ")[0] === word);
  if (setting === undefined) return undefined;
  if (setting === "port") return "for a local AWS at another port set SHELFSHACK_PORT and pass --local";
  const takers = commandNames.filter((name) => {
    const reads: readonly SettingName[] = commandTable[name].reads;
    return reads.includes(setting);
  });
  const pages = takers.map((name) => [help(name.split(" "))]);
  return [`${word} is an option of: `, ...partsOf(joined(pages, ", "))];
}
