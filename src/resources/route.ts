import type { Route } from "@aws-sdk/client-apigatewayv2";
import type { AnyResource, Attributes, Found, Resource } from "../stack/resource.ts";
import type { ApiResource } from "./api.ts";
import type { IntegrationResource } from "./integration.ts";
import { complete, everyPage, given } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";

/**
 * The three keys that API Gateway itself knows; without custom ones every message lands on `$default` (AWS.md
 * 1.7).
 */
export type RouteKey = "$connect" | "$disconnect" | "$default";

interface RouteProperties {
  ApiId: string;
  RouteKey: RouteKey;
  AuthorizationType: string;
  ApiKeyRequired: boolean;
  Target: string;
}
type RouteAttributes = { RouteId: string };

const ids: Readonly<Record<RouteKey, string>> = {
  $connect: "RouteConnect",
  $disconnect: "RouteDisconnect",
  $default: "RouteDefault",
};

/**
 * One route to the function. Updated in place, never deleted and created again, so that no message is lost in
 * between. A change of it `follows` what lets API Gateway call the function: a stage with AutoDeploy serves
 * it at once.
 */
export function route(
  key: RouteKey,
  needs: { api: ApiResource; integration: IntegrationResource },
  follows: readonly AnyResource[],
): Resource<RouteProperties, RouteAttributes, typeof needs> {
  return {
    id: ids[key],
    type: "AWS::ApiGatewayV2::Route",
    name: key,
    step: "routes",
    needs,
    within: needs.api,
    follows,
    foundBy: "name",
    adoption: "as its parent",

    desired: ({ api: { ApiId }, integration: { IntegrationId } }) => ({
      ApiId,
      RouteKey: key,
      AuthorizationType: "NONE",
      ApiKeyRequired: false,
      Target: `integrations/${IntegrationId}`,
    }),

    async list(aws, within) {
      const { ApiId } = complete(within, ["ApiId"]);
      const items = await routesOf(aws, within, ApiId);
      return items.filter(({ RouteKey }) => RouteKey === key).map((found) => foundRoute(ApiId, key, found));
    },

    async create(aws, { AuthorizationType: _none, ...desired }) {
      const created = await aws.apigatewayv2.call("CreateRoute", { ...desired, AuthorizationType: "NONE" });
      const { RouteId } = complete(created, ["RouteId"]);
      return { RouteId };
    },

    async update(aws, { ApiId, Target, ApiKeyRequired }, { attributes: { RouteId } }) {
      await aws.apigatewayv2.call("UpdateRoute", {
        ApiId,
        RouteId,
        Target,
        ApiKeyRequired,
        AuthorizationType: "NONE",
      });
    },
  };
}

const beingListed = new WeakMap<Attributes, Promise<Route[]>>();

/**
 * All routes of an API. The three routes ask at the same moment when the stack is read: that is one call.
 * Later ones ask again, as changes inside one API go one after another.
 */
function routesOf(aws: Aws, within: Attributes, ApiId: string): Promise<Route[]> {
  const present = beingListed.get(within);
  if (present) return present;
  const listed = everyPage((NextToken) =>
    aws.apigatewayv2.call("GetRoutes", { ApiId, NextToken, MaxResults: "100" }),
  ).finally(() => beingListed.delete(within));
  beingListed.set(within, listed);
  return listed;
}

export type RouteResource = ReturnType<typeof route>;

function foundRoute(
  ApiId: string,
  RouteKey: RouteKey,
  found: Route,
): Found<RouteProperties, RouteAttributes> {
  const { RouteId } = complete(found, ["RouteId"]);
  const { AuthorizationType, ApiKeyRequired, Target } = found;
  return {
    attributes: { RouteId },
    properties: given({ ApiId, RouteKey, AuthorizationType, ApiKeyRequired, Target }),
  };
}
