import type { AliasConfiguration, FunctionConfiguration } from "@aws-sdk/client-lambda";
import { command } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { complete, orMissing } from "./answers.ts";
import type { Aws } from "./clients.ts";
import { changeEnvironment, untilActive, variablesOf } from "./lambda-function.ts";
import { ALIAS } from "./served.ts";
import type { CodeOwner } from "./tags.ts";
import type { Variables } from "./variables.ts";

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

/** What the description of an alias begins with that a rollback has moved. */
const ROLLED_BACK = "shelfshack-ws: rolled back";

/** The description of an alias that serves an older release than the newest one. */
export const rollbackText = (from: string, by: string): string =>
  `${ROLLED_BACK} from ${from} by ${by}`.slice(0, LONGEST_DESCRIPTION);

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
  return {
    serves,
    isRolledBack: isRollback(alias?.Description),
    rolledBackBy: rollerIn(alias?.Description),
    revisionId: alias?.RevisionId,
    releases: versions.map((version) => releaseOf(version, serves)).toReversed(),
  };
}

function releaseOf(found: FunctionConfiguration, serves: string | null): Release {
  const { Version: number, CodeSha256: sha256 } = complete(found, ["Version", "CodeSha256"]);
  const { by = null, run = null, changed = [] } = noteIn(found.Description) ?? {};
  const at = found.LastModified === undefined ? null : new Date(found.LastModified).toISOString();
  return { number, at, sha256, by, run, changed, serves: number === serves };
}

/**
 * Serves a release that there is already, in one call. What is not the newest one is marked: the next deploy
 * says that it leaves it. Returns the release that serves then: where another run has moved the alias since
 * it was read, it stays as that left it.
 */
export async function serveOlder(
  aws: Aws,
  functionName: string,
  { serves: from, revisionId, releases }: Releases,
  { serves: version, by }: { serves: string; by: string },
): Promise<string> {
  const isNewest = releases[0]?.number === version;
  return await moveAlias(aws, {
    functionName,
    version,
    revisionId,
    description: isNewest ? "" : rollbackText(from ?? "", by),
    isStillWanted: (now) => now.FunctionVersion === from,
  });
}

/** Who has moved the alias to what it serves: by a rollback, or as the one who published that. */
export function moverIn({ releases, serves, rolledBackBy }: Releases): string {
  return rolledBackBy ?? releases.find(({ number }) => number === serves)?.by ?? UNKNOWN;
}

/** Where an alias is moved to, and from which of its revisions. */
interface Move {
  functionName: string;
  version: string;
  revisionId: string | undefined;
  /** Written with it; empty for what a deploy serves. */
  description: string;
  /** Asked again of the alias as another run has left it since that revision. */
  isStillWanted(now: AliasConfiguration): boolean;
}

const TRIES = 3;

/**
 * Lets the alias serve a version that Lambda runs already, in one call; returns what it serves then. A move
 * by another run in between is seen by the revision, and stays where this one is not wanted any more.
 */
async function moveAlias(aws: Aws, { functionName, version, ...move }: Move): Promise<string> {
  let { revisionId } = move;
  for (let attempt = 1; ; attempt++) {
    try {
      await aws.lambda.call("UpdateAlias", {
        FunctionName: functionName,
        Name: ALIAS,
        FunctionVersion: version,
        Description: move.description,
        RoutingConfig: { AdditionalVersionWeights: {} },
        ...(revisionId !== undefined && { RevisionId: revisionId }),
      });
      return version;
    } catch (error) {
      const raced = error instanceof Error && error.name === "PreconditionFailedException";
      if (!raced || attempt >= TRIES) throw error;
      const now = complete(await aliasOf(aws, functionName), ["FunctionVersion", "RevisionId"]);
      if (now.FunctionVersion === version || !move.isStillWanted(now)) return now.FunctionVersion;
      revisionId = now.RevisionId;
    }
  }
}

/**
 * Serves a new release. A newer one of another run stays, as it holds what this run has written too. Returns
 * the release that serves then: an older one only where a rollback is not to end (`endsRollback`) that came
 * after the alias was read.
 */
export const serveNew = (
  aws: Aws,
  { endsRollback, ...move }: Omit<Move, "description" | "isStillWanted"> & { endsRollback: boolean },
): Promise<string> =>
  moveAlias(aws, {
    ...move,
    description: "",
    isStillWanted: ({ FunctionVersion: served, Description }) =>
      Number(served) < Number(move.version) && (endsRollback || !isRollback(Description)),
  });

/** Whether a version is a release of what the stack brought itself. */
const isPrunable = (description: string | undefined): boolean =>
  noteIn(description)?.changed.includes(AS_FOUND) === false;

/**
 * Deletes the oldest releases of ours but `keep` and those that are `used`. One that another alias serves
 * stays.
 */
