import type { AccessKeys } from "./access-keys.ts";
import type { Runtimes } from "./runtimes.ts";

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

/** What no service owns and every service may use. */
export interface Host {
  account: string;
  /** Where this local AWS listens: `http://127.0.0.1:PORT`. */
  url: string;
  /** Makes credentials of sessions. */
  keys: Pick<AccessKeys, "temporary">;
  delays: Delays;
  /** The most that one page of a list holds; each service's own maximum otherwise. */
  pageSize: number | undefined;
  /** Requests per second and burst of API Gateway's control plane; no limit otherwise. */
  controlRate: { rate: number; burst: number } | undefined;
  /** Invocations at once, of all functions of a region without a number of their own. */
  concurrency: number;
  /** What runs the functions. */
  runtimes: Pick<Runtimes, "runtimeIn" | "retire">;
  /** Drops the sockets of a deleted API or stage. */
  disconnect(apiId: string, stage?: string): void;
  /** Writes one line about the local AWS itself into the log, each only once. */
  logOnce(message: string): void;
  /** Resolves after this time, or at once when the local AWS closes. */
  pause(milliseconds: number): Promise<void>;
  /** Aborted when the local AWS closes. */
  closing: AbortSignal;
}
