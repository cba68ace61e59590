import { setTimeout as delay } from "node:timers/promises";
import { CliError } from "../errors/error.ts";
import type { Report } from "../progress.ts";
import { alreadyExists, isThrottled, mayHaveSucceeded } from "../aws/retry.ts";
import type { Aws } from "../aws/clients.ts";
import { differences, propertiesIn } from "./difference.ts";
import { refuseNotOurs } from "./ownership.ts";
import type { AnyFound, AnyResource, Attributes } from "./resource.ts";
import { isOfThisRun, type Identity } from "../aws/tags.ts";

/** What every walk over a stack needs; `timeScale` scales the pauses (tests use a small one). */
export interface Run {
  aws: Aws;
  report: Report;
  signal: AbortSignal;
  timeScale: number;
}

/** Another run of the same stack was faster to create this one: it goes first, we look again. */
export class LostRace extends Error {
  override readonly name = "Overtaken";
}

/**
 * One thing to create: what it should be, what stood there before (a deployment is replaced by a newer one),
 * and what it is within.
 */
interface Wanted {
  resource: AnyResource;
  desired: object;
  before: AnyFound | undefined;
  within: Attributes;
  identity: Identity;
}

/**
 * How often something is created. Throttling lets up by itself, so there is more patience with it (FAULTS.md
 * R2, R6).
 */
const triesAtMost = { throttled: 10, unanswered: 5 };
const LOOKS = 3;
const LATER_LOOKS = 2;

/**
 * Between two looks: five seconds of looking at the least, and longer each time, as API Gateway takes one
 * deployment every 5 s (AWS.md 3.9).
 */
const lookEveryMs = (attempt: number): number => Math.min(2_500 * 1.5 ** (attempt - 1), 5_000);

/**
 * For so long a run may do nothing that others could see, unless a call hangs; they wait longer before they
 * take it for dead.
 */
export const LONGEST_QUIET_MS = 12_000;

/**
 * Creates once, and looks before it creates again: no create call has an idempotency token, so after an
 * answer that was lost the thing may be there (FAULTS.md R2). Then makes sure that it is the only one. Throws
 * what AWS says, or `Overtaken`.
 */
export async function createOnce(wanted: Wanted, walk: Run): Promise<Attributes> {
  const { resource } = wanted;
  for (let attempt = 1; ; attempt++) {
    const made = await triedOnce(wanted, attempt, walk);
    if (!made) continue;
    let kept = await settled(wanted, made, walk);
    // What an earlier try made turns up when the lists have caught up (FAULTS.md D-10).
    for (let look = 0; attempt > 1 && resource.settle && look < LATER_LOOKS; look++) {
      await pause(resource, lookEveryMs(attempt), walk);
      kept = await settled(wanted, { ...made, attributes: kept }, walk);
    }
    return kept;
  }
}

/** What a try brought: answered by the create call, or found afterwards. */
interface Made {
  attributes: Attributes;
  answered: boolean;
}

/**
 * One try: what it made, or what turns out to have been made. Undefined where nothing was, and another try
 * may follow at once.
 */
async function triedOnce(wanted: Wanted, attempt: number, walk: Run): Promise<Made | undefined> {
  const { resource, desired, before } = wanted;
  if (!resource.create)
    throw new CliError("resource-missing", `${resource.id} ${resource.name} cannot be found`);
  try {
    return { attributes: await resource.create(walk.aws, desired, before), answered: true };
  } catch (error) {
    const exists = alreadyExists(error);
    if (!exists && !mayHaveSucceeded(error)) throw error;
    const found = await lookAgain(
      wanted,
      walk,
      exists ? { looks: 1, everyMs: 0 } : { looks: LOOKS, everyMs: lookEveryMs(attempt) },
    );
    if (found) return { attributes: await completed(wanted, found, walk), answered: false };
    if (exists || attempt >= triesAtMost[isThrottled(error) ? "throttled" : "unanswered"]) throw error;
    return undefined;
  }
}

const settled = async (
  { resource, within }: Wanted,
  { attributes, answered }: Made,
  walk: Run,
): Promise<Attributes> =>
  (await resource.settle?.(walk.aws, attributes, {
    answered,
    within,
    pause: () => pause(resource, lookEveryMs(1), walk),
  })) ?? attributes;

async function pause({ id }: AnyResource, ms: number, { report, signal, timeScale }: Run): Promise<void> {
  report({ kind: "waiting", id, reason: "AWS to show what was made", elapsedMs: 0, budgetMs: ms });
  await delay(ms * timeScale, undefined, { signal });
}

/** Finishes a creation that takes more than one call and was cut between them. */
async function completed({ resource, desired }: Wanted, made: AnyFound, walk: Run): Promise<Attributes> {
  const missing = differences(resource, made, desired);
  if (missing.length > 0) await resource.update?.(walk.aws, desired, made, propertiesIn(missing));
  return made.attributes;
}

/**
 * Reads up to `looks` times, because lists may lag behind; finds what this run made, or what is just as it
 * should be. The last look is right before the next try.
 */
async function lookAgain(
  { resource, desired, within, identity }: Wanted,
  walk: Run,
  { looks, everyMs }: { looks: number; everyMs: number },
): Promise<AnyFound | undefined> {
  for (let look = 0; look < looks; look++) {
    if (look > 0) await pause(resource, everyMs, walk);
    const found = await resource.read(walk.aws, within);
    if (!found) continue;
    refuseNotOurs([[resource, found]], identity);
    const mine = [found, ...(found.duplicates ?? [])].find(({ tags }) => tags && isOfThisRun(tags, identity));
    if (found.tags && !mine) throw new LostRace(`${resource.id} ${resource.name}`);
    if (mine || differences(resource, found, desired).length === 0) return mine ?? found;
  }
  return undefined;
}
