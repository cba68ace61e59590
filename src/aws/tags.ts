import { randomBytes } from "node:crypto";
import { CliError } from "../errors/error.ts";
import { isOwnTag, MANAGER_TAG, OWN_PREFIX } from "../settings/own-tags.ts";

export type Tags = Readonly<Record<string, string>>;

/** Who a stack is: its tags answer "ours?" for everything found in AWS (FAULTS.md R1). */
export interface Identity {
  stack: string;
  region: string;
  /** 128 random bits of this run: tells two runs of the same stack apart. */
  run: string;
}

/** Whose code a function runs: the user's own, or the handler that ships with us. */
export type CodeOwner = "own" | "shipped";

export const tagNames = {
  managedBy: MANAGER_TAG,
  stack: `${OWN_PREFIX}stack`,
  component: `${OWN_PREFIX}component`,
  region: `${OWN_PREFIX}region`,
  run: `${OWN_PREFIX}run`,
  /** The names of the function's variables that came from the configuration, so that they can go again. */
  variables: `${OWN_PREFIX}variables`,
  /** What its code came from: `own` or `shipped`. */
  code: `${OWN_PREFIX}code`,
  /** It was there before a deploy adopted it: `destroy` leaves it. */
  adopted: `${OWN_PREFIX}adopted`,
  /** The names of the tags that came from the configuration, likewise. */
  tags: `${OWN_PREFIX}tags`,
  /** The names of those of them that others had put on before: these are never taken off. */
  tagsBefore: `${OWN_PREFIX}tags-before`,
};
/** The value of that tag until what it served before is a release. */
const BEGUN = "begun";
export const MANAGED_BY = "shelfshack-ws";

const STEP_BY_STEP = "steps-";

/**
 * The mark of a new run, with 128 random bits; one that does some steps only says so, because it leaves the
 * rest undone on purpose.
 */
export const newRun = ({ isPartial }: { isPartial: boolean }): string =>
  `${isPartial ? STEP_BY_STEP : ""}${randomBytes(16).toString("hex")}`;

/** Whether the run that created it was limited to some steps. */
export const isPartialRun = (tags: Tags): boolean => tags[tagNames.run]?.startsWith(STEP_BY_STEP) ?? false;

/** The tags that go into the create call of a resource. */
export const tagsFor = (identity: Identity, component: string): Record<string, string> => ({
  [tagNames.managedBy]: MANAGED_BY,
  [tagNames.stack]: identity.stack,
  [tagNames.component]: component,
  [tagNames.region]: identity.region,
  [tagNames.run]: identity.run,
});

/** Whether the tags say that it belongs to the stack, whichever run created it. */
export const isOurs = (tags: Tags, identity: Identity): boolean =>
  tags[tagNames.managedBy] === MANAGED_BY &&
  tags[tagNames.stack] === identity.stack &&
  tags[tagNames.region] === identity.region;

/**
 * The other tool that manages it, as its tags say, for example `terraform`; undefined where none does.
 */
export function otherManagerIn(tags: Tags): string | undefined {
  if (tags[tagNames.managedBy] === MANAGED_BY) return undefined;
  for (const [name, value] of Object.entries(tags)) {
    if (name.startsWith("aws:cloudformation:")) return "CloudFormation";
    // Whatever the value holds, it is a word in a line.
    if (/^managed[-_: ]?by$/i.test(name) && value !== "") return value.replaceAll(/\s+/g, " ");
    if (/^terraform$/i.test(name) && !/^(false|no)?$/i.test(value)) return "terraform";
  }
  return undefined;
}

/** Whether the tags name no owner: neither a stack of ours nor another tool. */
export const isUnclaimed = (tags: Tags): boolean =>
  otherManagerIn(tags) === undefined && ownTagsIn(tags).length === 0;

/** Whether a deploy has adopted it, which did not create it. */
export const isAdopted = (tags: Tags): boolean => tagNames.adopted in tags;

/** Whether a deploy has begun to adopt it, and has not come to its code and settings yet. */
export const isAdoptionBegun = (tags: Tags): boolean => tags[tagNames.adopted] === BEGUN;

/** What is added to the tags with which it would be created. */
export const adoptedTag = ({ isBegun }: { isBegun: boolean }): Tags => ({
  [tagNames.adopted]: isBegun ? BEGUN : "true",
});

/** The names of the tags that a deploy has added. */
export const ownTagsIn = (tags: Tags): string[] =>
  Object.keys(tags).filter(
    (name) => isOwnTag(name) && (name !== tagNames.managedBy || tags[name] === MANAGED_BY),
  );

