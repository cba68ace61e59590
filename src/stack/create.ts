import { setTimeout as delay } from "node:timers/promises";
import { CliError } from "../errors/error.ts";
import type { Report } from "../progress.ts";
import { alreadyExists, isThrottled, mayHaveSucceeded } from "../aws/retry.ts";
import type { Aws } from "../aws/clients.ts";
import { differences, propertiesIn } from "./difference.ts";
import { createdByThisRun, keepOne, type Created, type Wanted } from "./elect.ts";
import { refuseNotOurs } from "./ownership.ts";
import type { AnyFound, AnyResource, Attributes } from "./resource.ts";

/** What a run needs; `timeScale` scales its pauses (tests use a small one). */
export interface Run {
  aws: Aws;
  report: Report;
  signal: AbortSignal;
  timeScale: number;
}

/** What is to be created, and what it replaces. */
interface Creation extends Wanted {
  before: AnyFound | undefined;
}

/** Tries of one creation. Throttling ends by itself, so it gets more of them (FAULTS.md R2, R6). */
const triesAtMost = { throttled: 10, unanswered: 5 };
const LOOKS = 3;
const LATER_LOOKS = 2;

/**
 * The pause between two looks: five seconds in all at the least, and longer with each try, as API Gateway
 * takes one deployment every 5 s (AWS.md 3.9).
 */
const lookEveryMs = (attempt: number): number => Math.min(2_500 * 1.5 ** (attempt - 1), 5_000);

/** The longest time without a visible change in a run whose calls do not hang; other runs wait longer. */
export const LONGEST_QUIET_MS = 12_000;

/**
 * Creates once, and looks before it creates again: no create call has an idempotency token, so the resource
 * may exist although the answer was lost (FAULTS.md R2). Where there may be several, one is elected. Throws
 * AWS's error, or `LostRace`.
 */
export async function createOnce(creation: Creation, run: Run): Promise<Attributes> {
  for (let attempt = 1; ; attempt++) {
    const created = await triedOnce(creation, attempt, run);
    if (created) return await theOneKept(creation, created, attempt, run);
  }
}

/** The one that stays where there may be several; of copies the newest counts, without an election. */
async function theOneKept(
  creation: Creation,
  created: Created,
  attempt: number,
  run: Run,
): Promise<Attributes> {
  const { resource } = creation;
  if (resource.foundBy === "name" || resource.copies) return created.attributes;
  const pause = () => pauseFor(resource, lookEveryMs(1), run);
  let kept = await keepOne(creation, created, { aws: run.aws, pause });
  // What an earlier try created turns up when the lists have caught up (FAULTS.md D-10).
  for (let look = 0; attempt > 1 && look < LATER_LOOKS; look++) {
    await pauseFor(resource, lookEveryMs(attempt), run);
    kept = await keepOne(creation, { ...created, attributes: kept }, { aws: run.aws, pause });
  }
  return kept;
}

/**
 * One try: what it created, or what was found afterwards. Undefined where there is nothing and another try
 * may follow at once.
 */
async function triedOnce(creation: Creation, attempt: number, run: Run): Promise<Created | undefined> {
  const { resource, desired, before } = creation;
  if (!resource.create)
    throw new CliError("resource-missing", `${resource.id} ${resource.name} cannot be found`);
  try {
    return { attributes: await resource.create(run.aws, desired, before), answered: true };
  } catch (error) {
    const isTaken = alreadyExists(error);
    if (!isTaken && !mayHaveSucceeded(error)) throw error;
    const looks = isTaken ? { looks: 1, everyMs: 0 } : { looks: LOOKS, everyMs: lookEveryMs(attempt) };
    const found = await lookAgain(creation, run, { ...looks, isTaken });
    if (found) return { attributes: await completed(creation, found, run), answered: false };
    if (isTaken || attempt >= triesAtMost[isThrottled(error) ? "throttled" : "unanswered"]) throw error;
    return undefined;
  }
}

async function pauseFor({ id }: AnyResource, ms: number, { report, signal, timeScale }: Run): Promise<void> {
  report({ kind: "waiting", id, reason: "the new resource to become visible", elapsedMs: 0, budgetMs: ms });
  await delay(ms * timeScale, undefined, { signal });
}

/** Finishes a creation that takes more than one call and was cut between them. */
async function completed({ resource, desired }: Creation, created: AnyFound, run: Run): Promise<Attributes> {
  const missing = differences(resource, created, desired);
  if (missing.length > 0) await resource.update?.(run.aws, desired, created, propertiesIn(missing));
  return created.attributes;
}

/**
 * Lists up to `looks` times, because lists may lag behind; finds what this run created, or what is just as it
 * should be. The last look is right before the next try.
 */
async function lookAgain(
  creation: Creation,
  run: Run,
  { looks, everyMs, isTaken }: { looks: number; everyMs: number; isTaken: boolean },
): Promise<AnyFound | undefined> {
  const { resource, within, identity } = creation;
  for (let look = 0; look < looks; look++) {
    if (look > 0) await pauseFor(resource, everyMs, run);
    const listed = await resource.list(run.aws, within);
    refuseNotOurs(
      listed.map((found) => [resource, found]),
      { identity },
    );
    const found = createdByThisRun(creation, listed, { isTaken });
    if (found) return found;
  }
  return undefined;
}
