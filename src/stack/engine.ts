import { setTimeout as delay } from "node:timers/promises";
import { AGAIN, doneInThisRun, joined } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { allTelling, mostTelling } from "../errors/telling.ts";
import { explain } from "../errors/explain.ts";
import { tellingOfWait, type Outcome } from "../progress.ts";
import type { Aws } from "../aws/clients.ts";
import { differences, propertiesIn, withOnly, withoutUnknown, type Difference } from "./difference.ts";
import { readingsBeforeWrites } from "./again.ts";
import { createOnce, LONGEST_QUIET_MS, type Run } from "./create.ts";
import { LostRace, standing } from "./elect.ts";
import {
  adoptionOf,
  isAround,
  isOfOthers,
  isToBeAdopted,
  refuseUnfitToAdopt,
  servingAlready,
  OWN_TAGS,
  tagsDifference,
  tagsToAdopt,
  type Owner,
} from "./adopt.ts";
import { managerOf, refuseNotOurs, refuseSeveral } from "./ownership.ts";
import { tellUnread, unreadFor, type Unread } from "./unread.ts";
import {
  unknownAttributes,
  type AnyFound,
  type AnyResource,
  type Attributes,
  type Standing,
  type Which,
} from "./resource.ts";
import { isOfThisRun, isOurs, isPartialRun } from "../aws/tags.ts";

/** The resources of one stack, needs before those that need them, and who the stack is. */
export interface Stack extends Owner {
  resources: readonly AnyResource[];
  /** Those that tell whose the stack is: read before anything is written, also by a deploy of some steps. */
  tellingWhose: readonly AnyResource[];
}

/** What a deploy does, or would do, to one resource. */
export type Action = "create" | "update" | "replace" | "delete" | "none";
export interface Change {
  resource: AnyResource;
  action: Action;
  differences: readonly Difference[];
  /** Placeholders for what is known only afterwards. */
  attributes: Attributes;
  /** As it is in AWS now; absent where it is not there, or not known. */
  found?: AnyFound;
  /** As it is to be written; absent where nothing is. */
  target?: object;
  /** What adopting it means, in words; absent for what is not adopted. */
  adoption?: readonly string[];
  /** Why nothing is known of it; undefined for all that was read. */
  unread?: CliError;
}

/** Everything of the stack that is in AWS now. */
export type Observed = ReadonlyMap<AnyResource, Standing | undefined>;

/**
 * Limits a deploy to some resources and, of those, to some property paths (the whole resource when no path is
 * given).
 */
export type Scope = (resource: AnyResource, path?: string) => boolean;
const everything: Scope = () => true;

type AttributesOfNeed = (need: AnyResource) => Attributes;

/**
 * Begins to read these resources in two waves: what stands alone, and what is within something as soon as
 * that is known, or likely.
 */
function readingsOf(resources: readonly AnyResource[], aws: Aws, wanted: Which = "the one") {
  const readings = new Map<AnyResource, Promise<Standing | undefined>>();
  const within = insideOf(aws, (parent) => readings.get(parent));
  const look = async (resource: AnyResource) => {
    const listed = resource.within
      ? await within(resource.within, (attributes) => resource.list(aws, attributes, wanted))
      : await resource.list(aws, {}, wanted);
    return listed && (await standing(resource, listed, aws));
  };
  for (const resource of resources) readings.set(resource, look(resource));
  return readings;
}

/**
 * Lists what is within something; undefined where that is not there, or is not the stack's. Begun with what
 * is likely before it is known, and once more where that was wrong.
 */
