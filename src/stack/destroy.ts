import { CliError } from "../errors/error.ts";
import { allTelling, mostTelling } from "../errors/telling.ts";
import type { Outcome } from "../progress.ts";
import { orMissing } from "../aws/answers.ts";
import { isAdopted, isOurs, tagsToTakeOff, type Identity, type Tags } from "../aws/tags.ts";
import { adoptionOf } from "./adopt.ts";
import { stillTheStacks, stillToWrite } from "./again.ts";
import type { Run } from "./create.ts";
import {
  interruptionOf,
  needsOf,
  observe,
  observeReadable,
  reported,
  withProgress,
  type BeforeActing,
  type Stack,
} from "./engine.ts";
import { managerOf, refuseNotOurs } from "./ownership.ts";
import type { AnyFound, AnyResource, Standing } from "./resource.ts";
import { tellUnread, unreadFor, type Unread } from "./unread.ts";

/** One thing of the stack that was deleted, or is to be. */
export interface Removed {
  id: string;
  type: string;
  name: string;
  found: AnyFound;
  /** For what was adopted, and stays without our tags: what else stays with it, in words. */
  keeps?: string;
  /** What is within that, and has tags of deploys too. */
  taggedWithin?: readonly (readonly [AnyResource, AnyFound])[];
}

/**
 * Deletes everything of the stack that carries our tags, last first, and returns what was deleted; what was
 * adopted loses these tags and stays. Only that is read, and each once more before it goes. Refuses (exit 4)
 * a stack of which another tool manages what there is. Throws a CliError, when all else is done, for what
 * could not be read or deleted, or has become another's.
 */
export async function destroy(
  stack: Stack,
  run: Run,
  before: BeforeActing<Removed> = () => undefined,
): Promise<Removed[]> {
  // What is within something is deleted with it.
  const deletable = stack.resources.filter(({ within, delete: remove }) => !within && remove).toReversed();
  const lookedUp = stack.resources.filter(({ desired }) => !desired);
  const account = await observe({ ...stack, resources: lookedUp }, run.aws);
  const { observed, unread } = await observeReadable(deletable, run, "all");
  const ours = new Map<AnyResource, readonly Removed[]>();
  for (const resource of deletable) {
    const all = oursOf(resource, observed.get(resource), stack.identity);
    const read = await allTelling(all.map((one) => withTagged(resource, one, { stack, run, unread })));
    ours.set(resource, read.flat());
  }
  const isNoneOurs = [...ours.values()].every((all) => all.length === 0);
  if (isNoneOurs && managerOf(observed) !== undefined) refuseNotOurs(observed, stack);
  await before([...ours.values()].flat(), new Map([...account, ...observed]));
  // What is within it needs things too, and goes with it: an API still writes its log when it goes.
  const needsAll = (whole: AnyResource) =>
    stack.resources
      .filter(({ within }) => within === whole)
      .flatMap(needsOf)
      .concat(needsOf(whole));
  const removals = new Map<AnyResource, Promise<readonly Removed[]>>();
  for (const resource of deletable) {
    const dependents = [...removals]
      .filter(([other]) => needsAll(other).includes(resource))
      .map(([, removal]) => removal);
    removals.set(
      resource,
      Promise.all(dependents).then(() => remove(resource, ours.get(resource) ?? [], { stack, run })),
    );
  }
  const ended = await Promise.allSettled(removals.values());
  const removed = ended.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const failures = ended.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  const [first] = unread.values();
  if (failures.length > 0) throw withProgress(interruptionOf(run) ?? mostTelling(failures), removed);
  if (first) throw withProgress(notRead(unread, first), removed);
  return removed;
}

