import { namesPutOn } from "../aws/tags.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { between, type Difference } from "./difference.ts";
import { isOfOthers } from "./adopt.ts";
import type { AnyFound } from "./resource.ts";
import { isWanted, type Action, type Change, type Scope } from "./engine.ts";

/** One resource in the result of plan, deploy and status. */
export interface ChangeLine {
  id: string;
  type: string;
  name: string;
  action: Action;
  /** False for what `--only` or `--code-only` left out: then nothing is known of it. */
  compared: boolean;
  differences: readonly Difference[];
  /** What else changes with it for clients: all that a newer release brings where an older one served. */
  brings: readonly Difference[];
  /** What adopting it means, in words; null for what is not adopted in this run. */
  adoption: readonly string[] | null;
  /** Why nothing is known of it; null for all that was read. */
  unread: { code: ErrorCode; message: string } | null;
}

/**
 * The changes as plain data, without what is only looked up, others' or left as it is, and what no stack has
 * any more; `scope` as the plan or deploy had it.
 */
export function describeChanges(changes: readonly Change[], scope: Scope = () => true): ChangeLine[] {
  const found = new Map(changes.map((change) => [change.resource, change.found]));
  return changes
    .filter(({ resource }) => resource.desired && isWanted(resource) && !isOfOthers(resource, found))
    .filter(({ resource, action }) => !resource.former || action !== "none")
    .map((change) => {
      const { resource, action, differences: all, adoption = null, unread, found: one } = change;
      const { id, type, name } = resource;
      const differences = tagByTag(all, one);
      const compared = scope(resource) && !unread;
      const error = unread ? { code: unread.code, message: unread.message } : null;
      const brings = broughtBy(change, changes);
      return { id, type, name, action, compared, differences, brings, adoption, unread: error };
    });
}

function broughtBy({ resource, action, found }: Change, changes: readonly Change[]): Difference[] {
  const led = action === "update" && found ? resource.leadsFrom?.(found) : undefined;
  const needed = changes.find((one) => one.resource === led?.need);
  const after = needed?.target ?? needed?.found?.properties;
  return led && after ? between(led.need, led.before, after) : [];
}

/** The tags that leave the configuration one by one (`to` null), instead of the names of all that it sets. */
function tagByTag(all: readonly Difference[], found: AnyFound | undefined): readonly Difference[] {
  const names = all.find(({ path }) => path === "ConfiguredTags");
  if (!names) return all;
  const { tags, furtherTags: Tags = tags ?? {} } = found ?? {};
  const after: unknown[] = Array.isArray(names.to) ? names.to : [];
  const before = namesPutOn(Tags);
  const gone = Object.entries(Tags).filter(([name]) => before.includes(name) && !after.includes(name));
  const told = [
    ...all.filter((one) => one !== names),
    ...gone.map(([name, from]) => ({ path: `Tags.${name}`, from, to: null })),
  ];
  return told.length > 0 ? told : all;
}