function insideOf(aws: Aws, read: (parent: AnyResource) => Promise<Standing | undefined> | undefined) {
  const guesses = new Map<AnyResource, Promise<Attributes | undefined>>();
  return async <T>(parent: AnyResource, list: (within: Attributes) => Promise<T>): Promise<T | undefined> => {
    // Why nothing can be guessed is told by the reading of the parent.
    const guess = guesses.get(parent) ?? Promise.resolve(parent.likely?.(aws)).catch(() => undefined);
    guesses.set(parent, guess);
    let begun: { within: Attributes; items: Promise<T> } | undefined;
    let isKnown = false;
    void guess.then((within) => {
      if (!within || isKnown) return;
      begun = { within, items: list(within) };
      // What is read in the wrong place may fail.
      begun.items.catch(() => {});
    });
    const found = await read(parent);
    isKnown = true;
    if (!found || found.isForeign) return undefined;
    const isRight = begun && Object.entries(begun.within).every(([key, is]) => found.attributes[key] === is);
    return await (begun && isRight ? begun.items : list(found.attributes));
  };
}

/** Reads the whole stack; throws where a part of it cannot be read. */
export async function observe(stack: Stack, aws: Aws): Promise<Observed> {
  const resources = stack.resources.filter(isWanted);
  const found = await allTelling([...readingsOf(resources, aws).values()]);
  return new Map(resources.map((resource, index) => [resource, found[index]]));
}

/**
 * Reads what can be read of these resources, and tells of each other one as a warning. Throws where nothing
 * can be read, and for what no other reading helps (exit codes other than 1).
 */
export async function observeReadable(
  all: readonly AnyResource[],
  run: Run,
  wanted?: Which,
): Promise<{ observed: Observed; unread: Map<AnyResource, CliError> }> {
  const resources = all.filter((one) => wanted === "all" || isWanted(one));
  const ended = await Promise.allSettled(readingsOf(resources, run.aws, wanted).values());
  run.signal.throwIfAborted();
  const observed = new Map<AnyResource, Standing | undefined>();
  const unread = new Map<AnyResource, CliError>();
  const failed = ended.find((one) => one.status === "rejected");
  const isHopeless = resources.every(({ within }, index) => within || ended[index]?.status === "rejected");
  if (isHopeless && failed) throw failed.reason;
  for (const [index, resource] of resources.entries()) {
    const one = ended[index];
    if (one?.status === "rejected") unread.set(resource, unreadFor(one.reason));
    else observed.set(resource, one?.value);
  }
  for (const [resource, error] of unread)
    if (!resource.within || !unread.has(resource.within)) tellUnread(resource, error, run.report);
  return { observed, unread };
}

function desiredOf(resource: AnyResource, attributesOf: AttributesOfNeed): object | undefined {
  const needs = Object.fromEntries(
    Object.entries<AnyResource>(resource.needs).map(([name, need]) => [name, attributesOf(need)]),
  );
  return resource.desired?.(needs);
}

/** A resource that nothing is done to, as it was found. */
export const unchanged = (resource: AnyResource, found: AnyFound | undefined): Change => ({
  resource,
  action: "none",
  differences: [],
  attributes: found?.attributes ?? unknownAttributes,
  ...(found && { found }),
});

/** Whether it is to be there. */
export const isWanted = (resource: AnyResource): boolean => resource.isWanted !== false;

/** What a resource is compared for: whose stack it is of, and how far a deploy goes. */
interface Comparing {
  owner: Owner;
  scope: Scope;
}

/** Compares one resource with what was found of it. */
function changeOf(
  resource: AnyResource,
  found: AnyFound | undefined,
  desired: object | undefined,
  { owner, scope }: Comparing,
): Change {
  if (found && desired && scope(resource) && isToBeAdopted(resource, found, owner))
    return adoptionChange(resource, found, desired, scope);
  const same = unchanged(resource, found);
  if (!desired || !scope(resource)) return same;
  if (resource.former) return found ? { ...same, action: "delete" } : same;
  if (!found) return { ...same, action: "create", target: desired };
  const differing = differences(resource, found, desired).filter(({ path }) => scope(resource, path));
  if (differing.length === 0) return same;
  if (!resource.update)
    return {
      ...same,
      action: "replace",
      differences: differing,
      attributes: unknownAttributes,
      target: desired,
    };
  return updateOf(resource, found, desired, differing);
}

