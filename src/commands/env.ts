import type { Changeable } from "../aws/release-variables.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";
import { LARGEST_ENVIRONMENT, refuseTooLarge, sizeOf, type Variables } from "../aws/variables.ts";
import { probeBackend, type BackendProbe } from "../verify/backend/ask-once.ts";
import { subjectOf } from "../verify/backend/subject.ts";
import { askedIn, changeBy, refuseRemoval, valueOf, type Action } from "../cli/asked-variables.ts";
import { closest } from "../errors/closest.ts";
import type { Command } from "../cli/command.ts";
import { functionOf } from "../cli/function-of.ts";
import { nothing, typing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import {
  command as invocation,
  deployAgain,
  giveKeys,
  joined,
  partsOf,
  type Advice,
} from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { checkBackendUrl } from "../resources/config.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import type { OptionsOf } from "../settings/commands.ts";
import { redactWord } from "../settings/redact.ts";
import { defaultSettings, settingTable } from "../settings/table.ts";
import type { OpenStack, Place } from "../stack/deploy.ts";
import { differenceText, placeText } from "../terminal/changes.ts";
import { oneLine, table } from "../terminal/format.ts";

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
  /** What else clients get with it: it was changed by other ways since the release that served. */
  alsoServed: readonly string[];
}

export const command: Command<"env", EnvResult> = {
  async run(
    { probe: isProbed, allowHttp, backendUrl, variables: configured, keepReleases, ...names },
    context,
  ) {
    const { functionName } = names;
    const { action, removed, given, unread } = askedIn(context.args);
    const shown = unread === "BACKEND_URL" ? unread : undefined;
    const checkBackend = ({ BACKEND_URL: url }: Variables) =>
      url ? checkBackendUrl({ ...names, allowHttp, backendUrl: url }, context.report, shown) : undefined;
    // A person is asked last: for no secret that is refused then.
    const isTyped = unread !== undefined && context.stdin.isTTY;
    const piped = isTyped ? {} : await valueOf(unread, context);
    refuseTooLarge(functionName, { ...given, ...piped });
    checkBackend({ ...given, ...piped });
    const open = await context.stack(names);
    const { place, ...of } = await functionOf(open, { isChanged: action !== "list" }, context);
    const { owner } = of;
    const found = await variablesOf(open, functionName, action);
    const typed = isTyped ? await valueOf(unread, context) : {};
    checkBackend(typed);
    const change = changeBy({ removed, given: { ...given, ...piped, ...typed } });
    const isServed = sameVariables(found.served, change(found.served));
    const present = found.rolledBackTo !== null || isServed ? found.latest : found.served;
    if (owner !== "own") refuseRemoval(removed, ["BACKEND_URL"]);
    warnOfAbsent(removed, present, context);
    const wanted = change(present);
    const display = displayIn(open.stack);
    const changes = differing(present, wanted, display);
    const rolledBackTo = isServed ? null : found.rolledBackTo;
    const result = { action, functionName, changes, rolledBackTo, alsoServed: [], ...place };
    if (changes.length === 0) return { ...result, ...stateOf(present, display), changed: false, probe: null };
    refuseTooLarge(functionName, wanted);
    const isNew = wanted["BACKEND_URL"] !== present["BACKEND_URL"];
    // Own code asks it in its own way.
    const probe = isNew && isProbed && owner !== "own" ? await askBackend(wanted, context, shown) : null;
    warnOfConfig(changes, wanted, { backendUrl, variables: configured }, context);
    const { releaseEnvironment } = await import("../aws/release-variables.ts");
    const afterRollback = "waits" as const;
    const publisher = { ...of, run: open.stack.identity.run, keepReleases, afterRollback };
    let before = present;
    const { variables: written, ...ending } = await releaseEnvironment(
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
      ...ending,
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
  deployAgain,
];

/** A variable that was not there, or is not any more, has no second value to show. */
function changeText({ name, from, to }: EnvResult["changes"][number]): string {
  if (from === null) return `${name}: added, ${to}`;
  if (to === null) return `${name}: removed, was ${from}`;
  return from === to ? `${name}: changed` : differenceText({ path: name, from, to });
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
 * does not accept that: nothing was written then. `shown` stands for an address that came unseen.
 */
async function askBackend(
  wanted: Variables,
  { report, signal }: Pick<Context, "report" | "signal">,
  shown: string | undefined,
): Promise<BackendProbe> {
  const { type } = defaultSettings();
  const client = { backendUrl: undefined, variables: {}, token: undefined, type, booking: undefined };
  const keys = signingKeysIn(wanted["SIGNING_KEYS"] ?? "", "the function's SIGNING_KEYS");
  const subject = subjectOf(client, wanted, keys);
  report({ kind: "debug", message: `asking ${shown ?? subject.backendUrl} from this machine` });
  const probe = await probeBackend(subject, { signal });
  if (probe.code === "reached") return probe;
  const { code, backendUrl, meaning } = probe;
  const again = invocation("env", {}, "set", "BACKEND_URL=URL");
  const fix = code === "keys-unknown" ? giveKeys(again) : probe.fix;
  throw new CliError(
    "backend-unusable",
    `nothing was written: ${shown ?? backendUrl}, as asked from this machine: ${meaning}`,
    {
      hint: [...partsOf(fix ?? ""), "; --no-probe writes it all the same"],
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
