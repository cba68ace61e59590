import type { Changeable } from "../aws/release-variables.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";
import { LARGEST_ENVIRONMENT, refuseTooLarge, sizeOf, type Variables } from "../aws/variables.ts";
import { probeBackend, type BackendProbe } from "../verify/backend/ask-once.ts";
import { subjectOf } from "../verify/backend/subject.ts";
import { actionNamed } from "../cli/action.ts";
import { closest } from "../errors/closest.ts";
import type { Command } from "../cli/command.ts";
import { functionOf } from "../cli/function-of.ts";
import { nothing, typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { command as invocation, joined, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { checkBackendUrl } from "../resources/config.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import type { OptionsOf } from "../settings/commands.ts";
import { redactWord } from "../settings/redact.ts";
import { defaultSettings, settingTable } from "../settings/table.ts";
import { readVariable, refusedVariable, type RefusedVariable } from "../settings/value-types.ts";
import type { OpenStack, Place } from "../stack/deploy.ts";
import { differenceText, placeText } from "../terminal/changes.ts";
import { oneLine, table } from "../terminal/format.ts";
import { secretValue } from "../terminal/line.ts";

const actions = ["list", "set", "unset"] as const;
type Action = (typeof actions)[number];

interface EnvResult extends Place {
  action: Action;
  changed: boolean;
  functionName: string;
  /** All variables after it, in alphabetical order; values that may be secret are `***`. */
  variables: { name: string; value: string }[];
  /** All of them together as JSON, and how much Lambda takes. */
  bytes: number;
  bytesAtMost: number;
  /** What was changed; null for a variable that was not there, or is not any more. */
  changes: { name: string; from: string | null; to: string | null }[];
  /** What a new backend said to this machine; null where none was asked. */
  probe: BackendProbe | null;
  /** The release that serves after a rollback, which the change waits behind; null where there was none. */
  rolledBackTo: string | null;
}

export const command: Command<"env", EnvResult> = {
  async run(
    { probe: isProbed, allowHttp, backendUrl, variables: configured, keepReleases, ...names },
    context,
  ) {
    const { functionName } = names;
    const { action, change, assigned, removed } = await changeIn(context);
    refuseTooLarge(functionName, assigned);
    if (assigned["BACKEND_URL"])
      checkBackendUrl({ ...names, allowHttp, backendUrl: assigned["BACKEND_URL"] }, context.report);
    const open = await context.stack(names);
    const { place, ...of } = await functionOf(open, { isChanged: action !== "list" }, context);
    const { owner } = of;
    const found = await variablesOf(open, functionName, action);
    const isServed = sameVariables(found.served, change(found.served));
    const present = found.rolledBackTo !== null || isServed ? found.latest : found.served;
    if (owner !== "own") refuseRemoval(removed, ["BACKEND_URL"]);
    warnOfAbsent(removed, present, context);
    const wanted = change(present);
    const display = displayIn(open.stack);
    const changes = differing(present, wanted, display);
    const rolledBackTo = isServed ? null : found.rolledBackTo;
    const result = { action, functionName, changes, rolledBackTo, ...place };
    if (changes.length === 0) return { ...result, ...stateOf(present, display), changed: false, probe: null };
    refuseTooLarge(functionName, wanted);
    const isNew = wanted["BACKEND_URL"] !== present["BACKEND_URL"];
    // Own code asks it in its own way.
    const probe = isNew && isProbed && owner !== "own" ? await askBackend(wanted, context) : null;
    warnOfConfig(changes, wanted, { backendUrl, variables: configured }, context);
    const { releaseEnvironment } = await import("../aws/release-variables.ts");
    const afterRollback = "waits" as const;
    const publisher = { ...of, run: open.stack.identity.run, keepReleases, afterRollback };
    let before = present;
    const { variables: written, rolledBackTo: waitsBehind } = await releaseEnvironment(
      open.run.aws,
      functionName,
      (found) => change((before = found)),
      publisher,
    );
    return {
      ...result,
      // What others wrote in between is not of this run.
      changes: differing(before, written, display),
      ...stateOf(written, display),
      changed: true,
      probe,
      rolledBackTo: waitsBehind,
    };
  },

  render(
    { action, functionName, variables, bytes, bytesAtMost, changes, probe, rolledBackTo, ...place },
    { quiet },
  ) {
    const size = `${variables.length} variables, ${bytes} of ${bytesAtMost} bytes`;
    const lines =
      action === "list"
        ? [table(variables.map(({ name, value }) => [name, value]))]
        : changes.map(changeText);
    const asked = probe ? [`${probe.meaning}, as asked from this machine`] : [];
    const done = changes.length === 0 && action !== "list" ? [unchangedText(rolledBackTo)] : lines;
    return joined([
      ...(action === "list" || quiet ? [placeText(place)] : []),
      ...done.filter((line) => line !== ""),
      ...asked,
      `${functionName} has ${size}`,
      rolledBackTo === null ? undefined : waitingText(rolledBackTo),
    ]);
  },

  next({ action, changed }) {
    if (changed) return typing(invocation("test", { tokenStdin: true }));
    return action === "list"
      ? nothing("what is to be another value is not known")
      : typing(invocation("env", {}, "list"));
  },
};

const unchangedText = (rolledBackTo: string | null): string =>
  rolledBackTo === null ? "nothing to change" : "nothing to change: it is written already";

/** Clients are not served by it: what was taken back would be served with it. */
const waitingText = (served: string): Advice => [
  `a rollback chose release ${oneLine(served)}, which serves on without it; the next deploy serves it: `,
  invocation("deploy"),
];

/** A variable that was not there, or is not any more, has no second value to show. */
function changeText({ name, from, to }: EnvResult["changes"][number]): string {
  if (from === null) return `${name}: added, ${to}`;
  if (to === null) return `${name}: removed, was ${from}`;
  return from === to ? `${name}: changed` : differenceText({ path: name, from, to });
}

/** What the words after the command ask for: checked, and as a change of whatever is there then. */
interface Asked {
  action: Action;
  change(present: Variables): Variables;
  assigned: Variables;
  /** The names to remove. */
  removed: readonly string[];
}

async function changeIn(context: Pick<Context, "args" | "stdin" | "signal">): Promise<Asked> {
  const [word = "list", ...words] = context.args;
  const action = actionNamed("env", word, actions);
  const set = invocation("env", {}, "set", "NAME=VALUE");
  const usage = { hint: ["use: ", set, ", or NAME alone with its value on stdin"] };
  if (action === "list" && words.length > 0)
    throw new CliError("argument-unexpected", "env list takes no names", usage);
  if (action !== "list" && words.length === 0)
    throw new CliError("value-missing", `env ${action} needs at least one name`, usage);
  if (action === "set") {
    const assigned = await assignmentsIn(words, context);
    return { action, assigned, removed: [], change: (present) => ({ ...present, ...assigned }) };
  }
  refuseRemoval(words, ofTheStack);
  const removed = words;
  const change = (present: Variables) =>
    Object.fromEntries(Object.entries(present).filter(([name]) => !removed.includes(name)));
  return { action, assigned: {}, removed, change };
}

/** A name that is not there is already as it was asked for; it may be a mistake all the same. */
function warnOfAbsent(
  names: readonly string[],
  present: Variables,
  { report }: Pick<Context, "report">,
): void {
  for (const name of names.filter((one) => !Object.hasOwn(present, one))) {
    const meant = closest(name, Object.keys(present));
    report({
      kind: "warning",
      message: `there is no variable ${redactWord(name)}`,
      ...(meant !== undefined && { hint: `did you mean ${meant}?` }),
    });
  }
}

/**
 * Reads each `NAME=VALUE`, then the value of a bare `NAME` from stdin. Throws a CliError (exit 2) without a
 * value for what would be refused later, as far as it can be before anything is read.
 */
async function assignmentsIn(
  words: readonly string[],
  { stdin, signal }: Pick<Context, "stdin" | "signal">,
): Promise<Variables> {
  const bare = words.filter((word) => !word.includes("="));
  for (const refused of bare.map(refusedVariable)) if (refused) throw refusalOf(refused);
  if (bare.length > 1)
    throw new CliError("argument-unexpected", "env set: only one value can come from stdin", {
      hint: "set one variable after the other, or give the others as NAME=VALUE",
    });
  const given = words.filter((word) => word.includes("=")).map(assignmentIn);
  const [name] = bare;
  if (name === undefined) return Object.fromEntries(given);
  const value = await secretValue(name, stdin, { most: LARGEST_ENVIRONMENT, signal });
  return Object.fromEntries([...given, assigned(name, value)]);
}

function assignmentIn(word: string): [string, string] {
  const at = word.indexOf("=");
  return assigned(word.slice(0, at), word.slice(at + 1));
}

function assigned(name: string, words: string): [string, string] {
  const read = readVariable(name, words);
  if ("value" in read) return [name, read.value];
  throw refusalOf(read);
}

const refusalOf = ({ shown, fault }: RefusedVariable): CliError =>
  new CliError("value-invalid", `env set: ${shown}: ${fault}`, {
    hint:
      shown === "API_GATEWAY_ENDPOINT"
        ? ["to set it anew: ", invocation("deploy", { only: ["endpoint"] })]
        : undefined,
  });

/** What each deploy writes. Only the shipped handler needs a backend besides. */
const ofTheStack = ["API_GATEWAY_ENDPOINT", "SIGNING_KEYS"];

function refuseRemoval(names: readonly string[], needed: readonly string[]): void {
  const name = names.find((one) => needed.includes(one));
  if (name === undefined) return;
  throw new CliError("variable-needed", `${name} is not removed: the function needs it`, {
    hint: name === "BACKEND_URL" ? "give it another value with env set" : undefined,
  });
}

interface Found extends Changeable {
  /** The variables that clients are served with. */
  served: Variables;
}

/** The variables of the function. Throws where it is missing. */
async function variablesOf(
  { run: { aws } }: OpenStack<WebSocketStack>,
  functionName: string,
  action: Action,
): Promise<Found> {
  const { deployedFunction, functionMissing } = await import("../aws/lambda-function.ts");
  const found = await deployedFunction(aws, functionName);
  if (!found) throw functionMissing(aws, functionName);
  const served = found.variables;
  if (action === "list") return { served, latest: served, rolledBackTo: null };
  const { changeableVariables } = await import("../aws/release-variables.ts");
  return { served, ...(await changeableVariables(aws, functionName)) };
}

const sameVariables = (one: Variables, other: Variables): boolean =>
  differing(one, other, () => "").length === 0;

type Display = (name: string, value: string) => string;

/** Values as the plan shows them. */
const displayIn =
  ({ lambdaFunction: { secret = {} } }: WebSocketStack): Display =>
  (name, value) =>
    (secret[`Environment.${name}`] ?? (() => "***"))(value);

function differing(before: Variables, after: Variables, display: Display): EnvResult["changes"] {
  const shown = (name: string, value: string | undefined) =>
    value === undefined ? null : display(name, value);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .toSorted()
    .map((name) => ({ name, from: shown(name, before[name]), to: shown(name, after[name]) }));
}

const stateOf = (
  variables: Variables,
  display: Display,
): Pick<EnvResult, "variables" | "bytes" | "bytesAtMost"> => ({
  variables: Object.keys(variables)
    .toSorted()
    .map((name) => ({ name, value: display(name, variables[name] ?? "") })),
  bytes: sizeOf(variables),
  bytesAtMost: LARGEST_ENVIRONMENT,
});

/**
 * Asks the backend from this machine, the way the handler will call it. Throws a CliError (exit 1) where it
 * does not accept that: nothing was written then.
 */
async function askBackend(
  wanted: Variables,
  { report, signal }: Pick<Context, "report" | "signal">,
): Promise<BackendProbe> {
  const { type } = defaultSettings();
  const client = { backendUrl: undefined, variables: {}, token: undefined, type, booking: undefined };
  const keys = signingKeysIn(wanted["SIGNING_KEYS"] ?? "", "the function's SIGNING_KEYS");
  const subject = subjectOf(client, wanted, keys);
  report({ kind: "debug", message: `asking ${subject.backendUrl} from this machine` });
  const probe = await probeBackend(subject, { signal });
  if (probe.code === "reached") return probe;
  const { backendUrl, meaning, fix } = probe;
  throw new CliError(
    "backend-unusable",
    `nothing was written: ${backendUrl}, as asked from this machine: ${meaning}`,
    {
      hint: [
        ...(fix === null ? [] : typeof fix === "string" ? [fix] : fix),
        "; --no-probe writes it all the same",
      ],
    },
  );
}

/** The next deploy writes what is configured. */
function warnOfConfig(
  changes: EnvResult["changes"],
  wanted: Variables,
  { backendUrl, variables }: Pick<OptionsOf<"env">, "backendUrl" | "variables">,
  { report }: Pick<Context, "report">,
): void {
  const configured: Variables = {
    ...variables,
    ...(backendUrl !== undefined && { BACKEND_URL: backendUrl }),
  };
  const undone = changes.filter(
    ({ name }) => Object.hasOwn(configured, name) && configured[name] !== wanted[name],
  );
  if (undone.length === 0) return;
  report({
    kind: "warning",
    message: `the next deploy writes what is configured for ${undone.map(({ name }) => name).join(", ")}`,
    hint: `change it there as well (${settingTable.backendUrl.key}, ${settingTable.variables.key})`,
  });
}