/** What is adopted gets our tags, and whatever else differs. */
function adoptionChange(resource: AnyResource, found: AnyFound, desired: object, scope: Scope): Change {
  const all = [tagsDifference(resource, found), ...differences(resource, found, desired)];
  const differing = all.filter(({ path }) => scope(resource, path));
  const adoption = adoptionOf(resource)?.says(found, desired) ?? [];
  return { ...updateOf(resource, found, desired, differing), adoption };
}

function updateOf(
  resource: AnyResource,
  found: AnyFound,
  desired: object,
  differing: readonly Difference[],
): Change {
  const same = unchanged(resource, found);
  const paths = new Set(differing.map(({ path }) => path));
  const target = withOnly(found.properties, desired, (path) => paths.has(path));
  const attributes = resource.renewed?.(target, found) ?? found.attributes;
  return { ...same, action: "update", differences: differing, attributes, target };
}

/**
 * What a deploy would do, in the order of the stack; refuses (exit 4) what is not ours, but compares what
 * another tool manages, which a deploy refuses. Calls nothing. What follows from something unread is not
 * compared.
 */
export function plan(
  stack: Stack,
  observed: Observed,
  scope: Scope = everything,
  unread: Unread = new Map(),
): Change[] {
  if (managerOf(observed) === undefined) refuseNotOurs(observed, stack);
  refuseSeveral(observed);
  const changes = new Map<AnyResource, Change>();
  for (const resource of stack.resources.filter(isWanted)) {
    const desired = isOfOthers(resource, observed)
      ? undefined
      : desiredOf(resource, (need) => changes.get(need)?.attributes ?? unknownAttributes);
    const error = unread.get(resource);
    const isUncertain = needsOf(resource).some((need) => unread.has(need));
    const comparable = desired && isUncertain ? withoutUnknown(desired) : desired;
    changes.set(
      resource,
      error
        ? { resource, action: "none", differences: [], attributes: unknownAttributes, unread: error }
        : changeOf(resource, observed.get(resource), comparable, { owner: stack, scope }),
    );
  }
  return [...changes.values()];
}

/** Throws for what AWS would refuse, as far as that is known before anything is written. */
export function refuseImpossible(changes: readonly Change[]): void {
  const foundOf = new Map(changes.map(({ resource, found }) => [resource, found]));
  for (const { resource, target, found } of changes)
    if (target) resource.refuses?.(target, found, resource.within && foundOf.get(resource.within));
}

/** What is known before anything is written; what it throws ends the run there. */
export type BeforeActing<Planned> = (planned: readonly Planned[], observed: Observed) => Promise<void> | void;

/**
 * Makes AWS match the stack and returns what was done. Independent resources go in parallel, each as soon as
 * its needs are there. Whatever interrupted an earlier run, this one observes and continues; when two runs
 * start together, one goes first and the other waits for it. What is adopted and may serve clients changes in
 * a second walk: the first one makes a release of what it is, and leads clients there.
 */
export async function deploy(
  stack: Stack,
  run: Run,
  scope: Scope = everything,
  before: BeforeActing<Change> = () => undefined,
): Promise<Change[]> {
  let secured: readonly Change[] | undefined;
  for (let round = 1; ; round++) {
    const isFirst = round === 1;
    const observed = await beforeActing(stack, run, scope, isFirst ? before : undefined).catch(
      (error: unknown) => {
        throw isFirst && run.signal.aborted ? withProgress(interruptionOf(run), []) : error;
      },
    );
    try {
      const kept = servingAlready(stack.resources, observed, stack);
      if (secured || kept.size === 0) return inSequence(secured, await act(stack, observed, run, scope));
      const around: Scope = (resource, path) => scope(resource, path) && isAround(kept, resource, path);
      secured = await act(stack, observed, run, around);
    } catch (error) {
      if (!(error instanceof LostRace)) throw error;
      const message = `another deploy created ${error.message} at the same moment`;
      if (round === ROUNDS_AT_MOST) throw new CliError("another-deploy-running", message, { cause: error });
      run.report({ kind: "note", message: `${message}; continuing with it` });
    }
  }
}

