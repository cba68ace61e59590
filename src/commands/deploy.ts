import type { Aws } from "../aws/clients.ts";
import { signingKeysIn } from "../aws/signing-keys.ts";
import type { Variables } from "../aws/variables.ts";
import type { BackendProbe } from "../verify/backend/ask-once.ts";
import type { Command, Notice } from "../cli/command.ts";
import type { Context } from "../cli/context.ts";
import type { Artifact } from "../artifact/zip.ts";
import { codeFor, codeToUpload, isOwnCode } from "../code/code.ts";
import { deployRounds, type Round } from "../code/rounds.ts";
import { command as invocation, joined, partsOf, type Advice, type Invocation } from "../errors/advice.ts";
import { exitCodes } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { checkBackendUrl, checkVariables, keepBackend } from "../resources/config.ts";
import type { WebSocketStack } from "../resources/stack.ts";
import type { OptionsOf } from "../settings/commands.ts";
import {
  deployStack,
  planStack,
  type Before,
  type DeployableStack,
  type DeployOutcome,
  type OpenStack,
} from "../stack/deploy.ts";
import type { Change } from "../stack/engine.ts";
import { deploymentText, placeText } from "../terminal/changes.ts";
import { duration, oneLine, plural } from "../terminal/format.ts";
import { asRecord, clockTime } from "../terminal/record.ts";
import { style } from "../terminal/style.ts";
import {
  faultIn,
  nextAfter,
  nextAfterProbe,
  smokeTest,
  unprovenBy,
  type NextClient,
  type SmokeTest,
} from "../verify/proof.ts";
import type { Unproven } from "../verify/unproven.ts";

/** `changed`: whether anything in AWS was changed (with `--dry-run`: would be). */
interface Deployed extends DeployOutcome {
  dryRun: boolean;
  /** The front end's variable. */
  frontend: { VITE_WS_API_ENDPOINT: string } | null;
  /** What prints the backend's variables: its signing keys are secret. */
  backend: { environment: Invocation } | null;
  /** What the new backend said before its address was written; null where it was not asked. */
  probe: BackendProbe | null;
  /** How the smoke test ended; null where there was none: nothing changed, or it was not wanted. */
  test: SmokeTest | null;
  /** Which release serves clients after a smoke test that failed; null where it did not, or none serves. */
  release: Serving | null;
  /** What could not be proven. */
  unproven: Unproven[];
  /** What to do now; null where there is no stage yet, or nothing was done. */
  next: Invocation | null;
}

/** With `--watch` of its beginning; `rounds`: how many there were then, null without it. */
interface DeployResult extends Deployed {
  rounds: number | null;
}

/** With `--watch`: that it watches `place`, after the deploy that it begins with; then each round. */
type DeployItem = { kind: "watching"; place: string; deployed: Deployed } | Round;

interface Serving {
  serves: string;
  /** The one that served before this run, where it moved on; null where there is none. */
  before: string | null;
  /** Whether this run has taken its own release back. */
  rolledBack: boolean;
  /** Who lets another release than this one serve since; it stays. Null where that is not so. */
  movedBy: string | null;
}

