import { exitCodes } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import { redactUrl } from "../settings/redact.ts";
import { refuseUnfitToAdopt } from "./adopt.ts";
import type { Run } from "./create.ts";
import { destroy, type Removed } from "./destroy.ts";
import { describeChanges, type ChangeLine } from "./describe.ts";
import {
  deploy,
  observe,
  observeReadable,
  plan,
  refuseImpossible,
  remark,
  unchanged,
  type Change,
  type Observed,
  type Stack,
} from "./engine.ts";
import { managerOf, refusalToWrite } from "./ownership.ts";
import type { AnyResource, Part } from "./resource.ts";
import { partsOf, readBefore, refuseMissingNeeds, scopeOf, touchedBy, type DeployLimits } from "./steps.ts";

/** A stack that can be read, compared and deleted, with what reaches it. */
export interface OpenStack<S extends Stack = Stack> {
  stack: S;
  /** What every deploy tells of at its end, also one that is limited to other parts. */
  told: readonly AnyResource[];
  run: Run;
  /** Where clients connect, as far as the changes tell; null as long as there is no such address. */
  urlIn(changes: readonly Change[]): string | null;
  /** The backend that the function calls, or will, as far as the changes tell; null where it has none. */
  backendIn(changes: readonly Change[]): string | null;
  /** What a release would serve beside what the deploy writes; undefined where there is no such thing. */
  alsoServed?(changes: readonly Change[]): AlsoServed | undefined;
  /** Throws for what AWS alone knows would not work, before anything is written. */
  refuseUnfit?(changes: readonly Change[]): Promise<void>;
  /** The account that the credentials belong to; null where it could not be read. */
  accountIn(observed: Observed): string | null;
}

/** What a release serves beside what its deploy writes: it was changed by other ways since `release`. */
export interface AlsoServed {
  names: readonly string[];
  release: string;
}

/** A stack with the code to deploy. */
export interface DeployableStack<S extends Stack = Stack> extends OpenStack<S> {
  /** `sha256` in base64, as Lambda's `CodeSha256`. */
  code: { bytes: number; sha256: string };
}

/** Where a stack is. Everything that writes says so before it does. */
export interface Place {
  account: string | null;
  region: string;
  profile: string | null;
  /** Where AWS calls go, if not to AWS's own addresses. */
  endpointUrl: string | null;
  stack: string;
  /** The other tool that manages it: then nothing is written to it; null where none does. */
  managedBy: string | null;
}

export const placeOf = ({ stack, run: { aws }, accountIn }: OpenStack, observed: Observed): Place => ({
  account: accountIn(observed),
  region: aws.region,
  profile: aws.profile ?? null,
  endpointUrl: aws.endpointUrl === undefined ? null : redactUrl(aws.endpointUrl),
  stack: stack.identity.stack,
  managedBy: managerOf(observed) ?? null,
});

/** What a deploy did, or would do. */
export interface DeployOutcome extends Place {
  changed: boolean;
  code: DeployableStack["code"];
  resources: ChangeLine[];
  url: string | null;
  /** The backend that the function calls, or will; null where that is not known. */
  backendUrl: string | null;
  /** What else clients get with it: it was changed by other ways since the release that served. */
  alsoServed: readonly string[];
}

/** What is known before anything is written; what it throws ends the run there. */
export type Before<Planned> = (
  planned: readonly Planned[],
  place: Place,
  also?: AlsoServed,
) => Promise<void> | void;

/** Makes AWS match the stack, or some steps of it. Throws as the engine does. */
export async function deployStack(
  open: DeployableStack,
  limits: DeployLimits = {},
  before: Before<Change> = () => undefined,
): Promise<DeployOutcome> {
  const { run } = open;
  const parts = partsOf(limits);
  const { first, beside, touched } = readFor(open, parts);
  const stack = { ...open.stack, resources: first };
  const told = observeBeside({ ...open.stack, resources: beside }, run);
  let place = placeOf(open, new Map());
  let also: AlsoServed | undefined;
  const changes = await deploy(stack, run, scopeOf(parts), async (planned, observed) => {
    refuseMissingNeeds(stack, observed, parts);
    place = placeOf(open, observed);
    await open.refuseUnfit?.(ofThese(touched, planned));
    also = open.alsoServed?.(planned);
    await before(planned, place, also);
  });
  return outcomeOf(open, limits, { changes, told: await told, place, also });
}

/**
 * What is read for a deploy of some parts: before it writes, what it needs to know and what is told of that
 * lives within it; beside it what else is told.
 */
function readFor({ stack, told }: OpenStack, parts: readonly Part[] | undefined) {
  const needed = readBefore(stack, parts);
  const isWithin = ({ within }: AnyResource) => within !== undefined && needed.includes(within);
  const first = stack.resources.filter(
    (resource) => needed.includes(resource) || (told.includes(resource) && isWithin(resource)),
  );
  const beside = stack.resources.filter((resource) => told.includes(resource) && !first.includes(resource));
  return { first, beside, touched: touchedBy(stack, parts) };
}

