import { isDeepStrictEqual } from "node:util";
import type { FunctionConfiguration, GetFunctionResponse, Runtime } from "@aws-sdk/client-lambda";
import { isSigningKeys, newSigningKey } from "../contract/signature.ts";
import { redactUrl } from "../settings/redact.ts";
import {
  KNOWN_AFTER_DEPLOY,
  MADE_ON_FIRST_DEPLOY,
  type AttributesOf,
  type Found,
  type Resource,
} from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import { codeOwnerIn, latestCodeOwner, ownTakenBack } from "../aws/code-owner.ts";
import { contentOf, contentWith } from "../aws/function-content.ts";
import { AS_FOUND, descriptionOf, FIRST } from "../aws/releases.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import {
  changeEnvironment,
  stateOf,
  taggedFunction,
  untilActive,
  untilIdle,
  variablesOf,
} from "../aws/lambda-function.ts";
import { refuseTooLarge, type Variables } from "../aws/variables.ts";
import {
  desiredSettings,
  foundSettings,
  reserve,
  settingMembers,
  type FunctionSettings,
  type SettingProperties,
} from "./function-settings.ts";
import type { logGroup } from "./log-group.ts";
import type { rolePolicy } from "./role-policy.ts";
import type { RoleResource } from "./role.ts";
import { complete, given, orMissing } from "../aws/answers.ts";
import { functionMembers } from "../aws/authentic.ts";
import {
  adoptedTag,
  isAdopted,
  isUnclaimed,
  namesAsTags,
  namesInTags,
  refuseTags,
  tagNames,
  tagsBeside,
  type CodeOwner,
  type Tags,
} from "../aws/tags.ts";
import {
  isNotYetOurs,
  notesOnCode,
  refuseToReplaceOwn,
  type TakenBack,
  staysOfCode,
  type CodeConfig,
} from "../aws/own-code.ts";
import { desiredTags, foundTags, tagsThatStay, writeTags, type TagProperties } from "./configured-tags.ts";

interface FunctionProperties extends Partial<SettingProperties>, TagProperties {
  FunctionName: string;
  /** SHA-256 of the zip, base64: what Lambda answers for the code that it runs (AWS.md 4.6). */
  CodeSha256: string;
  Runtime: string;
  Handler: string;
  /** Of the first release; it is left as it is afterwards. */
  Description: string;
  Role: string;
  Timeout: number;
  MemorySize: number;
  /** What the variables are encrypted with; absent for a key of AWS's own. */
  KMSKeyArn?: string;
  Environment: Variables;
  /** The names of the variables from the configuration, in alphabetical order; a tag keeps them. */
  ConfiguredVariables: readonly string[];
  /** "Active" where Lambda runs what was deployed, otherwise why it does not. */
  State: string;
}
type FunctionAttributes = TakenBack & {
  FunctionArn: string;
  /** All that a version has a copy of (`aws/function-content`). */
  Content: string;
  /** The version that the creation published; empty where the function was there before. */
  Published: string;
  /** What a release of it is called as long as it is what others made of it; empty otherwise. */
  AsFound: string;
  /** Whose code it has; empty where nothing says it. */
  Owner: CodeOwner | "";
};

export interface FunctionConfig extends FunctionSettings, CodeConfig {
  region: string;
  stage: string;
  /** What is absent of these stays as it is. */
  runtime?: string | undefined;
  handler?: string | undefined;
  timeout?: number | undefined;
  memory?: number | undefined;
  kmsKey?: string | undefined;
  backendUrl: string | undefined;
  /** More variables. `SIGNING_KEYS` among them counts on the first deploy only. */
  variables: Variables;
  zip?: Uint8Array | undefined;
  zipSha256?: string | undefined;
  tags: Tags;
  configuredTags?: Tags | undefined;
  /** How many releases a deploy keeps. */
  keepReleases: number;
  run: string;
}

type FunctionNeeds = {
  account: AccountResource;
  role: RoleResource;
  api: ApiResource;
  logGroup: ReturnType<typeof logGroup>;
  /** For a VPC: Lambda looks for the right to make network interfaces first. */
  policy?: ReturnType<typeof rolePolicy>;
};

const nothingTaken: TakenBack = { ShippedServes: "", OwnStays: "" };

const step = {
  function: /^(?!Environment|ConfiguredVariables)/,
  env: /^(Environment\.(?!API_GATEWAY_ENDPOINT$)|ConfiguredVariables$)/,
  endpoint: /^Environment\.API_GATEWAY_ENDPOINT$/,
  code: /^CodeSha256$/,
};