/** The stack as it is when this run may act on it; `before` is told of it once. */
async function beforeActing(
  stack: Stack,
  run: Run,
  scope: Scope,
  before: BeforeActing<Change> | undefined,
): Promise<Observed> {
  // A run of single steps leaves the stack unfinished on purpose.
  const observed = scope === everything ? await whenOthersAreDone(stack, run) : await observe(stack, run.aws);
  refuseNotOurs(observed, stack);
  const planned = plan(stack, observed, scope);
  refuseImpossible(planned);
  if (!before) return observed;
  await refuseUnfitToAdopt(observed, stack, run.aws);
  await before(planned, observed);
  remark(stack, observed, run, { scope, adopts: "is adopted" });
  return observed;
}

/** What two walks of one deploy did together. */
const inSequence = (first: readonly Change[] | undefined, then: readonly Change[]): Change[] =>
  then.map((second) => {
    const before = first?.find(({ resource }) => resource === second.resource);
    if (!before || before.action === "none") return second;
    const action = before.action === "create" || second.action === "none" ? before.action : second.action;
    const isRepeated = ({ path }: Difference) => second.differences.some((other) => other.path === path);
    const once = before.differences.filter((one) => !isRepeated(one));
    return { ...before, ...second, action, differences: [...once, ...second.differences] };
  });

/** How far a deploy goes, and what is said of what it adopts; nothing of a deploy that is refused. */
interface Remarks {
  scope?: Scope | undefined;
  adopts?: "is adopted" | "would be adopted";
}

/** Says what is left as it is on purpose or adopted, and what is wrong and not ours to repair. */
export function remark(
  stack: Stack,
  observed: Observed,
  { report }: Pick<Run, "report">,
  { scope = everything, adopts }: Remarks,
): void {
  for (const resource of stack.resources) {
    const found = observed.get(resource);
    const desired = desiredOf(resource, () => unknownAttributes);
    if (!found || !desired || !scope(resource)) continue;
    const adopted = isToBeAdopted(resource, found, stack)
      ? adoptionNotes(resource, found, desired, adopts)
      : [];
    const notes = [...adopted, ...(resource.leaves?.(found, desired) ?? [])];
    if (adopts) for (const message of notes) report({ kind: "note", message });
    for (const fault of resource.faults?.(found) ?? []) report({ kind: "warning", ...fault });
  }
}

const adoptionNotes = (
  resource: AnyResource,
  found: AnyFound,
  desired: object,
  adopts: Remarks["adopts"],
): string[] =>
  (adoptionOf(resource)?.says(found, desired) ?? []).map(
    (text) => `${resource.id} ${resource.name} ${adopts}: ${text}`,
  );

const ROUNDS_AT_MOST = 5;
const YOUNG_MS = 60_000;
/**
 * After this time and this many looks without progress another run counts as ended: slow calls are slow for
 * that run too. It takes longer where AWS would let both runs create the same resource.
 */
const patience = {
  usual: { budgetMs: 5_000, looksAtLeast: 3 },
  severalPossible: { budgetMs: LONGEST_QUIET_MS + 3_000, looksAtLeast: 10 },
};
const OTHER_RUN = "other-run";

/** Observes; while another run of this stack seems to be at work, until it is done or makes no progress. */
async function whenOthersAreDone(stack: Stack, run: Run): Promise<Observed> {
  let observed = await observe(stack, run.aws);
  let progressAt = performance.now();
  for (let looks = 0; ; looks++) {
    const elapsedMs = performance.now() - progressAt;
    const { budgetMs, looksAtLeast } = patience[mayBecomeSeveral(observed) ? "severalPossible" : "usual"];
    const hasEnded = elapsedMs >= budgetMs * run.timeScale && looks >= looksAtLeast;
    if (!isBeingMadeByOthers(stack, observed) || hasEnded) break;
    run.report({
      kind: "waiting",
      id: OTHER_RUN,
      reason: "another deploy of this stack, which began less than a minute ago",
      elapsedMs,
      budgetMs,
    });
    await delay(500 * run.timeScale, undefined, { signal: run.signal });
    const next = await observe(stack, run.aws);
    if (countOf(next) > countOf(observed)) [progressAt, looks] = [performance.now(), 0];
    observed = next;
  }
  run.report({ kind: "waited", id: OTHER_RUN });
  return observed;
}

