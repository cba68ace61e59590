import type { Endpoint, Probe } from "./probe.ts";

/** How a check ended. What could not be asked is never "passed". */
export type Outcome = "passed" | "failed" | "warning" | "not asked";

/** What whoever runs the check may have to hand over, so that more can be asked. */
export type Lack = "keys" | "token";

/**
 * What a check found; `meaning` and `mend` say why that matters and what to do, `lacks` for want of what it
 * was not asked.
 */
export interface Verdict {
  outcome: Outcome;
  happened: string;
  meaning?: string;
  mend?: string;
  lacks?: Lack;
}

export const passed = (happened: string): Verdict => ({ outcome: "passed", happened });
export const notAsked = (happened: string, lacks?: Lack): Verdict => ({
  outcome: "not asked",
  happened,
  ...(lacks && { lacks }),
});
export const failed = (happened: string, meaning: string, mend: string): Verdict => ({
  outcome: "failed",
  happened,
  meaning,
  mend,
});
export const warning = (happened: string, meaning: string, mend: string): Verdict => ({
  outcome: "warning",
  happened,
  meaning,
  mend,
});

/**
 * What has to be so for a check to say anything: an endpoint that is there, requests of ours let in, keys to
 * sign with, a registered connection.
 */
export type Need = Endpoint | "entry" | "keys" | "connection";

/** One thing that the contract asks of a backend. */
export interface Check {
  id: string;
  title: string;
  needs?: readonly Need[];
  run(probe: Probe): Promise<Verdict>;
}