/**
 * The function with its code, settings and environment. Variables that others have set stay as they are.
 */
export function lambdaFunction(
  config: FunctionConfig,
  needs: FunctionNeeds,
): Resource<FunctionProperties, FunctionAttributes, FunctionNeeds> {
  const { functionName: FunctionName } = config;
  return {
    id: "Function",
    type: "AWS::Lambda::Function",
    name: FunctionName,
    tags: config.tags,
    step,
    needs,
    foundBy: "name",
    adoption: {
      serves: true,
      addTags: (aws, { attributes }, tags) => taggingOf(aws, attributes).set({ ...tags }),
      removeTags: (aws, { attributes }, names) => taggingOf(aws, attributes).remove(names),
      says: keptOf,
      keeps: "its role, code, variables and releases",
    },

    desired: (has) => desiredOf(config, has),
    staysAsFound: (found) => staysOfCode(found, config),
    leaves: (found, { MemorySize: desired }) => [
      ...memoryThatStays(found.properties.MemorySize, desired, FunctionName),
      ...notesOnCode(found, config),
    ],
    refuses: ({ Environment = {}, ConfiguredVariables = [], CodeSha256 }, found) => {
      if (found && found.properties.CodeSha256 !== CodeSha256) refuseToReplaceOwn(found, config);
      const gone = found ? removedFrom(found, ConfiguredVariables) : [];
      refuseTooLarge(FunctionName, asWritten(without(Environment, gone), config));
      // It has the most tags of the stack: those of the others are among its own.
      const kept = tagsThatStay(found?.tags, config.configuredTags);
      const adopted = found && isUnclaimed(kept) ? adoptedTag({ isBegun: true }) : {};
      refuseTags(FunctionName, { ...kept, ...adopted, ...tagsBeside(found?.tags ?? {}, tagsOf(config)) });
    },
    // Every variable may hold a secret, whatever its name; of an address only a part may.
    secret: {
      Environment: () => "***",
      "Environment.BACKEND_URL": redactUrl,
      "Environment.API_GATEWAY_ENDPOINT": redactUrl,
    },
    same: { MemorySize: (found, desired) => found >= desired, Description: () => true },

    async list(aws) {
      const answer = await taggedFunction(aws, FunctionName);
      if (!answer) return [];
      // The releases are asked only of what is the stack's already.
      const isOpen = !isNotYetOurs(answer.Tags ?? {});
      const owner = isOpen ? await latestCodeOwner(aws, answer) : codeOwnerIn(answer.Tags);
      const taken =
        isOpen && owner === "own" ? await ownTakenBack(aws, answer, config.keepReleases) : undefined;
      const back = { ShippedServes: taken?.serves ?? "", OwnStays: taken?.stays ?? "" };
      return [foundFunction(answer, { Owner: owner ?? "", ...back })];
    },

    async create(aws, desired) {
      const created = complete(await create(aws, desired, config), ["FunctionArn"]);
      // What clients are served by is the version; `$LATEST` is there no later.
      const Published = created.Version === "$LATEST" ? "" : (created.Version ?? "");
      await untilActive(aws, FunctionName, created, Published || undefined);
      const { ReservedConcurrentExecutions: reserved } = desired;
      if (reserved !== undefined && reserved !== "none") await reserve(aws, FunctionName, reserved);
      return {
        FunctionArn: created.FunctionArn,
        Content: contentOf(created),
        Published,
        AsFound: "",
        Owner: config.codeFrom ?? "",
        ...nothingTaken,
      };
    },

    renewed: (desired, found) => renewed(desired, found, config),

    update: (aws, desired, found, changed) => write(aws, desired, { found, changed }, config),

    async delete(aws) {
      await orMissing(aws.lambda.call("DeleteFunction", { FunctionName }));
    },
  };
}

/** A minimum: a larger existing value is not lowered. */
const memoryThatStays = (found: number | undefined, desired: number | undefined, name: string): string[] =>
  found !== undefined && desired !== undefined && found > desired
    ? [`MemorySize of ${name} stays ${found}: a larger value is not lowered to ${desired}`]
    : [];

/** What was found, and which properties of it are to change. */
interface Writing {
  found: Found<FunctionProperties, FunctionAttributes>;
  changed: ReadonlySet<string>;
}

/** What stays of a function that is adopted. */
function keptOf(
  { properties: { Role, Environment: found = {} } }: Found<FunctionProperties, FunctionAttributes>,
  { Environment: desired = {} }: Partial<FunctionProperties>,
): string[] {
  const variables = Object.keys(found).filter((name) => desired[name] === undefined);
  return [
    "its present code and settings stay as a release, which a rollback serves again",
    `its role stays as it is, ${Role}`,
    ...(variables.length > 0 ? [`its other variables stay: ${variables.toSorted().join(", ")}`] : []),
  ];
}