export const command: Command<"deploy", DeployResult, DeployItem> = {
  async run(
    {
      watch,
      only,
      codeOnly,
      adopt,
      replaceCode,
      dryRun,
      test,
      strict,
      rollbackOnFailure,
      allowHttp,
      booking,
      type,
      token,
      tokenStdin,
      ...stack
    },
    context,
  ) {
    const limits = { only, codeOnly, dryRun, allowHttp };
    const proof = { test, strict, rollbackOnFailure, booking, type, token, tokenStdin };
    const options = { ...stack, ...limits, ...proof };
    const open = (artifact: Artifact) => context.stack({ ...options, adopt, replaceCode }, artifact);
    if (!watch) return { ...(await deployOnce(options, open, context)), rounds: null };
    refuseUnwatchable(options);
    return await deployAndWatch(options, open, context);
  },

  exitCode({ test, unproven }, { strict }) {
    const hasFailed = test !== null && test.fault !== null;
    return hasFailed || (strict && unproven.length > 0) ? exitCodes.different : exitCodes.done;
  },

  listsChanges: true,
  untilInterrupted: ({ watch }) => watch,

  line: (item, { only, strict, quiet }) =>
    item.kind === "round"
      ? roundText(item)
      : joined([deployedText(item.deployed, { only, strict, quiet }), "", watchingText(item)]),

  summary: (result, { only, strict }) => [
    `${placeText(result)}\n`,
    ...deploymentText(result, { ...result, only, strict }),
  ],

  notices({ test, release, unproven, next }, { strict }) {
    const fault = test ? faultIn(test) : undefined;
    const failed: Notice[] = fault
      ? [{ level: "error", message: `the smoke test failed: ${fault}`, hint: next && ["next: ", next] }]
      : [];
    const serving: Notice[] = release
      ? [{ level: "warning", message: servingText(release), hint: takingBack(release) }]
      : [];
    const open = unproven.map(({ what, why, fix }): Notice => ({
      level: strict ? "error" : "warning",
      message: `not proven: ${what}: ${why}`,
      hint: fix,
    }));
    return [...failed, ...serving, ...open];
  },

  render: ({ rounds, ...deployed }, options) =>
    rounds === null ? deployedText(deployed, options) : plural(rounds, "round"),
};

type DeployOptions = Omit<OptionsOf<"deploy">, "watch" | "adopt" | "replaceCode">;
/** Opens the stack with the code to deploy. */
type Open = (artifact: Artifact) => Promise<DeployableStack<WebSocketStack>>;

/** What was deployed, or would be. */
function deployedText(
  result: Deployed,
  { only, strict, quiet }: Pick<DeployOptions, "only" | "strict" | "quiet">,
): Advice {
  const isPlaced = !result.dryRun && !quiet;
  return [
    ...(isPlaced ? [] : [`${placeText(result)}\n`]),
    ...deploymentText(result, { ...result, only, strict }),
    ...servingLines(result.release),
    ...(result.next === null ? [] : ["\n\nnext: ", result.next]),
  ];
}

/** Deploys, and then the code alone with each change until Ctrl-C. */
async function deployAndWatch(
  options: DeployOptions,
  open: Open,
  context: Context<DeployItem>,
): Promise<DeployResult> {
  const { report, signal, emit } = context;
  const place = options.source ?? options.zip ?? "";
  let deployed: Deployed | undefined;
  const rounds = deployRounds({ options, open, report, signal }, async () => {
    deployed = await deployOnce(options, open, context);
    emit({ kind: "watching", place, deployed });
  });
  let count = 0;
  for await (const round of rounds) {
    count++;
    emit(round);
  }
  if (!deployed) throw new CliError("interrupted", "interrupted");
  return { ...deployed, rounds: count };
}

const watchingText = ({ place }: DeployItem & { kind: "watching" }): string =>
  `watching ${place}: each change deploys the code, without a smoke test; Ctrl-C ends`;

/** One line: when, what came of it, and how long it took. */
function roundText({ at, ms, changed, release, error }: Round): Advice {
  const outcome = changed
    ? style.green(`deployed${release === null ? "" : ` as release ${release}`}`)
    : "no change of the code";
  if (error === null) return asRecord(style.dim(clockTime(at)), `${outcome} in ${duration(ms)}`);
  const text = `${style.red("not deployed:")} ${error.message}`;
  return joined([
    asRecord(style.dim(clockTime(at)), text),
    error.hint === null ? undefined : ["  ", ...partsOf(error.hint)],
  ]);
}

/** What goes with no `--watch`, refused before any call. */
function refuseUnwatchable(options: Pick<DeployOptions, "dryRun" | "only" | "source" | "zip">): void {
  if (!isOwnCode(options))
    throw new CliError(
      "options-contradict",
      "--watch needs --source or --zip: the shipped handler does not change",
      {
        hint: "name the folder of your own code, or leave --watch out",
      },
    );
  if (options.dryRun || options.only)
    throw new CliError(
      "options-contradict",
      `--watch deploys the code with each change, and ${options.dryRun ? "--dry-run" : "--only"} does not`,
      { hint: "leave one of them out" },
    );
}

