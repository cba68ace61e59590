import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { notEmulated } from "../../aws-error.ts";
import { all, kept, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { assignGiven, findApi, newId, type Apigateway, type ApiState, type RouteState } from "./api-state.ts";
import { checkTemplates } from "./mock-integration.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, conflict, notFound } from "./refusals.ts";
import { redeploy } from "./stages.ts";

const op = operations<typeof sdk, Apigateway>();
const paging = { MaxResults: all, NextToken: all } as const;

const integrationSettings = {
  ApiId: all,
  IntegrationType: only("AWS_PROXY", "MOCK"),
  IntegrationUri: all,
  IntegrationMethod: kept,
  ConnectionType: only("INTERNET"),
  PassthroughBehavior: only("WHEN_NO_MATCH"),
  PayloadFormatVersion: only("1.0"),
  Description: kept,
  TimeoutInMillis: all,
  RequestTemplates: all,
  TemplateSelectionExpression: all,
} as const;
const integration = { ApiId: all, IntegrationId: all } as const;

const integrationOperations = [
  op("CreateIntegration", integrationSettings, ({ ApiId, ...given }, at) => {
    const api = findApi(at, ApiId);
    checkIntegration("CreateIntegration", given);
    const made: sdk.Integration = {
      ...integrationDefaults,
      ...(given.IntegrationType === "MOCK" ? mockDefaults : {}),
      ...given,
      IntegrationId: newId(7),
    };
    api.integrations.set(made.IntegrationId ?? "", made);
    redeploy(api, at.now);
    return made;
  }),
  op("GetIntegration", integration, ({ ApiId, IntegrationId }, at) =>
    integrationOf(findApi(at, ApiId), IntegrationId),
  ),
  op("GetIntegrations", { ApiId: all, ...paging }, ({ ApiId, ...page }, at) =>
    pageOfItems(at.host, [...findApi(at, ApiId).integrations.values()], page),
  ),
  op(
    "UpdateIntegration",
    { ...integrationSettings, IntegrationId: all },
    ({ ApiId, IntegrationId, ...changes }, at) => {
      const api = findApi(at, ApiId);
      const found = integrationOf(api, IntegrationId);
      checkIntegration("UpdateIntegration", { ...found, ...changes });
      assignGiven(found, changes);
      redeploy(api, at.now);
      return found;
    },
  ),
  op("DeleteIntegration", integration, ({ ApiId, IntegrationId }, at) => {
    const api = findApi(at, ApiId);
    integrationOf(api, IntegrationId);
    if ([...api.routes.values()].some(({ route }) => route.Target === `integrations/${IntegrationId}`))
      throw conflict(`Cannot delete Integration '${IntegrationId}' because it is referenced by a Route`);
    api.integrations.delete(IntegrationId);
    api.integrationResponses?.delete(IntegrationId);
  }),
];

const routeSettings = {
  ApiId: all,
  RouteKey: all,
  Target: all,
  AuthorizationType: all,
  AuthorizerId: all,
  ApiKeyRequired: only(false),
  OperationName: kept,
  RouteResponseSelectionExpression: only("$default"),
} as const;
const routed = { ApiId: all, RouteId: all } as const;

const routesOperations = [
  op("CreateRoute", routeSettings, ({ ApiId, ...given }, at) => {
    const api = findApi(at, ApiId);
    checkRoute(api, given);
    const made: sdk.Route = {
      ApiKeyRequired: false,
      AuthorizationType: "NONE",
      ...given,
      RouteId: newId(7),
    };
    api.routes.set(made.RouteId ?? "", { route: made, responses: new Map() });
    redeploy(api, at.now);
    return made;
  }),
  op("GetRoute", routed, ({ ApiId, RouteId }, at) => routeOf(findApi(at, ApiId), RouteId).route),
  op("GetRoutes", { ApiId: all, ...paging }, ({ ApiId, ...page }, at) => {
    const routes = [...findApi(at, ApiId).routes.values()].map(({ route }) => route);
    return pageOfItems(at.host, routes, page);
  }),
  op("UpdateRoute", { ...routeSettings, RouteId: all }, ({ ApiId, RouteId, ...changes }, at) => {
    const api = findApi(at, ApiId);
    const { route } = routeOf(api, RouteId);
    checkRoute(api, changes, RouteId);
    assignGiven(route, changes);
    redeploy(api, at.now);
    return route;
  }),
  op("DeleteRoute", routed, ({ ApiId, RouteId }, at) => {
    const api = findApi(at, ApiId);
    routeOf(api, RouteId);
    api.routes.delete(RouteId);
    redeploy(api, at.now);
  }),
];

const response = { ...routed, RouteResponseId: all } as const;

const routeResponseOperations = [
  op("CreateRouteResponse", { ...routed, RouteResponseKey: all }, ({ ApiId, RouteId, ...given }, at) => {
    const api = findApi(at, ApiId);
    const { responses } = routeOf(api, RouteId);
    checkResponseKey(given.RouteResponseKey);
    if ([...responses.values()].some(({ RouteResponseKey }) => RouteResponseKey === given.RouteResponseKey))
      throw conflict(`RouteResponse with key ${given.RouteResponseKey} already exists for this route`);
    const made: sdk.RouteResponse = { ...given, RouteResponseId: newId(6) };
    responses.set(made.RouteResponseId ?? "", made);
    redeploy(api, at.now);
    return made;
  }),
  op("GetRouteResponse", response, ({ ApiId, RouteId, RouteResponseId }, at) =>
    responseOf(routeOf(findApi(at, ApiId), RouteId), RouteResponseId),
  ),
  op("GetRouteResponses", { ...routed, ...paging }, ({ ApiId, RouteId, ...page }, at) =>
    pageOfItems(at.host, [...routeOf(findApi(at, ApiId), RouteId).responses.values()], page),
  ),
  op(
    "UpdateRouteResponse",
    { ...response, RouteResponseKey: all },
    ({ ApiId, RouteId, RouteResponseId, ...changes }, at) => {
      const api = findApi(at, ApiId);
      const found = responseOf(routeOf(api, RouteId), RouteResponseId);
      if (changes.RouteResponseKey !== undefined) checkResponseKey(changes.RouteResponseKey);
      assignGiven(found, changes);
      redeploy(api, at.now);
      return found;
    },
  ),
  op("DeleteRouteResponse", response, ({ ApiId, RouteId, RouteResponseId }, at) => {
    const api = findApi(at, ApiId);
    const route = routeOf(api, RouteId);
    responseOf(route, RouteResponseId);
    route.responses.delete(RouteResponseId);
    redeploy(api, at.now);
  }),
];

/** Integrations, routes and route responses (AWS.md 3.2, 3.3). */
export const routeOperations = [...integrationOperations, ...routesOperations, ...routeResponseOperations];

const integrationDefaults = {
  ConnectionType: "INTERNET",
  PassthroughBehavior: "WHEN_NO_MATCH",
  PayloadFormatVersion: "1.0",
  TimeoutInMillis: 29_000,
} as const;

function integrationOf({ integrations }: ApiState, id: string): sdk.Integration {
  const found = integrations.get(id);
  if (!found) throw notFound(`Invalid Integration identifier specified ${id}`);
  return found;
}

/** What integrations have that are no proxies (AWS.md 3.2). */
const mockDefaults = {
  IntegrationResponseSelectionExpression: "${integration.response.statuscode}",
} as const;

function checkIntegration(
  operation: string,
  { IntegrationType, IntegrationUri, RequestTemplates = {}, ...given }: Partial<sdk.Integration>,
): void {
  if (IntegrationType === "MOCK") return checkTemplates(RequestTemplates);
  if (!IntegrationUri) throw badRequest("IntegrationUri is required for this integration type");
  if (Object.keys(RequestTemplates).length > 0) throw notEmulated(`RequestTemplates of ${operation}`);
  if (given.TemplateSelectionExpression) throw notEmulated(`TemplateSelectionExpression of ${operation}`);
}

function routeOf({ routes }: ApiState, id: string): RouteState {
  const found = routes.get(id);
  if (!found) throw notFound(`Invalid Route identifier specified ${id}`);
  return found;
}

type GivenRoute = Pick<sdk.Route, "Target" | "AuthorizationType" | "AuthorizerId"> & {
  RouteKey?: string | undefined;
};

function checkResponseKey(key: string): void {
  if (key !== "$default") throw badRequest("The only route response key of a WEBSOCKET API is $default");
}

function responseOf({ responses }: RouteState, id: string): sdk.RouteResponse {
  const found = responses.get(id);
  if (!found) throw notFound(`Invalid RouteResponse identifier specified ${id}`);
  return found;
}

/** The only routes whose keys begin with a dollar sign (AWS.md 1.7). */
const ownKeys = ["$connect", "$disconnect", "$default"];

function checkRoute(api: ApiState, { RouteKey, Target, ...authorization }: GivenRoute, own?: string): void {
  if (RouteKey !== undefined && /^(\$|$)/.test(RouteKey) && !ownKeys.includes(RouteKey))
    throw badRequest(`Invalid route key: ${RouteKey}`);
  const { routes, integrations } = api;
  checkAuthorization(api, routes.get(own ?? "")?.route ?? {}, { RouteKey, ...authorization });
  if ([...routes].some(([id, { route }]) => id !== own && route.RouteKey === RouteKey))
    throw conflict(`Route with key ${RouteKey} already exists for this API`);
  const [, integrationId] = /^integrations\/(.+)$/.exec(Target ?? "") ?? [];
  if (Target && !integrationId) throw badRequest(`Invalid target: ${Target}`);
  if (integrationId && !integrations.has(integrationId))
    throw notFound(`Invalid Integration identifier specified ${integrationId}`);
}

/** Only `$connect` can carry authorization (AWS.md 1.9); the texts are unverified. */
function checkAuthorization({ authorizers }: ApiState, found: Partial<sdk.Route>, given: GivenRoute): void {
  const {
    RouteKey = found.RouteKey,
    AuthorizationType = found.AuthorizationType,
    AuthorizerId = found.AuthorizerId,
  } = given;
  if (AuthorizationType === undefined || AuthorizationType === "NONE") return;
  if (AuthorizationType === "JWT") throw badRequest("JWT authorization is not supported for a WEBSOCKET API");
  if (RouteKey !== "$connect") throw badRequest("Authorization is supported on the $connect route only");
  if (AuthorizationType === "CUSTOM" && AuthorizerId === undefined)
    throw badRequest("AuthorizerId is required for CUSTOM authorization");
  if (AuthorizerId !== undefined && !authorizers?.has(AuthorizerId))
    throw notFound(`Invalid Authorizer identifier specified ${AuthorizerId}`);
}
