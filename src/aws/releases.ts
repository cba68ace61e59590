import type { AliasConfiguration, FunctionConfiguration } from "@aws-sdk/client-lambda";
import { complete, orMissing } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { ALIAS } from "./served.ts";
import type { CodeOwner } from "./tags.ts";

/** What a version's description says beside its number, code and time. */
export interface ReleaseNote {
  /** Who published it: `user/anna`, or `assumed-role/ROLE/SESSION`. */
  by: string;
  run: string;
  /** The names of what changed: `code`, settings, variables; never a value. */
  changed: readonly string[];
  /** Whose code it has; undefined where the publisher does not know. */
  owner?: CodeOwner | undefined;
}

const PREFIX = "shelfshack-ws:";
const LONGEST_DESCRIPTION = 256;
export const FIRST = "first release";
/** What an adopted function was before: this release is never pruned, as its code may be nowhere else. */
export const AS_FOUND = "as it was found";
export const UNKNOWN = "unknown";

/** A note as a description, shortened to what Lambda takes (AWS.md 4.9). */
export function descriptionOf({ by, run, changed, owner }: ReleaseNote): string {
  const start = `${PREFIX}${owner ? ` ${owner} code` : ""} by ${by} run ${run.slice(-8)}: `;
  const names = [...changed];
  const text = () => {
    const left = changed.length - names.length;
    return `${start}${[...names, ...(left > 0 ? [`${left} more`] : [])].join(", ")}`;
  };
  while (text().length > LONGEST_DESCRIPTION && names.length > 0) names.pop();
  return text().slice(0, LONGEST_DESCRIPTION);
}

/** The note in a description; undefined for a version of another tool. */
export function noteIn(description = ""): ReleaseNote | undefined {
  const found = /^shelfshack-ws:(?: (own|shipped) code)? by (\S+) run (\S+): (.*)$/.exec(description);
  if (!found) return undefined;
  const [, owner, by = "", run = "", changed = ""] = found;
  const names = changed === "" ? [] : changed.split(", ");
  return { by, run, changed: names, ...(owner !== undefined && { owner: owner as CodeOwner }) };
}

/** Who the caller of an ARN is, without the account. */
export const callerIn = (arn: string): string => arn.split(":").slice(5).join(":") || UNKNOWN;

/** The published versions of a function, the oldest first; undefined where there is no function. */
export async function versionsOf(
  aws: Aws,
  FunctionName: string,
): Promise<FunctionConfiguration[] | undefined> {
  const versions: FunctionConfiguration[] = [];
  let Marker: string | undefined;
  do {
    const page = await orMissing(aws.lambda.call("ListVersionsByFunction", { FunctionName, Marker }));
    if (!page) return undefined;
    versions.push(...complete(page, ["Versions"]).Versions);
    Marker = page.NextMarker;
  } while (Marker);
  return versions.filter(({ Version }) => Version !== "$LATEST").toSorted(byNumber);
}

const byNumber = (one: FunctionConfiguration, other: FunctionConfiguration): number =>
  Number(one.Version) - Number(other.Version);

/** The alias as it is; undefined for a function without one. */
export const aliasOf = (aws: Aws, FunctionName: string): Promise<AliasConfiguration | undefined> =>
  orMissing(aws.lambda.call("GetAlias", { FunctionName, Name: ALIAS }));

/** How the description of an alias begins that a rollback has moved, and of one whose rollback has ended. */
const ROLLED_BACK = "shelfshack-ws: rolled back from";
const ROLLED_BACK_BEFORE = "shelfshack-ws: taken back before:";

/**
 * The releases that rollbacks have taken back, as the description of the alias tells: no rollback serves one
 * of them again, unless it is named. They are the latest ones, as many as there is room for.
 */
export const takenBackIn = (description = ""): string[] =>
  [ROLLED_BACK, ROLLED_BACK_BEFORE].flatMap((start) =>
    description.startsWith(start)
      ? (/^ ([\d,]+)/.exec(description.slice(start.length))?.[1]?.split(",") ?? [])
      : [],
  );

const MOST_TAKEN_BACK = 20;

/** The description of an alias that serves an older release than the newest one. */
export const rollbackText = (takenBack: readonly string[], by: string): string =>
  `${ROLLED_BACK} ${takenBack.slice(0, MOST_TAKEN_BACK).join(",")} by ${by}`.slice(0, LONGEST_DESCRIPTION);