/** What neither UpdateFunctionCode nor UpdateFunctionConfiguration sets. */
const ofItsOwn = new Set(["State", "ReservedConcurrentExecutions", "Tags", "ConfiguredTags"]);

async function write(
  aws: Aws,
  desired: FunctionProperties,
  { found, changed }: Writing,
  config: FunctionConfig,
): Promise<FunctionAttributes> {
  const ofTheCode = new Set(["CodeSha256", "Architectures"]);
  const code = [...changed].some((one) => ofTheCode.has(one));
  const settings = [...changed].some((one) => !ofTheCode.has(one) && !ofItsOwn.has(one));
  const { ReservedConcurrentExecutions: reserved } = desired;
  if (code) await markCode(aws, found, config);
  const uploaded = code ? await upload(aws, desired, found, config) : undefined;
  const configured = settings ? await configure(aws, desired, { found, changed }, config) : uploaded;
  if (reserved !== undefined && changed.has("ReservedConcurrentExecutions"))
    await reserve(aws, desired.FunctionName, reserved);
  // Last, so that a run that is cut before still knows what to take away.
  if (changed.has("ConfiguredVariables")) await mark(aws, desired, found);
  await writeTags(desired, found, changed, taggingOf(aws, found.attributes));
  const isRecovering = !configured && changed.has("State");
  const written = isRecovering ? await recovered(aws, desired, found, config) : configured;
  const Owner = code ? (config.codeFrom ?? "") : found.attributes.Owner;
  const attributes = { ...found.attributes, Owner, ...(code && nothingTaken) };
  return written ? { ...attributes, Content: contentOf(written) } : attributes;
}

export type FunctionResource = ReturnType<typeof lambdaFunction>;

const desiredOf = (
  config: FunctionConfig,
  { account, role, api }: AttributesOf<Omit<FunctionNeeds, "logGroup" | "policy">>,
): Partial<FunctionProperties> => ({
  FunctionName: config.functionName,
  Description: descriptionOf({
    by: account.Caller,
    run: config.run,
    changed: [FIRST],
    owner: config.codeFrom,
  }),
  ...given({
    CodeSha256: config.zipSha256,
    Runtime: config.runtime,
    Handler: config.handler,
    Timeout: config.timeout,
    MemorySize: config.memory,
    KMSKeyArn: config.kmsKey,
  }),
  ...desiredSettings(config),
  Role: role.Arn,
  Environment: {
    ...config.variables,
    ...(config.backendUrl ? { BACKEND_URL: config.backendUrl } : {}),
    API_GATEWAY_ENDPOINT: `${api.ManagementEndpoint}/${config.stage}`,
    SIGNING_KEYS: MADE_ON_FIRST_DEPLOY,
  },
  ConfiguredVariables: configuredIn(config),
  ...desiredTags(config.configuredTags),
  State: "Active",
});

/** What the function is to hold; not known as long as a variable is not. */
function renewed(
  { Environment = {}, ConfiguredVariables = [], ...settings }: Partial<FunctionProperties>,
  found: Found<FunctionProperties, FunctionAttributes>,
  { codeFrom }: FunctionConfig,
): FunctionAttributes {
  const variables = without(Environment, removedFrom(found, ConfiguredVariables));
  const isUnknown = Object.values(variables).some(
    (value) => value === MADE_ON_FIRST_DEPLOY || value.includes(KNOWN_AFTER_DEPLOY),
  );
  const before: Readonly<Record<string, unknown>> = found.properties;
  const changed = Object.entries(settings).filter(([name, value]) => !isDeepStrictEqual(before[name], value));
  const Content = isUnknown
    ? KNOWN_AFTER_DEPLOY
    : contentWith(found.attributes.Content, Object.fromEntries(changed), variables);
  const isNewCode = changed.some(([name]) => name === "CodeSha256");
  return { ...found.attributes, Content, Owner: isNewCode ? (codeFrom ?? "") : found.attributes.Owner };
}