/** Whether this run created it. */
export const isOfThisRun = (tags: Tags, identity: Identity): boolean => tags[tagNames.run] === identity.run;

/**
 * Of the tags that are wanted those to send: what has its value already is left out, and so is what others
 * have changed since it was `read`.
 */
export const tagsToSend = (
  wanted: Tags,
  { read, present }: { read: Tags; present: Tags },
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(wanted).filter(
      ([name, value]) => present[name] !== value && (isOwnTag(name) || present[name] === read[name]),
    ),
  );

/** What AWS keeps of a resource: as many tags, whose values have as many characters (AWS.md 4.9). */
const MOST_TAGS = 50;
const LONGEST_TAG = 256;

/** Throws a CliError (exit 2) where a resource would get tags that AWS refuses. */
export function refuseTags(resource: string, tags: Tags): void {
  const count = Object.keys(tags).length;
  if (count > MOST_TAGS)
    throw new CliError(
      "tags-too-many",
      `${resource} would have ${count} tags, with those that keep the names of tags and variables; ` +
        `AWS takes ${MOST_TAGS}`,
      { hint: "configure fewer tags or variables, or shorten their names" },
    );
  const long = Object.values(tags).find((value) => value.length > LONGEST_TAG);
  if (long === undefined) return;
  throw new CliError(
    "tags-too-many",
    `the name ${JSON.stringify(unescaped(long))} does not fit into a tag of ${resource}: ` +
      `spaces and = count there as three characters each; AWS takes ${LONGEST_TAG}`,
    { hint: "shorten the name of this tag or variable" },
  );
}

/** A name of a tag may have spaces, and what a value may have too: `=` stands before their codes. */
const escaped = (name: string): string => name.replaceAll(/[ =]/g, (one) => (one === " " ? "=20" : "=3D"));
const unescaped = (name: string): string =>
  name.replaceAll(/=(20|3D)/g, (_all, code) => (code === "20" ? " " : "="));

/**
 * Names as the values of as many tags as it takes (a value has 256 characters at most, AWS.md 4.9), the first
 * of this name; an empty one ends them, so that nothing of an older, longer list counts.
 */
export function namesAsTags(tag: string, names: readonly string[]): Record<string, string> {
  const values = [""];
  for (const name of names.map(escaped)) {
    const last = values.at(-1) ?? "";
    const joined = last === "" ? name : `${last} ${name}`;
    if (joined.length <= LONGEST_TAG) values[values.length - 1] = joined;
    else values.push(name);
  }
  if (names.length > 0) values.push("");
  return Object.fromEntries(values.map((value, index) => [nth(tag, index), value]));
}

/** The names in such tags, in their order. */
export function namesInTags(tag: string, tags: Tags): string[] {
  const names: string[] = [];
  for (let index = 0; ; index++) {
    const value = tags[nth(tag, index)];
    if (!value) return names;
    names.push(...value.split(" ").map(unescaped));
  }
}

/**
 * What keeps the names of the tags that the configuration sets, for one that has the tags of `present`; of
 * those that were there before others put on some.
 */
export function marksOf(names: readonly string[], present: Tags): Record<string, string> {
  const known = namesInTags(tagNames.tags, present);
  const before = namesInTags(tagNames.tagsBefore, present);
  const found = names.filter((name) => name in present && (before.includes(name) || !known.includes(name)));
  const isMarked = found.length > 0 || before.length > 0;
  return {
    ...namesAsTags(tagNames.tags, names),
    ...(isMarked && namesAsTags(tagNames.tagsBefore, found)),
  };
}

/** The tags of a creation for one that is there already, with the tags of `present`. */
export const tagsBeside = (present: Tags, created: Tags): Tags =>
  tagNames.tags in created
    ? { ...created, ...marksOf(namesInTags(tagNames.tags, created), present) }
    : created;

/** The names of the tags that a configuration has put on, and not others before it. */
export function namesPutOn(tags: Tags): string[] {
  const before = namesInTags(tagNames.tagsBefore, tags);
  return namesInTags(tagNames.tags, tags).filter((name) => !isOwnTag(name) && !before.includes(name));
}

/**
 * The names of all tags that deploys have put on, but those that others have changed since they were `read`.
 */
export const tagsToTakeOff = (present: Tags, read: Tags): string[] => [
  ...ownTagsIn(present),
  ...namesPutOn(present).filter((name) => name in present && present[name] === read[name]),
];

const nth = (tag: string, index: number): string => (index === 0 ? tag : `${tag}:${index + 1}`);
