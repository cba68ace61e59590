import { isGood, isUnauthorized, wordsOf } from "../verify/backend/answer.ts";
import { askSigned } from "../verify/backend/ask-once.ts";
import { subjectOf } from "../verify/backend/subject.ts";
import { backendKeys, command as invocation, deployAgain, giveKeys, joined } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { DeployedFunction } from "../aws/lambda-function.ts";
import type { releaseEnvironment as ReleaseEnvironment } from "../aws/release-variables.ts";
import type { Variables } from "../aws/variables.ts";
import type { OptionsOf } from "../settings/commands.ts";
import { defaultSettings } from "../settings/table.ts";
import { fingerprint, newSigningKey } from "../contract/signature.ts";
import type { OpenStack, Place } from "../stack/deploy.ts";
import type { Aws } from "../aws/clients.ts";
import { actionNamed } from "../cli/action.ts";
import type { Command } from "../cli/command.ts";
import { functionOf } from "../cli/function-of.ts";
import { nothing, typing } from "../cli/next.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";
import { placeText } from "../terminal/changes.ts";
import { minuteOf } from "../terminal/record.ts";

const actions = ["show", "rotate"] as const;
type Action = (typeof actions)[number] | "finish";

interface KeysResult extends Place {
  action: Action;
  changed: boolean;
  functionName: string;
  /** Newest first; `key` only where it was asked for. */
  keys: { fingerprint: string; key?: string }[];
  /** When the function was last written: its keys are at least that old. ISO time. */
  unchangedSince: string | null;
  /** What else clients get with it: it was changed by other ways since the release that served. */
  alsoServed: readonly string[];
}

export const command: Command<"backend keys", KeysResult> = {
  async run({ finish: isFinish, force, showKeys, keepReleases, ...options }, context) {
    const { functionName } = options;
    const action = actionIn(context.args, isFinish);
    const open = await context.stack(options);
    const { stack, run } = open;
    const { place, ...of } = await functionOf(open, { isChanged: action !== "show" }, context);
    const found = await deployed(run.aws, functionName);
    const publisher = { ...of, run: stack.identity.run, keepReleases };
    const change = { functionName, force, showKeys, place, publisher };
    if (action === "finish") return await finish(run, change, found);
    if (action === "rotate") return await rotate(run.aws, change, keysOf(found.variables));
    return resultOf(change, keysOf(found.variables), { action, changed: false, since: found.lastModified });
  },

  render({ action, functionName, changed, keys, unchangedSince, ...place }, { quiet }) {
    const count = keys.length === 0 ? "no key" : keys.length === 1 ? "1 key" : "2 keys";
    const since = unchangedSince && keys.length > 0 ? `, not changed since ${minuteOf(unchangedSince)}` : "";
    const state = action === "finish" && !changed ? "no rotation in progress: " : changed ? "now " : "";
    const rows = keys.map(
      ({ fingerprint: print, key }, index) =>
        `  ${index === 0 ? "newest" : "older "}  ${print}${key ? `  ${key}` : ""}`,
    );
    return joined([
      action === "show" || quiet ? placeText(place) : undefined,
      `${state}${functionName} signs with ${count}${since}`,
      ...rows,
    ]);
  },

  next({ keys, changed: isChanged }) {
    if (keys.length === 0) return typing(deployAgain, "to create a key");
    if (keys.length === 2)
      return [
        { what: "to write both keys to a file", command: [backendKeys()] },
        { what: "once the backend runs with both", command: [finishRotation] },
      ];
    return isChanged
      ? typing(backendKeys(), "to write the key that is left to a file")
      : nothing("one key is in use");
  },
};

function actionIn([word = "show"]: readonly string[], isFinish: boolean): Action {
  const action = actionNamed("backend keys", word, actions);
  if (isFinish && action !== "rotate")
    throw new CliError("options-contradict", "--finish requires rotate", { hint: ["use: ", finishRotation] });
  return isFinish ? "finish" : action;
}

async function deployed(aws: Aws, functionName: string): Promise<DeployedFunction> {
  const { deployedFunction, functionMissing } = await import("../aws/lambda-function.ts");
  const found = await deployedFunction(aws, functionName);
  if (found) return found;
  throw functionMissing(aws, functionName);
}

/** What is changed, and how. */
type Change = Pick<OptionsOf<"backend keys">, "functionName" | "force" | "showKeys"> & {
  place: Place;
  publisher: Omit<Parameters<typeof ReleaseEnvironment>[3], "afterRollback">;
};

const keysOf = ({ SIGNING_KEYS = "" }: Variables): string[] =>
  signingKeysIn(SIGNING_KEYS, "the function's SIGNING_KEYS", [
    "deploy creates a new key for the function and the backend: ",
    deployAgain,
  ]);

/** The environment with this change, which is released. */
async function changed(
  aws: Aws,
  { functionName, publisher }: Change,
  change: (present: Variables) => Variables,
): Promise<{ variables: Variables; alsoServed: readonly string[] }> {
  const { releaseEnvironment } = await import("../aws/release-variables.ts");
  const released = { ...publisher, afterRollback: "refused" as const };
  return await releaseEnvironment(aws, functionName, change, released);
}

async function rotate(aws: Aws, change: Change, served: readonly string[]): Promise<KeysResult> {
  const fresh = newSigningKey();
  const { variables, alsoServed } = await changed(aws, change, (present) => ({
    ...present,
    SIGNING_KEYS: withFresh(fresh, keysOf(present), served).join(","),
  }));
  return resultOf(change, keysOf(variables), { action: "rotate", changed: true, alsoServed });
}

