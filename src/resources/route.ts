import { createHash } from "node:crypto";
import type { Route } from "@aws-sdk/client-apigatewayv2";
import type { AnyResource, Attributes, Found, Resource } from "../stack/resource.ts";
import type { ApiResource, FoundApi } from "./api.ts";
import type { IntegrationResource } from "./integration.ts";
import { complete, everyPage, given, orMissing } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import { CONFIGURED_ROUTE, isConfiguredRoute } from "../aws/deployed.ts";

interface RouteProperties {
  ApiId: string;
  RouteKey: string;
  /** Which further routes came from the configuration, so that they can go again. */
  OperationName?: string;
  AuthorizationType: string;
  ApiKeyRequired: boolean;
  Target: string;
}
type RouteAttributes = { RouteId: string };

/** The keys that API Gateway itself knows: without others every message lands on `$default` (AWS.md 1.7). */
const ids: ReadonlyMap<string, string> = new Map([
  ["$connect", "RouteConnect"],
  ["$disconnect", "RouteDisconnect"],
  ["$default", "RouteDefault"],
]);

/** As letters and digits, which every format takes; keys that have the same ones differ by the hash. */
function idOf(key: string): string {
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 6);
  return `Route${key.replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 40)}${hash}`;
}

/**
 * One route to the function. Updated in place, never deleted and created again, so that no message is lost in
 * between. A change of it `follows` what lets API Gateway call the function: a stage with AutoDeploy serves
 * it at once.
 */
export function route(
  key: string,
  needs: { api: ApiResource; integration: IntegrationResource },
  follows: readonly AnyResource[],
): Resource<RouteProperties, RouteAttributes, typeof needs> {
  const isFurther = !ids.has(key);
  return {
    id: ids.get(key) ?? idOf(key),
    type: "AWS::ApiGatewayV2::Route",
    name: key,
    step: "routes",
    needs,
    within: needs.api,
    follows,
    foundBy: "name",
    adoption: "as its parent",
    // The API itself may be left as it is: `--only routes`.
    refuses: (_target, _found, within) => {
      if (isFurther && within) needs.api.refuses?.({}, within as FoundApi);
    },

    desired: ({ api: { ApiId }, integration: { IntegrationId } }) => ({
      ApiId,
      RouteKey: key,
      ...(isFurther && { OperationName: CONFIGURED_ROUTE }),
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
        ...(isFurther && { OperationName: CONFIGURED_ROUTE }),
      });
    },
  };
}

/**
 * The further routes that the configuration named once and does not any more: they go before the next
 * snapshot of the routes is made. Absent `keys`: the configuration was not asked.
 */
export function formerRoutes(
  keys: readonly string[] | undefined,
  needs: { api: ApiResource },
): Resource<{ ApiId: string }, { RouteIds: string }, typeof needs> {
  return {
    id: "FormerRoutes",
    type: "AWS::ApiGatewayV2::Route",
    name: "that are configured no more",
    step: "routes",
    needs,
    within: needs.api,
    foundBy: "name",
    adoption: "marked",
    former: true,
    ...(keys === undefined && { isWanted: false }),
    desired: ({ api: { ApiId } }) => ({ ApiId }),

    async list(aws, within) {
      const { ApiId } = complete(within, ["ApiId"]);
      const items = await routesOf(aws, within, ApiId);
      const gone = items.filter(
        (one) => isConfiguredRoute(one) && one.RouteKey !== undefined && !keys?.includes(one.RouteKey),
      );
      const RouteIds = gone.map((one) => complete(one, ["RouteId"]).RouteId).join(" ");
      return RouteIds === "" ? [] : [{ attributes: { RouteIds }, properties: { ApiId } }];
    },

    // What is configured no more is never made.
    create: () => Promise.resolve({ RouteIds: "" }),

    async delete(aws, { attributes: { RouteIds }, properties: { ApiId } }) {
      for (const RouteId of RouteIds.split(" "))
        await orMissing(aws.apigatewayv2.call("DeleteRoute", { ApiId, RouteId }));
    },
  };
}

const beingListed = new WeakMap<Attributes, Promise<Route[]>>();

/**
 * All routes of an API. The routes ask at the same moment when the stack is read: that is one call.
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

function foundRoute(ApiId: string, RouteKey: string, found: Route): Found<RouteProperties, RouteAttributes> {
  const { RouteId } = complete(found, ["RouteId"]);
  const { AuthorizationType, ApiKeyRequired, Target, OperationName } = found;
  return {
    attributes: { RouteId },
    properties: given({ ApiId, RouteKey, OperationName, AuthorizationType, ApiKeyRequired, Target }),
  };
}
