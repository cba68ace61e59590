import { isDeepStrictEqual } from "node:util";
import type { Aws } from "../aws/clients.ts";
import { isOfThisRun, type Identity } from "../aws/tags.ts";
import { differences } from "./difference.ts";
import { several } from "./ownership.ts";
import type { AnyFound, AnyResource, Attributes, Standing } from "./resource.ts";

/** Another run of the same stack created this first: it goes on, and this run observes anew. */
export class LostRace extends Error {
  override readonly name = "LostRace";
}

const lostRace = ({ id, name }: AnyResource): LostRace => new LostRace(`${id} ${name}`);

/**
 * Which of those listed counts: of copies the newest, of tagged ones the oldest, otherwise the one in use.
 */
export async function standing(
  resource: AnyResource,
  listed: readonly AnyFound[],
  aws: Aws,
): Promise<Standing | undefined> {
  const [oldest, ...younger] = listed;
  if (!oldest || younger.length === 0) return oldest && { ...oldest, duplicates: [] };
  if (resource.foundBy === "tags") return { ...oldest, duplicates: younger };
  const counting = resource.copies ? listed.at(-1) : await firstInUse(resource, listed, aws);
  return { ...(counting ?? oldest), duplicates: [] };
}

async function firstInUse(
  resource: AnyResource,
  listed: readonly AnyFound[],
  aws: Aws,
): Promise<AnyFound | undefined> {
  const used = await Promise.all(listed.map(async (found) => await resource.inUse?.(aws, found)));
  return listed[used.indexOf(true)];
}

/** One that is to be created, or was: what it is to be, and who creates it. */
export interface Wanted {
  resource: AnyResource;
  desired: object;
  within: Attributes;
  identity: Identity;
}

/**
 * Which of those listed this run created: by its tag, or, where AWS keeps none, what is just as it should be.
 * Undefined where none is. Throws `LostRace` where the one there is another run's: it has that run's tag, or
 * AWS says that the name `isTaken`, by one that is otherwise than it should be.
 */
export function createdByThisRun(
  { resource, desired, identity }: Wanted,
  listed: readonly AnyFound[],
  { isTaken }: { isTaken: boolean },
): AnyFound | undefined {
  const mine = listed.find(({ tags }) => tags && isOfThisRun(tags, identity));
  if (mine) return mine;
  const same = listed.find((found) => differences(resource, found, desired).length === 0);
  if (listed.some(({ tags }) => tags) || (isTaken && !same && listed.length > 0)) throw lostRace(resource);
  return same;
}

/** One of several, as an election sees it. */
export interface Candidate {
  /** This run created it, as its tag or the create call's answer says. */
  isMine: boolean;
  isInUse: boolean;
}

/** What comes of an election: one stays, this run's gives way, or it is not clear yet. */
export interface Verdict<C extends Candidate> {
  kind: "stays" | "withdraw" | "unclear";
  stays?: C;
  /** Candidates of this run that are to be deleted. */
  remove: readonly C[];
}

/**
 * Elects one of several (FAULTS.md R3). `candidates` are ordered by age where there are dates, the oldest
 * first. Of this run's own the oldest stays and the others go, unless they are in use. Beside another run's,
 *
 * - with dates: ours gives way when it is not in use, and another one is older or in use;
 * - without: ours gives way when the create call answered it, as nothing points to it yet. Where none is
 *   known to be ours, the one in use stays, or on the last look the first, which is the same for every run.
 */
export function elect<C extends Candidate>(
  candidates: readonly C[],
  { hasDates, isLastLook }: { hasDates: boolean; isLastLook: boolean },
): Verdict<C> {
  const rivals = candidates.filter(({ isMine }) => !isMine);
  const [mine, ...younger] = candidates.filter(({ isMine }) => isMine);
  const surplus = younger.filter(({ isInUse }) => !isInUse);
  if (!mine) return amongOthers(rivals, isLastLook);
  if (rivals.length === 0) return { kind: "stays", stays: mine, remove: surplus };
  if (mine.isInUse) return { kind: "unclear", remove: surplus };
  const isBeaten = rivals.some(
    (rival) => !hasDates || rival.isInUse || candidates.indexOf(rival) < candidates.indexOf(mine),
  );
  return isBeaten ? { kind: "withdraw", remove: [mine, ...surplus] } : { kind: "unclear", remove: surplus };
}

function amongOthers<C extends Candidate>(rivals: readonly C[], isLastLook: boolean): Verdict<C> {
  const [first, ...more] = rivals;
  const stays =
    rivals.find(({ isInUse }) => isInUse) ?? (more.length === 0 || isLastLook ? first : undefined);
  if (stays) return { kind: "stays", stays, remove: [] };
  return { kind: first ? "unclear" : "withdraw", remove: [] };
}

/** What was created, and whether the create call said so; otherwise it was found afterwards. */
export interface Created {
  attributes: Attributes;
  answered: boolean;
}

const LOOKS = 3;

/**
 * Makes sure, after a creation, that one stays, and returns its attributes; deletes what this run created in
 * vain. Throws `LostRace` when another run's stays, and a CliError (exit 4) when it does not become clear.
 */
export async function keepOne(
  wanted: Wanted,
  created: Created,
  { aws, pause }: { aws: Aws; pause(): Promise<void> },
): Promise<Attributes> {
  const { resource } = wanted;
  const hasDates = resource.foundBy === "tags";
  let ours = created;
  for (let look = 1; ; look++) {
    const candidates = await candidatesFor(wanted, ours, aws);
    const { kind, stays, remove } = elect(candidates, { hasDates, isLastLook: look === LOOKS });
    for (const { found } of remove) await resource.delete?.(aws, found);
    if (stays) return stays.found.attributes;
    if (kind === "withdraw") throw lostRace(resource);
    const all = candidates.map(({ found }) => found);
    if (look === LOOKS) throw several(resource, all);
    const left = candidates.find((candidate) => candidate.isMine && !remove.includes(candidate));
    ours = left ? { ...ours, attributes: left.found.attributes } : ours;
    await pause();
  }
}

/** Everything listed, and what was created where the list does not show it yet (FAULTS.md D-10). */
async function candidatesFor(
  { resource, desired, within, identity }: Wanted,
  { attributes, answered }: Created,
  aws: Aws,
): Promise<(Candidate & { found: AnyFound })[]> {
  const listed = await resource.list(aws, within);
  const isCreated = (found: AnyFound) => isDeepStrictEqual(found.attributes, attributes);
  const known = listed.map((found) => ({
    found,
    isMine: found.tags ? isOfThisRun(found.tags, identity) : answered && isCreated(found),
  }));
  const isHidden = !listed.some(isCreated) && (answered || resource.foundBy === "tags");
  const all = isHidden ? [...known, { found: { attributes, properties: desired }, isMine: true }] : known;
  if (all.length === 1) return all.map((one) => ({ ...one, isInUse: false }));
  return await Promise.all(
    all.map(async (one) => ({ ...one, isInUse: (await resource.inUse?.(aws, one.found)) ?? false })),
  );
}
