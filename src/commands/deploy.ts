import { codeOwnerIn } from "../aws/code-owner.ts";
import type { CodeOwner } from "../aws/tags.ts";
import type { Serving } from "../aws/tested-release.ts";
import type { Variables } from "../aws/variables.ts";
import type { askNewBackend } from "../verify/backend/ask-new.ts";
import type { BackendProbe } from "../verify/backend/ask-once.ts";
import { tellAlso } from "../cli/also-served.ts";
import type { Command, Notice } from "../cli/command.ts";
import { deployOf, nextText, typing } from "../cli/next.ts";
import { provenBefore, served, servingLines, servingText, takingBack } from "../cli/serving.ts";
import type { Context } from "../cli/context.ts";
import type { Artifact } from "../artifact/zip.ts";
import { codeFor, codeToUpload, isOwnCode, ownerNamed } from "../code/code.ts";
import { deployRounds, type Round } from "../code/rounds.ts";
import {
  backendKeys,
  command as invocation,
  joined,
  partsOf,
  type Advice,
  type Invocation,
} from "../errors/advice.ts";
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
} from "../stack/deploy.ts";
import type { Change } from "../stack/engine.ts";
import { deploymentText, placeText, type CodeThen } from "../terminal/changes.ts";
import { duration, plural } from "../terminal/format.ts";
import { asRecord, clockTime } from "../terminal/record.ts";
import { style } from "../terminal/style.ts";
import {
  faultIn,
  nextAfter,
  nextAfterProbe,
  smokeTest,
  unprovenBy,
  type SmokeTest,
} from "../verify/proof.ts";
import { unprovenProbe, type Unproven } from "../verify/unproven.ts";

/** `changed`: whether anything in AWS was changed (with `--dry-run`: would be). */
interface Deployed extends Omit<DeployOutcome, "code"> {
  /** What the function has then; null where a deploy of some steps has not read it. */
  code: CodeThen | null;
  dryRun: boolean;
  /** The front end's variable. */
  frontend: { VITE_WS_API_ENDPOINT: string } | null;
  /** What writes the variables of the backend, if there is one, to a file: its signing keys are secret. */
  backend: { environment: Invocation } | null;
  /** What the new backend said before its address was written; null where it was not asked. */
  probe: BackendProbe | null;
  /** How the smoke test ended; null where there was none: nothing changed, or it was not wanted. */
  test: SmokeTest | null;
  /** Which release serves clients after a smoke test that failed; null where it did not, or none serves. */
  release: Serving | null;
  /** What could not be proven. */
  unproven: Unproven[];
}

/** With `--watch` of its beginning; `rounds`: how many there were then, null where nothing was watched. */
interface DeployResult extends Deployed {
  rounds: number | null;
}

/** With `--watch`: that it watches `place`, after the deploy that it begins with; then each round. */
type DeployItem = { kind: "watching"; place: string; deployed: Deployed } | Round;

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
    const request: Request = {
      stack: { ...stack, allowHttp },
      limits: { only, codeOnly },
      dryRun,
      proof: { test, isTested: test && !dryRun && !only, strict, rollbackOnFailure },
      client: { booking, type, token, tokenStdin },
      open: (artifact) => context.stack({ ...stack, only, adopt, replaceCode }, artifact),
    };
    if (!watch) return { ...(await deployOnce(request, context)), rounds: null };
    refuseUnwatchable(request);
    return await deployAndWatch(request, context);
  },

  exitCode: endOf,

  listsChanges: true,
  untilInterrupted: ({ watch }) => watch,

  line(item, options) {
    if (item.kind === "round") return roundText(item);
    const next = options.quiet ? [] : ["", nextText(typing(nextOf(item.deployed, options)))];
    return joined([deployedText(item.deployed, options), ...next, "", watchingText(item)]);
  },

  next: (result, options) => typing(nextOf(result, options)),

  summary: (result, { only, strict }) => [
    `${placeText(result)}\n`,
    ...deploymentText(result, { ...result, only, strict }),
  ],

  notices({ release, unproven, ...result }, options) {
    const fault = result.test ? faultIn(result.test) : undefined;
    const hint = nextText(typing(nextOf(result, options)));
    const failed: Notice[] = fault
      ? [{ level: "error", message: `the smoke test failed: ${fault}`, hint }]
      : [];
    const serving: Notice[] = release
      ? [{ level: "warning", message: servingText(release), hint: takingBack(release) }]
      : [];
    const open = unproven.map(({ what, why, fix }): Notice => ({
      level: options.strict ? "error" : "warning",
      message: `not proven: ${what}: ${why}`,
      hint: fix,
    }));
    return [...failed, ...serving, ...open];
  },

  render: ({ rounds, ...deployed }, options) =>
    rounds === null ? deployedText(deployed, options) : `${plural(rounds, "change")} while it was watched`,
};

type Options = OptionsOf<"deploy">;

