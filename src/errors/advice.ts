import type { CommandName, OptionsOf } from "../settings/commands.ts";

const invocation = Symbol("invocation");

/** A command of ours with the options and arguments that it is to be called with; made by `command` alone. */
export interface Invocation {
  readonly [invocation]: true;
  /** Empty for the program itself. */
  command: CommandName | "";
  args: readonly string[];
  options: Readonly<Record<string, unknown>>;
}

/**
 * What to do now: a text, or parts of which some are commands. Those are printed with what leads to this
 * run's stack (`cli/print-advice`), so a text never names a command itself.
 */
export type Advice = string | readonly (string | Invocation)[];

/**
 * Which deploys of the stack would be refused, as far as a run has found that out:
 *
 * * `all`: it has another owner;
 * * `unadopted`: all without `--adopt`, as it has no owner;
 * * `parts`: all but a whole one, as its adoption was cut;
 * * `unnamed`: a whole one that does not name the own code that is deployed, as `names` does;
 * * `unknown`: the same where nothing says whose the code is.
 */
export type Objection =
  | { to: "all" | "unadopted" | "parts" | "unknown" }
  | { to: "unnamed"; names: Written<"deploy"> };

/** A setting's value as a person writes it: free text and numbers also as a placeholder such as `"URL"`. */
type WrittenValue<V> = V extends boolean | readonly unknown[] ? V : V extends number ? V | string : V;

/** The options of a command as a person writes them; every one may be left out. None shows keys. */
export type Written<C extends CommandName> = {
  readonly [N in Exclude<keyof OptionsOf<C>, "showKeys">]?:
    | WrittenValue<Exclude<OptionsOf<C>[N], undefined>>
    | undefined;
};

/** A word of a command line as a shell takes it: text of others is one word, whatever it holds. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Names a command in an advice: `command("deploy", { only: ["role"] })`. */
export const command = <C extends CommandName>(
  name: C,
  options: Written<C> = {},
  ...args: string[]
): Invocation => ({ [invocation]: true, command: name, args, options });

/** Names the help of a command, of a group of commands (`["logs"]`) or of the program. */
export const help = (path: readonly string[]): Invocation => ({
  [invocation]: true,
  command: "",
  args: [...path, "--help"],
  options: {},
});

/**
 * A whole deploy of a stack that is there, which keeps the backend that the function has: `codeOnly: false`
 * is not printed, and a deploy without it is printed with a place for the backend's address.
 */
export const deployAgain: Invocation = command("deploy", { codeOnly: false });

/** What the backend needs of the function; it is printed so that it goes to a file (`cli/print-advice`). */
export const backendKeys = (at: Pick<Written<"outputs">, "local" | "port"> = {}): Invocation =>
  command("outputs", { outputsFor: "backend", ...at });

/** Whether the output of a command is secret: such a one is never printed without `--out` for it. */
export const printsKeys = ({ command: name, options }: Invocation): boolean =>
  name === "outputs" && options["outputsFor"] === "backend";

/** What to do where a backend does not know the function's keys; `then` proves that it does. */
export const giveKeys = (then: Invocation): Advice => [
  "write the function's keys to a file: ",
  backendKeys(),
  "; then restart the backend with them, and: ",
  then,
];

/** What a refusal says where nothing was written before it. */
export const NO_CHANGES = "no changes were made";
/** What goes on from where a run has ended. */
export const AGAIN = "run the same command again to continue";

/** What a run has written before it ended, by name. */
export const doneInThisRun = (names: readonly string[]): string =>
  names.length > 0 ? `done in this run: ${names.join(", ")}` : NO_CHANGES;

/** The same advice where something was: `done` says what. */
export const afterChanges = (advice: Advice, done: string): Advice =>
  partsOf(advice).map((part) => (isInvocation(part) ? part : part.replace(NO_CHANGES, () => done)));

export const isInvocation = (value: unknown): value is Invocation =>
  typeof value === "object" && value !== null && invocation in value;

/** The parts of an advice; one that is a mere text is its only part. */
export const partsOf = (advice: Advice): readonly (string | Invocation)[] =>
  typeof advice === "string" ? [advice] : advice;

/**
 * The same command, or for a deploy that would be refused one that would not; where there is none, the plan,
 * which says why, and what to do. A repair by the doctor is a deploy too.
 */
export function unrefused(advised: Invocation, objection: Objection): Invocation {
  const { command: name, options } = advised;
  const isRepair = name === "doctor" && options["fix"] === true;
  if (name !== "deploy" && !isRepair) return advised;
  const isWhole = !isRepair && options["only"] === undefined;
  if (objection.to === "all") return command("plan");
  if (objection.to === "unadopted") return options["adopt"] ? advised : command("plan", { adopt: true });
  if (objection.to === "parts") return isWhole ? advised : deployAgain;
  if (!isWhole || options["source"] || options["zip"] || options["replaceCode"]) return advised;
  return "names" in objection ? command("deploy", { ...options, ...objection.names }) : command("plan");
}

/** Several advices as one, each on a line of its own; those that are absent are left out. */
export function joined(advices: readonly (Advice | undefined)[], separator = "\n"): Advice {
  const present = advices.filter((advice) => advice !== undefined);
  const parts = present.flatMap((advice, index) => [...(index > 0 ? [separator] : []), ...partsOf(advice)]);
  const texts = parts.filter((part) => typeof part === "string");
  return texts.length === parts.length ? texts.join("") : parts;
}
