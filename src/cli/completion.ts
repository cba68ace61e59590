import { commandNames, commandTable, globalsOf, type CommandName } from "../settings/commands.ts";
import { settingNames, settingTable, type SettingName } from "../settings/table.ts";
import { negated } from "./resolve.ts";

/** The shells that a completion can be written for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type CompletedShell = (typeof shells)[number];

const PROGRAM = "shelfshack-ws";
/** What prints the names that the config file has for `--env`, one a line. */
const ENVIRONMENTS = "completion environments";
/** An error goes to stderr, whatever the user has set. */
const QUIETLY = "SHELFSHACK_JSON=false";
/** What the program's name stands for in a shell without a command of that name: what most projects have. */
const BY_NPX = `npx --no-install ${PROGRAM}`;
/** For bash and zsh; where the name is an alias, it is not taken for one behind `function`. */
const named = `command -v ${PROGRAM} >/dev/null || function ${PROGRAM} { ${BY_NPX} "$@"; }`;

/** What an option takes; nothing for one that stands alone. */
type Operand = "environments" | "file" | "other" | { words: readonly string[]; isList: boolean };

const longOf = (name: SettingName): string => settingTable[name].flag?.split(" ")[0] ?? "";

function operandOf(name: SettingName): Operand | undefined {
  const { flag = "", values, type } = settingTable[name];
  const words = values ?? ("jsonSchema" in type ? type.jsonSchema.enum?.map(String) : undefined);
  if (!flag.includes("<")) return undefined;
  if (name === "env") return "environments";
  if (words) return { words, isList: Array.isArray(type.parse("a,b")) };
  return /<(file|folder)>/.test(flag) ? "file" : "other";
}

/** Every option that takes something, once, with what that is. */
const operands: ReadonlyMap<string, Operand> = new Map(
  settingNames.flatMap((name) => {
    const operand = operandOf(name);
    return operand === undefined ? [] : [[longOf(name), operand] as const];
  }),
);
const takingOptions = [...operands.keys()];

/**
 * The options of a command: its own, then the global ones that it makes use of. Before a command is named,
 * all global ones.
 */
const settingsOf = (name: CommandName | ""): readonly SettingName[] =>
  [...(name === "" ? [] : commandTable[name].reads), ...globalsOf(name)].filter(
    (setting) => longOf(setting) !== "",
  );
const flagsOf = (name: SettingName): string[] => [
  longOf(name),
  ...(settingTable[name].negatable ? [negated(longOf(name))] : []),
];

/** What may stand behind some words that are no options: commands, a command's arguments, its options. */
const wordsBehind: ReadonlyMap<string, readonly string[]> = new Map([
  ...commandNames.map((name): [string, string[]] => [name, [...choicesOf(name), ...optionsOf(name)]]),
  ...groupsOf().map((group): [string, string[]] => [group, commandsIn(group)]),
  ["", [...new Set(commandNames.map((name) => name.split(" ")[0] ?? "")), ...optionsOf(""), "--version"]],
]);

function optionsOf(name: CommandName | ""): string[] {
  return [...settingsOf(name).flatMap(flagsOf), "--help"];
}

/** The words of `[show|rotate]` in a command's arguments. */
function choicesOf(name: CommandName): string[] {
  const [, words] = /^\[([\w|]+\|[\w|]+)\]/.exec(commandTable[name].args ?? "") ?? [];
  return words?.split("|") ?? [];
}

function groupsOf(): string[] {
  const groups = commandNames.filter((name) => name.includes(" ")).map((name) => name.split(" ")[0] ?? "");
  return [...new Set(groups)];
}
function commandsIn(group: string): string[] {
  return commandNames.flatMap((name) => (name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : []));
}

/** The absolute paths of Node and of the program that a script asks for environments. */
export interface Asked {
  node: string;
  program: string;
}

/**
 * The script that teaches a shell this program's words. For the environments it asks the very program that
 * printed it, by its path: no PATH and no current folder decides what Tab runs.
 */
export const completionFor = (shell: CompletedShell, asked: Asked): string => scripts[shell](asked);

const scripts: Readonly<Record<CompletedShell, (asked: Asked) => string>> = { bash, zsh, fish };

