import { basename, delimiter, dirname, relative } from "node:path";
import {
  isInvocation,
  partsOf,
  printsKeys,
  shellWord,
  unrefused,
  type Advice,
  type Invocation,
  type Objection,
} from "../errors/advice.ts";
import {
  commandTable,
  load,
  ownCode,
  stackNames,
  stackProperties,
  type CommandName,
} from "../settings/commands.ts";
import { settingTable, type SettingName, type Step } from "../settings/table.ts";
import { whole } from "../terminal/style.ts";
import { negated, type Resolved } from "./resolve.ts";

/** How advice leaves the program: as text for people, as words for programs. */
export interface AdvicePrinter {
  text(advice: Advice): string;
  /** The same for a screen: no command in it is broken where a line is. */
  screen(advice: Advice): string;
  /** The words of each command in it, as the program takes them after its name. */
  argv(advice: Advice): string[][];
  /**
   * A result for `--json`: each advice in it that holds a command is its text, with an `argv` beside it that
   * has the words of all of them.
   */
  json(result: unknown): unknown;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** What a run has found out about its stack. */
export interface Known {
  /** Why a deploy would be refused; absent where nothing is known that speaks against it. */
  objection?: Objection;
}

/** The stronger of two: what holds for more deploys. */
export function stronger(one: Objection | undefined, other: Objection): Objection {
  const order: readonly Objection["to"][] = ["all", "unadopted", "parts", "unknown", "unnamed"];
  return one && order.indexOf(one.to) <= order.indexOf(other.to) ? one : other;
}

/**
 * Prints advice with what leads to the stack of this run in every command: followed as it stands, it must not
 * reach another one, and no deploy is refused. `program` are the words that start the program (`programOf`);
 * `resolved` are the run's settings, as soon as they are known, and `known` what it finds out.
 */
export function advicePrinter(
  program: readonly string[],
  resolved?: Resolved,
  known: Known = {},
): AdvicePrinter {
  const words = (invocation: Invocation) => wordsOf(heeding(invocation, known, resolved), resolved);
  const typed = (part: Invocation) =>
    [...portVariable(part, resolved), ...program, ...words(part).map(shellWord)].join(" ");
  const text = (advice: Advice) =>
    partsOf(advice)
      .map((part) => (isInvocation(part) ? typed(part) : part))
      .join("");
  const screen = (advice: Advice) =>
    partsOf(advice)
      .map((part) => (isInvocation(part) ? whole(typed(part)) : part))
      .join("");
  const argv = (advice: Advice) => partsOf(advice).filter(isInvocation).map(words);
  return { text, screen, argv, json: (result) => withAdvice(result, { text, argv }, []) };
}

/** Own code that the settings name is named by the next deploy too. */
function heeding(advised: Invocation, { objection }: Known, resolved: Resolved | undefined): Invocation {
  const isNamed = ownCode.some((name) => resolved?.settings[name] !== undefined);
  const isAboutCode = objection?.to === "unnamed" || objection?.to === "unknown";
  return objection && !(isAboutCode && isNamed) ? unrefused(advised, objection) : advised;
}

/** Where what is secret goes: on the screen, and in a file that others read, it would be told. */
const forKeys = { outputsFile: "backend.env" } as const;

/**
 * The words that start this program again, typed in the same folder. `script` is the file that Node was
 * given: the name alone is enough only where the PATH leads to it, other than in a script of npm's. npx must
 * not install a package of that name from the registry, where it need not be ours; with `--no` for that it
 * takes the program's options for its own.
 */
export function programOf(
  script: string,
  { npm_command: starter, PATH = "" }: Variables,
  folder: string,
): string[] {
  const isLink = basename(script) === "shelfshack-ws";
  if (starter === "exec" || (isLink && starter !== undefined))
    return ["npx", "--no-install", "shelfshack-ws"];
  if (isLink && PATH.split(delimiter).includes(dirname(script))) return ["shelfshack-ws"];
  const path = relative(folder, script);
  return ["node", shellWord(path.startsWith("..") ? script : path)];
}

function wordsOf(invocation: Invocation, resolved: Resolved | undefined): string[] {
  const { command, args } = invocation;
  if (command === "") return [...args];
  const options = { ...invocation.options, ...(printsKeys(invocation) && forKeys) };
  const all = { ...(resolved && runOptions(command, options, resolved)), ...options };
  // What the advice itself asks for comes first.
  const names = [...new Set([...Object.keys(options), ...Object.keys(all)])] as SettingName[];
  return [
    ...command.split(" "),
    ...args,
    ...names.flatMap((name) => (name === "port" && command !== "local" ? [] : flagWords(name, all[name]))),
  ];
}

/** What decides where a stack is and which one it is. */
const leading: readonly SettingName[] = ["region", "profile", "config", "endpointUrl", ...stackNames];
/** Which code the zip of a stack has, and where that is read. */
const building: readonly SettingName[] = ["config", ...ownCode, "runtime", "handler", "architecture"];
/** How it is used, or where that is read. */
const using: readonly SettingName[] = [...load, "measured", "from"];

/**
 * The options of this run that a command needs to reach the same stack, as far as it takes them. What was set
 * other than by an option is set for the next command too; the environment is named all the same, to be seen.
 */
function runOptions(
  command: CommandName,
  options: Invocation["options"],
  { settings, sources }: Resolved,
): Partial<Record<SettingName, unknown>> {
  if (command === "local") return { port: otherPort(settings.port), env: settings.env };
  const isLocal = options["local"] === true;
  const given = (names: readonly SettingName[]) =>
    Object.fromEntries(
      names
        .filter(
          (name) =>
            isOption(sources[name]) &&
            takes(command, name) &&
            !(isLocal && ["profile", "endpointUrl"].includes(name)),
        )
        .map((name) => [name, settings[name]]),
    );
  if (!isAboutStacks(command)) return command === "package" ? given(building) : {};
  return {
    ...(settings.local && { local: true }),
    ...(settings.env !== undefined && { env: settings.env }),
    ...given([...leading, ...using, ...compared(command, options)]),
    ...(isWholeDeploy(command, options) && backendOption({ settings, sources })),
  };
}

/** What a stack is to be like, and which code it runs. */
const compares = [...ownCode, ...stackProperties] as const;

/** The steps that each of them has a part in. */
const stepsOf: Readonly<Record<(typeof compares)[number], readonly Step[]>> = {
  source: ["function"],
  zip: ["function"],
  backendUrl: ["function", "env"],
  memory: ["function"],
  functionTimeout: ["function"],
  runtime: ["function"],
  handler: ["function"],
  logRetention: ["logs"],
  accessLogs: ["logs", "stage"],
  keepReleases: ["function", "env", "endpoint"],
  kmsKey: ["function"],
  roleArn: ["role", "function"],
  rolePath: ["role"],
  permissionsBoundary: ["role"],
  architecture: ["function"],
  reservedConcurrency: ["function"],
  subnets: ["function", "policy"],
  securityGroups: ["function"],
  tracing: ["function", "policy"],
  logFormat: ["function"],
  logLevel: ["function"],
  throttleRate: ["stage"],
  throttleBurst: ["stage"],
  variables: ["function", "env"],
  tags: ["role", "logs", "function", "api", "stage"],
  routes: ["routes", "stage"],
};

/**
 * Which code the stack runs, as own code is judged otherwise; where the stack is compared, also what it is to
 * be like: without that the command would find another difference.
 */
function compared(command: CommandName, { codeOnly, only }: Invocation["options"]): readonly SettingName[] {
  if (!stackProperties.every((name) => reads(command).includes(name))) return ownCode;
  if (codeOnly) return [...ownCode, "runtime", "handler"];
  if (!Array.isArray(only)) return compares;
  return compares.filter((name) => stepsOf[name].some((step) => only.includes(step)));
}

const reads = (command: CommandName): readonly SettingName[] => commandTable[command].reads;
const takes = (command: CommandName, name: SettingName): boolean =>
  settingTable[name].global === true || reads(command).includes(name);
/** Whether a command is about a stack that is somewhere; `local` brings its own with it. */
export const isAboutStacks = (command: CommandName): boolean =>
  command !== "local" && reads(command).includes("functionName");

/** A deploy of everything must know the backend; own code need not have one. */
const isWholeDeploy = (
  command: CommandName,
  { only, codeOnly, backendUrl, source }: Invocation["options"],
): boolean =>
  command === "deploy" && [only, codeOnly, backendUrl, source].every((value) => value === undefined);

function backendOption({ settings, sources }: Pick<Resolved, "settings" | "sources">): {
  backendUrl?: string;
} {
  if (settings.backendUrl !== undefined)
    return isOption(sources.backendUrl) ? { backendUrl: settings.backendUrl } : {};
  return ownCode.some((name) => settings[name] !== undefined) ? {} : { backendUrl: "URL" };
}

const isOption = (source: string): boolean => source.startsWith("--");

/** A port of the local AWS that has to be named. */
const otherPort = (port: unknown): unknown => (port === settingTable.port.default ? undefined : port);

/** The local AWS's port where it is another one: only `local` has an option for it. */
function portVariable({ command, options }: Invocation, resolved: Resolved | undefined): string[] {
  const isLocal =
    command !== "" &&
    isAboutStacks(command) &&
    (options["local"] === true || resolved?.settings.local === true);
  const port = otherPort(options["port"] ?? (resolved?.settings.local ? resolved.settings.port : undefined));
  return isLocal && typeof port === "number" ? [`SHELFSHACK_PORT=${port}`] : [];
}

/** An option as words; nothing where the value is what the command does anyway. */
function flagWords(name: SettingName, value: unknown): string[] {
  const { flag = "", type, repeatable, negatable } = settingTable[name];
  const [long = ""] = flag.split(" ");
  if (value === undefined || value === null || long === "") return [];
  if (negatable) return [value === true ? long : negated(long)];
  if (typeof value === "boolean") return value === !long.startsWith("--no-") ? [long] : [];
  if (typeof value === "object") return listWords(long, wordsIn(value), repeatable);
  const word = typeof value === "string" ? value : JSON.stringify(value);
  return [long, type.redact?.(word) ?? word];
}

/** Of an object each member as a word like `team=x`. */
const wordsIn = (value: object): string[] =>
  Array.isArray(value)
    ? value.map(String)
    : Object.entries(value).map(([key, member]) => `${key}=${String(member)}`);

const listWords = (long: string, words: readonly string[], repeatable = false): string[] =>
  repeatable ? words.flatMap((word) => [long, word]) : [long, words.join(",") || "none"];

/** `argv` collects the commands of the nearest object. */
function withAdvice(
  value: unknown,
  printer: Pick<AdvicePrinter, "text" | "argv">,
  argv: string[][],
): unknown {
  if (isInvocation(value)) return withAdvice([value], printer, argv);
  if (Array.isArray(value)) {
    if (!value.some(isInvocation)) return value.map((item) => withAdvice(item, printer, argv));
    const advice = value as Exclude<Advice, string>;
    argv.push(...printer.argv(advice));
    return printer.text(advice);
  }
  if (typeof value !== "object" || value === null) return value;
  const own: string[][] = [];
  const members = Object.entries(value).map(([key, member]) => [key, withAdvice(member, printer, own)]);
  return { ...Object.fromEntries(members), ...(own.length > 0 && { argv: own }) };
}
