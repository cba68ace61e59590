import type { Measurement } from "./measurement.ts";
import type { Plan } from "./plan.ts";
import type { RunCost } from "./price.ts";
import type { Met } from "./threshold.ts";

/** What `bench` tells, in its JSON and in its report. */
export interface BenchResult extends Measurement {
  /** With secrets masked. */
  url: string;
  plan: Plan;
  ended: "done" | "interrupted";
  thresholds: Met[];
  /** Whether all clients could connect, something was delivered and each threshold is met. */
  passed: boolean;
  /** What the run cost on AWS, at most; absent elsewhere. */
  cost?: RunCost;
  /** The report's file. */
  report?: string;
}

type Judged = Pick<BenchResult, "connections" | "deliveries" | "thresholds">;

/** How many clients could not connect; 0 where a threshold says how many may. */
export const refusedIn = ({ connections, thresholds }: Omit<Judged, "deliveries">): number =>
  thresholds.some(({ measure }) => measure === "failed") ? 0 : connections.failed;

/** See `passed` of the result. */
export const hasPassed = (result: Judged): boolean =>
  refusedIn(result) === 0 && result.deliveries.received > 0 && result.thresholds.every(({ met }) => met);
