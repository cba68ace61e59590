import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { assignGiven, newId, type ApiState, type FindApi, type RouteState } from "./api-state.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, conflict, notFound } from "./refusals.ts";
import { redeploy } from "./stages.ts";
import { notEmulated } from "../../aws-error.ts";
import type { Operations } from "../operations.ts";
import type { World } from "../../state.ts";

/** Integrations, routes and route responses (AWS.md 3.2, 3.3). */
export const routeOperations = (world: World, find: FindApi): Operations<typeof sdk> => ({
  ...integrationOperations(world, find),
  ...routesOperations(world, find),
  ...routeResponseOperations(world, find),
});

function integrationOperations(world: World, find: FindApi): Operations<typeof sdk> {
  const integrationOf = ({ integrations }: ApiState, id: string): sdk.Integration => {
    const found = integrations.get(id);
    if (!found) throw notFound(`Invalid Integration identifier specified ${id}`);
    return found;
  };
  return {
    CreateIntegration({ ApiId, ...given }, { region, now }) {
      const api = find(region, ApiId);
      checkIntegration(given);
      const made: sdk.Integration = { ...integrationDefaults, ...given, IntegrationId: newId(7) };
      api.integrations.set(made.IntegrationId ?? "", made);
      redeploy(api, now);
      return made;
    },
    GetIntegration: ({ ApiId, IntegrationId }, { region }) =>
      integrationOf(find(region, ApiId), IntegrationId),
    GetIntegrations: ({ ApiId, ...paging }, { region }) =>
      pageOfItems(world, [...find(region, ApiId).integrations.values()], paging),
    UpdateIntegration({ ApiId, IntegrationId, ...changes }, { region, now }) {
      const api = find(region, ApiId);
      const found = integrationOf(api, IntegrationId);
      checkIntegration({ ...found, ...changes });
      assignGiven(found, changes);
      redeploy(api, now);
      return found;
    },
    DeleteIntegration({ ApiId, IntegrationId }, { region }) {
      const api = find(region, ApiId);
      integrationOf(api, IntegrationId);
      if ([...api.routes.values()].some(({ route }) => route.Target === `integrations/${IntegrationId}`))
        throw conflict(`Cannot delete Integration '${IntegrationId}' because it is referenced by a Route`);
      api.integrations.delete(IntegrationId);
    },
  };
}

const integrationDefaults = {
  ConnectionType: "INTERNET",
  PassthroughBehavior: "WHEN_NO_MATCH",
  TimeoutInMillis: 29_000,
} as const;

type GivenIntegration = Partial<
  Pick<sdk.CreateIntegrationCommandInput, "IntegrationType" | "IntegrationUri" | "CredentialsArn">
>;

function checkIntegration({ IntegrationType, IntegrationUri, CredentialsArn }: GivenIntegration): void {
  if (CredentialsArn) throw notEmulated("an integration with a role of its own (API Gateway v2)");
  if (IntegrationType !== "MOCK" && !IntegrationUri)
    throw badRequest("IntegrationUri is required for this integration type");
}

function routesOperations(world: World, find: FindApi): Operations<typeof sdk> {
  return {
    CreateRoute({ ApiId, ...given }, { region, now }) {
      const api = find(region, ApiId);
      checkRoute(api, given);
      const route: sdk.Route = {
        ApiKeyRequired: false,
        AuthorizationType: "NONE",
        ...given,
        RouteId: newId(7),
      };
      api.routes.set(route.RouteId ?? "", { route, responses: new Map() });
      redeploy(api, now);
      return route;
    },
    GetRoute: ({ ApiId, RouteId }, { region }) => routeOf(find(region, ApiId), RouteId).route,
    GetRoutes: ({ ApiId, ...paging }, { region }) =>
      pageOfItems(
        world,
        [...find(region, ApiId).routes.values()].map(({ route }) => route),
        paging,
      ),
    UpdateRoute({ ApiId, RouteId, ...changes }, { region, now }) {
      const api = find(region, ApiId);
      const { route } = routeOf(api, RouteId);
      checkRoute(api, changes, RouteId);
      assignGiven(route, changes);
      redeploy(api, now);
      return route;
    },
    DeleteRoute({ ApiId, RouteId }, { region, now }) {
      const api = find(region, ApiId);
      routeOf(api, RouteId);
      api.routes.delete(RouteId);
      redeploy(api, now);
    },
  };
}

