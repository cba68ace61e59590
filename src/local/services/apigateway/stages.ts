import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { assignGiven, newId, type ApiState, type DeploymentState, type FindApi } from "./api-state.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, conflict, notFound, tooManyRequests } from "./refusals.ts";
import type { ServedRoute, ServedStage } from "../../gateway/contract.ts";
import type { Operations } from "../operations.ts";
import type { World } from "../../state.ts";

/** Deployments and stages (AWS.md 3.4, 3.6). */
export const stageOperations = (world: World, find: FindApi): Operations<typeof sdk> => ({
  ...deploymentOperations(world, find),
  ...stagesOperations(world, find),
});

function deploymentOperations(world: World, find: FindApi): Operations<typeof sdk> {
  const lastIn = new Map<string, number>();
  return {
    CreateDeployment({ ApiId, Description, StageName }, { region, now }) {
      const api = find(region, ApiId);
      if (now - (lastIn.get(region) ?? -Infinity) < world.delays.deploymentIntervalMs)
        throw tooManyRequests();
      const stage = StageName === undefined ? undefined : stageOf(api, StageName);
      const made = deploy(api, { now, description: Description });
      lastIn.set(region, now);
      if (stage) point(stage, made, now);
      return made;
    },
    GetDeployment: ({ ApiId, DeploymentId }, { region }) =>
      deploymentOf(find(region, ApiId), DeploymentId).deployment,
    GetDeployments: ({ ApiId, ...paging }, { region }) =>
      pageOfItems(
        world,
        [...find(region, ApiId).deployments.values()].map(({ deployment }) => deployment),
        paging,
      ),
    UpdateDeployment({ ApiId, DeploymentId, Description }, { region }) {
      const { deployment } = deploymentOf(find(region, ApiId), DeploymentId);
      assignGiven(deployment, { Description });
      return deployment;
    },
    DeleteDeployment({ ApiId, DeploymentId }, { region }) {
      const api = find(region, ApiId);
      deploymentOf(api, DeploymentId);
      if ([...api.stages.values()].some((stage) => stage.DeploymentId === DeploymentId))
        throw badRequest("Active stages pointing to this deployment must be moved or deleted");
      api.deployments.delete(DeploymentId);
    },
  };
}

function deploymentOf({ deployments }: ApiState, id: string): DeploymentState {
  const found = deployments.get(id);
  if (!found) throw notFound(`Invalid Deployment identifier specified ${id}`);
  return found;
}

interface Making {
  now: number;
  description?: string | undefined;
  automatic?: boolean;
}

function deploy(api: ApiState, { now, description, automatic = false }: Making): sdk.Deployment {
  if (api.routes.size === 0) throw badRequest("At least one route is required before deploying the Api.");
  const deployment: sdk.Deployment = {
    AutoDeployed: automatic,
    CreatedDate: new Date(now),
    DeploymentId: newId(6),
    DeploymentStatus: "DEPLOYED",
    ...(description === undefined ? {} : { Description: description }),
  };
  const routes = [...api.routes.values()].map((state) => servedRoute(state, api));
  api.deployments.set(deployment.DeploymentId ?? "", {
    deployment,
    routeSelectionExpression: api.api.RouteSelectionExpression ?? "",
    disabled: api.api.DisableExecuteApiEndpoint ?? false,
    routes: new Map(routes.map((route) => [route.routeKey, route])),
  });
  return deployment;
}

