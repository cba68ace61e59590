import type * as sdk from "@aws-sdk/client-apigatewayv2";
import type { ServedRoute, ServedStage } from "../../gateway/contract.ts";
import { all, kept } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import {
  assignGiven,
  findApi,
  newId,
  type Apigateway,
  type ApiState,
  type DeploymentState,
} from "./api-state.ts";
import { servedMock } from "./mock-integration.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, conflict, notFound, tooManyRequests } from "./refusals.ts";

const op = operations<typeof sdk, Apigateway>();
const paging = { MaxResults: all, NextToken: all } as const;
const deployed = { ApiId: all, DeploymentId: all } as const;

const deploymentOperations = [
  op(
    "CreateDeployment",
    { ApiId: all, Description: kept, StageName: all },
    ({ ApiId, Description, StageName }, at) => {
      const { host, deployedAt, region, now } = at;
      const api = findApi(at, ApiId);
      if (now - (deployedAt.get(region) ?? -Infinity) < host.delays.deploymentIntervalMs)
        throw tooManyRequests();
      const stage = StageName === undefined ? undefined : stageOf(api, StageName);
      const made = deploy(api, { now, description: Description });
      deployedAt.set(region, now);
      if (stage) point(stage, made, now);
      return made;
    },
  ),
  op(
    "GetDeployment",
    deployed,
    ({ ApiId, DeploymentId }, at) => deploymentOf(findApi(at, ApiId), DeploymentId).deployment,
  ),
  op("GetDeployments", { ApiId: all, ...paging }, ({ ApiId, ...page }, at) => {
    const deployments = [...findApi(at, ApiId).deployments.values()];
    return pageOfItems(
      at.host,
      deployments.map(({ deployment }) => deployment),
      page,
    );
  }),
  op("UpdateDeployment", { ...deployed, Description: kept }, ({ ApiId, DeploymentId, ...changes }, at) => {
    const { deployment } = deploymentOf(findApi(at, ApiId), DeploymentId);
    assignGiven(deployment, changes);
    return deployment;
  }),
  op("DeleteDeployment", deployed, ({ ApiId, DeploymentId }, at) => {
    const api = findApi(at, ApiId);
    deploymentOf(api, DeploymentId);
    if ([...api.stages.values()].some((stage) => stage.DeploymentId === DeploymentId))
      throw badRequest("Active stages pointing to this deployment must be moved or deleted");
    api.deployments.delete(DeploymentId);
  }),
];

const throttling = {
  DataTraceEnabled: kept,
  DetailedMetricsEnabled: kept,
  LoggingLevel: all,
  ThrottlingBurstLimit: all,
  ThrottlingRateLimit: all,
} as const;
const settings = {
  ApiId: all,
  StageName: all,
  DeploymentId: all,
  AutoDeploy: all,
  Description: kept,
  StageVariables: all,
  DefaultRouteSettings: throttling,
  RouteSettings: throttling,
  AccessLogSettings: { DestinationArn: all, Format: kept },
} as const;
const staged = { ApiId: all, StageName: all } as const;

