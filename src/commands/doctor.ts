import { codeToCompare, codeToUpload, isOwnCode, ownerNamed } from "../code/code.ts";
import type { Command, Notice } from "../cli/command.ts";
import { typing } from "../cli/next.ts";
import { isCodeChanged, namingOwn } from "../cli/own-code.ts";
import type { Context } from "../cli/context.ts";
import { tellAlso } from "../cli/also-served.ts";
import { functionOf } from "../cli/function-of.ts";
import { tellFunction } from "../aws/code-owner.ts";
import { contentOf } from "../aws/function-content.ts";
import { afterChanges, command as invocation, joined, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { exitCodes } from "../errors/codes.ts";
import { checkBackendUrl } from "../resources/config.ts";
import { namesFor } from "../aws/own-code.ts";
import type { OptionsOf } from "../settings/commands.ts";
import { steps as allSteps, withoutReleasing, type Step } from "../settings/table.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import { deployStack, planStack, type DeployableStack, type Place } from "../stack/deploy.ts";
import { didWords, placeText } from "../terminal/changes.ts";
import { oneLine } from "../terminal/format.ts";
import { checkLines, countsOf, countsText } from "../terminal/checks.ts";
import type { ChangeLine } from "../stack/describe.ts";
import { managedByOther } from "../stack/ownership.ts";
import type { Reading } from "../verify/evidence.ts";
import { isBad, type CheckLine } from "../verify/examine.ts";
import { connecting } from "../verify/proof.ts";

interface DoctorResult extends Place {
  /** Whether no check failed. */
  healthy: boolean;
  passed: number;
  failed: number;
  warnings: number;
  skipped: number;
  /** The first cause in the order of the hops; null where nothing failed. */
  cause: CheckLine["code"];
  /** The steps that `--fix` has run. */
  repaired: readonly Step[];
  /** What it has created or changed with them. */
  changes: readonly ChangeLine[];
  /** The steps that repair what a deploy can repair. */
  steps: readonly Step[];
  /** The steps that `--fix` leaves out, as they would serve own code that was changed and not named. */
  leftOut: readonly Step[];
  /** What else clients get with `--fix`: it was changed by other ways since the release that served. */
  alsoServed: readonly string[];
  checks: CheckLine[];
}

type Options = OptionsOf<"doctor">;

export const command: Command<"doctor", DoctorResult> = {
  async run({ fix, taskRole, allowHttp, booking, token: given, tokenStdin, type, ...options }, context) {
    const token = await context.token({ token: given, tokenStdin });
    const client = { booking, token, type, backendUrl: options.backendUrl };
    const examine = (timeScale: number) => examined({ ...options, taskRole, client, timeScale }, context);
    const first = await examine(0);
    const { managedBy } = first;
    if (fix && managedBy !== null) throw managedByOther(`the stack ${options.functionName}`, managedBy);
    const steps = fix ? stepsIn(first.checks) : [];
    const { alsoServed, changes } =
      steps.length > 0 ? await repair(steps, first, { ...options, allowHttp }, context) : NOTHING;
    const { account, checks, leftOut } = steps.length > 0 ? await examine(1) : first;
    const counts = countsOf(checks);
    const { region, profile, endpointUrl } = await context.aws(options);
    return {
      account,
      region,
      profile: profile ?? null,
      endpointUrl: endpointUrl ?? null,
      stack: options.functionName,
      managedBy,
      healthy: counts.failed === 0,
      ...counts,
      cause: checks.find(({ outcome }) => outcome === "failed")?.code ?? null,
      repaired: steps,
      changes,
      steps: stepsIn(checks),
      leftOut,
      alsoServed,
      checks,
    };
  },

  render(
    { checks, passed, failed, warnings, skipped, repaired, changes, leftOut, alsoServed, steps, ...place },
    { fix },
  ) {
    return joined([
      placeText(place),
      "",
      ...checkLines(summed(checks)),
      "",
      countsText({ passed, failed, warnings, skipped }),
      ...(fix ? [repairedText({ repaired, changes, leftOut, alsoServed, steps })] : []),
    ]);
  },

  next({ healthy, steps }, { fix, booking = "ID", token, tokenStdin }) {
    if (healthy) return typing(connecting({ booking, token, tokenStdin }));
    return steps.length > 0 && !fix
      ? typing(invocation("doctor", { fix: true }), "to repair what a deploy can")
      : typing(invocation("doctor"), "once what failed first is repaired");
  },

  exitCode: ({ healthy }) => (healthy ? exitCodes.done : exitCodes.different),

  notices: ({ checks }) =>
    checks.filter(isBad).map(({ outcome, title, evidence, fix }): Notice => ({
      level: outcome === "failed" ? "error" : "warning",
      message: `${title}: ${evidence}`,
      hint: fix,
    })),
};

type Looking = Omit<Options, "fix" | "allowHttp" | "booking" | "token" | "tokenStdin" | "type"> & {
  client: Pick<Options, "booking" | "token" | "type" | "backendUrl">;
  timeScale: number;
};

interface Examined extends Pick<DoctorResult, "account" | "managedBy" | "leftOut" | "checks"> {
  /** Whether own code serves that was not named. */
  isOwnUnnamed: boolean;
}

/** Checks all hops once. */
async function examined(
  { client, timeScale, taskRole, functionName, apiName, stage, account: expected, ...options }: Looking,
  { aws: awsAt, report, signal }: Context,
): Promise<Examined> {
  const id = "doctor";
  const title = "asked every hop of a message";
  const startedAt = performance.now();
  report({ kind: "started", id, title });
  const [{ doctorChecks, eachKey }, { openEvidence }, { readersOf }, { examine }, aws, { compared }] =
    await Promise.all([
      import("../verify/selections.ts"),
      import("../verify/evidence.ts"),
      import("../verify/readers.ts"),
      import("../verify/examine.ts"),
      awsAt(options),
      codeToCompare(options, { report, signal }),
    ]);
  const named = ownerNamed(options);
  const { accessLogs, roleArn, routes } = options;
  const names = { functionName, apiName, stage, region: aws.region, account: expected, roleArn, routes };
  const code = compared && { sha256: compared.sha256, handler: options.handler, runtime: options.runtime };
  const looking = { aws, names, client, expected: code, named, accessLogs, taskRole, signal, timeScale };
  const read = openEvidence(readersOf(looking));
  const wanted = doctorChecks.filter(({ about }) => about !== "taskRole" || taskRole !== undefined);
  const examinedAll = await examine(wanted, read);
  signal.throwIfAborted();
  const backend = await read("backend");
  const isRotating = backend.kind === "present" && backend.value.subject.keys.length === 2;
  const checks = examinedAll.filter(({ id }) => id !== eachKey.id || isRotating);
  report({ kind: "finished", id, title, outcome: "done", ms: performance.now() - startedAt });
  const [caller, manager, owner] = await Promise.all([read("caller"), read("managedBy"), read("owner")]);
  const account = caller.kind === "present" ? caller.value.account : null;
  if (manager.kind === "unreadable")
    report({
      kind: "warning",
      message: `whether another tool manages the stack is not known: ${manager.error.message}`,
    });
  const managedBy = manager.kind === "present" ? manager.value : null;
  const kept = await read("kept");
  if (kept.kind === "present") await tellFunction(aws, functionName, kept.value);
  const found = { account, managedBy, leftOut: [], isOwnUnnamed: false };
  if (managedBy !== null) return { ...found, checks: leftTo(managedBy, checks) };
  const isOwnUnnamed = named === "shipped" && owner.kind === "present" && owner.value === "own";
  if (!isOwnUnnamed) return { ...found, checks };
  const left = keepingOwn(checks, await read("lambda"), await read("latest"));
  const leftOut = stepsIn(checks).filter((step) => !stepsIn(left).includes(step));
  return { ...found, isOwnUnnamed, leftOut, checks: left };
}

/**
 * Own code that was not named stays. Where it was changed since it serves, no step is run that would serve
 * it, and a fault of its own is repaired with it alone.
 */
function keepingOwn(
  checks: readonly CheckLine[],
  served: Reading<"lambda">,
  latest: Reading<"latest">,
): CheckLine[] {
  if (served.kind !== "present") return [...checks];
  const { Handler: handler = null, Runtime: runtime = null } = served.value;
  const own = { handler, runtime };
  // What cannot be read may be changed.
  const isChanged =
    latest.kind !== "present" || isCodeChanged(contentOf(served.value), contentOf(latest.value));
  const withOwn: Advice = ["with your own code: ", invocation("doctor", { fix: true, ...namesFor(own) })];
  return checks.map((line) => {
    const left = isChanged ? withoutReleasing(line.repair) : line.repair;
    if (left.length < line.repair.length) return { ...line, fix: withOwn, repair: left };
    return { ...line, fix: line.fix && namingOwn(line.fix, own, line.code) };
  });
}

/** What a deploy would repair, and is refused, is the other tool's to repair. */
const leftTo = (manager: string, checks: readonly CheckLine[]): CheckLine[] =>
  checks.map((line) =>
    line.repair.length > 0
      ? { ...line, fix: `change it with ${manager}, which manages it`, repair: [] }
      : line,
  );

/** The steps of a deploy that repair what failed or warns, in the order of the steps. */
const stepsIn = (checks: readonly CheckLine[]): Step[] =>
  allSteps.filter((step) => checks.some(({ repair: wanted }) => wanted.includes(step)));

type Deployable = Omit<Options, "fix" | "taskRole" | "booking" | "token" | "tokenStdin" | "type">;

type Repair = Pick<DoctorResult, "changes" | "alsoServed">;
const NOTHING: Repair = { changes: [], alsoServed: [] };

/**
 * Runs these steps of a deploy, which refuses what is not ours; all of them as a whole deploy. A release is
 * of everything in the function: variables that were changed since it serves are taken back first. Returns
 * what was changed, and the names of what else is served then.
 */
async function repair(
  steps: readonly Step[],
  { checks, isOwnUnnamed }: Examined,
  options: Deployable,
  context: Context,
): Promise<Repair> {
  const isWhole = steps.length === allSteps.length && !isOwnUnnamed;
  if (options.backendUrl || (isWhole && !isOwnCode(options))) checkBackendUrl(options, context.report);
  const only = isWhole ? undefined : steps;
  const open = await context.stack({ ...options, only }, await codeToUpload(options, context));
  const isToTakeBack = checks.some(({ id, repair: wanted }) => id === "release" && wanted.includes("env"));
  const taken = isToTakeBack ? await takeBack(open, only, context) : [];
  try {
    const { alsoServed, resources } = await deployStack(open, { only }, (_changes, place, also) => {
      context.report({ kind: "note", message: placeText(place) });
      if (also) tellAlso(also, context);
    });
    return { changes: resources.filter(({ action }) => action !== "none"), alsoServed };
  } catch (error) {
    throw taken.length > 0 ? afterTaking(taken, error) : error;
  }
}

/** A failure of the deploy, which knows nothing of what was written before it. */
function afterTaking(names: readonly string[], error: unknown): unknown {
  if (!(error instanceof CliError) || error.hint === undefined) return error;
  const { code, message, hint, cause } = error;
  const done = `nothing was changed but variables taken back: ${names.map(oneLine).join(", ")}`;
  return new CliError(code, message, { cause, hint: afterChanges(hint, done) });
}

/** Takes back the variables that do not serve, unless the deploy that follows would be refused. */
async function takeBack(
  open: DeployableStack<WebSocketStack>,
  only: readonly Step[] | undefined,
  { report }: Pick<Context, "report">,
): Promise<readonly string[]> {
  const { refusal } = await planStack(open, { only });
  if (refusal) throw refusal;
  const [{ takeBackVariables }, { check }] = await Promise.all([
    import("../aws/release-variables.ts"),
    // The deploy that follows says where it is, and refuses.
    functionOf(open, { isChanged: false }, { report }),
  ]);
  const names = await takeBackVariables(open.run.aws, open.stack.lambdaFunction.name, check);
  if (names.length > 0)
    report({
      kind: "note",
      message: `as the release that serves has them again: ${names.map(oneLine).join(", ")}`,
    });
  return names;
}

/** Checks that were skipped for one reason as one row, where the first of them stands. */
function summed(checks: readonly CheckLine[]): CheckLine[] {
  const isSkipped = ({ outcome }: CheckLine) => outcome === "skipped";
  return checks.flatMap((line, index) => {
    if (!isSkipped(line)) return [line];
    const same = (other: CheckLine) => isSkipped(other) && other.evidence === line.evidence;
    if (checks.findIndex(same) !== index) return [];
    const count = checks.filter(same).length;
    return [count === 1 ? line : { ...line, title: `${count} checks` }];
  });
}

/** What `--fix` has changed, what is wrong all the same (`steps`), and what it has left out. */
function repairedText({
  repaired,
  changes,
  leftOut,
  alsoServed,
  steps,
}: Pick<DoctorResult, "repaired" | "changes" | "leftOut" | "alsoServed" | "steps">): string {
  const open = repaired.filter((step) => steps.includes(step));
  const done = repaired.filter((step) => !steps.includes(step));
  const changed = changes.map(({ id, action }) => `${id} ${didWords[action]}`);
  // Variables that were taken back are changes of no resource.
  const what = changed.length > 0 ? changed : done;
  const texts = [
    ...(what.length > 0 ? [`${open.length > 0 ? "changed" : "repaired"}: ${what.join(", ")}`] : []),
    ...(open.length > 0 ? [`still wrong after it: ${open.join(", ")}`] : []),
    ...(alsoServed.length > 0
      ? [`served with it, as it was changed by other ways: ${alsoServed.map(oneLine).join(", ")}`]
      : []),
    ...(leftOut.length > 0
      ? [`${leftOut.join(", ")} not repaired: your own code was changed, and not named`]
      : []),
  ];
  return texts.length > 0 ? texts.join("; ") : "nothing here that a deploy can repair";
}
