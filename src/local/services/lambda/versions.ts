import { randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { all, kept } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import {
  checkRevision,
  findFunction,
  invalidParameter,
  latestShape,
  noResource,
  pageOfItems,
  referenceOf,
  refuseWhileChanging,
  resourceConflict,
  versionShape,
  type AliasState,
  type FunctionState,
  type Lambda,
  type VersionState,
} from "./function.ts";

const op = operations<typeof sdk, Lambda>();
const paging = { Marker: all, MaxItems: all } as const;
const alias = { FunctionName: all, Name: all } as const;

/** Published versions and aliases (AWS.md 4.6). */
export const versionOperations = [
  op(
    "PublishVersion",
    { FunctionName: all, CodeSha256: all, Description: kept, RevisionId: all },
    ({ FunctionName, CodeSha256, Description, RevisionId }, at) => {
      const found = findFunction(at, referenceOf(FunctionName));
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
    const latest = { ...latestShape(found), FunctionArn: `${found.arn}:$LATEST` };
    const published = [...found.versions.values()].map((version) => versionShape(found, version));
    const { listed, more } = pageOfItems(at.host, [latest, ...published], page);
    return { Versions: listed, ...more };
  }),

  op(
    "CreateAlias",
    { ...alias, FunctionVersion: all, Description: kept },
    ({ FunctionName, Name, FunctionVersion, Description = "" }, at) => {
      const found = findFunction(at, referenceOf(FunctionName));
      checkTarget(found, FunctionVersion);
      if (found.aliases.has(Name)) throw resourceConflict(`Alias already exists: ${found.arn}:${Name}`);
      const made = {
        name: Name,
        version: FunctionVersion,
        description: Description,
        revisionId: randomUUID(),
      };
      found.aliases.set(Name, made);
      return aliasShape(found, made);
    },
  ),
  op("GetAlias", alias, ({ FunctionName, Name }, at) => {
    const found = findFunction(at, referenceOf(FunctionName));
    return aliasShape(found, aliasOf(found, Name));
  }),
  op(
    "UpdateAlias",
    { ...alias, FunctionVersion: all, Description: kept, RevisionId: all },
    ({ FunctionName, Name, FunctionVersion, Description, RevisionId }, at) => {
      const found = findFunction(at, referenceOf(FunctionName));
      const before = aliasOf(found, Name);
      checkRevision(before.revisionId, RevisionId);
      const version = FunctionVersion ?? before.version;
      checkTarget(found, version);
      const description = Description ?? before.description;
      const changed = { ...before, version, description, revisionId: randomUUID() };
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
        ({ version }) => FunctionVersion === undefined || version === FunctionVersion,
      );
      const { listed, more } = pageOfItems(at.host, wanted, page);
      return { Aliases: listed.map((each) => aliasShape(found, each)), ...more };
    },
  ),
];

/** Makes a version of `$LATEST`; the last one again when nothing changed since. */
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
  const made = { build, from: found.latest.id, revisionId: randomUUID() };
  found.versions.set(version, made);
  return made;
}

function aliasOf({ aliases, arn }: FunctionState, name: string): AliasState {
  const found = aliases.get(name);
  if (!found) throw noResource(`Cannot find alias arn: ${arn}:${name}`);
  return found;
}

function checkTarget({ versions, arn }: FunctionState, version: string): void {
  if (version !== "$LATEST" && !versions.has(version))
    throw noResource(`Function not found: ${arn}:${version}`);
}

const aliasShape = (
  { arn }: FunctionState,
  { name, version, description, revisionId }: AliasState,
): sdk.AliasConfiguration => ({
  AliasArn: `${arn}:${name}`,
  Name: name,
  FunctionVersion: version,
  Description: description,
  RevisionId: revisionId,
});
