import { isDeepStrictEqual } from "node:util";
import type { Aws } from "../aws/clients.ts";
import { isAdopted, tagNames } from "../aws/tags.ts";
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
 * The same thing as it is right before it is deleted, or let go of; as it was where AWS shows it no more.
 * AWS deletes by name, whatever has that name then: throws CliError `not-ours` where it was replaced, adopted
 * or claimed since it was listed.
 */
export async function stillTheStacks(
  resource: AnyResource,
  found: AnyFound,
  { aws, owner }: { aws: Aws; owner: Owner },
): Promise<AnyFound> {
  const now = await readAgain(resource, found, { aws, within: {} });
  if (!now) return found;
  const claim = claimOn(now.tags ?? {}, owner.identity);
  if (claim !== undefined) throw changedSince(`it ${claim}`, STAYS);
  if (!isTheSame(found, now)) throw changedSince("another one is in its place", STAYS);
  return now;
}

/** Whether it is what was listed: made, or adopted, by the same run. A tag tells, as names are used again. */
const isTheSame = (found: AnyFound, now: AnyFound): boolean => isDeepStrictEqual(markOf(found), markOf(now));

const markOf = ({ tags = {}, createdAt }: AnyFound) => [tags[tagNames.run], isAdopted(tags), createdAt];

const STAYS = "it stays, and so does what it needs";
const changedSince = (how: string, what: string): CliError =>
  new CliError("not-ours", `it has changed since it was read: ${how}`, {
    hint: [`${what}; to see what there is now: `, command("status")],
  });

/**
 * What was found, with the tags that it has right before they are written. Throws CliError `not-ours` where
 * they name another owner since it was read.
 */
export async function withPresentTags(
  resource: AnyResource,
  found: AnyFound,
  { aws, within, owner }: { aws: Aws; within: Attributes; owner: Owner },
): Promise<AnyFound> {
  const now = await readAgain(resource, found, { aws, within });
  if (!now) return found;
  const claim = refusalToWrite([[resource, now]], owner) && claimOn(now.tags ?? {}, owner.identity);
  if (claim !== undefined) throw changedSince(`it ${claim}`, "its tags stay");
  const { tags, furtherTags } = now;
  return { ...found, ...(tags && { tags }), ...(furtherTags && { furtherTags }) };
}