/** All that is there of a resource and ours. */
function oursOf(resource: AnyResource, found: Standing | undefined, identity: Identity): readonly Removed[] {
  const { id, type, name } = resource;
  const all = found ? [found, ...found.duplicates] : [];
  return all
    .filter(({ tags }) => tags && isOurs(tags, identity))
    .map((one) => {
      const keeps = isAdopted(one.tags ?? {}) ? adoptionOf(resource)?.keeps : undefined;
      return { id, type, name, found: one, ...(keeps !== undefined && { keeps }) };
    });
}

/**
 * With what is within one that was adopted, as it is before anything is asked. Where that cannot be read,
 * nothing: it keeps its tags, without which the next run would not find what is within.
 */
async function withTagged(
  parent: AnyResource,
  removed: Removed,
  { stack, run, unread }: Of & { unread: Map<AnyResource, CliError> },
): Promise<readonly Removed[]> {
  if (removed.keeps === undefined) return [removed];
  const inside = stack.resources.filter(({ within, removeTags }) => within === parent && removeTags);
  const { attributes } = removed.found;
  const taggedWithin: (readonly [AnyResource, AnyFound])[] = [];
  for (const one of inside) {
    try {
      for (const found of await one.list(run.aws, attributes)) taggedWithin.push([one, found]);
    } catch (error) {
      run.signal.throwIfAborted();
      const why = unreadFor(error);
      unread.set(one, why);
      tellUnread(one, why, run.report);
    }
  }
  return inside.some((one) => unread.has(one)) ? [] : [{ ...removed, taggedWithin }];
}

interface Of {
  stack: Stack;
  run: Run;
}

/** All that stays because it could not be read, with what is to be done about the first of it. */
function notRead(unread: Unread, { code, hint }: CliError): CliError {
  const each = [...unread].map(([{ id, name, within }, { message }]) => {
    const left = within ? `our tags stay on it and on ${within.id} ${within.name}` : "it was not removed";
    return `${id} ${name} could not be read, so ${left}: ${message}`;
  });
  return new CliError(code, each.join("\n"), { hint, cause: [...unread.values()] });
}

async function remove(
  resource: AnyResource,
  ours: readonly Removed[],
  { stack: owner, run }: Of,
): Promise<readonly Removed[]> {
  const { aws } = run;
  const made = ours.filter(({ keeps }) => keeps === undefined);
  const adopted = ours.filter(({ keeps }) => keeps !== undefined);
  if (made.length > 0)
    await reported(resource, "remove", "deleted", run, async () => {
      for (const { found } of made) {
        const now = await stillTheStacks(resource, found, { aws, owner });
        if (now) await resource.delete?.(aws, now);
      }
    });
  if (adopted.length === 0) return ours;
  const left = await reported(resource, "remove our tags from", endOf, run, async () => {
    const all: Removed[] = [];
    for (const one of adopted) if (await letGo(resource, one, { stack: owner, run })) all.push(one);
    return all;
  });
  return [...made, ...left];
}

/** What is gone by now is not left. */
const endOf = (left: readonly Removed[]): Outcome => (left.length > 0 ? "left" : "deleted");

/** Takes off one that was adopted, and stays, what deploys have put on; false where it is gone. */
async function letGo(
  resource: AnyResource,
  { found, taggedWithin = [] }: Removed,
  { stack: owner, run: { aws } }: Of,
): Promise<boolean> {
  const now = await stillTheStacks(resource, found, { aws, owner });
  if (!now) return false;
  for (const [one, before] of taggedWithin) {
    const within = now.attributes;
    const present = await stillToWrite(one, before, { aws, within, owner }, `${one.id} ${one.name}`);
    const names = tagsToTakeOff(tagsOf(present), tagsOf(before));
    if (names.length > 0) await orMissing(Promise.resolve(one.removeTags?.(aws, present, names)));
  }
  const names = tagsToTakeOff(tagsOf(now), tagsOf(found));
  await orMissing(Promise.resolve(adoptionOf(resource)?.removeTags(aws, now, names)));
  return true;
}

const tagsOf = ({ tags, furtherTags }: AnyFound): Tags => tags ?? furtherTags ?? {};