async function create(
  aws: Aws,
  desired: FunctionProperties,
  { zip: ZipFile, tags, variables, codeFrom }: FunctionConfig,
): Promise<FunctionConfiguration> {
  const { FunctionName, Runtime, Handler, Description, Role, Timeout, MemorySize, KMSKeyArn, Environment } =
    desired;
  return await aws.lambda.call(
    "CreateFunction",
    {
      FunctionName,
      Runtime: Runtime as Runtime,
      Handler,
      Role,
      Timeout,
      MemorySize,
      KMSKeyArn,
      ...settingMembers(desired),
      ...architecturesOf(desired),
      Code: { ZipFile },
      // One call less in a row than publishing it afterwards; the description becomes the version's.
      Publish: true,
      Description,
      Environment: { Variables: withSigningKey(Environment, variables.SIGNING_KEYS) },
      Tags: tagsOf({ tags, variables, codeFrom }),
    },
    aws.longCall,
  );
}

/** With those that keep what the next run has to know. */
const tagsOf = ({
  tags,
  variables,
  codeFrom,
}: Pick<FunctionConfig, "tags" | "variables" | "codeFrom">): Tags => ({
  ...tags,
  ...namesAsTags(tagNames.variables, configuredIn({ variables })),
  ...(codeFrom && { [tagNames.code]: codeFrom }),
});

/** As Lambda is told of them; without any it keeps those that it has, x86_64 at first. */
const architecturesOf = ({ Architectures }: Partial<SettingProperties>) =>
  Architectures ? { Architectures: [...Architectures] } : {};

async function upload(
  aws: Aws,
  desired: FunctionProperties,
  { properties: { State } }: Found<FunctionProperties, FunctionAttributes>,
  { functionName: FunctionName, zip: ZipFile }: FunctionConfig,
): Promise<FunctionConfiguration> {
  if (State !== "Active") await untilIdle(aws, FunctionName);
  const begun = await aws.lambda.call(
    "UpdateFunctionCode",
    { FunctionName, ZipFile, ...architecturesOf(desired) },
    aws.longCall,
  );
  return await untilActive(aws, FunctionName, begun);
}

async function configure(
  aws: Aws,
  desired: FunctionProperties,
  { found, changed }: Writing,
  { functionName, variables }: FunctionConfig,
): Promise<FunctionConfiguration> {
  const { Runtime, Handler, Role, Timeout, MemorySize, KMSKeyArn, Environment, ConfiguredVariables } =
    desired;
  const ours = differing(found.properties.Environment, Environment);
  const gone = removedFrom(found, ConfiguredVariables);
  const settings = {
    Runtime: Runtime as Runtime,
    Handler,
    // The role of an adopted function may be one that the caller cannot pass; unsent it stays.
    ...(changed.has("Role") || !isAdopted(found.tags ?? {}) ? { Role } : {}),
    Timeout,
    MemorySize,
    KMSKeyArn,
    ...settingMembers(desired, changed),
  };
  const { written } = await changeEnvironment(aws, functionName, {
    change: (present) => merged(without(present, gone), ours, variables.SIGNING_KEYS),
    settings,
  });
  return written;
}

/**
 * The variables that the configuration set once and does not any more; those of the stack itself stay.
 */
function removedFrom(
  { properties: { ConfiguredVariables } }: Found<FunctionProperties, FunctionAttributes>,
  desired: readonly string[],
): string[] {
  const kept = new Set([...desired, "BACKEND_URL", "API_GATEWAY_ENDPOINT", "SIGNING_KEYS"]);
  return [...(ConfiguredVariables ?? [])].filter((name) => !kept.has(name));
}

const without = (variables: Variables, names: readonly string[]): Variables =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => !names.includes(name)));

/** The variables that the configuration sets, by name. The key counts on the first deploy only. */
const configuredIn = ({ variables }: Pick<FunctionConfig, "variables">): string[] =>
  Object.keys(variables)
    .filter((name) => name !== "SIGNING_KEYS")
    .toSorted();

/** The calls about the tags of the function; versions and aliases have none. */
const taggingOf = (aws: Aws, { FunctionArn: Resource }: Pick<FunctionAttributes, "FunctionArn">) => ({
  set: async (Tags: Record<string, string>) => await aws.lambda.call("TagResource", { Resource, Tags }),
  remove: async (TagKeys: string[]) => await aws.lambda.call("UntagResource", { Resource, TagKeys }),
});

/** Writes down which variables came from the configuration. */
async function mark(
  aws: Aws,
  { ConfiguredVariables }: FunctionProperties,
  { attributes }: Found<FunctionProperties, FunctionAttributes>,
): Promise<void> {
  await taggingOf(aws, attributes).set(namesAsTags(tagNames.variables, ConfiguredVariables));
}

