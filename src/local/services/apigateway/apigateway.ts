import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { routeOperations } from "./routes.ts";
import { redeploy, stageOperations } from "./stages.ts";
import { notEmulated } from "../../aws-error.ts";
import type { At, Operations } from "../operations.ts";
import { regionIn, type World } from "../../state.ts";
import { createThrottle } from "../../gateway/throttle.ts";
import { assignGiven, newId, type ApiState, type FindApi } from "./api-state.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, conflict, notFound, tooManyRequests } from "./refusals.ts";

/**
 * API Gateway v2's control plane, for WebSocket APIs (AWS.md 3). Authorizers, models and domain names are not
 * emulated.
 */
export function apigateway(world: World): Operations<typeof sdk> {
  const find: FindApi = (region, apiId) => {
    const found = regionIn(world.state, region).apis.get(apiId);
    if (!found) throw notFound(`Invalid API identifier specified ${world.account}:${apiId}`);
    return found;
  };
  const shape = ({ id, api, tags }: ApiState) => ({
    ...api,
    ApiEndpoint: `${world.url().replace(/^http/, "ws")}/${id}`,
    Tags: Object.fromEntries(tags),
  });

  return {
    ...routeOperations(world, find),
    ...stageOperations(world, find),
    ...tagOperations(find),
    CreateApi(input, { region, now }) {
      const made = newApi(input, region, now);
      regionIn(world.state, region).apis.set(made.id, made);
      return shape(made);
    },
    GetApi: ({ ApiId }, { region }) => shape(find(region, ApiId)),
    GetApis: (paging, { region }) =>
      pageOfItems(world, [...regionIn(world.state, region).apis.values()].map(shape), paging),
    UpdateApi({ ApiId, ...changes }, { region, now }) {
      const found = find(region, ApiId);
      checkSelection(changes.RouteSelectionExpression ?? found.api.RouteSelectionExpression);
      assignGiven(found.api, changes);
      redeploy(found, now);
      return shape(found);
    },
    DeleteApi({ ApiId }, { region }) {
      regionIn(world.state, region).apis.delete(find(region, ApiId).id);
      world.sever(ApiId);
    },
  };
}

type NewApi = Pick<sdk.CreateApiCommandInput, keyof sdk.CreateApiCommandInput & keyof sdk.Api>;

function newApi({ Tags = {}, ...given }: NewApi, region: string, now: number): ApiState {
  if (given.ProtocolType !== "WEBSOCKET") throw notEmulated("an API of protocol HTTP (API Gateway v2)");
  checkSelection(given.RouteSelectionExpression);
  const id = newId(10);
  const api = {
    ApiKeySelectionExpression: "$request.header.x-api-key",
    DisableExecuteApiEndpoint: false,
    IpAddressType: "ipv4" as const,
  };
  return {
    id,
    region,
    api: { ...api, ...given, ApiId: id, CreatedDate: new Date(now) } as sdk.Api,
    tags: new Map(Object.entries(Tags)),
    integrations: new Map(),
    routes: new Map(),
    deployments: new Map(),
    stages: new Map(),
  };
}

function checkSelection(expression: string | undefined): void {
  if (!expression) throw badRequest("RouteSelectionExpression is required for a WEBSOCKET API");
}

/** Tags of APIs and stages, by ARN (AWS.md 3.8). */
function tagOperations(find: FindApi): Operations<typeof sdk> {
  const tagged = (
    arn: string,
    region: string,
  ): { get(): Record<string, string>; set(tags: Record<string, string>): void } => {
    const [, apiId = "", stageName] =
      /^arn:aws:apigateway:[^:]+::\/apis\/([^/]+)(?:\/stages\/([^/]+))?$/.exec(arn) ?? [];
    if (!apiId) throw badRequest(`Invalid resource ARN: ${arn}`);
    const api = find(region, apiId);
    if (!stageName)
      return {
        get: () => Object.fromEntries(api.tags),
        set: (tags) => (api.tags = new Map(Object.entries(tags))),
      };
    const stage = api.stages.get(stageName);
    if (!stage) throw notFound("Invalid stage identifier specified");
    return { get: () => stage.Tags ?? {}, set: (tags) => (stage.Tags = tags) };
  };
  return {
    TagResource({ ResourceArn, Tags = {} }, { region }) {
      const resource = tagged(ResourceArn, region);
      resource.set({ ...resource.get(), ...Tags });
    },
    UntagResource({ ResourceArn, TagKeys }, { region }) {
      const resource = tagged(ResourceArn, region);
      resource.set(
        Object.fromEntries(Object.entries(resource.get()).filter(([key]) => !TagKeys.includes(key))),
      );
    },
    GetTags: ({ ResourceArn }, { region }) => ({ Tags: tagged(ResourceArn, region).get() }),
  };
}

/** What stands between a request and its operation. */
export type Guard = (
  call: { mutating: boolean; input: Record<string, unknown>; at: At },
  run: () => Promise<object | void>,
) => Promise<object | void>;

/**
 * API Gateway's own limits: calls per second (AWS.md 3.9), and one change of an API at a time: each change
 * takes `apiChangeMs`, and another one that arrives in the meantime conflicts.
 */
export function apigatewayGuard(world: World): Guard {
  const throttle = createThrottle();
  const changing = new Set<unknown>();
  return async ({ mutating, input: { ApiId }, at }, run) => {
    if (world.controlRate && !throttle.take(at.region, world.controlRate, at.now)) throw tooManyRequests();
    if (!mutating || ApiId === undefined || world.delays.apiChangeMs === 0) return run();
    if (changing.has(ApiId))
      throw conflict("Unable to complete operation due to concurrent modification. Please try again later.");
    changing.add(ApiId);
    try {
      const output = await run();
      await world.pause(world.delays.apiChangeMs);
      return output;
    } finally {
      changing.delete(ApiId);
    }
  };
}