const stagesOperations = [
  op("CreateStage", { ...settings, Tags: all }, ({ ApiId, ...given }, at) => {
    const api = findApi(at, ApiId);
    if (api.stages.has(given.StageName)) throw conflict("Stage already exists");
    checkStage(api, given, at.state.in(at.region).logRole);
    const stage: sdk.Stage = {
      StageVariables: {},
      RouteSettings: {},
      Tags: {},
      ...given,
      DefaultRouteSettings: { ...defaultSettings, ...given.DefaultRouteSettings },
      CreatedDate: new Date(at.now),
      LastUpdatedDate: new Date(at.now),
    };
    api.stages.set(given.StageName, stage);
    if (stage.AutoDeploy) deployAutomatically(api, stage, at.now);
    return stage;
  }),
  op("GetStage", staged, ({ ApiId, StageName }, at) => stageOf(findApi(at, ApiId), StageName)),
  op("GetStages", { ApiId: all, ...paging }, ({ ApiId, ...page }, at) =>
    pageOfItems(at.host, [...findApi(at, ApiId).stages.values()], page),
  ),
  op("UpdateStage", settings, ({ ApiId, StageName, ...changes }, at) => {
    const api = findApi(at, ApiId);
    const stage = stageOf(api, StageName);
    if (changes.DeploymentId !== undefined && (changes.AutoDeploy ?? stage.AutoDeploy))
      throw badRequest("Deployment ID cannot be set on stage when AutoDeploy is enabled");
    const laid = laidOver(stage, changes);
    checkStage(api, { ...changes, StageVariables: laid.StageVariables }, at.state.in(at.region).logRole);
    assignGiven(stage, { ...laid, LastUpdatedDate: new Date(at.now) });
    if (changes.AutoDeploy) deployAutomatically(api, stage, at.now);
    return stage;
  }),
  op("DeleteStage", staged, ({ ApiId, StageName }, at) => {
    const api = findApi(at, ApiId);
    stageOf(api, StageName);
    api.stages.delete(StageName);
    at.host.disconnect(ApiId, StageName);
  }),
  op("DeleteAccessLogSettings", staged, ({ ApiId, StageName }, at) => {
    delete stageOf(findApi(at, ApiId), StageName).AccessLogSettings;
  }),
  op("DeleteRouteSettings", { ...staged, RouteKey: all }, ({ ApiId, StageName, RouteKey }, at) => {
    const routes = stageOf(findApi(at, ApiId), StageName).RouteSettings ?? {};
    if (!(RouteKey in routes)) throw notFound(`Invalid Route settings identifier specified ${RouteKey}`);
    delete routes[RouteKey];
  }),
];

