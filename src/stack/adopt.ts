import {
  adoptedTag,
  isAdoptionBegun,
  isOurs,
  isUnclaimed,
  tagsBeside,
  tagsToSend,
  type Identity,
  type Tags,
} from "../aws/tags.ts";
import type { Aws } from "../aws/clients.ts";
import { command, NO_CHANGES } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { Difference } from "./difference.ts";
import type { Adoption, AnyFound, AnyResource, Attributes } from "./resource.ts";

/** Whose a stack is, and whether it adopts what was made by hand. */
export interface Owner {
  identity: Identity;
  adopts?: boolean;
}

/** The property that stands for the tags where something is adopted. */
export const OWN_TAGS = "OwnTags";

/** How a resource is adopted; undefined for one that is not. */
export const adoptionOf = ({ adoption }: AnyResource): Adoption<object, Attributes> | undefined =>
  typeof adoption === "object" ? adoption : undefined;

/** Whether it could be adopted: no tag of it names an owner. */
export const isCandidate = (resource: AnyResource, { tags }: AnyFound): boolean =>
  adoptionOf(resource) !== undefined && tags !== undefined && isUnclaimed(tags);

/** Whether a deploy of the stack adopts it, or goes on to. */
export const isToBeAdopted = (
  resource: AnyResource,
  found: AnyFound,
  { identity, adopts = false }: Owner,
): boolean =>
  (isBegun(found) && isOurs(found.tags ?? {}, identity)) ||
  (isCandidate(resource, found) && (adopts || adoptionOf(resource)?.unasked === true));

/** Throws (exit 4) where something that is to be adopted cannot be without harm: all reasons together. */
export async function refuseUnfitToAdopt(
  observed: ReadonlyMap<AnyResource, AnyFound | undefined>,
  owner: Owner,
  aws: Aws,
): Promise<void> {
  const reasons = await Promise.all(
    [...observed].map(async ([resource, found]) => {
      if (!found || !isToBeAdopted(resource, found, owner)) return [];
      const texts = (await adoptionOf(resource)?.unfit?.(aws, found)) ?? [];
      return texts.map((text) => `${resource.id} ${resource.name} cannot be adopted: ${text}`);
    }),
  );
  if (reasons.flat().length === 0) return;
  throw new CliError("unfit-to-adopt", reasons.flat().join("\n"), {
    hint: `${NO_CHANGES}; let the stack make an API of its own (--api-name NAME), or change what is listed`,
  });
}

/**
 * Throws (exit 4) for all but a whole deploy while an adoption is not at its end: clients have the old code.
 */
export function refuseWhileBegun(observed: ReadonlyMap<AnyResource, AnyFound | undefined>): void {
  for (const [{ id, name }, found] of observed)
    if (found && isBegun(found))
      throw new CliError("adoption-begun", `the adoption of ${id} ${name} has begun and is not at its end`, {
        hint: [`${NO_CHANGES}; finish it first: `, command("deploy")],
      });
}

const isBegun = ({ tags = {} }: AnyFound): boolean => isAdoptionBegun(tags);

/**
 * The tags that it gets: those with which it would be created, and that it was not. What may serve clients is
 * marked twice, so that a run that is cut in between is known.
 */
const tagsOfAdoption = (resource: AnyResource, found: AnyFound): Tags => ({
  ...tagsBeside(found.tags ?? {}, resource.tags ?? {}),
  ...adoptedTag({ isBegun: adoptionOf(resource)?.serves === true && !isBegun(found) }),
});

/** Those of these tags to send for one that was `found` and has the tags of `present` by now. */
export const tagsToAdopt = (resource: AnyResource, found: AnyFound, present: AnyFound): Tags =>
  tagsToSend(tagsOfAdoption(resource, present), { read: found.tags ?? {}, present: present.tags ?? {} });

/** The same as what differs: the names alone, as their values are those of any resource of the stack. */
export function tagsDifference(resource: AnyResource, found: AnyFound): Difference {
  const names = Object.keys(tagsOfAdoption(resource, found)).join(", ");
  return { path: OWN_TAGS, from: undefined, to: `ours (${names.replaceAll(", shelfshack-ws:", ", :")})` };
}

/** What is adopted and may serve clients already, as it was found. */
export const servingAlready = (
  resources: readonly AnyResource[],
  observed: { get(resource: AnyResource): AnyFound | undefined },
  owner: Owner,
): ReadonlyMap<AnyResource, AnyFound> =>
  new Map(
    resources.flatMap((resource) => {
      const found = observed.get(resource);
      const isServing = adoptionOf(resource)?.serves && found && isToBeAdopted(resource, found, owner);
      return isServing ? [[resource, found]] : [];
    }),
  );

/** Whether a walk that leaves these as they are, but for the first of their tags, changes a resource. */
export function isAround(
  kept: ReadonlyMap<AnyResource, AnyFound>,
  resource: AnyResource,
  path: string = OWN_TAGS,
): boolean {
  const found = kept.get(resource);
  return !found || (path === OWN_TAGS && !isBegun(found));
}

/** Whether others own it, or what it is within. */
export const isOfOthers = (
  resource: AnyResource,
  observed: { get(resource: AnyResource): AnyFound | undefined },
): boolean =>
  observed.get(resource)?.isForeign === true ||
  (resource.within !== undefined && observed.get(resource.within)?.isForeign === true);