function servedRoute(
  { route, responses }: { route: sdk.Route; responses: ReadonlyMap<string, unknown> },
  { integrations }: ApiState,
): ServedRoute {
  const integration = integrations.get(route.Target?.replace(/^integrations\//, "") ?? "");
  const { IntegrationType = "", IntegrationUri = "", TimeoutInMillis = 29_000 } = integration ?? {};
  return {
    routeKey: route.RouteKey ?? "",
    authorizationType: route.AuthorizationType ?? "NONE",
    twoWay: responses.size > 0,
    ...(integration
      ? { integration: { type: IntegrationType, uri: IntegrationUri, timeoutMs: TimeoutInMillis } }
      : {}),
  };
}

const point = (stage: sdk.Stage, { DeploymentId }: sdk.Deployment, now: number): void =>
  assignGiven(stage, { DeploymentId, LastUpdatedDate: new Date(now) });

/** After a change of routes or integrations: stages with AutoDeploy get a deployment of their own. */
export function redeploy(api: ApiState, now: number): void {
  for (const stage of api.stages.values()) if (stage.AutoDeploy) deployAutomatically(api, stage, now);
}

function deployAutomatically(api: ApiState, stage: sdk.Stage, now: number): void {
  if (api.routes.size > 0)
    point(
      stage,
      deploy(api, {
        now,
        automatic: true,
        description: "Automatic deployment triggered by changes to the Api configuration",
      }),
      now,
    );
  stage.LastDeploymentStatusMessage =
    api.routes.size > 0
      ? `Successfully deployed stage with deployment ID '${stage.DeploymentId}'`
      : "Deployment attempt failed: At least one route is required before deploying the Api.";
}

/** A new stage's settings; what a request gives is laid over them (AWS.md 3.6). */
const defaultSettings = {
  DataTraceEnabled: false,
  DetailedMetricsEnabled: false,
  LoggingLevel: "OFF",
  ThrottlingBurstLimit: 5000,
  ThrottlingRateLimit: 10_000,
} as const satisfies sdk.RouteSettings;

function stagesOperations(world: World, find: FindApi): Operations<typeof sdk> {
  return {
    CreateStage({ ApiId, ...given }, { region, now }) {
      const api = find(region, ApiId);
      if (api.stages.has(given.StageName)) throw conflict("Stage already exists");
      checkStage(api, given);
      const stage: sdk.Stage = {
        AutoDeploy: false,
        StageVariables: {},
        RouteSettings: {},
        Tags: {},
        ...given,
        DefaultRouteSettings: { ...defaultSettings, ...given.DefaultRouteSettings },
        CreatedDate: new Date(now),
        LastUpdatedDate: new Date(now),
      };
      api.stages.set(given.StageName, stage);
      if (stage.AutoDeploy) deployAutomatically(api, stage, now);
      return stage;
    },
    GetStage: ({ ApiId, StageName }, { region }) => stageOf(find(region, ApiId), StageName),
    GetStages: ({ ApiId, ...paging }, { region }) =>
      pageOfItems(world, [...find(region, ApiId).stages.values()], paging),
    UpdateStage({ ApiId, StageName, DefaultRouteSettings, ...changes }, { region, now }) {
      const api = find(region, ApiId);
      const stage = stageOf(api, StageName);
      if (changes.DeploymentId !== undefined && (changes.AutoDeploy ?? stage.AutoDeploy))
        throw badRequest("Deployment ID cannot be set on stage when AutoDeploy is enabled");
      checkStage(api, { ...changes, DefaultRouteSettings });
      const settings = { ...stage.DefaultRouteSettings, ...DefaultRouteSettings };
      assignGiven(stage, { ...changes, DefaultRouteSettings: settings, LastUpdatedDate: new Date(now) });
      if (changes.AutoDeploy) deployAutomatically(api, stage, now);
      return stage;
    },
    DeleteStage({ ApiId, StageName }, { region }) {
      const api = find(region, ApiId);
      stageOf(api, StageName);
      api.stages.delete(StageName);
      world.sever(ApiId, StageName);
    },
    DeleteAccessLogSettings({ ApiId, StageName }, { region }) {
      delete stageOf(find(region, ApiId), StageName).AccessLogSettings;
    },
    DeleteRouteSettings({ ApiId, StageName, RouteKey }, { region }) {
      const settings = stageOf(find(region, ApiId), StageName).RouteSettings ?? {};
      if (!(RouteKey in settings)) throw notFound(`Invalid Route settings identifier specified ${RouteKey}`);
      delete settings[RouteKey];
    },
  };
}

function stageOf({ stages }: ApiState, name: string): sdk.Stage {
  const found = stages.get(name);
  if (!found) throw notFound("Invalid stage identifier specified");
  return found;
}

type GivenStage = Pick<
  sdk.Stage,
  "DeploymentId" | "AccessLogSettings" | "DefaultRouteSettings" | "RouteSettings" | "StageVariables"
>;

function checkStage(
  api: ApiState,
  {
    DeploymentId,
    AccessLogSettings,
    DefaultRouteSettings,
    RouteSettings = {},
    StageVariables = {},
  }: GivenStage,
): void {
  if (DeploymentId !== undefined) deploymentOf(api, DeploymentId);
  const levels = [DefaultRouteSettings, ...Object.values(RouteSettings)].map(
    (settings) => settings?.LoggingLevel ?? "OFF",
  );
  // The account's role for API Gateway's logs belongs to API Gateway v1, which is not here, so it is never
  // set (AWS.md 3.7).
  if (AccessLogSettings?.DestinationArn || levels.some((level) => level !== "OFF"))
    throw badRequest("CloudWatch Logs role ARN must be set in account settings to enable logging");
  const known = new Set([...api.routes.values()].map(({ route }) => route.RouteKey));
  const unknown = Object.keys(RouteSettings).find((key) => !known.has(key));
  if (unknown !== undefined)
    throw notFound(`Unable to find Route by key ${unknown} within the provided RouteSettings`);
  const invalid = Object.entries(StageVariables).find(
    ([name, value]) => !/^\w+$/.test(name) || !/^[\w\-.~:/?#&=,]+$/.test(value),
  );
  if (invalid) throw badRequest(`Invalid stage variable value: ${invalid.join("=")}`);
}

/**
 * What a stage serves to clients; `undefined` for an unknown API or stage, one without a deployment, or one
 * whose own address is switched off (AWS.md 1.1).
 */
export function servedStage(world: World, apiId: string, stageName: string): ServedStage | undefined {
  const api = [...world.state.regions.values()].map(({ apis }) => apis.get(apiId)).find(Boolean);
  const stage = api?.stages.get(stageName);
  const deployed = api?.deployments.get(stage?.DeploymentId ?? "");
  if (!api || !stage || !deployed || deployed.disabled) return undefined;
  return {
    apiId,
    stage: stageName,
    region: api.region,
    account: world.account,
    routeSelectionExpression: deployed.routeSelectionExpression,
    routes: deployed.routes,
    stageVariables: stage.StageVariables ?? {},
    throttle: (routeKey) => allowance({ ...stage.DefaultRouteSettings, ...stage.RouteSettings?.[routeKey] }),
  };
}

const allowance = ({ ThrottlingRateLimit = 10_000, ThrottlingBurstLimit = 5000 }: sdk.RouteSettings) => ({
  rate: ThrottlingRateLimit,
  burst: ThrottlingBurstLimit,
});
