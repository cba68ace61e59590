import { isUnclaimed, tagNames, type Identity, type Tags } from "../aws/tags.ts";
import type { Difference } from "./difference.ts";
import type { Adoption, AnyFound, AnyResource, Attributes } from "./resource.ts";

/** Whose a stack is, and whether it adopts what was made by hand. */
export interface Owner {
  identity: Identity;
  adopts?: boolean;
}

/** The property that stands for the tags where something is adopted. */
export const TAGS = "Tags";

/** How a resource is adopted; undefined for one that is not. */
export const adoptionOf = ({ adoption }: AnyResource): Adoption<object, Attributes> | undefined =>
  typeof adoption === "object" ? adoption : undefined;

/** Whether it could be adopted: no tag of it names an owner. */
export const isCandidate = (resource: AnyResource, { tags }: AnyFound): boolean =>
  adoptionOf(resource) !== undefined && tags !== undefined && isUnclaimed(tags);

/** Whether a deploy of the stack adopts it. */
export const isToBeAdopted = (resource: AnyResource, found: AnyFound, { adopts = false }: Owner): boolean =>
  isCandidate(resource, found) && (adopts || adoptionOf(resource)?.unasked === true);

/** The tags that it gets: those with which it would be created, and that it was not. */
export const tagsOfAdoption = ({ tags = {} }: AnyResource): Tags => ({ ...tags, [tagNames.adopted]: "true" });

/** The same as what differs. */
export const tagsDifference = (resource: AnyResource): Difference => ({
  path: TAGS,
  from: undefined,
  to: Object.entries(tagsOfAdoption(resource))
    .filter(([name]) => name !== tagNames.run)
    .map(([name, value]) => `${name}=${value}`)
    .join(", "),
});

/** Whether others own it, or what it is within. */
export const isOfOthers = (
  resource: AnyResource,
  observed: { get(resource: AnyResource): AnyFound | undefined },
): boolean =>
  observed.get(resource)?.isForeign === true ||
  (resource.within !== undefined && observed.get(resource.within)?.isForeign === true);
