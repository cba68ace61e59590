import { setTimeout as delay } from "node:timers/promises";
import { CliError } from "../errors.ts";
import type { Report } from "../report.ts";
import { alreadyExists, mayHaveHappened } from "../retry.ts";
import type { Aws } from "../target.ts";
import { differences, propertiesIn } from "./difference.ts";
import { isOfThisRun, refuseForeign, type Identity } from "./ownership.ts";
import type { AnyFound, AnyResource, Attributes } from "./resource.ts";

/** What every walk over a stack needs; `pace` scales the pauses (tests use a small one). */
export interface Walk {
  aws: Aws;
  report: Report;
  signal: AbortSignal;
  pace: number;
}

/** Another run of the same stack was faster to create this one: it goes first, we look again. */
export class Overtaken extends Error {
  override readonly name = "Overtaken";
}

/** One thing to create: what it should be, what stood there before (a deployment is replaced by a newer one), and what it is within. */
interface Wanted {
  resource: AnyResource;
  desired: object;
  before: AnyFound | undefined;
  within: Attributes;
  identity: Identity;
}

const CREATES_AT_MOST = 10;
const LOOKS = 3;
const LOOK_EVERY_MS = 2_500;

/** Pauses between two tries to create: API Gateway takes one deployment every 5 s (aws-behaviour 3.9). */
const pauseMs = (attempt: number): number => Math.min(1_000 * 2 ** attempt, 10_000);

/**
 * Creates once, and looks before it creates again: no create call has an idempotency token, so after an answer that was lost
 * the thing may be there (faults.md R2). Throws what AWS says, or `Overtaken`.
 */
export async function ensure(wanted: Wanted, walk: Walk): Promise<Attributes> {
  const { resource, desired, before } = wanted;
  if (!resource.create) throw new CliError(`${resource.id} ${resource.name} cannot be found`);
  for (let attempt = 1; ; attempt++) {
    try {
      return await resource.create(walk.aws, desired, before);
    } catch (error) {
      const exists = alreadyExists(error);
      if (!exists && !mayHaveHappened(error)) throw error;
      const made = await lookAgain(wanted, walk, exists ? 1 : LOOKS);
      if (made) return await completed(wanted, made, walk);
      if (exists || attempt >= CREATES_AT_MOST) throw error;
      walk.report({ kind: "waiting", id: resource.id, reason: "AWS to take the call", elapsedMs: 0, budgetMs: pauseMs(attempt) });
      await delay(pauseMs(attempt) * walk.pace, undefined, { signal: walk.signal });
    }
  }
}

/** Finishes a creation that takes more than one call and was cut between them. */
async function completed({ resource, desired }: Wanted, made: AnyFound, walk: Walk): Promise<Attributes> {
  const missing = differences(resource, made, desired);
  if (missing.length > 0) await resource.update?.(walk.aws, made, desired, propertiesIn(missing));
  return made.attributes;
}

/** Reads up to `looks` times, because lists may lag behind; finds what this run made, or what is just as it should be. */
async function lookAgain({ resource, desired, within, identity }: Wanted, walk: Walk, looks: number): Promise<AnyFound | undefined> {
  for (let look = 0; look < looks; look++) {
    if (look > 0) await delay(LOOK_EVERY_MS * walk.pace, undefined, { signal: walk.signal });
    const found = await resource.read(walk.aws, within);
    if (!found) continue;
    refuseForeign([[resource, found]], identity);
    if (found.tags && !isOfThisRun(found.tags, identity)) throw new Overtaken(`${resource.id} ${resource.name}`);
    if (found.tags || differences(resource, found, desired).length === 0) return found;
  }
  return undefined;
}
