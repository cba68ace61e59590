import type { GetStageCommandOutput } from "@aws-sdk/client-apigatewayv2";
import type { AttributesOf, Found, Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { AccessLogRoleResource } from "./access-log-role.ts";
import type { AccountResource } from "./account.ts";
import { taggingAt, type ApiResource } from "./api.ts";
import { desiredTags, foundTags, writeTags, type TagProperties } from "./configured-tags.ts";
import type { DeploymentResource } from "./deployment.ts";
import type { LogGroupResource } from "./log-group.ts";
import { accessLogFormat } from "../aws/access-log.ts";
import { complete, given, orMissing } from "../aws/answers.ts";
import type { Tags } from "../aws/tags.ts";

interface StageProperties extends TagProperties {
  ApiId: string;
  StageName: string;
  DeploymentId: string;
  /** With it, API Gateway alone chooses the deployment of the stage. */
  AutoDeploy: boolean;
  DefaultRouteSettings: { ThrottlingBurstLimit: number; ThrottlingRateLimit: number };
  AccessLogSettings: AccessLogSettings | "off";
}

interface StageAttributes extends Record<string, string> {
  StageName: string;
  /** Whose limits hold. */
  LimitedBy: "the stage" | "the account";
}

interface AccessLogSettings {
  DestinationArn: string;
  Format: string;
}

interface StageConfig {
  name: string;
  region: string;
  tags: Tags;
  configuredTags?: Tags | undefined;
  /** What is absent of these stays as it is. */
  accessLogs?: "on" | "off" | undefined;
  throttleRate?: number | undefined;
  throttleBurst?: number | undefined;
}

/**
 * The limits of the account, which hold where a stage has none: a new one has none (AWS.md 1.12, 3.6).
 */
export const accountLimits = { ThrottlingBurstLimit: 5_000, ThrottlingRateLimit: 10_000 };

/**
 * The stage that clients connect to. It serves a deployment's snapshot: one that serves an old deployment is
 * stale. A limit that is not given stays as it is, except 0, which refuses every handshake with 429
 * (AWS.md 3.6).
 */
export function stage(
  { name, region, accessLogs, throttleRate, throttleBurst, tags, configuredTags }: StageConfig,
  needs: {
    account: AccountResource;
    api: ApiResource;
    deployment: DeploymentResource;
    accessGroup: LogGroupResource;
    accessRole: AccessLogRoleResource;
  },
): Resource<StageProperties, StageAttributes, typeof needs> {
  const isLimited = throttleRate !== undefined || throttleBurst !== undefined;
  return {
    id: "Stage",
    type: "AWS::ApiGatewayV2::Stage",
    name,
    tags,
    step: "stage",
    needs,
    within: needs.api,
    foundBy: "name",
    adoption: "as its parent",
    desired: ({ account: { Account, Partition }, api: { ApiId }, deployment: { DeploymentId } }) => ({
      ApiId,
      StageName: name,
      DeploymentId,
      AutoDeploy: false,
      DefaultRouteSettings: {
        ThrottlingBurstLimit: throttleBurst ?? accountLimits.ThrottlingBurstLimit,
        ThrottlingRateLimit: throttleRate ?? accountLimits.ThrottlingRateLimit,
      },
      ...logOf({ region, accessLogs }, needs.accessGroup.name, { Account, Partition }),
      ...desiredTags(configuredTags),
    }),
    leaves: ({ properties }) => keptOf(properties.AccessLogSettings, { name, accessLogs }, needs.accessGroup),
    same: {
      ...(throttleBurst === undefined ? { "DefaultRouteSettings.ThrottlingBurstLimit": isOpen } : {}),
      ...(throttleRate === undefined ? { "DefaultRouteSettings.ThrottlingRateLimit": isOpen } : {}),
    },

    async list(aws, within) {
      const { ApiId } = complete(within, ["ApiId"]);
      const found = await orMissing(aws.apigatewayv2.call("GetStage", { ApiId, StageName: name }));
      return found ? [foundStage(found, { ApiId, StageName: name })] : [];
    },

    async create(aws, { Tags: _all, ConfiguredTags: _names, ...settings }) {
      const { DefaultRouteSettings, AccessLogSettings, ...desired } = settings;
      // Both or none: of one alone AWS may take the other for 0.
      const limits = isLimited ? { DefaultRouteSettings } : {};
      const log = settingsToWrite(AccessLogSettings);
      await aws.apigatewayv2.call("CreateStage", { ...desired, ...limits, ...log, Tags: { ...tags } });
      return { StageName: name, LimitedBy: isLimited ? "the stage" : "the account" };
    },

    async update(aws, desired, found, changed) {
      await writeTags(desired, found, changed, taggingAt(aws, `${desired.ApiId}/stages/${name}`));
      await write(aws, desired, changed);
    },

    removeTags: (aws, { properties: { ApiId } }, names) =>
      taggingAt(aws, `${ApiId}/stages/${name}`).remove(names),
  };
}

const foundStage = (
  found: GetStageCommandOutput,
  { ApiId, StageName }: Pick<StageProperties, "ApiId" | "StageName">,
): Found<StageProperties, StageAttributes> => ({
  attributes: { StageName, LimitedBy: limitedBy(found) },
  properties: { ApiId, StageName, ...settingsOf(found), ...foundTags(found.Tags) },
  furtherTags: { ...found.Tags },
});

/** One limit of its own is enough: AWS may take the other one for 0. */
const limitedBy = ({ DefaultRouteSettings: limits }: GetStageCommandOutput): StageAttributes["LimitedBy"] =>
  (limits?.ThrottlingBurstLimit ?? limits?.ThrottlingRateLimit) === undefined ? "the account" : "the stage";

/** Whether a limit lets anything through. */
const isOpen = (limit: unknown): boolean => Number(limit) > 0;

/** The access log that is asked for; nothing where it stays as it is. */
function logOf(
  { region, accessLogs }: Pick<StageConfig, "region" | "accessLogs">,
  group: string,
  {
    Account,
    Partition,
  }: Pick<AttributesOf<{ account: AccountResource }>["account"], "Account" | "Partition">,
): Pick<Partial<StageProperties>, "AccessLogSettings"> {
  if (accessLogs === undefined) return {};
  if (accessLogs === "off") return { AccessLogSettings: "off" };
  const DestinationArn = `arn:${Partition}:logs:${region}:${Account}:log-group:${group}`;
  return { AccessLogSettings: { DestinationArn, Format: accessLogFormat } };
}

async function write(aws: Aws, desired: StageProperties, changed: ReadonlySet<string>): Promise<void> {
  if ([...changed].every((one) => one === "Tags" || one === "ConfiguredTags")) return;
  const { ApiId, StageName, DeploymentId, AutoDeploy, DefaultRouteSettings, AccessLogSettings } = desired;
  // API Gateway takes no deployment for a stage that still deploys by itself.
  if (changed.has("AutoDeploy")) await aws.apigatewayv2.call("UpdateStage", { ApiId, StageName, AutoDeploy });
  const limits = changed.has("DefaultRouteSettings") ? { DefaultRouteSettings } : {};
  const log = changed.has("AccessLogSettings") ? settingsToWrite(AccessLogSettings) : {};
  await aws.apigatewayv2.call("UpdateStage", { ApiId, StageName, DeploymentId, ...limits, ...log });
  if (changed.has("AccessLogSettings") && AccessLogSettings === "off")
    await aws.apigatewayv2.call("DeleteAccessLogSettings", { ApiId, StageName });
}

/** The log as a call takes it, which has no word for none. */
const settingsToWrite = (AccessLogSettings: StageProperties["AccessLogSettings"] | undefined) =>
  AccessLogSettings === undefined || AccessLogSettings === "off" ? {} : { AccessLogSettings };

/** What stays of a log: one that was set by hand, and the lines of one that is switched off. */
function keptOf(
  found: StageProperties["AccessLogSettings"] | undefined,
  { name, accessLogs }: Pick<StageConfig, "name" | "accessLogs">,
  { name: group }: LogGroupResource,
): string[] {
  if (accessLogs === undefined && isForeign(found, group))
    return [`AccessLogSettings of ${name} stay: set by hand, to ${found.DestinationArn}`];
  const gone = accessLogs === "off" && isOn(found) ? groupIn(found) : undefined;
  return gone === undefined ? [] : [`the log group ${gone} stays, with its lines`];
}

const isOn = (found: StageProperties["AccessLogSettings"] | undefined): found is AccessLogSettings =>
  found !== undefined && found !== "off";

/** Undefined for a log that goes to a delivery stream. */
const groupIn = ({ DestinationArn }: AccessLogSettings): string | undefined =>
  /:log-group:([^:]+)/.exec(DestinationArn)?.[1];

/** Whether it is a log that no deploy has set: one that goes to another place than ours. */
const isForeign = (
  found: StageProperties["AccessLogSettings"] | undefined,
  group: string,
): found is AccessLogSettings => isOn(found) && !found.DestinationArn.endsWith(`:log-group:${group}`);

/** A stage without a deployment serves nothing; limits that AWS leaves out are its own (AWS.md 3.6). */
const settingsOf = ({
  DeploymentId,
  AutoDeploy,
  DefaultRouteSettings,
  AccessLogSettings: { DestinationArn = "", Format = "" } = {},
}: GetStageCommandOutput): Partial<StageProperties> =>
  given({
    DeploymentId,
    AutoDeploy: AutoDeploy === true,
    DefaultRouteSettings: {
      ThrottlingBurstLimit: DefaultRouteSettings?.ThrottlingBurstLimit ?? accountLimits.ThrottlingBurstLimit,
      ThrottlingRateLimit: DefaultRouteSettings?.ThrottlingRateLimit ?? accountLimits.ThrottlingRateLimit,
    },
    AccessLogSettings: DestinationArn === "" ? "off" : { DestinationArn, Format },
  });