async function deployOnce(
  {
    only,
    codeOnly,
    dryRun,
    test,
    strict,
    rollbackOnFailure,
    allowHttp,
    booking,
    type,
    token: given,
    tokenStdin,
    ...options
  }: DeployOptions,
  openWith: Open,
  context: Context<DeployItem>,
): Promise<Deployed> {
  const limits = { only, codeOnly };
  check({ ...options, ...limits, allowHttp }, context);
  const isTested = test && !dryRun && !only;
  // Asked for first: a person should not wait for a deploy to be asked at its end.
  const token = isTested ? await context.token({ token: given, tokenStdin }) : given;
  const own = isOwnCode(options);
  const client = { ...options, booking, type, token, strict, own };
  const artifact = await (dryRun ? codeFor : codeToUpload)(options, context);
  const open = await openWith(artifact);
  let probe: BackendProbe | null = null;
  const keep = (backendUrl: string | null) => {
    if (!isPartial(limits) && !options.backendUrl && !own)
      keepBackend(backendUrl, { ...options, allowHttp }, context.report);
  };
  const before: Before<Change> = async (changes, place) => {
    context.report({ kind: "note", message: placeText(place) });
    keep(open.backendIn(changes));
    // After a whole deploy the smoke test asks the backend, by way of the function.
    if (test && !isTested && !own) probe = await askNewBackend(open.stack, changes, client, context);
  };
  const deployment = await (dryRun ? wouldDeploy(open, limits) : deployStack(open, limits, before));
  if (dryRun && deployment.resources.every(({ unread }) => unread === null)) keep(deployment.backendUrl);
  const { changed, url } = deployment;
  const tested = isTested && changed && url !== null ? await smokeTest(url, client, open.run) : null;
  return {
    ...deployment,
    dryRun,
    ...environments(url),
    probe,
    test: tested,
    release: await served(open, deployment, { tested, rollbackOnFailure }),
    unproven: [...unprovenProbe(probe), ...(tested ? unprovenBy(tested) : [])],
    next: url === null || dryRun ? null : next(tested, probe, { booking, token: given, tokenStdin, own }),
  };
}

/** What the deploy would do. Throws where it would be refused. */
async function wouldDeploy(...of: Parameters<typeof planStack>): Promise<DeployOutcome> {
  const { outcome, refusal } = await planStack(...of);
  if (refusal) throw refusal;
  return outcome;
}

/** What fits the cause: of a new backend that is not proven, or of what the smoke test found. */
const next = (tested: SmokeTest | null, probe: BackendProbe | null, client: NextClient): Invocation =>
  probe === null || probe.code === "reached" ? nextAfter(tested, client) : nextAfterProbe(probe);

/**
 * Which release serves after a smoke test that failed: this run's, or again the one before where that is
 * wanted; or the one that another run has let serve in the meantime, which this one's test says nothing of.
 */
async function served(
  { stack, run }: OpenStack<WebSocketStack>,
  { resources }: Pick<DeployOutcome, "resources">,
  { tested, rollbackOnFailure }: { tested: SmokeTest | null; rollbackOnFailure: boolean },
): Promise<Serving | null> {
  if (tested === null || tested.fault === null) return null;
  const { from, to } = resources
    .find(({ id }) => id === stack.alias.id)
    ?.differences.find(({ path }) => path === "FunctionVersion") ?? { from: null, to: null };
  const before = typeof from === "string" ? from : null;
  const own = typeof to === "string" ? to : null;
  const back = rollbackOnFailure ? before : null;
  return await servedInstead(run.aws, stack.lambdaFunction.name, { before, own, back });
}

/** What serves once `own` is taken back, where it still serves; without `back` it stays. */
async function servedInstead(
  aws: Aws,
  functionName: string,
  of: { before: string | null; own: string | null; back: string | null },
): Promise<Serving | null> {
  const { before, own, back } = of;
  const { moverIn, readReleases, serveOlder } = await import("../aws/releases.ts");
  const found = await readReleases(aws, functionName);
  if (!found || found.serves === null) return null;
  const stays = { serves: found.serves, before, rolledBack: false, movedBy: null };
  if (own !== null && found.serves !== own) return { ...stays, movedBy: moverIn(found) };
  if (back === null) return stays;
  const serves = await serveOlder(aws, functionName, found, { serves: back, by: "deploy" });
  // Moved since it was read: what serves now is told.
  return serves === back
    ? { ...stays, serves, rolledBack: true }
    : await servedInstead(aws, functionName, { ...of, back: null });
}