/** The description of an alias that serves the newest release. */
export const newestText = (takenBack: readonly string[]): string =>
  takenBack.length === 0 ? "" : `${ROLLED_BACK_BEFORE} ${takenBack.slice(0, MOST_TAKEN_BACK).join(",")}`;

/** The release that a rollback serves where none is named: the one before, but for those taken back. */
export const releaseBefore = ({
  serves,
  releases,
}: Pick<Releases, "serves" | "releases">): string | undefined =>
  releases.find(({ number, takenBack }) => Number(number) < Number(serves) && !takenBack)?.number;

/** Who has moved the alias last, where that was a rollback. */
const rollerIn = (description = ""): string | undefined =>
  isRollback(description) ? /^.* from \S* by (\S+)/.exec(description)?.[1] : undefined;

/** Whether a rollback has moved the alias last. */
export const isRollback = (description = ""): boolean => description.startsWith(ROLLED_BACK);

/** A published version, as people are told of it. */
export interface Release {
  number: string;
  /** When it was published, ISO time. */
  at: string | null;
  /** `CodeSha256`, base64. */
  sha256: string;
  /** Null for a version of another tool. */
  by: string | null;
  run: string | null;
  changed: readonly string[];
  serves: boolean;
  /** Whether a rollback has taken it back. */
  takenBack: boolean;
}

export interface Releases {
  /** Null for a function without the alias, which serves what it is. */
  serves: string | null;
  isRolledBack: boolean;
  /** Who did that, as far as it is told. */
  rolledBackBy: string | undefined;
  revisionId: string | undefined;
  /** The newest first. */
  releases: Release[];
}

/** The releases of a function, and which one serves; undefined where there is no function. */
export async function readReleases(aws: Aws, FunctionName: string): Promise<Releases | undefined> {
  const [versions, alias] = await Promise.all([versionsOf(aws, FunctionName), aliasOf(aws, FunctionName)]);
  if (!versions) return undefined;
  const serves = alias?.FunctionVersion ?? null;
  const takenBack = takenBackIn(alias?.Description);
  return {
    serves,
    isRolledBack: isRollback(alias?.Description),
    rolledBackBy: rollerIn(alias?.Description),
    revisionId: alias?.RevisionId,
    releases: versions.map((version) => releaseOf(version, { serves, takenBack })).toReversed(),
  };
}

function releaseOf(
  found: FunctionConfiguration,
  { serves, takenBack }: { serves: string | null; takenBack: readonly string[] },
): Release {
  const { Version: number, CodeSha256: sha256 } = complete(found, ["Version", "CodeSha256"]);
  const { by = null, run = null, changed = [] } = noteIn(found.Description) ?? {};
  const at = found.LastModified === undefined ? null : new Date(found.LastModified).toISOString();
  return {
    number,
    at,
    sha256,
    by,
    run,
    changed,
    serves: number === serves,
    takenBack: takenBack.includes(number),
  };
}

/** Who has moved the alias to what it serves: by a rollback, or as the one who published that. */
export function moverIn({ releases, serves, rolledBackBy }: Releases): string {
  return rolledBackBy ?? releases.find(({ number }) => number === serves)?.by ?? UNKNOWN;
}

/** Whether a version is a release of what the stack brought itself. */
const isPrunable = (description: string | undefined): boolean =>
  noteIn(description)?.changed.includes(AS_FOUND) === false;

/**
 * Deletes the oldest releases of ours but `keep` and those that are `used`. One that another alias serves
 * stays. `check` throws where the function has become another's, or another one: its versions have the same
 * numbers.
 */
export async function prune(
  aws: Aws,
  FunctionName: string,
  { keep, used, check }: { keep: number; used: readonly string[]; check(): Promise<unknown> },
): Promise<void> {
  const versions = (await versionsOf(aws, FunctionName)) ?? [];
  const old = versions
    .slice(0, Math.max(0, versions.length - keep))
    .filter(({ Version = "", Description }) => isPrunable(Description) && !used.includes(Version));
  if (old.length > 0) await check();
  for (const { Version = "" } of old) await deleteRelease(aws, FunctionName, Version);
}

/** Deletes a release, unless another alias serves it. */
export const deleteRelease = (aws: Aws, FunctionName: string, Qualifier: string): Promise<void> =>
  unlessInUse(orMissing(aws.lambda.call("DeleteFunction", { FunctionName, Qualifier })));

async function unlessInUse(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!(error instanceof Error && error.name === "ResourceConflictException")) throw error;
  }
}
