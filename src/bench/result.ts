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
  /** What the run cost on AWS, at most; absent elsewhere. */
  cost?: RunCost;
  /** The report's file. */
  report?: string;
}