/** How a text is written as one word: in bash and zsh nothing within single quotes is read. */
const quotedFor: Readonly<Record<CompletedShell, (text: string) => string>> = {
  bash: (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`,
  zsh: (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`,
  fish: (text) => `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`,
};

/** Prints the names of the environments; nothing where Node or the program is gone. */
function askingIn(shell: CompletedShell, { node, program }: Asked): string {
  const { [shell]: quoted } = quotedFor;
  const isThere = shell === "fish" ? `test -x ${quoted(node)}; and` : `[[ -x ${quoted(node)} ]] &&`;
  return `${isThere} ${QUIETLY} ${quoted(node)} ${quoted(program)} ${ENVIRONMENTS} 2>/dev/null`;
}

/** The lines of a `case` over the option before the word, for bash and zsh. */
const operandCases = (line: (operand: Operand) => string): string[] =>
  takingOptions.map((option) => `    ${option}) ${line(operands.get(option) ?? "other")}; return ;;`);

/** The lines of a `case` over the words so far, the longest first: `" logs tail "*`. */
const commandCases = (line: (words: string) => string): string[] =>
  [...wordsBehind]
    .toSorted(([one], [other]) => other.length - one.length)
    .map(
      ([name, words]) =>
        `    "${name === "" ? " " : ` ${name} `}"${name === "" ? "" : "*"}) ${line(words.join(" "))} ;;`,
    );

function bash(asked: Asked): string {
  const offered = (words: string) => `COMPREPLY=($(compgen -W "${words}" -- "$cur"))`;
  const operandLine = (operand: Operand): string => {
    if (operand === "environments") return `_shelfshack_ws_environments "$cur"`;
    // The line editor quotes what it knows to be file names, and nothing else.
    if (operand === "file") return `compopt -o filenames 2>/dev/null && _shelfshack_ws_files "$cur"`;
    if (operand === "other") return ":";
    const words = operand.words.join(" ");
    return operand.isList ? `_shelfshack_ws_list ${words}` : offered(words);
  };
  return lines([
    `# ${PROGRAM} completion for bash: source <(${BY_NPX} completion bash)`,
    named,
    // Names come from files of others: compgen -W and a $(…) without quotes would run or expand them.
    "_shelfshack_ws_environments() {",
    "  local word",
    "  while IFS= read -r word; do",
    `    [[ $word =~ ^[a-z][a-z0-9-]*$ && $word == "$1"* ]] && COMPREPLY+=("$word")`,
    `  done < <(${askingIn("bash", asked)})`,
    "  return 0",
    "}",
    "_shelfshack_ws_files() {",
    "  local word",
    `  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$1")`,
    "}",
    "_shelfshack_ws_list() {",
    `  local before=\${cur%"\${cur##*,}"} word`,
    `  for word in "$@"; do`,
    `    [[ ,$before == *",$word,"* || $word != "\${cur##*,}"* ]] || COMPREPLY+=("$before$word")`,
    "  done",
    "}",
    "_shelfshack_ws() {",
    "  COMPREPLY=()",
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} typed= word i",
    "  # bash takes --env=dev for three words.",
    `  if [[ $cur == "=" ]]; then cur=`,
    `  elif [[ $prev == "=" ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi`,
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    "    word=${COMP_WORDS[i]}",
    "    case $word in",
    `      ${takingOptions.join("|")}) [[ \${COMP_WORDS[i+1]} == "=" ]] && ((i++)); ((i++)) ;;`,
    "      -*) ;;",
    `      *) typed+=" $word" ;;`,
    "    esac",
    "  done",
    "  case $prev in",
    ...operandCases(operandLine),
    "  esac",
    `  case "$typed " in`,
    ...commandCases(offered),
    "  esac",
    "}",
    `complete -F _shelfshack_ws ${PROGRAM}`,
  ]);
}

