import { randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { notEmulated } from "../../aws-error.ts";
import {
  checkRevision,
  findFunction,
  invalidParameter,
  latestShape,
  noResource,
  referenceOf,
  refuseWhileChanging,
  resourceConflict,
  versionShape,
  type AliasState,
  type FunctionState,
  type VersionState,
} from "./function.ts";
import type { Operations } from "../operations.ts";
import { pageOf } from "../paging.ts";
import type { World } from "../../state.ts";

/** Published versions and aliases (AWS.md 4.6). */
export const versionOperations = (world: World): Operations<typeof sdk> => ({
  ...publishOperations(world),
  ...aliasOperations(world),
});

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

function publishOperations(world: World): Operations<typeof sdk> {
  return {
    PublishVersion({ FunctionName, CodeSha256, Description, RevisionId }, { region, now }) {
      const found = findFunction(world, region, referenceOf(FunctionName), now);
      refuseWhileChanging(found);
      checkRevision(found.revisionId, RevisionId);
      const { sha256 } = found.latest;
      if (CodeSha256 && CodeSha256 !== sha256)
        throw invalidParameter(
          `CodeSHA256 (${CodeSha256}) is different from current CodeSHA256 in $LATEST (${sha256}). Please try again with the CodeSHA256 in $LATEST.`,
        );
      return versionShape(found, publish(found, { description: Description }, now));
    },
    ListVersionsByFunction({ FunctionName, Marker, MaxItems }, { region, now }) {
      const found = findFunction(world, region, referenceOf(FunctionName), now);
      const latest = { ...latestShape(found), FunctionArn: `${found.arn}:$LATEST` };
      const listed = [latest, ...[...found.versions.values()].map((version) => versionShape(found, version))];
      const { items, next } = pageOf(listed, {
        token: Marker,
        limit: MaxItems,
        pageSize: world.pageSize ?? 50,
        invalid: invalidParameter("Invalid Marker"),
      });
      return { Versions: items, ...(next ? { NextMarker: next } : {}) };
    },
  };
}

function aliasOperations(world: World): Operations<typeof sdk> {
  const aliasOf = ({ aliases, arn }: FunctionState, name: string): AliasState => {
    const alias = aliases.get(name);
    if (!alias) throw noResource(`Cannot find alias arn: ${arn}:${name}`);
    return alias;
  };
  return {
    CreateAlias({ FunctionName, Name, FunctionVersion, Description = "", RoutingConfig }, { region, now }) {
      const found = findFunction(world, region, referenceOf(FunctionName), now);
      checkTarget(found, FunctionVersion, RoutingConfig);
      if (found.aliases.has(Name)) throw resourceConflict(`Alias already exists: ${found.arn}:${Name}`);
      const alias = {
        name: Name,
        version: FunctionVersion,
        description: Description,
        revisionId: randomUUID(),
      };
      found.aliases.set(Name, alias);
      return aliasShape(found, alias);
    },
    GetAlias({ FunctionName, Name }, { region, now }) {
      const found = findFunction(world, region, referenceOf(FunctionName), now);
      return aliasShape(found, aliasOf(found, Name));
    },
    UpdateAlias(
      { FunctionName, Name, FunctionVersion, Description, RoutingConfig, RevisionId },
      { region, now },
    ) {
      const found = findFunction(world, region, referenceOf(FunctionName), now);
      const alias = aliasOf(found, Name);
      checkRevision(alias.revisionId, RevisionId);
      const version = FunctionVersion ?? alias.version;
      checkTarget(found, version, RoutingConfig);
      const changed = {
        ...alias,
        version,
        description: Description ?? alias.description,
        revisionId: randomUUID(),
      };
      found.aliases.set(Name, changed);
      return aliasShape(found, changed);
    },
    DeleteAlias({ FunctionName, Name }, { region, now }) {
      const { aliases, policies } = findFunction(world, region, referenceOf(FunctionName), now);
      aliases.delete(Name);
      policies.delete(Name);
    },
    ListAliases({ FunctionName, FunctionVersion, Marker, MaxItems }, { region, now }) {
      const found = findFunction(world, region, referenceOf(FunctionName), now);
      const listed = [...found.aliases.values()].filter(
        ({ version }) => FunctionVersion === undefined || version === FunctionVersion,
      );
      const { items, next } = pageOf(listed, {
        token: Marker,
        limit: MaxItems,
        pageSize: world.pageSize ?? 50,
        invalid: invalidParameter("Invalid Marker"),
      });
      return {
        Aliases: items.map((alias) => aliasShape(found, alias)),
        ...(next ? { NextMarker: next } : {}),
      };
    },
  };
}

function checkTarget(
  { versions, arn }: FunctionState,
  version: string,
  routing: sdk.AliasRoutingConfiguration | undefined,
): void {
  if (Object.keys(routing?.AdditionalVersionWeights ?? {}).length > 0)
    throw notEmulated("an alias that divides its calls between versions (Lambda)");
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