function routeOf({ routes }: ApiState, id: string): RouteState {
  const found = routes.get(id);
  if (!found) throw notFound(`Invalid Route identifier specified ${id}`);
  return found;
}

type GivenRoute = Partial<
  Pick<sdk.CreateRouteCommandInput, "RouteKey" | "Target" | "AuthorizationType" | "ApiKeyRequired">
>;

/** The only routes whose keys begin with a dollar sign (AWS.md 1.7). */
const ownKeys = ["$connect", "$disconnect", "$default"];

function checkRoute(
  { routes, integrations }: ApiState,
  { RouteKey, Target, AuthorizationType, ApiKeyRequired }: GivenRoute,
  own?: string,
): void {
  if (RouteKey !== undefined && /^(\$|$)/.test(RouteKey) && !ownKeys.includes(RouteKey))
    throw badRequest(`Invalid route key: ${RouteKey}`);
  if (ApiKeyRequired) throw notEmulated("a route that requires an API key (API Gateway v2)");
  checkAuthorization(AuthorizationType, RouteKey ?? routes.get(own ?? "")?.route.RouteKey);
  if ([...routes].some(([id, { route }]) => id !== own && route.RouteKey === RouteKey))
    throw conflict(`Route with key ${RouteKey} already exists for this API`);
  const [, integrationId] = /^integrations\/(.+)$/.exec(Target ?? "") ?? [];
  if (Target && !integrationId) throw badRequest(`Invalid target: ${Target}`);
  if (integrationId && !integrations.has(integrationId))
    throw notFound(`Invalid Integration identifier specified ${integrationId}`);
}

const notHere: Readonly<Record<string, string>> = {
  CUSTOM: "a Lambda authorizer",
  AWS_IAM: "IAM authorization",
};

/** Only `$connect` can carry authorization (AWS.md 1.9); the texts are unverified. */
function checkAuthorization(type: sdk.AuthorizationType | undefined, routeKey: string | undefined): void {
  if (type === "JWT") throw badRequest("JWT authorization is not supported for a WEBSOCKET API");
  const emulating = notHere[type ?? ""];
  if (emulating === undefined) return;
  if (routeKey !== "$connect") throw badRequest("Authorization is supported on the $connect route only");
  throw notEmulated(`a route with ${emulating} (API Gateway v2)`);
}

function routeResponseOperations(world: World, find: FindApi): Operations<typeof sdk> {
  const responsesOf = (region: string, { ApiId, RouteId }: { ApiId: string; RouteId: string }) =>
    routeOf(find(region, ApiId), RouteId).responses;
  const responseOf = (responses: ReadonlyMap<string, sdk.RouteResponse>, id: string): sdk.RouteResponse => {
    const found = responses.get(id);
    if (!found) throw notFound(`Invalid RouteResponse identifier specified ${id}`);
    return found;
  };
  return {
    CreateRouteResponse({ ApiId, RouteId, ...given }, { region, now }) {
      const responses = responsesOf(region, { ApiId, RouteId });
      if (given.RouteResponseKey !== "$default")
        throw badRequest("The only route response key of a WEBSOCKET API is $default");
      if ([...responses.values()].some(({ RouteResponseKey }) => RouteResponseKey === given.RouteResponseKey))
        throw conflict(`RouteResponse with key ${given.RouteResponseKey} already exists for this route`);
      const made: sdk.RouteResponse = { ...given, RouteResponseId: newId(7) };
      responses.set(made.RouteResponseId ?? "", made);
      redeploy(find(region, ApiId), now);
      return made;
    },
    GetRouteResponse: ({ RouteResponseId, ...route }, { region }) =>
      responseOf(responsesOf(region, route), RouteResponseId),
    GetRouteResponses: ({ MaxResults, NextToken, ...route }, { region }) =>
      pageOfItems(world, [...responsesOf(region, route).values()], { MaxResults, NextToken }),
    UpdateRouteResponse({ ApiId, RouteId, RouteResponseId, ...changes }, { region, now }) {
      const found = responseOf(responsesOf(region, { ApiId, RouteId }), RouteResponseId);
      assignGiven(found, changes);
      redeploy(find(region, ApiId), now);
      return found;
    },
    DeleteRouteResponse({ ApiId, RouteId, RouteResponseId }, { region, now }) {
      const responses = responsesOf(region, { ApiId, RouteId });
      responseOf(responses, RouteResponseId);
      responses.delete(RouteResponseId);
      redeploy(find(region, ApiId), now);
    },
  };
}
