import type { Runtime } from "./runtime/contract.ts";
import type { ApiState } from "./services/apigateway/api-state.ts";
import type { RoleState } from "./services/iam/iam.ts";
import type { FunctionState } from "./services/lambda/function.ts";
import type { LogGroupState } from "./services/logs/group.ts";

/** Everything that the local AWS keeps. IAM is global, the rest belongs to a region. */
export interface State {
  /** By name in lower case: role names are unique whatever their case (AWS.md 6.3). */
  roles: Map<string, RoleState>;
  regions: Map<string, RegionState>;
}

/** What one region holds. */
export interface RegionState {
  functions: Map<string, FunctionState>;
  apis: Map<string, ApiState>;
  logGroups: Map<string, LogGroupState>;
}

/** How long AWS lets one wait, in milliseconds. */
export interface Delays {
  /** Until a new role can be assumed. */
  roleDelayMs: number;
  /** That a new function is `Pending`. */
  createDelayMs: number;
  /** That an update is `InProgress`. */
  updateDelayMs: number;
  /** Between two deployments. */
  deploymentIntervalMs: number;
  /** That a change of an API takes; another one in the meantime conflicts. */
  apiChangeMs: number;
  /** Between two updates of a live tail. */
  liveTailMs: number;
  /** Before each further try of an asynchronous invocation that failed. */
  asyncRetryMs: readonly number[];
}

/** What the services share. */
export interface World {
  account: string;
  state: State;
  delays: Delays;
  /** The most that one page of a list holds; each service's own maximum otherwise. */
  pageSize: number | undefined;
  /** Requests per second and burst of API Gateway's control plane; no limit otherwise. */
  controlRate: { rate: number; burst: number } | undefined;
  /** Where this local AWS listens: `http://127.0.0.1:PORT`. */
  url(): string;
  /** What runs the functions of a region. */
  runtimeIn(region: string): Promise<Runtime>;
  /** Has what runs a function or a version of it end after its last event, if anything does. */
  retire(region: string, arn: string): void;
  /** Drops the sockets of a deleted API or stage. */
  sever(apiId: string, stage?: string): void;
  /** Tells whoever follows the logs something about the local AWS itself, once. */
  note(message: string): void;
  /** Resolves after so many milliseconds, or at once when the local AWS closes. */
  pause(milliseconds: number): Promise<void>;
  /** Aborted when the local AWS closes. */
  closing: AbortSignal;
}

export const emptyState = (): State => ({ roles: new Map(), regions: new Map() });

/** A region's part, made when it is first asked for. */
export function regionIn(state: State, region: string): RegionState {
  const found = state.regions.get(region) ?? { functions: new Map(), apis: new Map(), logGroups: new Map() };
  state.regions.set(region, found);
  return found;
}
