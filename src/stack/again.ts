import { isDeepStrictEqual } from "node:util";
import type { Aws } from "../aws/clients.ts";
import { isAdopted, isAdoptionBegun, isUnclaimed, otherManagerIn, tagNames, type Tags } from "../aws/tags.ts";
import { command } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { Owner } from "./adopt.ts";
import { claimOn, refusalToWrite } from "./ownership.ts";
import type { AnyFound, AnyResource, Attributes } from "./resource.ts";

/** Reads one thing again that was read before, also when it is another's now; undefined where it is gone. */
async function readAgain(
  resource: AnyResource,
  found: AnyFound,
  { aws, within }: { aws: Aws; within: Attributes },
): Promise<AnyFound | undefined> {
  if (resource.again) return await resource.again(aws, found);
  const [named] = await resource.list(aws, within, "all");
  return named;
}

/**
 * The same thing as it is right before it is deleted, or let go of; undefined where AWS shows it no more.
 * AWS deletes by name, whatever has that name then: throws CliError `not-ours` where it was replaced, adopted
 * or claimed since it was listed.
 */
export async function stillTheStacks(
  resource: AnyResource,
  found: AnyFound,
  { aws, owner }: { aws: Aws; owner: Owner },
): Promise<AnyFound | undefined> {
  const now = await readAgain(resource, found, { aws, within: {} });
  if (!now) return undefined;
  const claim = claimOn(now.tags ?? {}, owner.identity);
  if (claim !== undefined) throw changedSince(`it ${claim}`, STAYS);
  if (!isTheSame(found, now)) throw changedSince("another one is in its place", STAYS);
  return now;
}

/**
 * Whether it is what was found: made, or adopted, by the same run; an adoption may have come to its end.
 * A tag tells, as names are used again.
 */
function isTheSame(found: AnyFound, now: AnyFound): boolean {
  const [before, after] = [found.tags ?? {}, now.tags ?? {}];
  const isAdoptedSince = (isUnclaimed(before) || isAdoptionBegun(before)) && isAdopted(after);
  return isDeepStrictEqual(found.createdAt, now.createdAt) && (isAdoptedSince || hasSameMark(before, after));
}

const hasSameMark = (before: Tags, after: Tags): boolean =>
  before[tagNames.run] === after[tagNames.run] && isAdopted(before) === isAdopted(after);

const STAYS = "it stays, and so does what it needs";
const changedSince = (how: string, what: string, name?: string): CliError =>
  new CliError("not-ours", `${name ?? "it"} has changed since it was read: ${how}`, {
    hint: [`${what}; to see what there is now: `, command("status")],
  });

/** Where something is read again, and whose it has to be. */
interface Place {
  aws: Aws;
  within: Attributes;
  owner: Owner;
}

/**
 * What was found, with the tags that it has right before it is written to. Throws CliError `not-ours` where
 * it was replaced, or names another owner, since it was read.
 */
export async function stillToWrite(
  resource: AnyResource,
  found: AnyFound,
  { aws, within, owner }: Place,
  name?: string,
): Promise<AnyFound> {
  const now = await readAgain(resource, found, { aws, within });
  if (!now) return found;
  const how = objectionTo(resource, { found, now }, owner);
  if (how !== undefined) throw changedSince(how, AS_IT_IS, name);
  const { tags, furtherTags } = now;
  return { ...found, ...(tags && { tags }), ...(furtherTags && { furtherTags }) };
}

const AS_IT_IS = "it stays as it is";

/**
 * The same of what is written by other ways than the resource's own: asked of the tags that it has right
 * before. What was not `found` has those of its creation by then.
 */
export const checkOfTags =
  (resource: AnyResource, found: AnyFound | undefined, owner: Owner) =>
  (tags: Tags, left: string = AS_IT_IS): void => {
    const before = found ?? { attributes: {}, properties: {}, tags: resource.tags ?? {} };
    const how = objectionTo(resource, { found: before, now: { ...before, tags } }, owner);
    if (how !== undefined) throw changedSince(how, left, `${resource.id} ${resource.name}`);
  };

/** Why what was found may not be written to as it is now, in words; undefined where it may. */
const objectionTo = (
  resource: AnyResource,
  { found, now }: { found: AnyFound; now: AnyFound },
  owner: Owner,
): string | undefined =>
  refusalToWrite([[resource, now]], owner)
    ? `it ${claimOn(now.tags ?? {}, owner.identity)}`
    : changeOf(found, now);

/** What makes it another's, or another one, since it was found, in words; undefined where nothing does. */
function changeOf(found: AnyFound, now: AnyFound): string | undefined {
  if (!isTheSame(found, now)) return "another one is in its place";
  const manager = otherManagerIn(now.furtherTags ?? {});
  return manager === undefined || manager === otherManagerIn(found.furtherTags ?? {})
    ? undefined
    : `it is managed by ${manager}`;
}

/** What it is within or, where AWS keeps no tags of it, what one that it needs is within. */
const wholeOf = ({ within, tags, needs }: AnyResource): AnyResource | undefined =>
  within ?? (tags ? undefined : Object.values<AnyResource>(needs).find((need) => need.within)?.within);

/**
 * The readings right before the writes of one walk: of each thing with tags, and of what it belongs to.
 * The latter serves for all that is written in it, until it is to be read anew.
 */
export function readingsBeforeWrites(
  observed: { get(resource: AnyResource): AnyFound | undefined },
  at: Omit<Place, "within">,
) {
  const wholes = new Map<AnyResource, Promise<unknown>>();
  const read = (resource: AnyResource, within: Attributes, name?: string) => {
    const found = observed.get(resource);
    const isTagged = (found?.tags ?? found?.furtherTags) !== undefined;
    return found && isTagged ? stillToWrite(resource, found, { ...at, within }, name) : found;
  };
  const ofWhole = (whole: AnyResource) => {
    const reading = wholes.get(whole) ?? Promise.resolve(read(whole, {}, `${whole.id} ${whole.name}`));
    wholes.set(whole, reading);
    return reading;
  };
  return {
    /** Undefined where there was none. Throws CliError `not-ours`. */
    async of(resource: AnyResource, within: Attributes): Promise<AnyFound | undefined> {
      const whole = wholeOf(resource);
      const [found] = await Promise.all([read(resource, within), whole && ofWhole(whole)]);
      return found;
    },
    /** After a wait. */
    anew: () => wholes.clear(),
  };
}