const mayBecomeSeveral = (observed: Observed): boolean =>
  [...observed].some(([resource, found]) => resource.foundBy !== "name" && !found);
const countOf = (observed: Observed): number => [...observed.values()].filter(Boolean).length;

function isBeingMadeByOthers({ identity }: Stack, observed: Observed): boolean {
  const found = [...observed.values()];
  // What can be switched on later, or is of earlier stacks, is no sign of a run that goes on.
  const isIncomplete = [...observed].some(
    ([resource, one]) =>
      !one && resource.isWanted === undefined && !resource.former && !isOfOthers(resource, observed),
  );
  const isYoung = ({ createdAt }: AnyFound) =>
    createdAt !== undefined && Date.now() - createdAt.getTime() < YOUNG_MS;
  return (
    isIncomplete &&
    found.some(
      (one) =>
        one?.tags &&
        isOurs(one.tags, identity) &&
        !isOfThisRun(one.tags, identity) &&
        !isPartialRun(one.tags) &&
        isYoung(one),
    )
  );
}

/**
 * Walks the stack once along the needs. When something fails, work in progress is finished, and the first
 * failure is thrown.
 */
async function act(stack: Stack, observed: Observed, run: Run, scope: Scope): Promise<Change[]> {
  const acts = new Map<AnyResource, Promise<Change>>();
  const failures: unknown[] = [];
  const inTurn = takeTurns();
  const readings = readingsBeforeWrites(observed, { aws: run.aws, owner: stack });

  const actOn = async (resource: AnyResource): Promise<Change> => {
    const known = new Map<AnyResource, Attributes>();
    for (const need of needsOf(resource))
      known.set(need, (await acts.get(need))?.attributes ?? unknownAttributes);
    const attributesOf: AttributesOfNeed = (need) => known.get(need) ?? unknownAttributes;
    const desired = isOfOthers(resource, observed) ? undefined : desiredOf(resource, attributesOf);
    const change = changeOf(resource, observed.get(resource), desired, { owner: stack, scope });
    const found = observed.get(resource);
    if (change.action === "none" || !desired) return change;
    if (found && (await untilServed(resource, acts, run))) readings.anew();
    try {
      const within = resource.within ? attributesOf(resource.within) : {};
      const work = async () => {
        const read = () => readings.of(resource, within);
        const check = async () => void (readings.anew(), await read());
        return await carryOut(change, { desired, present: await read(), within, check }, { stack, run });
      };
      const attributes = await inTurn((resource.within ?? resource).id, () => {
        // A run that has failed begins nothing more: in an outage each resource would fail after as long a
        // time.
        if (failures.length > 0) throw failures[0];
        return reported(resource, change.action, outcomes[change.action], run, work);
      });
      return { ...change, attributes };
    } catch (error) {
      failures.push(error);
      // What others wait for may depend on what has just failed.
      run.aws.waits.end();
      throw error;
    }
  };

  run.aws.waits.begin();
  for (const resource of stack.resources.filter(isWanted)) acts.set(resource, actOn(resource));
  const ended = await Promise.allSettled(acts.values());
  if (failures.length > 0) throw failureOf(failures, ended, run);
  return ended.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** What was just made counts everywhere in AWS some seconds later (AWS.md 4.7, 6.4). */
const SPREAD_MS = 5_000;

/** Waits until what a change of this resource follows is done and counts for clients; says whether it did. */
async function untilServed(
  { id, follows = [] }: AnyResource,
  acts: ReadonlyMap<AnyResource, Promise<Change>>,
  { report, signal, timeScale }: Run,
): Promise<boolean> {
  const ended = await Promise.allSettled(follows.map(async (resource) => await acts.get(resource)));
  const done = ended.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : []));
  const made = done.filter(({ action }) => action !== "none").map(({ resource }) => resource.id);
  if (made.length === 0) return false;
  const reason = `the new ${made.join(", ")} to be in use everywhere`;
  using _told = tellingOfWait(report, { id, reason, since: performance.now(), budgetMs: SPREAD_MS });
  await delay(SPREAD_MS * timeScale, undefined, { signal });
  return true;
}

