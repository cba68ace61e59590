import { createHash, randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { AwsError } from "../../aws-error.ts";
import { lambdaCanAssume } from "../iam/iam.ts";
import {
  buildOf,
  checkReachable,
  checkRevision,
  configurationShape,
  findFunction,
  functionArn,
  invalidParameter,
  latestShape,
  referenceOf,
  refuseWhileChanging,
  resourceConflict,
  settle,
  unqualified,
  versionShape,
  type Build,
  type FunctionState,
} from "./function.ts";
import { concurrencyOperations } from "./concurrency.ts";
import { invokeOperations, type Invoking } from "./invoke.ts";
import { policyOperations } from "./policy.ts";
import { checkEnvironment, checkedRuntime, refuseNotEmulated } from "./settings.ts";
import { publish, versionOperations } from "./versions.ts";
import type { Operations } from "../operations.ts";
import { pageOf } from "../paging.ts";
import { regionIn, type World } from "../../state.ts";
import { checkZip } from "./zip.ts";

/** Lambda's control plane and Invoke (AWS.md 4). */
export const lambda = (world: World, invoking: Invoking): Operations<typeof sdk> => ({
  ...functionOperations(world),
  ...listOperations(world),
  ...tagOperations(world),
  ...concurrencyOperations(world),
  ...versionOperations(world),
  ...policyOperations(world),
  ...invokeOperations(world, invoking),
});

function functionOperations(world: World): Operations<typeof sdk> {
  return {
    async CreateFunction(input, { region, now }) {
      const asked = referenceOf(input.FunctionName);
      checkReachable(world, region, asked);
      const { name } = asked;
      checkName(name);
      refuseNotEmulated({ ...input, ...input.Code });
      const build = newBuild(input, { version: "$LATEST", now, logGroup: `/aws/lambda/${name}` });
      await checkZip(build.zip);
      const { functions } = regionIn(world.state, region);
      if (functions.has(name)) throw resourceConflict(`Function already exist: ${name}`);
      checkRole(world, build.role, now);
      const made = newFunction({
        name,
        region,
        arn: functionArn(world, region, { name, qualifier: undefined }),
        build,
        tags: input.Tags ?? {},
      });
      made.change = { kind: "creating", settlesAt: now + world.delays.createDelayMs };
      functions.set(name, made);
      return input.Publish
        ? { ...latestShape(made), Version: publish(made, {}, now).build.version }
        : latestShape(made);
    },
    GetFunction({ FunctionName, Qualifier }, { region, now }) {
      const asked = referenceOf(FunctionName, Qualifier);
      const found = findFunction(world, region, asked, now);
      const { id } = asked.qualifier === undefined ? found.latest : buildOf(world, found, asked.qualifier);
      const { reservedConcurrency, tags } = found;
      return {
        Configuration: shapeAt(world, found, asked.qualifier),
        Code: { RepositoryType: "S3", Location: `${world.url()}${codePath}${id}` },
        ...(tags.size > 0 ? { Tags: Object.fromEntries(tags) } : {}),
        ...(reservedConcurrency === undefined
          ? {}
          : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
      };
    },
    GetFunctionConfiguration({ FunctionName, Qualifier }, { region, now }) {
      const asked = referenceOf(FunctionName, Qualifier);
      return shapeAt(world, findFunction(world, region, asked, now), asked.qualifier);
    },
    async UpdateFunctionCode(input, { region, now }) {
      refuseNotEmulated(input);
      const found = findFunction(world, region, referenceOf(input.FunctionName), now);
      const zip = input.ZipFile ?? new Uint8Array();
      await checkZip(zip);
      checkRevision(found.revisionId, input.RevisionId);
      refuseWhileChanging(found);
      const build = {
        ...found.latest,
        zip,
        sha256: sha256(zip),
        architectures: input.Architectures ?? found.latest.architectures,
      };
      if (input.DryRun) return configurationShape(build, found);
      update(world, found, build, now);
      return input.Publish
        ? { ...latestShape(found), Version: publish(found, {}, now).build.version }
        : latestShape(found);
    },
    UpdateFunctionConfiguration(input, { region, now }) {
      refuseNotEmulated(input);
      const found = findFunction(world, region, referenceOf(input.FunctionName), now);
      checkRevision(found.revisionId, input.RevisionId);
      refuseWhileChanging(found);
      if (input.Role !== undefined) checkRole(world, input.Role, now);
      update(world, found, changedBuild(found.latest, input), now);
      return latestShape(found);
    },
    DeleteFunction({ FunctionName, Qualifier }, { region, now }) {
      const asked = referenceOf(FunctionName, Qualifier);
      const found = findFunction(world, region, unqualified(asked), now);
      if (asked.qualifier !== undefined) return deleteVersion(world, found, asked.qualifier);
      regionIn(world.state, region).functions.delete(found.name);
      const arns = [found.arn, ...[...found.versions.keys()].map((version) => `${found.arn}:${version}`)];
      // What runs already goes on to its end, and nobody waits for it (AWS.md 4.8).
      for (const arn of arns) world.retire(region, arn);
      return { StatusCode: 204 };
    },
  };
}

/** Where the address that GetFunction gives for the code leads to: this, and the id of a build. */
export const codePath = "/.code/";

/** The zip of a build, for whoever holds its id. */
export function codeOf(world: World, id: string): Uint8Array | undefined {
  const functions = [...world.state.regions.values()].flatMap((region) => [...region.functions.values()]);
  const builds = functions.flatMap(({ latest, versions }) => [
    latest,
    ...[...versions.values()].map(({ build }) => build),
  ]);
  return builds.find((build) => build.id === id)?.zip;
}

function checkName(name: string): void {
  if (name.length > 64)
    throw new AwsError(
      "ValidationException",
      `1 validation error detected: Value '${name}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64`,
    );
}

/** Also what Lambda says of a role that does not exist, or not yet (AWS.md 6.4). */
function checkRole({ state, delays }: World, arn: string, now: number): void {
  const role = [...state.roles.values()].find((candidate) => candidate.arn === arn);
  if (!lambdaCanAssume(role, { now, delayMs: delays.roleDelayMs }))
    throw invalidParameter("The role defined for the function cannot be assumed by Lambda.");
}

const sha256 = (zip: Uint8Array): string => createHash("sha256").update(zip).digest("base64");

type NewFunction = Omit<Partial<sdk.CreateFunctionCommandInput>, "Role"> & { Role: string };

function newBuild(
  input: NewFunction,
  { version, now, logGroup }: { version: string; now: number; logGroup: string },
): Build {
  const { Code: { ZipFile: zip = new Uint8Array() } = {}, Environment, LoggingConfig } = input;
  if (!input.Handler)
    throw invalidParameter("Handler is mandatory for functions created with deployment packages.");
  checkEnvironment(Environment?.Variables ?? {});
  return {
    id: randomUUID(),
    version,
    zip,
    sha256: sha256(zip),
    runtime: checkedRuntime(input.Runtime),
    handler: input.Handler,
    role: input.Role,
    description: input.Description ?? "",
    timeoutSeconds: input.Timeout ?? 3,
    memoryMb: input.MemorySize ?? 128,
    environment: Environment?.Variables,
    architectures: input.Architectures ?? ["x86_64"],
    ephemeralMb: input.EphemeralStorage?.Size ?? 512,
    logging: { LogFormat: "Text", LogGroup: logGroup, ...LoggingConfig },
    tracing: input.TracingConfig?.Mode ?? "PassThrough",
    modifiedAt: now,
  };
}

function changedBuild(build: Build, input: Partial<sdk.UpdateFunctionConfigurationCommandInput>): Build {
  checkEnvironment(input.Environment?.Variables ?? {});
  return {
    ...build,
    runtime: input.Runtime === undefined ? build.runtime : checkedRuntime(input.Runtime),
    handler: input.Handler ?? build.handler,
    role: input.Role ?? build.role,
    description: input.Description ?? build.description,
    timeoutSeconds: input.Timeout ?? build.timeoutSeconds,
    memoryMb: input.MemorySize ?? build.memoryMb,
    // Variables are replaced as a whole; an Environment without variables empties it.
    environment: input.Environment ? (input.Environment.Variables ?? {}) : build.environment,
    ephemeralMb: input.EphemeralStorage?.Size ?? build.ephemeralMb,
    logging: { ...build.logging, ...input.LoggingConfig },
    tracing: input.TracingConfig?.Mode ?? build.tracing,
  };
}

interface Made {
  name: string;
  region: string;
  arn: string;
  build: Build;
  tags: Record<string, string>;
}

const newFunction = ({ name, region, arn, build, tags }: Made): FunctionState => ({
  name,
  arn,
  region,
  latest: build,
  running: build,
  change: undefined,
  revisionId: randomUUID(),
  tags: new Map(Object.entries(tags)),
  versions: new Map(),
  published: 0,
  aliases: new Map(),
  policies: new Map(),
  reservedConcurrency: undefined,
});

/** Also an update that changes nothing is an update (AWS.md 4.5). */
function update(world: World, found: FunctionState, build: Build, now: number): void {
  found.latest = { ...build, id: randomUUID(), modifiedAt: now };
  found.revisionId = randomUUID();
  found.change = { kind: "updating", settlesAt: now + world.delays.updateDelayMs };
}

/** The configuration under a qualifier; an alias shows its version's, under the alias' own ARN. */
function shapeAt(
  world: World,
  found: FunctionState,
  qualifier: string | undefined,
): sdk.FunctionConfiguration {
  if (qualifier === undefined) return latestShape(found);
  const { version } = buildOf(world, found, qualifier);
  const published = found.versions.get(version);
  return {
    ...(published ? versionShape(found, published) : latestShape(found)),
    FunctionArn: `${found.arn}:${qualifier}`,
  };
}

function deleteVersion(
  world: World,
  { arn, region, versions, aliases }: FunctionState,
  version: string,
): sdk.DeleteFunctionResponse {
  if (version === "$LATEST")
    throw invalidParameter("$LATEST version cannot be deleted without deleting the function.");
  const using = [...aliases.values()].filter((alias) => alias.version === version).map(({ name }) => name);
  if (using.length > 0)
    throw resourceConflict(`Version ${version} is referenced by the aliases [${using.join(", ")}]`);
  versions.delete(version);
  world.retire(region, `${arn}:${version}`);
  return { StatusCode: 204 };
}

function listOperations(world: World): Operations<typeof sdk> {
  return {
    ListFunctions({ FunctionVersion, Marker, MaxItems }, { region, now }) {
      const functions = [...regionIn(world.state, region).functions.values()];
      for (const found of functions) settle(found, now);
      const listed = functions.flatMap((found) => [
        configurationShape(found.latest, {
          ...found,
          arn: FunctionVersion === "ALL" ? `${found.arn}:$LATEST` : found.arn,
        }),
        ...(FunctionVersion === "ALL"
          ? [...found.versions.values()].map((version) => versionShape(found, version))
          : []),
      ]);
      const { items, next } = pageOf(listed, {
        token: Marker,
        limit: MaxItems,
        pageSize: world.pageSize ?? 50,
        invalid: invalidParameter("Invalid Marker"),
      });
      return { Functions: items, ...(next ? { NextMarker: next } : {}) };
    },
  };
}

function tagOperations(world: World): Operations<typeof sdk> {
  const tagsOf = (arn: string, region: string, now: number) =>
    findFunction(world, region, referenceOf(arn), now).tags;
  return {
    TagResource({ Resource, Tags }, { region, now }) {
      const tags = tagsOf(Resource, region, now);
      for (const [key, value] of Object.entries(Tags)) tags.set(key, value);
    },
    UntagResource({ Resource, TagKeys }, { region, now }) {
      const tags = tagsOf(Resource, region, now);
      for (const key of TagKeys) tags.delete(key);
    },
    ListTags: ({ Resource }, { region, now }) => ({
      Tags: Object.fromEntries(tagsOf(Resource, region, now)),
    }),
  };
}
