import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { all, kept, only } from "../../wire/members.ts";
import { operations, type At } from "../operations.ts";
import { assignGiven, findApi, newId, type Apigateway, type ApiState } from "./api-state.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, notFound } from "./refusals.ts";
import { redeploy } from "./stages.ts";

const op = operations<typeof sdk, Apigateway>();

/** What a new API and a change of one have in common. */
const settings = {
  Name: kept,
  Description: kept,
  Version: kept,
  ApiKeySelectionExpression: kept,
  DisableSchemaValidation: kept,
  DisableExecuteApiEndpoint: all,
  IpAddressType: kept,
  RouteSelectionExpression: all,
} as const;

/** APIs and tags (AWS.md 3.1, 3.8). */
export const apiOperations = [
  op(
    "CreateApi",
    { ...settings, ProtocolType: only("WEBSOCKET"), Tags: all },
    ({ Tags = {}, ...given }, at) => {
      const { state, region, now } = at;
      const RouteSelectionExpression = checkedSelection(given.RouteSelectionExpression);
      const id = newId(10);
      const made: ApiState = {
        id,
        region,
        api: { ...defaults, ...given, RouteSelectionExpression, ApiId: id, CreatedDate: new Date(now) },
        tags: new Map(Object.entries(Tags)),
        integrations: new Map(),
        routes: new Map(),
        deployments: new Map(),
        stages: new Map(),
      };
      state.in(region).apis.set(id, made);
      return apiShape(at, made);
    },
  ),
  op("GetApi", { ApiId: all }, ({ ApiId }, at) => apiShape(at, findApi(at, ApiId))),
  op("GetApis", { MaxResults: all, NextToken: all }, (paging, at) => {
    const apis = [...at.state.in(at.region).apis.values()];
    const shapes = apis.map((api) => apiShape(at, api));
    return pageOfItems(at.host, shapes, paging);
  }),
  op("UpdateApi", { ...settings, ApiId: all }, ({ ApiId, ...changes }, at) => {
    const found = findApi(at, ApiId);
    checkedSelection(changes.RouteSelectionExpression ?? found.api.RouteSelectionExpression);
    assignGiven(found.api, changes);
    redeploy(found, at.now);
    return apiShape(at, found);
  }),
  op("DeleteApi", { ApiId: all }, ({ ApiId }, at) => {
    at.state.in(at.region).apis.delete(findApi(at, ApiId).id);
    at.host.disconnect(ApiId);
  }),

  op("TagResource", { ResourceArn: all, Tags: all }, ({ ResourceArn, Tags = {} }, at) => {
    const resource = tagged(at, ResourceArn);
    resource.set({ ...resource.get(), ...Tags });
  }),
  op("UntagResource", { ResourceArn: all, TagKeys: all }, ({ ResourceArn, TagKeys }, at) => {
    const resource = tagged(at, ResourceArn);
    resource.set(
      Object.fromEntries(Object.entries(resource.get()).filter(([key]) => !TagKeys.includes(key))),
    );
  }),
  op("GetTags", { ResourceArn: all }, ({ ResourceArn }, at) => ({ Tags: tagged(at, ResourceArn).get() })),
];

const defaults = {
  ApiKeySelectionExpression: "$request.header.x-api-key",
  DisableExecuteApiEndpoint: false,
  IpAddressType: "ipv4",
} as const;

const apiShape = ({ host }: Apigateway, { id, api, tags }: ApiState): sdk.Api => ({
  ...api,
  ApiEndpoint: `${host.url.replace(/^http/, "ws")}/${id}`,
  Tags: Object.fromEntries(tags),
});

function checkedSelection(expression: string | undefined): string {
  if (!expression) throw badRequest("RouteSelectionExpression is required for a WEBSOCKET API");
  return expression;
}

/** The tags of an API or a stage, by its ARN. */
function tagged(
  at: Apigateway & At,
  arn: string,
): { get(): Record<string, string>; set(tags: Record<string, string>): void } {
  const [, apiId = "", stageName] =
    /^arn:aws:apigateway:[^:]+::\/apis\/([^/]+)(?:\/stages\/([^/]+))?$/.exec(arn) ?? [];
  if (!apiId) throw badRequest(`Invalid resource ARN: ${arn}`);
  const api = findApi(at, apiId);
  if (!stageName)
    return {
      get: () => Object.fromEntries(api.tags),
      set: (tags) => (api.tags = new Map(Object.entries(tags))),
    };
  const stage = api.stages.get(stageName);
  if (!stage) throw notFound("Invalid stage identifier specified");
  return { get: () => stage.Tags ?? {}, set: (tags) => (stage.Tags = tags) };
}
