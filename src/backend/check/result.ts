import type { Endpoint } from "../../contract/envelope.ts";
import type { Advice } from "../../errors/advice.ts";
import type { ErrorCode } from "../../errors/codes.ts";
import type { Probe } from "./probe.ts";

/** How a check ended. A check that could not run is never "passed". */
export type Outcome = "passed" | "failed" | "warning" | "skipped";

/** What the user may pass, so that more can be checked. */
export type Missing = "keys" | "token";

/**
 * Why a backend fails clients, as far as that is told apart. A code is a promise, the words beside it are
 * not.
 */
export type BackendCode =
  | "backend-unreachable"
  | "backend-host-refused"
  | "backend-redirects"
  | "backend-endpoint-missing"
  | "backend-method-refused"
  | "backend-fields-refused"
  | "keys-unknown"
  | "keys-missing"
  | "backend-failed"
  | "backend-refused"
  | "backend-clock-wrong"
  | "backend-slow"
  | "registry-not-shared"
  | "answers-forgotten";

/** What a check found. */
export interface Result {
  outcome: Outcome;
  finding: string;
  /** Why that matters. */
  meaning?: string;
  fix?: Advice;
  /** For want of what it was skipped. */
  missing?: Missing;
  /** The network's error, where there was no answer because of one. */
  cause?: ErrorCode;
  /** The cause, for the failures of the path that a doctor tells apart. */
  code?: BackendCode;
}

export const passed = (finding: string): Result => ({ outcome: "passed", finding });
export const skipped = (finding: string, missing?: Missing): Result => ({
  outcome: "skipped",
  finding,
  ...(missing && { missing }),
});
export const failed = (finding: string, meaning: string, fix: Advice): Result => ({
  outcome: "failed",
  finding,
  meaning,
  fix,
});
export const warning = (finding: string, meaning: string, fix: Advice): Result => ({
  outcome: "warning",
  finding,
  meaning,
  fix,
});

/**
 * What a check needs, or it is skipped: an endpoint that exists, a backend that accepts our requests, keys to
 * sign with, a registered connection.
 */
export type Need = Endpoint | "entry" | "keys" | "connection";

/** One thing that the contract requires of a backend. Its id is stable: programs may rely on it. */
export interface Check {
  id: string;
  title: string;
  needs?: readonly Need[];
  run(probe: Probe): Promise<Result>;
}
