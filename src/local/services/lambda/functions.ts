import { createHash, randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { all, kept, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import {
  checkReachable,
  checkRevision,
  configurationShape,
  findChangeable,
  findFunction,
  finishPending,
  functionArn,
  invalidParameter,
  latestShape,
  listedLatest,
  listedVersion,
  pageOfItems,
  referenceOf,
  refuseQualified,
  refuseWhileChanging,
  resourceConflict,
  unqualified,
  versionOf,
  versionShape,
  type FunctionState,
  type FunctionVersion,
  type Here,
  type Lambda,
} from "./function.ts";
import { checkEnvironment, checkNetwork, checkedRuntime, loggingOf, vpcOf } from "./settings.ts";
import { publish } from "./versions.ts";
import { checkZip } from "./zip.ts";

const op = operations<typeof sdk, Lambda>();

/** The settings that a new function and a change of one have in common. */
const settings = {
  FunctionName: all,
  Role: all,
  Runtime: all,
  Handler: all,
  Description: kept,
  Timeout: all,
  MemorySize: all,
  Environment: { Variables: all },
  KMSKeyArn: kept,
  TracingConfig: { Mode: kept },
  EphemeralStorage: { Size: kept },
  SnapStart: { ApplyOn: only("None") },
  LoggingConfig: { LogFormat: kept, ApplicationLogLevel: kept, SystemLogLevel: kept, LogGroup: all },
  VpcConfig: { SubnetIds: all, SecurityGroupIds: kept, Ipv6AllowedForDualStack: only(false) },
} as const;
const qualified = { FunctionName: all, Qualifier: all } as const;

/** Functions: their code, configuration and tags (AWS.md 4). */
export const functionOperations = [
  op(
    "CreateFunction",
    {
      ...settings,
      Code: { ZipFile: all },
      PackageType: only("Zip"),
      Architectures: kept,
      Publish: all,
      Tags: all,
    },
    async (input, at) => {
      const { host, region, now } = at;
      const asked = referenceOf(input.FunctionName);
      checkReachable(at, asked);
      const { name } = asked;
      refuseQualified(asked);
      checkName(name);
      checkTagCount(Object.keys(input.Tags ?? {}));
      const build = newVersion(input, { now, logGroup: `/aws/lambda/${name}` });
      await checkZip(build.zip);
      const { functions } = at.state.in(region);
      if (functions.has(name)) throw resourceConflict(`Function already exist: ${name}`);
      checkRole(at, build.role);
      checkNetwork(at, build.role, input.VpcConfig);
      const arn = functionArn(host.account, region, { name, qualifier: undefined });
      const made = newFunction({ name, region, arn, build, tags: input.Tags ?? {} });
      made.change = { kind: "creating", endsAt: now + host.delays.createDelayMs };
      functions.set(name, made);
      if (!input.Publish) return latestShape(made);
      const { build: first } = publish(made, {}, now);
      return { ...latestShape(made), Version: first.version };
    },
  ),
  op("GetFunction", qualified, ({ FunctionName, Qualifier }, at) => {
    const asked = referenceOf(FunctionName, Qualifier);
    const found = findFunction(at, asked);
    const { id } = asked.qualifier === undefined ? found.latest : versionOf(found, asked.qualifier);
    const { reservedConcurrency, tags } = found;
    return {
      Configuration: shapeAt(found, asked.qualifier),
      Code: { RepositoryType: "S3", Location: `${at.host.url}${codePath}${id}` },
      ...(tags.size > 0 ? { Tags: Object.fromEntries(tags) } : {}),
      ...(reservedConcurrency === undefined
        ? {}
        : { Concurrency: { ReservedConcurrentExecutions: reservedConcurrency } }),
    };
  }),
  op("GetFunctionConfiguration", qualified, ({ FunctionName, Qualifier }, at) => {
    const asked = referenceOf(FunctionName, Qualifier);
    return shapeAt(findFunction(at, asked), asked.qualifier);
  }),
  // No function here has its code signed.
  op("GetFunctionCodeSigningConfig", { FunctionName: all }, ({ FunctionName }, at) => {
    findFunction(at, referenceOf(FunctionName));
    return { CodeSigningConfigArn: undefined, FunctionName: undefined };
  }),
  op(
    "UpdateFunctionCode",
    { FunctionName: all, ZipFile: all, Architectures: kept, Publish: all, DryRun: all, RevisionId: all },
    async (input, at) => {
      const found = findChangeable(at, input.FunctionName);
      const zip = input.ZipFile ?? new Uint8Array();
      await checkZip(zip);
      checkRevision(found.revisionId, input.RevisionId);
      refuseWhileChanging(found);
      const architectures = input.Architectures ?? found.latest.architectures;
      const build = { ...found.latest, zip, sha256: sha256(zip), architectures };
      if (input.DryRun) return configurationShape(build, found);
      update(at, found, build);
      return input.Publish ? versionShape(found, publish(found, {}, at.now)) : latestShape(found);
    },
  ),
  op("UpdateFunctionConfiguration", { ...settings, RevisionId: all }, (input, at) => {
    const found = findChangeable(at, input.FunctionName);
    checkRevision(found.revisionId, input.RevisionId);
    refuseWhileChanging(found);
    if (input.Role !== undefined) checkRole(at, input.Role);
    checkNetwork(at, input.Role ?? found.latest.role, input.VpcConfig);
    update(at, found, changedVersion(found.latest, input));
    return latestShape(found);
  }),
  op("DeleteFunction", qualified, ({ FunctionName, Qualifier }, at) => {
    const asked = referenceOf(FunctionName, Qualifier);
    const { qualifier } = asked;
    if (qualifier !== undefined) refuseUndeletable(qualifier);
    const found = findFunction(at, unqualified(asked));
    if (qualifier === undefined) deleteFunction(at, found);
    else deleteVersion(at, found, qualifier);
    return { StatusCode: 204 };
  }),
  op(
    "ListFunctions",
    { FunctionVersion: all, Marker: all, MaxItems: all },
    ({ FunctionVersion: which, ...page }, { host, state, region, now }) => {
      const functions = [...state.in(region).functions.values()];
      for (const found of functions) finishPending(found, now);
      const shapes = functions.flatMap((found) =>
        which === "ALL" ? everyVersion(found) : [listedLatest(found)],
      );
      const { listed: Functions, more } = pageOfItems(host, shapes, page);
      return { Functions, ...more };
    },
  ),

  op("TagResource", { Resource: all, Tags: all }, ({ Resource, Tags }, at) => {
    const { tags } = findTaggable(at, Resource);
    const given = Object.entries(Tags);
    // An empty map has no better text on AWS.
    if (given.length === 0) throw invalidParameter("An error occurred and the request cannot be processed.");
    checkTagCount([...tags.keys(), ...given.map(([key]) => key)]);
    for (const [key, value] of given) tags.set(key, value);
  }),
  op("UntagResource", { Resource: all, TagKeys: all }, ({ Resource, TagKeys }, at) => {
    const { tags } = findTaggable(at, Resource);
    for (const key of TagKeys) tags.delete(key);
  }),
  op("ListTags", { Resource: all }, ({ Resource }, at) => ({
    Tags: Object.fromEntries(findTaggable(at, Resource).tags),
  })),
];

/** The path of a function's code, as GetFunction gives it: this, and the id of a version. */
export const codePath = "/.code/";

/** The zip of the version that has an id, in any region. */
export function codeOf({ state }: Pick<Lambda, "state">, id: string): Uint8Array | undefined {
  const functions = state.all().flatMap((region) => [...region.functions.values()]);
  const builds = functions.flatMap(({ latest, versions }) => [
    latest,
    ...[...versions.values()].map(({ build }) => build),
  ]);
  return builds.find((build) => build.id === id)?.zip;
}

/** Elsewhere a name may be longer, and a constraint of the model refuses it (AWS.md 4.1). */
function checkName(name: string): void {
  if (name.length > 64)
    throw invalidParameter(
      `1 validation error detected: Value '${name}' at 'functionName' failed to satisfy constraint: ` +
        "Member must have length less than or equal to 64",
    );
}

const mostTags = 50;

/** Refuses more tags than a function can have, of these keys (AWS.md 4.4, 4.9). */
function checkTagCount(keys: readonly string[]): void {
  if (new Set(keys).size > mostTags) throw invalidParameter("Number of tags exceeds resource tag limit.");
}

/** The function that an ARN names; versions and aliases have no tags. */
function findTaggable(at: Here, resource: string): FunctionState {
  const asked = referenceOf(resource);
  if (asked.qualifier !== undefined)
    throw invalidParameter(
      "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    );
  return findFunction(at, asked);
}

/** Also what Lambda says of a role that does not exist, or not yet (AWS.md 6.4). */
function checkRole({ roles, now }: Pick<Lambda, "roles"> & Here, arn: string): void {
  if (!roles.mayAssume(arn, "lambda.amazonaws.com", now))
    throw invalidParameter("The role defined for the function cannot be assumed by Lambda.");
}

const sha256 = (zip: Uint8Array): string => createHash("sha256").update(zip).digest("base64");

type Settings = Pick<
  sdk.UpdateFunctionConfigurationRequest,
  | "Role"
  | "Runtime"
  | "Handler"
  | "Description"
  | "Timeout"
  | "MemorySize"
  | "Environment"
  | "KMSKeyArn"
  | "TracingConfig"
  | "EphemeralStorage"
  | "LoggingConfig"
  | "VpcConfig"
>;

interface NewVersion extends Settings {
  Role: string;
  Code: { ZipFile?: Uint8Array | undefined };
  Architectures?: sdk.Architecture[] | undefined;
}

function newVersion(
  input: NewVersion,
  { now, logGroup }: { now: number; logGroup: string },
): FunctionVersion {
  const { Environment, LoggingConfig } = input;
  const { ZipFile: zip = new Uint8Array() } = input.Code;
  if (!input.Handler)
    throw invalidParameter("Handler is mandatory for functions created with deployment packages.");
  checkEnvironment(Environment?.Variables ?? {});
  return {
    id: randomUUID(),
    version: "$LATEST",
    zip,
    sha256: sha256(zip),
    runtime: checkedRuntime(input.Runtime),
    handler: input.Handler,
    role: input.Role,
    description: input.Description ?? "",
    timeoutSeconds: input.Timeout ?? 3,
    memoryMb: input.MemorySize ?? 128,
    environment: Environment?.Variables,
    kmsKeyArn: input.KMSKeyArn,
    architectures: input.Architectures ?? ["x86_64"],
    ephemeralMb: input.EphemeralStorage?.Size ?? 512,
    logging: loggingOf({ LogFormat: "Text", LogGroup: logGroup }, LoggingConfig),
    vpc: vpcOf(input.VpcConfig),
    tracing: input.TracingConfig?.Mode ?? "PassThrough",
    modifiedAt: now,
  };
}

function changedVersion(build: FunctionVersion, input: Settings): FunctionVersion {
  checkEnvironment(input.Environment?.Variables ?? {});
  return {
    ...build,
    runtime: input.Runtime === undefined ? build.runtime : checkedRuntime(input.Runtime),
    handler: input.Handler ?? build.handler,
    role: input.Role ?? build.role,
    description: input.Description ?? build.description,
    timeoutSeconds: input.Timeout ?? build.timeoutSeconds,
    memoryMb: input.MemorySize ?? build.memoryMb,
    ...changedVariables(build, input),
    ephemeralMb: input.EphemeralStorage?.Size ?? build.ephemeralMb,
    logging: loggingOf(build.logging, input.LoggingConfig),
    vpc: vpcOf(input.VpcConfig) ?? build.vpc,
    tracing: input.TracingConfig?.Mode ?? build.tracing,
  };
}

/**
 * Variables are replaced as a whole: an Environment without any empties it. An empty key is AWS's own again.
 */
const changedVariables = (
  { environment, kmsKeyArn }: FunctionVersion,
  { Environment, KMSKeyArn = kmsKeyArn }: Settings,
): Pick<FunctionVersion, "environment" | "kmsKeyArn"> => ({
  environment: Environment ? (Environment.Variables ?? {}) : environment,
  kmsKeyArn: KMSKeyArn,
});

interface Made {
  name: string;
  region: string;
  arn: string;
  build: FunctionVersion;
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
function update({ host, now }: Here, found: FunctionState, build: FunctionVersion): void {
  found.latest = { ...build, id: randomUUID(), modifiedAt: now };
  found.revisionId = randomUUID();
  found.change = { kind: "updating", endsAt: now + host.delays.updateDelayMs };
}

/** The configuration under a qualifier; an alias shows its version's, under the alias' own ARN. */
function shapeAt(found: FunctionState, qualifier: string | undefined): sdk.FunctionConfiguration {
  if (qualifier === undefined) return latestShape(found);
  const { version } = versionOf(found, qualifier);
  const numbered = found.versions.get(version);
  return {
    ...(numbered ? versionShape(found, numbered) : latestShape(found)),
    FunctionArn: `${found.arn}:${qualifier}`,
  };
}

/** A function and its versions as lists show them. */
const everyVersion = (found: FunctionState): sdk.FunctionConfiguration[] => [
  listedLatest(found, `${found.arn}:$LATEST`),
  ...[...found.versions.values()].map((version) => listedVersion(found, version)),
];

function deleteFunction({ host, state }: Lambda, { name, arn, region, versions }: FunctionState): void {
  state.in(region).functions.delete(name);
  const arns = [arn, ...[...versions.keys()].map((version) => `${arn}:${version}`)];
  // What runs already goes on to its end, and no caller waits for it (AWS.md 4.8).
  for (const each of arns) host.runtimes.retire(region, each);
}

/** What can be no version's number is refused, whether or not the function is there (AWS.md 4.6). */
function refuseUndeletable(qualifier: string): void {
  if (qualifier === "$LATEST")
    throw invalidParameter("$LATEST version cannot be deleted without deleting the function.");
  if (!/^[0-9]+$/.test(qualifier)) throw invalidParameter("Deletion of aliases is not currently supported.");
}

/** Also of a version that is not there: deleting twice is deleting (AWS.md 4.6). */
function deleteVersion(
  { host }: Lambda,
  { arn, region, versions, aliases }: FunctionState,
  version: string,
): void {
  const using = [...aliases.values()]
    .filter((alias) => [alias.version, ...Object.keys(alias.weights ?? {})].includes(version))
    .map(({ name }) => name);
  if (using.length > 0)
    throw resourceConflict(
      `Unable to delete version because the following aliases reference it: [${using.join(", ")}]`,
    );
  versions.delete(version);
  host.runtimes.retire(region, `${arn}:${version}`);
}
