import { setTimeout as delay } from "node:timers/promises";
import { CliError } from "../errors/error.ts";
import { tellingOfWait, type Report, type Wait } from "../progress.ts";
import { alreadyExists, isThrottled, mayHaveSucceeded, REQUEST_LIMIT } from "../aws/retry.ts";
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
  /** Throws where what it is written in has become another's. */
  check(): Promise<void>;
}

const VISIBLE = "the new resource to become visible";
/**
 * Tries of one creation, and what is waited for between them. Throttling ends by itself, so it gets more of
 * them (FAULTS.md R2, R6).
 */
const patience = {
  throttled: { tries: 10, reason: REQUEST_LIMIT },
  unanswered: { tries: 5, reason: VISIBLE },
};
const LOOKS = 3;
const LATER_LOOKS = 2;

/**
 * The pause between two looks: five seconds in all at the least, and longer with each try, as API Gateway
 * takes one deployment every 5 s (AWS.md 3.9).
 */
const lookEveryMs = (attempt: number): number => Math.min(2_500 * 1.5 ** (attempt - 1), 5_000);

/** How long this number of tries waits in all. */
const longestWaitMs = (tries: number): number =>
  [...Array(tries).keys()].reduce((sum, index) => sum + (LOOKS - 1) * lookEveryMs(index + 1), 0);

/** The longest time without a visible change in a run whose calls do not hang; other runs wait longer. */
export const LONGEST_QUIET_MS = 12_000;

/**
 * Creates once, and looks before it creates again: no create call has an idempotency token, so the resource
 * may exist although the answer was lost (FAULTS.md R2). Where there may be several, one is elected. Throws
 * AWS's error, or `LostRace`.
 */
export async function createOnce(creation: Creation, run: Run): Promise<Attributes> {
  const since = performance.now();
  for (let attempt = 1; ; attempt++) {
    const created = await triedOnce(creation, { attempt, since }, run);
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
  const pause = () => untilVisible(resource, lookEveryMs(1), run);
  let kept = await keepOne(creation, created, { aws: run.aws, pause });
  // What an earlier try created turns up when the lists have caught up (FAULTS.md D-10).
  for (let look = 0; attempt > 1 && look < LATER_LOOKS; look++) {
    await untilVisible(resource, lookEveryMs(attempt), run);
    kept = await keepOne(creation, { ...created, attributes: kept }, { aws: run.aws, pause });
  }
  return kept;
}

/**
 * One try: what it created, or what was found afterwards. Undefined where there is nothing and another try
 * may follow at once.
 */
async function triedOnce(
  creation: Creation,
  { attempt, since }: { attempt: number; since: number },
  run: Run,
): Promise<Created | undefined> {
  const { resource, desired, before } = creation;
  if (!resource.create)
    throw new CliError("resource-missing", `${resource.id} ${resource.name} cannot be found`);
  try {
    return { attributes: await resource.create(run.aws, desired, before), answered: true };
  } catch (error) {
    const isTaken = alreadyExists(error);
    if (!isTaken && !mayHaveSucceeded(error)) throw error;
    const { tries, reason } = patience[isThrottled(error) ? "throttled" : "unanswered"];
    const wait = { id: resource.id, reason, since, budgetMs: longestWaitMs(tries) };
    const looks = isTaken ? { looks: 1, everyMs: 0 } : { looks: LOOKS, everyMs: lookEveryMs(attempt) };
    const found = await lookAgain(creation, run, { ...looks, isTaken, wait });
    if (found) return { attributes: await completed(creation, found, run), answered: false };
    if (isTaken || attempt >= tries) throw error;
    return undefined;
  }
}

const untilVisible = ({ id }: AnyResource, ms: number, run: Run): Promise<void> =>
  pauseFor({ id, reason: VISIBLE, since: performance.now(), budgetMs: ms }, ms, run);

async function pauseFor(wait: Wait, ms: number, { report, signal, timeScale }: Run): Promise<void> {
  using _told = tellingOfWait(report, wait);
  await delay(ms * timeScale, undefined, { signal });
}

/** Finishes a creation that takes more than one call and was cut between them. */
async function completed(
  { resource, desired, check }: Creation,
  created: AnyFound,
  run: Run,
): Promise<Attributes> {
  const missing = differences(resource, created, desired);
  if (missing.length > 0) await resource.update?.(run.aws, desired, created, propertiesIn(missing), check);
  return created.attributes;
}

/**
 * Lists up to `looks` times, because lists may lag behind; finds what this run created, or what is just as it
 * should be. The last look is right before the next try.
 */
async function lookAgain(
  creation: Creation,
  run: Run,
  { looks, everyMs, isTaken, wait }: { looks: number; everyMs: number; isTaken: boolean; wait: Wait },
): Promise<AnyFound | undefined> {
  const { resource, within, identity } = creation;
  for (let look = 0; look < looks; look++) {
    if (look > 0) await pauseFor(wait, everyMs, run);
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
