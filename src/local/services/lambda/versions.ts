import { randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { all, kept } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import {
  checkRevision,
  findChangeable,
  findFunction,
  invalidParameter,
  listedLatest,
  listedVersion,
  noResource,
  pageOfItems,
  referenceOf,
  refuseWhileChanging,
  resourceConflict,
  unqualified,
  versionShape,
  type AliasState,
  type FunctionState,
  type Lambda,
  type VersionState,
} from "./function.ts";

const op = operations<typeof sdk, Lambda>();
const paging = { Marker: all, MaxItems: all } as const;
const alias = { FunctionName: all, Name: all } as const;
const target = { FunctionVersion: all, RoutingConfig: { AdditionalVersionWeights: all } } as const;

/** Published versions and aliases (AWS.md 4.6). */
export const versionOperations = [
  op(
    "PublishVersion",
    { FunctionName: all, CodeSha256: all, Description: kept, RevisionId: all },
    ({ FunctionName, CodeSha256, Description, RevisionId }, at) => {
      const found = findChangeable(at, FunctionName);
      refuseWhileChanging(found);
      checkRevision(found.revisionId, RevisionId);
      const { sha256 } = found.latest;
      if (CodeSha256 && CodeSha256 !== sha256)
        throw invalidParameter(
          `CodeSHA256 (${CodeSha256}) is different from current CodeSHA256 in $LATEST (${sha256}). ` +
            "Please try again with the CodeSHA256 in $LATEST.",
        );
      return versionShape(found, publish(found, { description: Description }, at.now));
    },
  ),
  op("ListVersionsByFunction", { FunctionName: all, ...paging }, ({ FunctionName, ...page }, at) => {
    const found = findFunction(at, referenceOf(FunctionName));
    const latest = listedLatest(found, `${found.arn}:$LATEST`);
    const published = [...found.versions.values()].map((version) => listedVersion(found, version));
    const { listed, more } = pageOfItems(at.host, [latest, ...published], page);
    return { Versions: listed, ...more };
  }),

  op(
    "CreateAlias",
    { ...alias, ...target, Description: kept },
    ({ FunctionName, Name, FunctionVersion, RoutingConfig, Description = "" }, at) => {
      // A function that is not there is named with the version.
      const missing = (arn: string) => `Function not found: ${arn}:${FunctionVersion}`;
      const found = findFunction(at, unqualified(referenceOf(FunctionName)), missing);
      const weights = RoutingConfig?.AdditionalVersionWeights ?? {};
      checkTarget(found, { version: FunctionVersion, weights });
      if (found.aliases.has(Name)) throw resourceConflict(`Alias already exists: ${found.arn}:${Name}`);
      const made = {
        name: Name,
        version: FunctionVersion,
        description: Description,
        revisionId: randomUUID(),
        weights,
      };
      found.aliases.set(Name, made);
      return aliasShape(found, made);
    },
  ),
  op("GetAlias", alias, ({ FunctionName, Name }, at) => {
    const found = findFunction(at, referenceOf(FunctionName));
    return aliasShape(found, aliasOf(found, Name, "Cannot find alias arn"));
  }),
  op(
    "UpdateAlias",
    { ...alias, ...target, Description: kept, RevisionId: all },
    ({ FunctionName, Name, FunctionVersion, RoutingConfig, Description, RevisionId }, at) => {
      const found = findFunction(at, referenceOf(FunctionName));
      const before = aliasOf(found, Name, "Alias not found");
      checkRevision(before.revisionId, RevisionId);
      const version = FunctionVersion ?? before.version;
      // A routing without weights ends the sharing.
      const weights = RoutingConfig ? (RoutingConfig.AdditionalVersionWeights ?? {}) : (before.weights ?? {});
      checkTarget(found, { version, weights });
      const description = Description ?? before.description;
      const changed = { ...before, version, weights, description, revisionId: randomUUID() };
      found.aliases.set(Name, changed);
      return aliasShape(found, changed);
    },
  ),
  op("DeleteAlias", alias, ({ FunctionName, Name }, at) => {
    const { aliases, policies } = findFunction(at, referenceOf(FunctionName));
    aliases.delete(Name);
    policies.delete(Name);
  }),
  op(
    "ListAliases",
    { FunctionName: all, FunctionVersion: all, ...paging },
    ({ FunctionName, FunctionVersion, ...page }, at) => {
      const found = findFunction(at, referenceOf(FunctionName));
      const wanted = [...found.aliases.values()].filter(
        ({ version, weights = {} }) =>
          FunctionVersion === undefined || version === FunctionVersion || FunctionVersion in weights,
      );
      const { listed, more } = pageOfItems(at.host, wanted, page);
      return { Aliases: listed.map((each) => aliasShape(found, each)), ...more };
    },
  ),
];

/**
 * Makes a version of `$LATEST`, whose revision changes with it; the last one again when nothing changed
 * since.
 */
export function publish(
  found: FunctionState,
  { description }: { description?: string | undefined },
  now: number,
): VersionState {
  const last = found.versions.get(String(found.published));
  if (last?.from === found.latest.id) return last;
  found.published += 1;
  const version = String(found.published);
  const build = {
    ...found.latest,
    id: randomUUID(),
    version,
    description: description ?? found.latest.description,
    modifiedAt: now,
  };
  const made: VersionState = {
    build,
    from: found.latest.id,
    revisionId: randomUUID(),
    endsAt: found.change?.endsAt,
  };
  found.versions.set(version, made);
  found.revisionId = randomUUID();
  return made;
}

function aliasOf({ aliases, arn }: FunctionState, name: string, missing: string): AliasState {
  const found = aliases.get(name);
  if (!found) throw noResource(`${missing}: ${arn}:${name}`);
  return found;
}

/** Refuses an alias of versions that are not there, or of two that cannot share its calls (AWS.md 4.6). */
function checkTarget(
  { versions, arn }: FunctionState,
  { version, weights }: { version: string; weights: Readonly<Record<string, number>> },
): void {
  const others = Object.keys(weights);
  if (others.length > 1)
    throw invalidParameter("Number of items in AdditionalVersionWeights cannot be greater than 1");
  if (others.includes(version))
    throw invalidParameter(
      `Invalid function version ${version}. ` +
        `Function version ${version} is already included in routing configuration.`,
    );
  if (others.length > 0 && version === "$LATEST")
    throw invalidParameter("$LATEST is not supported for an alias pointing to more than 1 version", {
      Type: undefined,
    });
  const missing = [version, ...others].find((each) => each !== "$LATEST" && !versions.has(each));
  if (missing !== undefined) throw noResource(`Function not found: ${arn}:${missing}`);
}

const aliasShape = (
  { arn }: FunctionState,
  { name, version, description, revisionId, weights = {} }: AliasState,
): sdk.AliasConfiguration => ({
  AliasArn: `${arn}:${name}`,
  Name: name,
  FunctionVersion: version,
  Description: description,
  RevisionId: revisionId,
  ...(Object.keys(weights).length > 0 ? { RoutingConfig: { AdditionalVersionWeights: { ...weights } } } : {}),
});