export async function prune(
  aws: Aws,
  FunctionName: string,
  { keep, used }: { keep: number; used: readonly string[] },
): Promise<void> {
  const versions = (await versionsOf(aws, FunctionName)) ?? [];
  const old = versions
    .slice(0, Math.max(0, versions.length - keep))
    .filter(({ Version = "", Description }) => isPrunable(Description) && !used.includes(Version));
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

/**
 * Gives the function the variables of the release that serves, where others were written since; returns the
 * names of those. After a rollback it stays as it is.
 */
export async function takeBackVariables(aws: Aws, FunctionName: string): Promise<string[]> {
  const alias = await aliasOf(aws, FunctionName);
  if (!alias || isRollback(alias.Description)) return [];
  const [served, latest] = await Promise.all([
    variablesAt(aws, FunctionName, alias.FunctionVersion),
    variablesAt(aws, FunctionName),
  ]);
  const changed = namesOfChanged(served, latest);
  if (changed.length > 0) await changeEnvironment(aws, FunctionName, () => served);
  return changed;
}

/** The variables of one version; without any, those that were written last. */
const variablesAt = async (aws: Aws, FunctionName: string, Qualifier?: string): Promise<Variables> =>
  variablesOf(await aws.lambda.call("GetFunctionConfiguration", { FunctionName, Qualifier }));

const namesOfChanged = (before: Variables, after: Variables): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .toSorted();

/** The variables that a change of them begins with. */
export interface Changeable {
  /** As they were written last. */
  latest: Variables;
  /** The release that serves after a rollback, which the change does not reach; null where there was none. */
  rolledBackTo: string | null;
}

export async function changeableVariables(aws: Aws, functionName: string): Promise<Changeable> {
  const [latest, alias] = await Promise.all([variablesAt(aws, functionName), aliasOf(aws, functionName)]);
  return { latest, rolledBackTo: alias && isRollback(alias.Description) ? servedBy(alias) : null };
}

const servedBy = (alias: AliasConfiguration): string => complete(alias, ["FunctionVersion"]).FunctionVersion;

/** Who changes a function, and what is kept of before. */
interface Publisher {
  by: string;
  run: string;
  /** Whose code it has. */
  owner: CodeOwner | undefined;
  keepReleases: number;
  /** After a rollback, whether the change is refused or only written, for the next deploy to serve. */
  afterRollback: "refused" | "waits";
}

/** The variables as they were written, and the release that serves without them after a rollback, or null. */
interface Written {
  variables: Variables;
  rolledBackTo: string | null;
}

/**
 * Changes the variables of a function, publishes that and serves it; a function without the alias serves what
 * was written last. After a rollback nothing is published, as what was taken back would be served with it:
 * the change waits for the next deploy, or is refused with a CliError.
 */
export async function releaseEnvironment(
  aws: Aws,
  functionName: string,
  change: (present: Variables) => Variables,
  { afterRollback, ...publisher }: Publisher,
): Promise<Written> {
  const alias = await aliasOf(aws, functionName);
  const rolledBackTo = alias && isRollback(alias.Description) ? servedBy(alias) : null;
  if (rolledBackTo !== null && afterRollback === "refused") throw rolledBack(rolledBackTo);
  let before: Variables = {};
  const { variables } = await changeEnvironment(aws, functionName, (present) => change((before = present)));
  if (!alias || rolledBackTo !== null) return { variables, rolledBackTo };
  await serveNewest(aws, alias, { functionName, ...publisher, changed: namesOfChanged(before, variables) });
  return { variables, rolledBackTo };
}

async function serveNewest(
  aws: Aws,
  alias: AliasConfiguration,
  {
    functionName,
    keepReleases: keep,
    ...note
  }: Omit<Publisher, "afterRollback"> & ReleaseNote & { functionName: string },
): Promise<void> {
  const { FunctionVersion: before, RevisionId } = complete(alias, ["FunctionVersion", "RevisionId"]);
  const Description = descriptionOf(note);
  const published = await aws.lambda.call("PublishVersion", { FunctionName: functionName, Description });
  const { Version: version } = complete(published, ["Version"]);
  await untilActive(aws, functionName, published, version);
  const move = { functionName, version, revisionId: RevisionId, endsRollback: false };
  const served = await serveNew(aws, move);
  if (Number(served) < Number(version)) throw rolledBackMeanwhile(version, served);
  if (Number(version) > keep) await prune(aws, functionName, { keep, used: [version, before] });
}

const rolledBackMeanwhile = (version: string, served: string): CliError =>
  new CliError(
    "rolled-back",
    `written as release ${version}, which does not serve: a rollback in the meantime serves ${served}`,
    { hint: ["deploy what is to be served: ", command("deploy")] },
  );

const rolledBack = (served: string): CliError =>
  new CliError(
    "rolled-back",
    `nothing was written: release ${served} serves after a rollback, and a change would serve ` +
      "what was taken back",
    { hint: ["deploy what is to be served: ", command("deploy")] },
  );