/** What a deploy is asked for: its options, taken apart once. */
interface Request {
  stack: Omit<
    Options,
    | keyof (Request["limits"] & Request["client"])
    | Exclude<keyof Request["proof"], "isTested">
    | "watch"
    | "dryRun"
    | "adopt"
    | "replaceCode"
  >;
  limits: Pick<Options, "only" | "codeOnly">;
  dryRun: boolean;
  /** `isTested`: a smoke test is wanted, and what it needs will be there. */
  proof: Pick<Options, "test" | "strict" | "rollbackOnFailure"> & { isTested: boolean };
  client: Pick<Options, "booking" | "type" | "token" | "tokenStdin">;
  /** Opens the stack with the code to deploy. */
  open(artifact: Artifact): Promise<Open>;
}

/** What was deployed, or would be. */
function deployedText(
  result: Deployed,
  { only, strict, quiet }: Pick<Options, "only" | "strict" | "quiet">,
): Advice {
  const isPlaced = !result.dryRun && !quiet;
  return [
    ...(isPlaced ? [] : [`${placeText(result)}\n`]),
    ...deploymentText(result, { ...result, only, strict }),
    ...servingLines(result.release),
  ];
}

/** Deploys, and then the code alone with each change until Ctrl-C. */
async function deployAndWatch(request: Request, context: Context<DeployItem>): Promise<DeployResult> {
  const { report, signal, emit } = context;
  const { stack: options, open } = request;
  const place = options.source ?? options.zip ?? "";
  let deployed: Deployed | undefined;
  let isWatched = false;
  const rounds = deployRounds({ options, open, report, signal }, async () => {
    deployed = await deployOnce(request, context);
    // A strict run goes on from what is proven alone.
    isWatched = !request.proof.strict || endOf(deployed, request.proof) === exitCodes.done;
    if (isWatched) emit({ kind: "watching", place, deployed });
    return isWatched;
  });
  let count = 0;
  for await (const round of rounds) {
    count++;
    emit(round);
  }
  if (!deployed) throw new CliError("interrupted", "interrupted");
  return { ...deployed, rounds: isWatched ? count : null };
}

function endOf({ test, unproven }: Pick<Deployed, "test" | "unproven">, { strict }: { strict: boolean }) {
  const hasFailed = test !== null && test.fault !== null;
  return hasFailed || (strict && unproven.length > 0) ? exitCodes.different : exitCodes.done;
}

const watchingText = ({ place }: DeployItem & { kind: "watching" }): string =>
  `watching ${place}: each change deploys the code, without a smoke test; Ctrl-C ends`;

/** One line: when, what came of it, and how long it took. */
function roundText({ at, ms, changed, release, unchecked, error }: Round): Advice {
  const outcome = changed
    ? style.bold(`deployed${release === null ? "" : ` as release ${release}`}`)
    : "no change of the code";
  const time = style.dim(clockTime(at));
  const note = unchecked === null ? "" : `; ${unchecked}`;
  if (error === null) return asRecord(time, `${outcome} in ${duration(ms)}${note}`);
  const text = `${style.red("not deployed:")} ${error.message}`;
  return joined([asRecord(time, text), error.hint === null ? undefined : ["  ", ...partsOf(error.hint)]]);
}

/** What goes with no `--watch`, refused before any call. */
function refuseUnwatchable({ stack, limits, dryRun }: Request): void {
  if (!isOwnCode(stack))
    throw new CliError(
      "options-contradict",
      "--watch needs --source or --zip: the shipped handler does not change",
      {
        hint: "name the folder of your own code, or leave --watch out",
      },
    );
  if (dryRun || limits.only)
    throw new CliError(
      "options-contradict",
      `--watch deploys the code with each change, and ${dryRun ? "--dry-run" : "--only"} does not`,
      { hint: "leave one of them out" },
    );
}

async function deployOnce(request: Request, context: Context<DeployItem>): Promise<Deployed> {
  const { stack: options, dryRun, proof } = request;
  refuseKnown(request, context);
  // What a whole deploy and one of the code leave there, which the smoke test tests.
  const owner = ownerNamed(options);
  // Asked for first: a person should not wait for a deploy to be asked at its end.
  const token = proof.isTested ? await context.token(request.client) : request.client.token;
  const client = { ...options, ...request.client, token, strict: proof.strict, owner };
  const open = await request.open(await (dryRun ? codeFor : codeToUpload)(options, context));
  const write = () => deployWith(open, request, client, context);
  const { deployment, probe, found, code } = await (dryRun ? wouldDeploy(open, request, context) : write());
  const { changed, url } = deployment;
  const tested =
    proof.isTested && changed && url !== null
      ? await smokeTest(url, { ...client, before: provenBefore(open, deployment) }, open.run)
      : null;
  return {
    ...deployment,
    code,
    dryRun,
    ...environments(deployment),
    probe,
    test: tested,
    release: tested?.fault
      ? await served(open, deployment, { takesBack: proof.rollbackOnFailure, found })
      : null,
    unproven: [...unprovenProbe(probe), ...(tested ? unprovenBy(tested) : [])],
  };
}

type Open = DeployableStack<WebSocketStack>;
/**
 * What was deployed, what a new backend said before its address was written, the function from before, and
 * the code that it has then.
 */
interface Outcome {
  deployment: DeployOutcome;
  code: CodeThen | null;
  probe: BackendProbe | null;
  found: Change["found"];
}

