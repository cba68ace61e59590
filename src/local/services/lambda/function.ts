import { randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { AwsError } from "../../aws-error.ts";
import type { Host } from "../../host.ts";
import type { Roles } from "../iam/iam.ts";
import type { LogGroups } from "../logs/logs.ts";
import type { Metrics } from "../monitoring/monitoring.ts";
import { pageOf } from "../paging.ts";
import type { Regional } from "../state.ts";

/** What Lambda keeps in one region. */
export interface LambdaState {
  functions: Map<string, FunctionState>;
}

/** What Lambda's operations work with. */
export interface Lambda {
  host: Host;
  state: Regional<LambdaState>;
  roles: Roles;
  logs: LogGroups;
  metrics: Metrics;
  /** How many events of a function are being worked on, by its ARN. */
  running: Map<string, number>;
}

/** What it takes to find a function: what there is, where the caller is, and when. */
export interface Here extends Pick<Lambda, "host" | "state"> {
  region: string;
  now: number;
}

/** Code and configuration of one version of a function; a change makes a new one. */
export interface FunctionVersion {
  /** Changes whenever code or configuration do; never guessable, so it also serves as the key to the code. */
  id: string;
  /** `$LATEST`, or the number of a published version. */
  version: string;
  zip: Uint8Array;
  /** SHA-256 of the zip's bytes, base64 (AWS.md 4.6). */
  sha256: string;
  runtime: sdk.Runtime;
  handler: string;
  role: string;
  description: string;
  timeoutSeconds: number;
  memoryMb: number;
  /** `undefined` when it was never given: then answers leave it out. */
  environment: Record<string, string> | undefined;
  /** Answers leave it out where there is none. */
  kmsKeyArn?: string | undefined;
  architectures: sdk.Architecture[];
  ephemeralMb: number;
  logging: sdk.LoggingConfig;
  tracing: sdk.TracingMode;
  /** Answers leave it out as long as none was given. */
  vpc?: sdk.VpcConfigResponse | undefined;
  /** Epoch milliseconds. */
  modifiedAt: number;
}

/** A published version, and which code and configuration of `$LATEST` it was made from. */
export interface VersionState {
  build: FunctionVersion;
  from: string;
  revisionId: string;
  /** Until when it is Pending, epoch milliseconds; undefined where it was made of a function at rest. */
  endsAt?: number | undefined;
}

export interface AliasState {
  name: string;
  version: string;
  description: string;
  revisionId: string;
  /** The share of its calls that another version gets, from 0 to 1, by that version's number. */
  weights?: Readonly<Record<string, number>>;
}

/** A resource policy: statements by their id, as JSON text. */
export interface ResourcePolicy {
  statements: Map<string, string>;
  revisionId: string;
}

/** A function with its versions, aliases and policies. */
export interface FunctionState {
  name: string;
  arn: string;
  region: string;
  latest: FunctionVersion;
  /** What invocations run: during an update still the old one (AWS.md 4.5). */
  running: FunctionVersion;
  /** What is in progress until `endsAt` (epoch milliseconds). */
  change: { kind: "creating" | "updating"; endsAt: number } | undefined;
  revisionId: string;
  tags: Map<string, string>;
  versions: Map<string, VersionState>;
  /** The number of the last version; numbers are not used twice. */
  published: number;
  aliases: Map<string, AliasState>;
  /**
   * By qualifier; `""` is the unqualified function. A policy of one does not cover the other (AWS.md 4.7).
   */
  policies: Map<string, ResourcePolicy>;
  reservedConcurrency: number | undefined;
}

/** What a caller means: a name, a partial or whole ARN, with or without a qualifier (AWS.md 8.1). */
export interface Reference {
  name: string;
  qualifier: string | undefined;
  /** Where an ARN says that it is; the caller's own when left out. */
  region?: string | undefined;
  account?: string | undefined;
}

const reference = new RegExp(
  String.raw`^(?:arn:[^:]+:lambda:)?(?:([a-z]{2}(?:-[a-z]+)+-\d):)?(?:(\d{12}):)?(?:function:)?` +
    String.raw`([\w-]+)(?::([\w$-]+))?$`,
);

/** Reads a function's name or ARN together with a qualifier given beside it. */
export function referenceOf(text: string, qualifier?: string): Reference {
  const [, region, account, name = text, inName] = reference.exec(text) ?? [];
  if (inName !== undefined && qualifier !== undefined && inName !== qualifier)
    throw invalidParameter(
      "The derived qualifier from the function name does not match the specified qualifier.",
    );
  return { name, qualifier: qualifier ?? inName, region, account };
}

/** The function that a reference to a version or an alias belongs to. */
export const unqualified = (asked: Reference): Reference => ({ ...asked, qualifier: undefined });

/**
 * Refuses what is of another region or another account: no policy there lets this account in. Both texts are
 * from memory, unverified.
 */
export function checkReachable({ host, region: here }: Here, asked: Reference): void {
  const { region = here, account = host.account } = asked;
  if (region !== here)
    throw noResource(`Functions from '${region}' are not reachable in this region ('${here}')`);
  if (account === host.account) return;
  const arn = functionArn(account, region, asked);
  throw new AwsError(
    "AccessDeniedException",
    `no resource-based policy allows this account, ${host.account}, to use ${arn}`,
    { status: 403 },
  );
}

export const invalidParameter = (message: string, members?: Record<string, unknown>): AwsError =>
  new AwsError("InvalidParameterValueException", message, members && { members });
export const noResource = (message: string): AwsError => new AwsError("ResourceNotFoundException", message);
export const resourceConflict = (message: string): AwsError =>
  new AwsError("ResourceConflictException", message);

/** The ARN of a function, with the qualifier that was asked for. */
export const functionArn = (account: string, region: string, { name, qualifier }: Reference): string =>
  `arn:aws:lambda:${region}:${account}:function:${name}${qualifier === undefined ? "" : `:${qualifier}`}`;

/** What an operation says where there is no such function, by the ARN that it was asked for (AWS.md 4.4). */
export type Missing = (arn: string) => string;

const notFound: Missing = (arn) => `Function not found: ${arn}`;
/** Invoke and PutFunctionConcurrency name the version. */
export const latestNotFound: Missing = (arn) =>
  notFound(arn.split(":").length > functionArnParts ? arn : `${arn}:$LATEST`);
const functionArnParts = 7;

/**
 * Finds a function as it is now: what was pending is done once its time has come. Throws
 * ResourceNotFoundException, and AccessDeniedException for one of another account.
 */
export function findFunction(here: Here, asked: Reference, missing: Missing = notFound): FunctionState {
  checkReachable(here, asked);
  const { host, state, region, now } = here;
  const found = state.in(region).functions.get(asked.name);
  if (!found) throw noResource(missing(functionArn(host.account, region, asked)));
  finishPending(found, now);
  return found;
}

const functionsOnly =
  "This operation is permitted on Lambda functions only. " +
  "Aliases and versions do not support this operation. " +
  "Please specify either a function name or an unqualified function ARN.";

/** Refuses what is about a version or an alias. Recorded of PutFunctionConcurrency alone (AWS.md 4.4). */
export function refuseQualified({ qualifier }: Reference, ...allowed: readonly string[]): void {
  if (qualifier !== undefined && !allowed.includes(qualifier)) throw invalidParameter(functionsOnly);
}

/** Finds the function that an operation changes, which can only be the function itself or its `$LATEST`. */
export function findChangeable(here: Here, name: string): FunctionState {
  const asked = referenceOf(name);
  refuseQualified(asked, "$LATEST");
  return findFunction(here, unqualified(asked));
}

/** The end of a creation or an update; the revision changes once more (AWS.md 4.5). */
export function finishPending(found: FunctionState, now: number): void {
  for (const version of found.versions.values())
    if (version.endsAt !== undefined && now >= version.endsAt)
      Object.assign(version, { endsAt: undefined, revisionId: randomUUID() });
  if (!found.change || now < found.change.endsAt) return;
  found.change = undefined;
  found.running = found.latest;
  found.revisionId = randomUUID();
}

/**
 * The version that a qualifier stands for, of `$LATEST` the one that runs. Throws ResourceNotFoundException.
 */
export function versionOf(found: FunctionState, qualifier: string | undefined): FunctionVersion {
  if (qualifier === undefined || qualifier === "$LATEST") return found.running;
  const version = found.versions.get(found.aliases.get(qualifier)?.version ?? qualifier);
  const build = found.aliases.get(qualifier)?.version === "$LATEST" ? found.running : version?.build;
  if (!build) throw noResource(notFound(`${found.arn}:${qualifier}`));
  return build;
}

/**
 * The version that the next call of a qualifier runs: an alias can share its calls between two versions
 * (AWS.md 4.6). Throws ResourceNotFoundException.
 */
export function versionToRun(found: FunctionState, qualifier: string | undefined): FunctionVersion {
  const { weights = {} } = found.aliases.get(qualifier ?? "") ?? {};
  const [second] = Object.entries(weights);
  return versionOf(found, second && Math.random() < second[1] ? second[0] : qualifier);
}

/** Refuses to run what is still being created. */
export function refuseWhilePending(found: FunctionState, { version }: FunctionVersion): void {
  const pending =
    version === "$LATEST"
      ? found.change?.kind === "creating"
      : found.versions.get(version)?.endsAt !== undefined;
  if (pending) throw stillPending();
}

const stillPending = (): AwsError =>
  resourceConflict(
    "The operation cannot be performed at this time. " +
      "The function is currently in the following state: Pending",
  );

/** A page in Lambda's form. */
export function pageOfItems<Item>(
  { pageSize = 50 }: { pageSize: number | undefined },
  items: readonly Item[],
  { Marker, MaxItems }: { Marker?: string | undefined; MaxItems?: number | undefined },
): { listed: Item[]; more: { NextMarker?: string } } {
  const invalid = invalidParameter("Invalid Marker");
  const { items: listed, next } = pageOf(items, { token: Marker, limit: MaxItems, pageSize, invalid });
  return { listed, more: next ? { NextMarker: next } : {} };
}

/** Refuses a change while another one is in progress. */
export function refuseWhileChanging({ change, arn }: FunctionState): void {
  if (change?.kind === "creating") throw stillPending();
  if (change)
    throw resourceConflict(
      `The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
    );
}

/** Refuses a change that expects another revision; `call` tells the newest one. */
export function checkRevision(
  revisionId: string,
  expected: string | undefined,
  call = "GetFunction/GetAlias",
): void {
  if (expected !== undefined && expected !== revisionId)
    throw new AwsError(
      "PreconditionFailedException",
      "The Revision Id provided does not match the latest Revision Id. " +
        `Call the ${call} API to retrieve the latest Revision Id`,
    );
}

/** The part of a function's configuration that every answer has (AWS.md 4.1). */
export function configurationShape(
  build: FunctionVersion,
  { name, arn, revisionId }: { name: string; arn: string; revisionId: string },
): sdk.FunctionConfiguration {
  return {
    FunctionName: name,
    FunctionArn: arn,
    Runtime: build.runtime,
    Role: build.role,
    Handler: build.handler,
    CodeSize: build.zip.length,
    Description: build.description,
    Timeout: build.timeoutSeconds,
    MemorySize: build.memoryMb,
    LastModified: new Date(build.modifiedAt).toISOString().replace("Z", "+0000"),
    CodeSha256: build.sha256,
    Version: build.version,
    ...(build.environment ? { Environment: { Variables: build.environment } } : {}),
    ...(build.kmsKeyArn ? { KMSKeyArn: build.kmsKeyArn } : {}),
    TracingConfig: { Mode: build.tracing },
    RevisionId: revisionId,
    PackageType: "Zip",
    Architectures: build.architectures,
    EphemeralStorage: { Size: build.ephemeralMb },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    LoggingConfig: build.logging,
    ...(build.vpc ? { VpcConfig: build.vpc } : {}),
  };
}

/** The configuration of `$LATEST` with the state that it is in. */
export const latestShape = (found: FunctionState): sdk.FunctionConfiguration => ({
  ...configurationShape(found.latest, found),
  ...runtimeVersion(found),
  ...stateShape(found.change?.kind),
});

/** The configuration of a published version with the state that it is in. */
export const versionShape = (found: FunctionState, version: VersionState): sdk.FunctionConfiguration => ({
  ...listedVersion(found, version),
  ...runtimeVersion(found),
  ...stateShape(version.endsAt === undefined ? undefined : "creating"),
});

/** A published version as lists show it: without its state (AWS.md 4.3). */
export const listedVersion = (
  { name, arn }: FunctionState,
  { build, revisionId }: VersionState,
): sdk.FunctionConfiguration =>
  configurationShape(build, { name, arn: `${arn}:${build.version}`, revisionId });

/** `$LATEST` as lists show it. */
export const listedLatest = (found: FunctionState, arn = found.arn): sdk.FunctionConfiguration =>
  configurationShape(found.latest, { ...found, arn });

const runtimeVersion = ({ region }: FunctionState) => ({
  RuntimeVersionConfig: { RuntimeVersionArn: `arn:aws:lambda:${region}::runtime:${"0".repeat(64)}` },
});

const beingMade = "The function is being created.";

function stateShape(change: "creating" | "updating" | undefined) {
  if (change === "creating")
    return { State: "Pending", StateReason: beingMade, StateReasonCode: "Creating" } as const;
  if (change === undefined) return { State: "Active", LastUpdateStatus: "Successful" } as const;
  // AWS answers a reason code that its own model does not list (AWS.md 4.5).
  const code = "Creating" as sdk.LastUpdateStatusReasonCode;
  return {
    State: "Active",
    LastUpdateStatus: "InProgress",
    LastUpdateStatusReason: beingMade,
    LastUpdateStatusReasonCode: code,
  } as const;
}