const ofThese = (resources: readonly AnyResource[], changes: readonly Change[]): Change[] =>
  changes.filter(({ resource }) => resources.includes(resource));

/** What nothing is done to, as it is; where that cannot be read, the deploy goes on with a warning. */
async function observeBeside(stack: Stack, { aws, report, signal }: Run): Promise<Observed> {
  try {
    return await observe(stack, aws);
  } catch (error) {
    const names = stack.resources.map(({ id }) => id).join(", ");
    if (!signal.aborted)
      report({ kind: "warning", message: `${names} cannot be read: ${explain(error).message}` });
    return new Map();
  }
}

/** What a deploy would do. */
export interface Planned {
  outcome: DeployOutcome;
  /**
   * Why it would be refused (exit 4), for example as another tool manages the stack; undefined where it would
   * not.
   */
  refusal: CliError | undefined;
  /** What it would serve beside what it writes; undefined where there is no such thing, or it is refused. */
  also: AlsoServed | undefined;
  changes: readonly Change[];
}

/** What such a deploy would do, as far as the stack can be read; writes nothing. */
export async function planStack(open: DeployableStack, limits: DeployLimits = {}): Promise<Planned> {
  const { run } = open;
  const parts = partsOf(limits);
  const { first, beside, touched } = readFor(open, parts);
  const read = new Set([...first, ...beside]);
  const stack = { ...open.stack, resources: open.stack.resources.filter((resource) => read.has(resource)) };
  const { observed, unread } = await observeReadable(stack.resources, run);
  refuseMissingNeeds(stack, observed, parts, unread);
  const changes = plan(stack, observed, scopeOf(parts), unread);
  const refusal =
    refusalToWrite(observed, stack) ?? (await furtherRefusal(open, changes, { observed, touched }));
  remark(stack, observed, run, { scope: scopeOf(parts), ...(!refusal && { adopts: "would be adopted" }) });
  const also = refusal ? undefined : open.alsoServed?.(changes);
  const place = placeOf(open, observed);
  return {
    outcome: outcomeOf(open, limits, { changes, told: observed, place, also }),
    refusal,
    also,
    changes,
  };
}

/** What else a deploy would be refused for (exit 4); throws what is no refusal. */
async function furtherRefusal(
  { stack, run, refuseUnfit }: OpenStack,
  changes: readonly Change[],
  { observed, touched }: { observed: Observed; touched: readonly AnyResource[] },
): Promise<CliError | undefined> {
  try {
    refuseImpossible(changes);
    await refuseUnfitToAdopt(observed, stack, run.aws);
    await refuseUnfit?.(ofThese(touched, changes));
    return undefined;
  } catch (error) {
    if (error instanceof CliError && error.exitCode === exitCodes.refused) return error;
    throw error;
  }
}

function outcomeOf(
  { stack, urlIn, backendIn, code }: DeployableStack,
  limits: DeployLimits,
  {
    changes: made,
    told,
    place,
    also,
  }: { changes: readonly Change[]; told: Observed; place: Place; also: AlsoServed | undefined },
): DeployOutcome {
  const changes = stack.resources.map(
    (resource) =>
      made.find((change) => change.resource === resource) ?? unchanged(resource, told.get(resource)),
  );
  const resources = describeChanges(changes, scopeOf(partsOf(limits)));
  const backendUrl = backendIn(changes);
  return {
    ...place,
    changed: resources.some(({ action }) => action !== "none"),
    code,
    resources,
    url: urlIn(changes),
    backendUrl: backendUrl === null ? null : redactUrl(backendUrl),
    alsoServed: also?.names ?? [],
  };
}

/** One thing that was deleted, or is to be; `physicalId` is what AWS calls it. */
export interface RemovedLine {
  id: string;
  type: string;
  name: string;
  physicalId: string;
}

/** What was adopted and stays, without our tags. */
export interface LeftLine extends RemovedLine {
  /** What else stays with it, in words. */
  keeps: string;
}

/** What was deleted of a stack, and what was not. */
export interface Removal extends Place {
  changed: boolean;
  removed: RemovedLine[];
  left: LeftLine[];
}

/** Deletes what carries the stack's tags, and leaves what was adopted. Throws as the engine does. */
export async function destroyStack(
  open: OpenStack,
  before: Before<RemovedLine | LeftLine> = () => undefined,
): Promise<Removal> {
  let place = placeOf(open, new Map());
  const removed = await destroy(open.stack, open.run, async (planned, observed) => {
    place = placeOf(open, observed);
    await before(planned.map(removedLine), place);
  });
  const lines = removed.map(removedLine);
  return {
    ...place,
    changed: lines.length > 0,
    removed: lines.filter((line) => !isLeft(line)),
    left: lines.filter(isLeft),
  };
}

/** Whether it stays. */
const isLeft = (line: RemovedLine | LeftLine): line is LeftLine => "keeps" in line;

const removedLine = ({ id, type, name, found: { attributes }, keeps }: Removed): RemovedLine | LeftLine => ({
  id,
  type,
  name,
  physicalId: Object.values(attributes)[0] ?? name,
  ...(keeps !== undefined && { keeps }),
});