async function deployWith(
  open: Open,
  request: Request,
  client: Parameters<typeof askNewBackend>[1] & { owner: CodeOwner },
  context: Context<DeployItem>,
): Promise<Outcome> {
  const { test, isTested } = request.proof;
  let probe: BackendProbe | null = null;
  let found: Change["found"];
  let code: CodeThen | null = null;
  const before: Before<Change> = async (changes, place, also) => {
    found = changes.find(({ resource }) => resource === open.stack.lambdaFunction)?.found;
    code = codeThen(open, changes);
    context.report({ kind: "note", message: placeText(place) });
    keep(open.backendIn(changes), request, context);
    if (also) tellAlso(also, context);
    // After a whole deploy the smoke test asks the backend, by way of the function.
    const asked = test && !isTested ? withNewBackend(open.stack, changes, client.owner) : undefined;
    if (!asked) return;
    const { askNewBackend: ask } = await import("../verify/backend/ask-new.ts");
    probe = await ask(asked, client, context);
  };
  const deployment = await deployStack(open, request.limits, before);
  return { deployment, probe, found, code };
}

/** What the deploy would do. Throws where it would be refused. */
async function wouldDeploy(open: Open, request: Request, context: Context<DeployItem>): Promise<Outcome> {
  const { outcome, refusal, also, changes } = await planStack(open, request.limits);
  if (refusal) throw refusal;
  if (also) tellAlso(also, context, "a deploy would also serve");
  if (outcome.resources.every(({ unread }) => unread === null)) keep(outcome.backendUrl, request, context);
  return { deployment: outcome, probe: null, found: undefined, code: codeThen(open, changes) };
}

/** The code that the function has then: where a deploy of some steps leaves its code, that. */
function codeThen({ stack, code }: Open, changes: readonly Change[]): CodeThen | null {
  const change = changes.find(({ resource }) => resource === stack.lambdaFunction);
  if (!change) return null;
  const { CodeSha256: present } = (change.found?.properties ?? {}) as { CodeSha256?: string };
  const isWritten = change.differences.some(({ path }) => path === "CodeSha256");
  if (!change.found || isWritten || present === code.sha256) return code;
  return present === undefined ? null : { bytes: null, sha256: present };
}

/** Says which backend a whole deploy keeps that was given none, or throws where there is none. */
function keep(backendUrl: string | null, { stack, limits }: Request, { report }: Pick<Context, "report">) {
  if (!isPartial(limits) && !stack.backendUrl && !isOwnCode(stack)) keepBackend(backendUrl, stack, report);
}

/** What fits the cause: of a new backend that is not proven, or of what the smoke test found. */
function nextOf(
  {
    dryRun,
    url,
    backendUrl,
    test,
    probe,
  }: Pick<Deployed, "dryRun" | "url" | "backendUrl" | "test" | "probe">,
  options: Options,
): Invocation {
  const { booking, token, tokenStdin } = options;
  if (dryRun) return deployOf(backendUrl, options);
  if (url === null) return invocation("status");
  if (probe !== null && probe.code !== "reached") return nextAfterProbe(probe);
  return nextAfter(test, { booking, token, tokenStdin, owner: ownerNamed(options) });
}

/** What can be refused before any call. */
function refuseKnown({ stack, limits }: Request, { report }: Pick<Context, "report">): void {
  if (stack.backendUrl) checkBackendUrl(stack, report);
  if (!isPartial(limits)) checkVariables(stack);
}

const isPartial = ({ only, codeOnly }: Request["limits"]): boolean => only !== undefined || codeOnly;

/** What the front end and the backend need, as soon as there is a stage. */
const environments = ({
  url,
  backendUrl,
}: Pick<DeployOutcome, "url" | "backendUrl">): Pick<DeployResult, "frontend" | "backend"> => ({
  frontend: url === null ? null : { VITE_WS_API_ENDPOINT: url },
  backend: url === null || backendUrl === null ? null : { environment: backendKeys() },
});

/**
 * The function's variables as they are and as they are wanted, where the shipped handler is to call a new
 * backend. Own code, which is `given` or stays, asks it in its own way.
 */
function withNewBackend(
  { lambdaFunction }: WebSocketStack,
  changes: readonly Change[],
  given: CodeOwner,
): { present: Variables; wanted: Variables } | undefined {
  const change = changes.find(({ resource }) => resource === lambdaFunction);
  const isNew = change?.differences.some(({ path }) => path === "Environment.BACKEND_URL") ?? false;
  if (!change?.target || !isNew || ownerAfter(change, given) === "own") return undefined;
  const { Environment: wanted } = change.target as { Environment: Variables };
  const { Environment: present = {} } = (change.found?.properties ?? {}) as { Environment?: Variables };
  return { present, wanted };
}

/** Whose code it is then: the code may be none of the steps. */
function ownerAfter({ differences, found }: Change, given: CodeOwner): CodeOwner {
  const isWritten = !found || differences.some(({ path }) => path === "CodeSha256");
  return isWritten ? given : (codeOwnerIn(found.tags) ?? given);
}