/**
 * The keys with a new one in front. Where that is already there, an earlier try was carried out and only its
 * answer lost; where one is there that is not served, an earlier run was cut between the two.
 */
function withFresh(fresh: string, keys: readonly string[], served: readonly string[]): readonly string[] {
  const isCut = keys.length === 2 && served.length === 1 && served[0] === keys[1];
  if (keys[0] === fresh || isCut) return keys;
  if (keys.length === 0) {
    throw new CliError("no-signing-key", "the function has no signing key to rotate", {
      hint: ["deploy creates one: ", deployAgain],
    });
  }
  if (keys.length === 1) return [fresh, ...keys];
  throw new CliError("rotation-unfinished", "a rotation is in progress: the function signs with two keys", {
    hint: giveKeys(finishRotation),
  });
}

async function finish(
  { aws, signal, report }: Pick<OpenStack["run"], "aws" | "signal" | "report">,
  change: Change,
  { variables, lastModified }: DeployedFunction,
): Promise<KeysResult> {
  const [newest, older] = keysOf(variables);
  if (newest === undefined || older === undefined) {
    return resultOf(change, newest === undefined ? [] : [newest], {
      action: "finish",
      changed: false,
      since: lastModified,
    });
  }
  if (!change.force && change.publisher.owner === "own") throw ownUnasked();
  if (!change.force) await refuseUnlessKnown(newest, variables, signal);
  const written = await changed(aws, change, (present) => ({
    ...present,
    SIGNING_KEYS: withoutOlder(newest, keysOf(present)),
  }));
  if (change.force && change.publisher.owner !== "own")
    await warnUnlessKnown(newest, variables, { signal, report });
  const { alsoServed } = written;
  return resultOf(change, keysOf(written.variables), { action: "finish", changed: true, alsoServed });
}

/** What own code calls is asked nothing of our contract. */
const ownUnasked = (): CliError =>
  new CliError(
    "new-key-refused",
    "the old key was kept: the function runs your own code, so that nothing here tells who knows the new one",
    {
      hint: [
        "where all that checks its signatures knows the new key: ",
        invocation("backend keys", { finish: true, force: true }, "rotate"),
      ],
    },
  );

function withoutOlder(newest: string, keys: readonly string[]): string {
  if (keys[0] === newest) return newest;
  throw new CliError(
    "keys-changed-meanwhile",
    "another run changed the keys: nothing was changed by this one",
    {
      hint: ["check them: ", invocation("backend keys", {}, "show")],
    },
  );
}

/**
 * Several, each over its own connection, because a backend may have several workers of which some still run
 * with the old keys.
 */
const PROOFS = 8;

/** The answer tells of the keys before it tells of a client. */
const anyClient = {
  backendUrl: undefined,
  variables: {},
  token: undefined,
  type: defaultSettings().type,
  booking: undefined,
};

/** The first answer that does not accept the new key alone, and who gave it; undefined where all do. */
async function refusalOf(newest: string, variables: Variables, signal: AbortSignal) {
  // The function's own address counts, not the one that a next deploy would give it.
  const subject = subjectOf(anyClient, variables, [newest]);
  for (let proof = 0; proof < PROOFS; proof++) {
    const exchange = await askSigned(subject, { signal });
    if (!isGood(exchange)) return { exchange, backendUrl: subject.backendUrl };
  }
  return undefined;
}

/**
 * Asks the backend with the new key alone, before the old one goes. Throws a CliError (exit 4) unless it
 * accepts that every time.
 */
async function refuseUnlessKnown(newest: string, variables: Variables, signal: AbortSignal): Promise<void> {
  const refusal = await refusalOf(newest, variables, signal);
  if (!refusal) return;
  const { exchange, backendUrl } = refusal;
  throw new CliError(
    "new-key-refused",
    `the old key was kept: ${backendUrl} does not accept the new one alone (${wordsOf(exchange)})`,
    {
      hint: isUnauthorized(exchange)
        ? giveKeys(finishRotation)
        : ["check with: ", invocation("backend check"), "; if the backend knows the new key, add --force"],
    },
  );
}

/** With `--force` the old key is gone whatever the backend says: then that is told. */
async function warnUnlessKnown(
  newest: string,
  variables: Variables,
  { signal, report }: Pick<OpenStack["run"], "signal" | "report">,
): Promise<void> {
  if (!URL.canParse(variables["BACKEND_URL"] ?? "")) return;
  const refusal = await refusalOf(newest, variables, signal);
  if (!refusal) return;
  const { exchange, backendUrl } = refusal;
  const said = `${backendUrl} does not accept the only key that is left (${wordsOf(exchange)})`;
  report(
    isUnauthorized(exchange)
      ? {
          kind: "warning",
          message: `${said}: it refuses every client until it has that key`,
          hint: giveKeys(invocation("backend check")),
        }
      : {
          kind: "warning",
          message: `${said}: whether it knows that key is not proven`,
          hint: ["check with: ", invocation("backend check")],
        },
  );
}

function resultOf(
  { functionName, showKeys, place }: Change,
  keys: readonly string[],
  {
    action,
    changed,
    since = null,
    alsoServed = [],
  }: Pick<KeysResult, "action" | "changed"> & { since?: string | null; alsoServed?: readonly string[] },
): KeysResult {
  return {
    ...place,
    action,
    changed,
    functionName,
    keys: keys.map((key) => ({ fingerprint: fingerprint(key), ...(showKeys ? { key } : {}) })),
    unchangedSince: since,
    alsoServed,
  };
}

const finishRotation = invocation("backend keys", { finish: true }, "rotate");
