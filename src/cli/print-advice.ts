import { settingTable, type SettingName } from "../settings/table.ts";
import type { Resolved } from "./resolve.ts";

/**
 * Puts what leads to the stack of this run into every command that a text names: followed as it stands, it
 * must not reach another one.
 */
export type Aim = (text: string) => string;

/**
 * Puts `npx` in front of every command that a text names where npx has started this run: the name alone is
 * then not on the PATH.
 */
export const withNpx = ({ npm_command: starter }: Readonly<Record<string, string | undefined>>): Aim =>
  starter === "exec" ? (text) => text.replace(anyCommand, "npx $&") : (text) => text;

/** Commands about a stack; `local` and `demo` bring their own. */
const aboutStacks = [
  "plan",
  "deploy",
  "status",
  "destroy",
  "outputs",
  "connect",
  "test",
  "logs tail",
  "backend check",
  "backend keys",
];
/**
 * The prose behind a command, as in "status shows", is none of its words: only `backend keys` has words of
 * its own.
 */
const named = new RegExp(
  `\\bshelfshack-ws ((${aboutStacks.join("|")})\\b(?:(?<=backend keys) (?:show|rotate)\\b)?)(?![^\\n]*--local)`,
  "g",
);
/**
 * What follows "deploy" where it is not a deploy of everything, which must know the backend, or names the
 * backend itself.
 */
const partly = /^ --(only|code-only|backend-url)\b/;
const anyCommand = new RegExp(
  `(?<!npx )\\bshelfshack-ws (?=(${aboutStacks.join("|")}|local|demo|package|backend init)\\b)`,
  "g",
);
const localAws = /\bshelfshack-ws local\b(?! --)/g;

/**
 * What decides where the stack is and which one it is; whoever sets it other than by an option has it set for
 * the next command too.
 */
const leading = [
  "region",
  "profile",
  "config",
  "endpointUrl",
  "functionName",
  "apiName",
  "stage",
  "roleName",
] as const;

/**
 * The aim of this run. `optionsOf` tells the settings that a command takes besides the global ones; it is
 * asked only where that matters.
 */
export async function withRunFlags(
  { settings, sources }: Resolved,
  optionsOf: (command: string) => Promise<readonly SettingName[]>,
): Promise<Aim> {
  const { local, env, port, backendUrl } = settings;
  const given = leading.filter((name) => isOption(sources[name]));
  const asked = given.every((name) => settingTable[name].global) ? [] : aboutStacks;
  const taken = new Map(
    await Promise.all(asked.map(async (command) => [command, await optionsOf(command)] as const)),
  );
  const isElsewhere = local && port !== settingTable.port.default;
  const backend = isOption(sources.backendUrl)
    ? [`--backend-url ${quoted(shown("backendUrl", backendUrl ?? ""))}`]
    : backendUrl === undefined
      ? ["--backend-url URL"]
      : [];
  const optionsFor = (command: string, rest: string): string[] => [
    ...(local ? ["--local"] : []),
    ...(env === undefined ? [] : [`--env ${env}`]),
    ...given
      .filter((name) => settingTable[name].global || taken.get(command)?.includes(name))
      .map((name) => `${sources[name]} ${quoted(shown(name, settings[name] ?? ""))}`),
    ...(command === "deploy" && !partly.test(rest) ? backend : []),
  ];
  const place = isElsewhere ? `SHELFSHACK_PORT=${port} ` : "";
  return (text) =>
    text
      .replace(named, (found: string, words: string, command: string, at: number) =>
        [`${place}shelfshack-ws ${words}`, ...optionsFor(command, text.slice(at + found.length))].join(" "),
      )
      .replace(localAws, isElsewhere ? `shelfshack-ws local --port ${port}` : "$&");
}

const isOption = (origin: string): boolean => origin.startsWith("--");

const shown = (name: SettingName, value: string): string => settingTable[name].type.redact?.(value) ?? value;

/** The word as a shell takes it. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
