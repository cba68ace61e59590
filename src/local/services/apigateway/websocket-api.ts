import { randomInt } from "node:crypto";
import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { AwsError } from "../../aws-error.ts";
import type { ServedRoute } from "../../gateway/gateway.ts";
import { pageOf } from "../paging.ts";
import type { World } from "../../state.ts";

/** A WebSocket API with everything in it, in the shapes that the control plane answers. */
export interface ApiState {
  id: string;
  region: string;
  /** What the API's own calls answer, without its address and tags. */
  api: sdk.Api;
  tags: Map<string, string>;
  integrations: Map<string, sdk.Integration>;
  routes: Map<string, RouteState>;
  deployments: Map<string, DeploymentState>;
  stages: Map<string, sdk.Stage>;
}

/** A route with its route responses by id. */
export interface RouteState {
  route: sdk.Route;
  responses: Map<string, sdk.RouteResponse>;
}

/** A deployment with what was in the API when it was made: what its stages serve, whatever is changed afterwards. */
export interface DeploymentState {
  deployment: sdk.Deployment;
  routeSelectionExpression: string;
  /** Whether the API was to be reached at its own address at all. */
  disabled: boolean;
  routes: ReadonlyMap<string, ServedRoute>;
}

/** Finds an API; throws NotFoundException. */
export type FindApi = (region: string, apiId: string) => ApiState;

/** An identifier as API Gateway makes them: lower-case letters and digits (aws-behaviour 1.1). */
export const newId = (length: number): string => Array.from({ length }, () => randomInt(36).toString(36)).join("");

/** Changes what the request gives and leaves the rest. */
export function assignGiven(target: object, given: object): void {
  Object.assign(target, Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
}

export const notFound = (message: string): AwsError => new AwsError("NotFoundException", message);
export const badRequest = (message: string): AwsError => new AwsError("BadRequestException", message);
export const conflict = (message: string): AwsError => new AwsError("ConflictException", message);
/** API Gateway's answer to a caller that is too fast; its text is unverified (aws-behaviour 3.9). */
export const tooManyRequests = (): AwsError => new AwsError("TooManyRequestsException", "Too Many Requests");

/** A page in API Gateway's form; the last one has no token (aws-behaviour 3.5). */
export function pageOfItems<Item>(
  world: World,
  all: readonly Item[],
  { MaxResults, NextToken }: { MaxResults?: string | undefined; NextToken?: string | undefined },
): { Items: Item[]; NextToken?: string } {
  const limit = MaxResults === undefined ? undefined : Number(MaxResults);
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) throw badRequest("Invalid value for maxResults");
  const { items, next } = pageOf(all, {
    token: NextToken,
    limit,
    pageSize: world.pageSize ?? 100,
    invalid: badRequest("Invalid nextToken"),
  });
  return { Items: items, ...(next ? { NextToken: next } : {}) };
}