/** What has to be there before a resource. */
export const needsOf = (resource: AnyResource): readonly AnyResource[] => [
  ...Object.values<AnyResource>(resource.needs),
  ...(resource.within ? [resource.within] : []),
];

/** Work under the same key goes one after another. */
function takeTurns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (key, work) => {
    const turn = Promise.allSettled([last.get(key)]).then(work);
    last.set(key, turn);
    return turn;
  };
}

const outcomes: Readonly<Record<Action, Outcome>> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
  none: "unchanged",
};

/** Reports the work on a resource; a failure becomes an error that says what could not be done. */
export async function reported<T>(
  resource: AnyResource,
  doing: string,
  outcome: Outcome | ((result: T) => Outcome),
  run: Run,
  work: () => Promise<T>,
): Promise<T> {
  const { id } = resource;
  const title = `${id} ${resource.name}`;
  const startedAt = performance.now();
  run.signal.throwIfAborted();
  run.report({ kind: "started", id, title });
  try {
    const result = await work();
    const ended = typeof outcome === "function" ? outcome(result) : outcome;
    const ms = performance.now() - startedAt;
    run.report({ kind: "finished", id, title, outcome: ended, ms, listed: true });
    return result;
  } catch (error) {
    if (error instanceof LostRace || run.signal.aborted) throw error;
    const { code, message, hint } = explain(error);
    run.report({ kind: "failed", id, title, message });
    throw new CliError(code, `could not ${doing} ${title}: ${message}`, {
      hint,
      cause: error,
    });
  }
}

/** What a resource is to be, and what it is right before it is written to. */
interface Writing {
  desired: object;
  present: AnyFound | undefined;
  within: Attributes;
  /** Asks anew whether it may be written to. */
  check(): Promise<void>;
}

async function carryOut(
  { resource, action, differences: differing, found, target }: Change,
  { desired, present, within, check }: Writing,
  { stack, run }: { stack: Stack; run: Run },
): Promise<Attributes> {
  if (action === "delete") {
    if (present) await resource.delete?.(run.aws, present);
    return unknownAttributes;
  }
  if (action !== "update" || !found || !present || !target || !resource.update) {
    const { identity } = stack;
    return await createOnce({ resource, desired, before: present, within, identity, check }, run);
  }
  const changed = new Set(propertiesIn(differing));
  if (changed.delete(OWN_TAGS))
    await adoptionOf(resource)?.addTags(run.aws, present, tagsToAdopt(resource, found, present));
  if (changed.size === 0) return found.attributes;
  const renewed = await resource.update(run.aws, target, present, changed, check);
  return renewed ?? found.attributes;
}

/** The failure to throw: an interruption, else a lost race, else the one that tells most. */
function failureOf(
  failures: readonly unknown[],
  ended: readonly PromiseSettledResult<Change>[],
  run: Run,
): unknown {
  const failure =
    interruptionOf(run) ?? failures.find((one) => one instanceof LostRace) ?? mostTelling(failures);
  return withProgress(
    failure,
    ended.flatMap((one) =>
      one.status === "fulfilled" && one.value.action !== "none" ? [one.value.resource] : [],
    ),
  );
}

export const interruptionOf = ({ signal: { aborted, reason } }: Run): unknown =>
  aborted ? reason : undefined;

/** The failure with what was done before it, and how to continue. */
export function withProgress(failure: unknown, done: readonly Pick<AnyResource, "id">[]): unknown {
  if (!(failure instanceof CliError)) return failure;
  const names = [...new Set(done.map(({ id }) => id))];
  const hint = joined([failure.hint, `${doneInThisRun(names)}; ${AGAIN}`]);
  return new CliError(failure.code, failure.message, { hint, cause: failure.cause });
}