/** Writes down what the code comes from, before it is there: what is cut then guards too much rather. */
async function markCode(
  aws: Aws,
  { attributes, tags = {} }: Found<FunctionProperties, FunctionAttributes>,
  { codeFrom }: FunctionConfig,
): Promise<void> {
  if (codeFrom && tags[tagNames.code] !== codeFrom)
    await taggingOf(aws, attributes).set({ [tagNames.code]: codeFrom });
}

/** What a version has a copy of, as properties of the function; undefined for what it has none of. */
export function versionProperties(version: FunctionConfiguration): object {
  const { CodeSha256, Runtime, Handler, Role, Timeout, MemorySize, KMSKeyArn } = version;
  const { Architectures, TracingConfig, LoggingConfig, VpcConfig } = foundSettings(version, {});
  return {
    CodeSha256,
    Runtime,
    Handler,
    Role,
    Timeout,
    MemorySize,
    KMSKeyArn,
    Architectures,
    TracingConfig,
    LoggingConfig,
    VpcConfig,
    Environment: usable(variablesOf(version)),
  };
}

function foundFunction(
  {
    Configuration: found,
    Tags: tags = {},
    Concurrency = {},
  }: GetFunctionResponse & { Configuration: FunctionConfiguration },
  code: TakenBack & Pick<FunctionAttributes, "Owner">,
): Found<FunctionProperties, FunctionAttributes> {
  const { FunctionArn, FunctionName, CodeSha256, Role, Timeout, MemorySize } = complete(
    found,
    functionMembers,
  );
  // A function from a container image has neither of the first two.
  const { Runtime, Handler, KMSKeyArn, Description = "" } = found;
  return {
    attributes: {
      FunctionArn,
      Content: contentOf(found),
      Published: "",
      AsFound: isNotYetOurs(tags) ? AS_FOUND : "",
      ...code,
    },
    properties: given({
      FunctionName,
      CodeSha256,
      Runtime,
      Handler,
      Description,
      Role,
      Timeout,
      MemorySize,
      KMSKeyArn,
      ...foundSettings(found, Concurrency),
      Environment: usable(variablesOf(found)),
      ConfiguredVariables: namesInTags(tagNames.variables, tags),
      ...foundTags(tags),
      State: stateOf(found),
    }),
    tags,
  };
}

/**
 * Waits for a function that is still changing; what failed to be updated is written once more, which is all
 * that helps (AWS.md 4.5).
 */
async function recovered(
  aws: Aws,
  desired: FunctionProperties,
  found: Found<FunctionProperties, FunctionAttributes>,
  config: FunctionConfig,
): Promise<FunctionConfiguration> {
  const { LastUpdateStatus } = await untilIdle(aws, config.functionName);
  return await (LastUpdateStatus === "Failed"
    ? configure(aws, desired, { found, changed: new Set(Object.keys(desiredSettings(config))) }, config)
    : untilActive(aws, config.functionName));
}

/**
 * The variables without signing keys that are invalid: those are created again, as if they were missing.
 */
function usable({ SIGNING_KEYS, ...others }: Variables): Variables {
  return SIGNING_KEYS !== undefined && isSigningKeys(SIGNING_KEYS) ? { ...others, SIGNING_KEYS } : others;
}

/** The variables with a signing key in place of its placeholder: the given one, or a new one. */
function withSigningKey(variables: Variables, given: string = newSigningKey()): Record<string, string> {
  return {
    ...variables,
    ...(variables.SIGNING_KEYS === MADE_ON_FIRST_DEPLOY ? { SIGNING_KEYS: given } : {}),
  };
}

/** The variables with something as long in place of what only a deploy knows. */
function asWritten(variables: Variables, { region, variables: { SIGNING_KEYS } }: FunctionConfig): Variables {
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  // An API's id has ten characters (AWS.md 1.1).
  const endpoint = `https://abcdefghij.execute-api.${region}.${domain}`;
  const known = Object.entries(variables).map(
    ([name, value]) => [name, value.replace(KNOWN_AFTER_DEPLOY, endpoint)] as const,
  );
  return withSigningKey(Object.fromEntries(known), SIGNING_KEYS);
}

/** The variables that are to change; the others stay as they are. */
const differing = (found: Variables = {}, desired: Variables): Variables =>
  Object.fromEntries(Object.entries(desired).filter(([name, value]) => found[name] !== value));

/**
 * The present variables with ours; signing keys that are there already stay (two of them while keys rotate).
 */
function merged(present: Variables, ours: Variables, givenKey: string | undefined): Variables {
  const { SIGNING_KEYS } = usable(present);
  return withSigningKey({ ...present, ...ours, ...(SIGNING_KEYS ? { SIGNING_KEYS } : {}) }, givenKey);
}
