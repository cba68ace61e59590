import type { Context } from "./context.ts";
import { actionNamed } from "./action.ts";
import { LARGEST_ENVIRONMENT, type Variables } from "../aws/variables.ts";
import { command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { readVariable, refusedVariable, type RefusedVariable } from "../settings/value-types.ts";

const actions = ["list", "set", "unset"] as const;
export type Action = (typeof actions)[number];

/** What the words after `env` ask for, checked as far as it can be before anything is read. */
interface Asked {
  action: Action;
  given: Variables;
  /** The variable whose value is to come from stdin, if any. */
  unread: string | undefined;
  /** The names to remove. */
  removed: readonly string[];
}

/** Throws a CliError (exit 2) for words that make no sense. */
export function askedIn([word = "list", ...words]: readonly string[]): Asked {
  // A value may be a secret: with its name alone it comes from stdin, but only one can.
  const names = words.length === 1 ? words.map((one) => one.replace(/=.*$/s, "")) : words;
  const action = actionNamed("env", word, actions, names.some((one) => one.includes("=")) ? [] : names);
  const set = invocation("env", {}, "set", "NAME=VALUE");
  const usage = { hint: ["use: ", set, ", or NAME alone with its value on stdin"] };
  if (action === "list" && words.length > 0)
    throw new CliError("argument-unexpected", "env list takes no names", usage);
  if (action !== "list" && words.length === 0)
    throw new CliError("value-missing", `env ${action} needs at least one name`, usage);
  if (action === "set") return { action, removed: [], ...assignmentsIn(words) };
  refuseRemoval(words, ofTheStack);
  return { action, given: {}, unread: undefined, removed: words };
}

/** As a change of whatever is there then. */
export const changeBy =
  ({ given, removed }: Pick<Asked, "given" | "removed">) =>
  (present: Variables): Variables => ({
    ...Object.fromEntries(Object.entries(present).filter(([name]) => !removed.includes(name))),
    ...given,
  });

/** The value of a variable that was named without one. Throws a CliError for what Lambda would refuse. */
export async function valueOf(
  name: string | undefined,
  { stdin, signal, typed }: Pick<Context, "stdin" | "signal" | "typed">,
): Promise<Variables> {
  if (name === undefined) return {};
  const { secretValue } = await import("../terminal/line.ts");
  const value = await typed(() => secretValue(name, stdin, { most: LARGEST_ENVIRONMENT, signal }));
  return Object.fromEntries([assigned(name, value, { isSeen: false })]);
}

/** Each `NAME=VALUE`, and a bare `NAME`. */
function assignmentsIn(words: readonly string[]): Pick<Asked, "given" | "unread"> {
  const bare = words.filter((word) => !word.includes("="));
  for (const refused of bare.map(refusedVariable)) if (refused) throw refusalOf(refused);
  if (bare.length > 1)
    throw new CliError("argument-unexpected", "env set: only one value can come from stdin", {
      hint: "set one variable after the other, or give the others as NAME=VALUE",
    });
  const given = words.filter((word) => word.includes("=")).map(assignmentIn);
  return { given: Object.fromEntries(given), unread: bare[0] };
}

function assignmentIn(word: string): [string, string] {
  const at = word.indexOf("=");
  return assigned(word.slice(0, at), word.slice(at + 1), { isSeen: true });
}

/** Throws a CliError, which shows no value that came unseen: what was pasted there may be any secret. */
function assigned(name: string, words: string, { isSeen }: { isSeen: boolean }): [string, string] {
  const read = readVariable(name, words);
  if (!("fault" in read)) return [name, read.value];
  throw refusalOf(isSeen ? read : { name: read.name, fault: read.fault });
}

const refusalOf = ({ name, value, fault }: RefusedVariable): CliError =>
  new CliError(
    "value-invalid",
    `env set: ${name}${value === undefined ? "" : ` is ${JSON.stringify(value)}`}: ${fault}`,
    {
      hint:
        name === "API_GATEWAY_ENDPOINT"
          ? ["to set it anew: ", invocation("deploy", { only: ["endpoint"] })]
          : undefined,
    },
  );

/** What each deploy writes. Only the shipped handler needs a backend besides. */
const ofTheStack = ["API_GATEWAY_ENDPOINT", "SIGNING_KEYS"];

export function refuseRemoval(names: readonly string[], needed: readonly string[]): void {
  const name = names.find((one) => needed.includes(one));
  if (name === undefined) return;
  throw new CliError("variable-needed", `${name} is not removed: the function needs it`, {
    hint: name === "BACKEND_URL" ? "give it another value with env set" : undefined,
  });
}