function servingText({ serves, rolledBack, movedBy }: Serving): string {
  if (movedBy !== null)
    return `release ${serves} serves by now and stays, by ${oneLine(movedBy)}: not the one that was tested`;
  return rolledBack ? `release ${serves} serves again` : `release ${serves} serves`;
}

/** What serves the release before again; null where there is none, or this run's does not serve any more. */
const takingBack = ({ before, rolledBack, movedBy }: Serving): Advice | null =>
  before === null || rolledBack || movedBy !== null
    ? null
    : [`to serve release ${before} again: `, invocation("rollback", { toRelease: Number(before) })];

/** What serves now, and how what served before serves again. */
function servingLines(release: Serving | null): readonly (string | Invocation)[] {
  if (release === null) return [];
  const advice = takingBack(release);
  return [`\n\n${servingText(release)}`, ...(advice === null ? [] : ["; ", ...partsOf(advice)])];
}

/** What can be refused before any call. */
function check(
  options: Pick<
    OptionsOf<"deploy">,
    "only" | "codeOnly" | "backendUrl" | "env" | "allowHttp" | "functionName" | "variables"
  >,
  { report }: Pick<Context, "report">,
): void {
  if (options.backendUrl) checkBackendUrl(options, report);
  if (!isPartial(options)) checkVariables(options);
}

const isPartial = ({ only, codeOnly }: Pick<OptionsOf<"deploy">, "only" | "codeOnly">): boolean =>
  only !== undefined || codeOnly;

/** What the front end and the backend need, as soon as there is a stage. */
const environments = (url: string | null): Pick<DeployResult, "frontend" | "backend"> => ({
  frontend: url === null ? null : { VITE_WS_API_ENDPOINT: url },
  backend: url === null ? null : { environment: invocation("outputs", { outputsFor: "backend" }) },
});

type Asked = Pick<OptionsOf<"deploy">, "backendUrl" | "variables" | "booking" | "type" | "token" | "strict">;

/**
 * Asks a backend whose address is about to be written, from this machine, with the keys that the function
 * will sign with; null where the address stays as it is. One that cannot be proven is warned of; with
 * `--strict` nothing is written (CliError, exit 3).
 */
async function askNewBackend(
  { lambdaFunction }: WebSocketStack,
  changes: readonly Change[],
  { strict, ...client }: Asked,
  { report, signal }: Pick<Context, "report" | "signal">,
): Promise<BackendProbe | null> {
  const change = changes.find(({ resource }) => resource === lambdaFunction);
  const isNew = change?.differences.some(({ path }) => path === "Environment.BACKEND_URL") ?? false;
  if (!change?.target || !isNew) return null;
  const { Environment } = change.target as { Environment: Variables };
  const { Environment: present } = (change.found?.properties ?? {}) as { Environment?: Variables };
  const { SIGNING_KEYS = "" } = present ?? {};
  const [{ probeBackend }, { subjectOf }] = await Promise.all([
    import("../verify/backend/ask-once.ts"),
    import("../verify/backend/subject.ts"),
  ]);
  const subject = subjectOf(client, Environment, signingKeysIn(SIGNING_KEYS, "the function's SIGNING_KEYS"));
  const probe = await probeBackend(subject, { signal });
  if (probe.code === "reached") return probe;
  const message = `${probe.backendUrl} is not proven, as asked from this machine: ${probe.meaning}`;
  const hint = probe.fix ?? undefined;
  if (strict) throw new CliError("backend-unproven", `nothing was written: ${message}`, { hint });
  report({ kind: "warning", message: `${message}; it is written all the same`, ...(hint && { hint }) });
  return probe;
}

const unprovenProbe = (probe: BackendProbe | null): Unproven[] =>
  probe === null || probe.code === "reached"
    ? []
    : [{ code: probe.code, what: "that the backend can be reached", why: probe.meaning, fix: probe.fix }];
