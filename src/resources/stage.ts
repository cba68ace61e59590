import type { GetStageCommandOutput } from "@aws-sdk/client-apigatewayv2";
import type { Resource } from "../stack/resource.ts";
import type { ApiResource } from "./api.ts";
import type { DeploymentResource } from "./deployment.ts";
import { complete, given, orMissing } from "../aws/answers.ts";
import type { Tags } from "../aws/tags.ts";

interface StageProperties {
  ApiId: string;
  StageName: string;
  DeploymentId: string;
  /** With it, API Gateway alone chooses the deployment of the stage. */
  AutoDeploy: boolean;
  DefaultRouteSettings: { ThrottlingBurstLimit: number; ThrottlingRateLimit: number };
}

/**
 * The limits of the account, which hold where a stage has none: a new one has none (AWS.md 1.12, 3.6).
 */
const limits = { ThrottlingBurstLimit: 5_000, ThrottlingRateLimit: 10_000 };

interface StageConfig {
  name: string;
  tags: Tags;
  /** Limits that are absent stay as they are. */
  throttleRate?: number | undefined;
  throttleBurst?: number | undefined;
}

/**
 * The stage that clients connect to. It serves a deployment's snapshot: one that serves an old deployment is
 * stale. A limit that is not given stays as it is, except 0, which refuses every handshake with 429
 * (AWS.md 3.6).
 */
export function stage(
  { name, tags, throttleRate, throttleBurst }: StageConfig,
  needs: { api: ApiResource; deployment: DeploymentResource },
): Resource<StageProperties, { StageName: string }, typeof needs> {
  const isLimited = throttleRate !== undefined || throttleBurst !== undefined;
  return {
    id: "Stage",
    type: "AWS::ApiGatewayV2::Stage",
    name,
    step: "stage",
    needs,
    within: needs.api,
    foundBy: "name",
    desired: ({ api: { ApiId }, deployment: { DeploymentId } }) => ({
      ApiId,
      StageName: name,
      DeploymentId,
      AutoDeploy: false,
      DefaultRouteSettings: {
        ThrottlingBurstLimit: throttleBurst ?? limits.ThrottlingBurstLimit,
        ThrottlingRateLimit: throttleRate ?? limits.ThrottlingRateLimit,
      },
    }),
    same: {
      ...(throttleBurst === undefined ? { "DefaultRouteSettings.ThrottlingBurstLimit": isOpen } : {}),
      ...(throttleRate === undefined ? { "DefaultRouteSettings.ThrottlingRateLimit": isOpen } : {}),
    },

    async list(aws, within) {
      const { ApiId } = complete(within, ["ApiId"]);
      const found = await orMissing(aws.apigatewayv2.call("GetStage", { ApiId, StageName: name }));
      if (!found) return [];
      return [
        {
          attributes: { StageName: name },
          properties: { ApiId, StageName: name, ...settingsOf(found) },
        },
      ];
    },

    async create(aws, { DefaultRouteSettings, ...desired }) {
      // Both or none: of one alone AWS may take the other for 0.
      const limits = isLimited ? { DefaultRouteSettings } : {};
      await aws.apigatewayv2.call("CreateStage", { ...desired, ...limits, Tags: { ...tags } });
      return { StageName: name };
    },

    async update(aws, desired, _found, changed) {
      // API Gateway takes no deployment for a stage that still deploys by itself.
      const { ApiId, StageName, DeploymentId, AutoDeploy, DefaultRouteSettings } = desired;
      if (changed.has("AutoDeploy"))
        await aws.apigatewayv2.call("UpdateStage", { ApiId, StageName, AutoDeploy });
      const limits = changed.has("DefaultRouteSettings") ? { DefaultRouteSettings } : {};
      await aws.apigatewayv2.call("UpdateStage", { ApiId, StageName, DeploymentId, ...limits });
    },
  };
}

/** Whether a limit lets anything through. */
const isOpen = (limit: unknown): boolean => Number(limit) > 0;

/** A stage without a deployment serves nothing; limits that AWS leaves out are its own (AWS.md 3.6). */
const settingsOf = ({
  DeploymentId,
  AutoDeploy,
  DefaultRouteSettings,
}: GetStageCommandOutput): Partial<StageProperties> =>
  given({
    DeploymentId,
    AutoDeploy: AutoDeploy === true,
    DefaultRouteSettings: {
      ThrottlingBurstLimit: DefaultRouteSettings?.ThrottlingBurstLimit ?? limits.ThrottlingBurstLimit,
      ThrottlingRateLimit: DefaultRouteSettings?.ThrottlingRateLimit ?? limits.ThrottlingRateLimit,
    },
  });
