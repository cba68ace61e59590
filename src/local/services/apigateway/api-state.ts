import { randomInt } from "node:crypto";
import type * as sdk from "@aws-sdk/client-apigatewayv2";
import type { ServedRoute } from "../../gateway/contract.ts";
import type { Host } from "../../host.ts";
import type { Roles } from "../iam/iam.ts";
import type { Regional } from "../state.ts";
import { notFound } from "./refusals.ts";

/** What API Gateway keeps in one region. */
export interface ApigatewayState {
  apis: Map<string, ApiState>;
  /** The ARN of the account's role for API Gateway's logs; absent until one is set. */
  logRole?: string;
}

/** What API Gateway's operations work with. */
export interface Apigateway {
  host: Host;
  state: Regional<ApigatewayState>;
  roles: Roles;
  /** When the last deployment was made, by region; epoch milliseconds. */
  deployedAt: Map<string, number>;
}

/** A WebSocket API with everything in it, in the shapes that the control plane answers. */
export interface ApiState {
  id: string;
  region: string;
  /** What the API's own calls answer, without its address and tags. */
  api: sdk.Api;
  tags: Map<string, string>;
  integrations: Map<string, sdk.Integration>;
  /** Absent until there is one. */
  authorizers?: Map<string, sdk.Authorizer>;
  /** The responses of MOCK integrations by their ids; absent until there is one. */
  integrationResponses?: Map<string, Map<string, sdk.IntegrationResponse>>;
  routes: Map<string, RouteState>;
  deployments: Map<string, DeploymentState>;
  stages: Map<string, sdk.Stage>;
}

/** A route with its route responses by id. */
export interface RouteState {
  route: sdk.Route;
  responses: Map<string, sdk.RouteResponse>;
}

/**
 * A deployment with what was in the API when it was made: what its stages serve, whatever is changed
 * afterwards.
 */
export interface DeploymentState {
  deployment: sdk.Deployment;
  routeSelectionExpression: string;
  /** Whether the API was to be reached at its own address at all. */
  disabled: boolean;
  routes: ReadonlyMap<string, ServedRoute>;
}

/** Finds an API; throws NotFoundException. */
export function findApi({ host, state, region }: Apigateway & { region: string }, apiId: string): ApiState {
  const found = state.in(region).apis.get(apiId);
  if (!found) throw notFound(`Invalid API identifier specified ${host.account}:${apiId}`);
  return found;
}

/** An identifier as API Gateway makes them: lower-case letters and digits (AWS.md 1.1). */
export const newId = (length: number): string =>
  Array.from({ length }, () => randomInt(36).toString(36)).join("");

/** Changes what the request gives and leaves the rest. */
export function assignGiven(target: object, given: object): void {
  Object.assign(target, Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
}