/** Deployments and stages (AWS.md 3.4, 3.6). */
export const stageOperations = [...deploymentOperations, ...stagesOperations];

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
  api: ApiState,
): ServedRoute {
  const integration = api.integrations.get(route.Target?.replace(/^integrations\//, "") ?? "");
  const { IntegrationType = "", IntegrationUri = "", TimeoutInMillis = 29_000 } = integration ?? {};
  return {
    routeKey: route.RouteKey ?? "",
    authorizationType: route.AuthorizationType ?? "NONE",
    twoWay: responses.size > 0,
    ...servedAuthorizer(route, api),
    ...(integration
      ? {
          integration: {
            type: IntegrationType,
            uri: IntegrationUri,
            timeoutMs: TimeoutInMillis,
            ...(IntegrationType === "MOCK" ? { mock: servedMock(api, integration) } : {}),
          },
        }
      : {}),
  };
}

function servedAuthorizer(
  { AuthorizationType, AuthorizerId = "" }: sdk.Route,
  { authorizers }: ApiState,
): Pick<ServedRoute, "authorizer"> {
  const found = authorizers?.get(AuthorizerId);
  if (AuthorizationType !== "CUSTOM" || !found) return {};
  const { AuthorizerUri = "", IdentitySource = [] } = found;
  return { authorizer: { id: AuthorizerId, uri: AuthorizerUri, identitySources: [...IdentitySource] } };
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

/**
 * A new stage's settings; what a request gives is laid over them. It has no limits of its own (AWS.md 3.6).
 */
const defaultSettings = {
  DataTraceEnabled: false,
  DetailedMetricsEnabled: false,
  LoggingLevel: "OFF",
} as const satisfies sdk.RouteSettings;

/** Changes laid over what is there: an empty log is none, and an empty variable goes (AWS.md 3.6, 3.7). */
function laidOver<Changes extends GivenStage>(stage: sdk.Stage, changes: Changes): Changes {
  const { AccessLogSettings: log, DefaultRouteSettings, StageVariables } = changes;
  const variables = Object.entries({ ...stage.StageVariables, ...StageVariables });
  return {
    ...changes,
    AccessLogSettings: log && Object.keys(log).length > 0 ? log : undefined,
    DefaultRouteSettings: { ...stage.DefaultRouteSettings, ...DefaultRouteSettings },
    StageVariables: Object.fromEntries(variables.filter(([, value]) => value !== "")),
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
  logRole: string | undefined,
): void {
  if (DeploymentId !== undefined) deploymentOf(api, DeploymentId);
  const levels = [DefaultRouteSettings, ...Object.values(RouteSettings)].map(
    (settings) => settings?.LoggingLevel ?? "OFF",
  );
  if (!logRole && (AccessLogSettings?.DestinationArn || levels.some((level) => level !== "OFF")))
    throw badRequest("CloudWatch Logs role ARN must be set in account settings to enable logging");
  if (AccessLogSettings?.DestinationArn) checkAccessLog(AccessLogSettings);
  const known = new Set([...api.routes.values()].map(({ route }) => route.RouteKey));
  const unknown = Object.keys(RouteSettings).find((key) => !known.has(key));
  if (unknown !== undefined)
    throw notFound(`Unable to find Route by key ${unknown} within the provided RouteSettings`);
  const invalid = Object.entries(StageVariables).find(
    ([name, value]) => !/^\w+$/.test(name) || !/^[\w\-.~:/?#&=,]+$/.test(value),
  );
  if (invalid) throw badRequest(`Invalid stage variable value: ${invalid.join("=")}`);
}

/** The form of a log group's ARN, and what every line must tell; the texts are unverified (AWS.md 3.7). */
function checkAccessLog({ DestinationArn = "", Format = "" }: sdk.AccessLogSettings): void {
  if (!logGroup.test(DestinationArn))
    throw badRequest(
      "Invalid ARN specified in the request. ARN must be for a log group or a delivery stream",
    );
  if (!/\$context\.(?:extendedR|r)equestId\b/.test(Format) || /[\r\n]/.test(Format.trimEnd()))
    throw badRequest("Access Log format must be single line. It must contain $context.requestId");
}

const logGroup = /^arn:[\w-]+:logs:[\w-]+:\d{12}:log-group:([^:*]+)$/;

/** The access log of a stage, where it has one. */
function accessLogOf({ AccessLogSettings: { DestinationArn = "", Format = "" } = {} }: sdk.Stage) {
  const [, group] = logGroup.exec(DestinationArn) ?? [];
  return group === undefined ? {} : { accessLog: { group, format: Format } };
}

/**
 * What a stage serves to clients; `undefined` for an unknown API or stage, one without a deployment, or one
 * whose own address is switched off (AWS.md 1.1).
 */
export function servedStage(
  { host, state }: Pick<Apigateway, "host" | "state">,
  apiId: string,
  stageName: string,
): ServedStage | undefined {
  const api = state
    .all()
    .map(({ apis }) => apis.get(apiId))
    .find(Boolean);
  const stage = api?.stages.get(stageName);
  const deployed = api?.deployments.get(stage?.DeploymentId ?? "");
  if (!api || !stage || !deployed || deployed.disabled) return undefined;
  return {
    apiId,
    stage: stageName,
    region: api.region,
    account: host.account,
    routeSelectionExpression: deployed.routeSelectionExpression,
    routes: deployed.routes,
    stageVariables: stage.StageVariables ?? {},
    ...accessLogOf(stage),
    throttle: (routeKey) => allowance({ ...stage.DefaultRouteSettings, ...stage.RouteSettings?.[routeKey] }),
  };
}

/** What the stage does not limit, the account does (AWS.md 1.12). */
const allowance = ({ ThrottlingRateLimit = 10_000, ThrottlingBurstLimit = 5000 }: sdk.RouteSettings) => ({
  rate: ThrottlingRateLimit,
  burst: ThrottlingBurstLimit,
});