function zsh(asked: Asked): string {
  const operandLine = (operand: Operand): string => {
    if (operand === "environments") return "_shelfshack_ws_environments";
    if (operand === "file") return "_files";
    if (operand === "other") return ":";
    return `${operand.isList ? "_shelfshack_ws_list" : "compadd --"} ${operand.words.join(" ")}`;
  };
  return lines([
    `#compdef ${PROGRAM}`,
    `# After compinit: source <(${BY_NPX} completion zsh)`,
    named,
    "_shelfshack_ws_environments() {",
    `  compadd -- \${(f)"$(${askingIn("zsh", asked)})"}`,
    "}",
    "_shelfshack_ws_list() {",
    "  local before=${words[CURRENT]#--*=}",
    "  [[ $before == *,* ]] && before=${before%,*} || before=",
    `  local -a given=(\${(s:,:)before}) all=("$@")`,
    "  compset -P '*,'",
    "  compadd -- ${all:|given}",
    "}",
    "_shelfshack_ws() {",
    "  local prev=${words[CURRENT-1]} typed= word",
    "  integer i",
    "  if [[ ${words[CURRENT]} == --*=* ]]; then",
    "    prev=${words[CURRENT]%%=*}",
    "    compset -P '*='",
    "  fi",
    "  for ((i = 2; i < CURRENT; i++)); do",
    "    word=${words[i]}",
    "    case $word in",
    `      ${takingOptions.join("|")}) ((i++)) ;;`,
    "      -*) ;;",
    `      *) typed+=" $word" ;;`,
    "    esac",
    "  done",
    "  case $prev in",
    ...operandCases(operandLine),
    "  esac",
    `  case "$typed " in`,
    ...commandCases((words) => `compadd -- ${words}`),
    "  esac",
    "}",
    `compdef _shelfshack_ws ${PROGRAM}`,
  ]);
}

function fish(asked: Asked): string {
  const operandWords = (operand: Operand | undefined): string => {
    if (operand === undefined) return "";
    if (operand === "environments") return " -x -a '(__shelfshack_ws_environments)'";
    if (operand === "file") return " -r -F";
    if (operand === "other") return " -x";
    const words = operand.words.join(" ");
    return ` -x -a '${operand.isList ? `(__shelfshack_ws_list ${words})` : words}'`;
  };
  const one = `complete -c ${PROGRAM}`;
  const isBehind = (name: string) => `-n '__shelfshack_ws_${name === "" ? "is" : "in"} "${name}"'`;
  const options = [...commandNames, "" as const].flatMap((name) => [
    ...settingsOf(name).flatMap((setting) =>
      flagsOf(setting).map((flag) => {
        const operand = operandWords(operandOf(setting));
        return `${one} ${isBehind(name)} -l ${flag.slice(2)}${operand}`;
      }),
    ),
    `${one} ${isBehind(name)} -l help`,
  ]);
  const words = [...wordsBehind].flatMap(([name, offered]) => {
    const bare = offered.filter((word) => !word.startsWith("-")).join(" ");
    return bare === "" ? [] : [`${one} -n '__shelfshack_ws_is "${name}"' -a '${bare}'`];
  });
  return lines([
    `# ${PROGRAM} completion for fish: ${BY_NPX} completion fish | source`,
    `if not type -q ${PROGRAM}`,
    `  function ${PROGRAM}`,
    `    ${BY_NPX} $argv`,
    "  end",
    "end",
    "function __shelfshack_ws_environments",
    `  ${askingIn("fish", asked)}`,
    "end",
    ...fishFunctions,
    `${one} -f`,
    ...words,
    ...options,
    `${one} ${isBehind("")} -l version`,
  ]);
}

/** Which words stand before the one that is completed, and what lists lack. */
const fishFunctions: readonly string[] = [
  "function __shelfshack_ws_list",
  "  set -l current (commandline -ct | string replace -r -- '^--[^=]*=' '')",
  "  set -l before (string match -r -- '^.*,' \"$current\")",
  '  set -l given (string split -- , "$before")',
  "  for word in $argv",
  '    contains -- $word $given; or echo "$before$word"',
  "  end",
  "end",
  "function __shelfshack_ws_typed",
  "  set -l typed",
  "  set -l skip 0",
  "  for word in (commandline -opc)[2..-1]",
  "    if test $skip = 1",
  "      set skip 0",
  "      continue",
  "    end",
  `    if contains -- $word ${takingOptions.join(" ")}`,
  "      set skip 1",
  "    else if not string match -q -- '-*' $word",
  "      set -a typed $word",
  "    end",
  "  end",
  `  echo "$typed"`,
  "end",
  "function __shelfshack_ws_is",
  "  set -l typed (__shelfshack_ws_typed)",
  `  test "$typed" = "$argv[1]"`,
  "end",
  "function __shelfshack_ws_in",
  "  set -l typed (__shelfshack_ws_typed)",
  `  string match -q -- "$argv[1] *" "$typed "`,
  "end",
];

const lines = (all: readonly string[]): string => all.join("\n");
