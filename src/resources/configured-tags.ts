import {
  marksOf,
  namesAsTags,
  namesInTags,
  namesPutOn,
  tagNames,
  tagsToSend,
  type Tags,
} from "../aws/tags.ts";
import { isOwnTag } from "../settings/own-tags.ts";

/** The tags that the configuration sets, as properties of each resource of which AWS keeps tags. */
export interface TagProperties {
  /** Beside those that others have set, which stay. */
  Tags: Tags;
  /** Their names, in alphabetical order; a tag keeps them, so that they can go again. */
  ConfiguredTags: readonly string[];
}

/** What is wanted; nothing where the configuration was not asked. */
export const desiredTags = (configured: Tags | undefined): Partial<TagProperties> =>
  configured ? { Tags: configured, ConfiguredTags: Object.keys(configured).toSorted() } : {};

/** What was found, without the tags of our own. */
export const foundTags = (all: Tags = {}): TagProperties => ({
  Tags: Object.fromEntries(Object.entries(all).filter(([name]) => !isOwnTag(name))),
  ConfiguredTags: namesInTags(tagNames.tags, all),
});

/** What stays of the tags that were found: all but those that a configuration set and sets no longer. */
export const tagsThatStay = (all: Tags = {}, configured: Tags = {}): Tags => {
  const before = new Set(namesPutOn(all));
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => name in configured || isOwnTag(name) || !before.has(name)),
  );
};

/** What the create call has of them; nothing where there are none. */
export function tagsAtCreation(configured: Tags = {}): Tags {
  const names = Object.keys(configured).toSorted();
  return names.length > 0 ? { ...configured, ...namesAsTags(tagNames.tags, names) } : {};
}

/** The two calls that change a resource's tags. */
interface Tagging {
  set(tags: Record<string, string>): Promise<unknown>;
  remove(names: string[]): Promise<unknown>;
}

/** Writes those that are configured, where any of it `changed`, and removes those that were before. */
export async function writeTags(
  { Tags: target, ConfiguredTags: names }: TagProperties,
  { properties: { Tags: read = {} }, tags, furtherTags: present = tags ?? {} }: Tagged,
  changed: ReadonlySet<string>,
  { set, remove }: Tagging,
): Promise<void> {
  if (!changed.has("Tags") && !changed.has("ConfiguredTags")) return;
  const gone = namesPutOn(present).filter((name) => !names.includes(name));
  if (gone.length > 0) await remove(gone);
  const configured = Object.entries(target).filter(([name]) => names.includes(name));
  // With the names last, a run that is cut before still knows what to take away.
  const wanted = { ...Object.fromEntries(configured), ...marksOf(names, present) };
  const sent = tagsToSend(wanted, { read, present });
  if (Object.keys(sent).length > 0) await set(sent);
}

/** A resource with its configured tags as it was read, and with all its tags by now. */
interface Tagged {
  properties: Partial<TagProperties>;
  tags?: Tags;
  furtherTags?: Tags;
}
