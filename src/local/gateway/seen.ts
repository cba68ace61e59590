import type { Seen, Traffic } from "./contract.ts";
import type { Outcome } from "./integration.ts";

/** How an event ended: what the client got, or would have got as a status, and why. */
export interface Ended {
  status: number;
  routeKey?: string;
  /** Lambda's id of the invocation, where there was one. */
  lambdaRequestId?: string | undefined;
  problem?: string;
  reason?: string;
}

const failures = {
  configuration: { status: 500, problem: "integration_configuration" },
  function: { status: 502, problem: "integration_function" },
  timeout: { status: 504, problem: "integration_timeout" },
} as const;

/** How an event ended whose route was called. */
export const endedBy = (outcome: Outcome): Ended => ({
  lambdaRequestId: outcome.lambdaRequestId,
  ...(outcome.kind === "failed"
    ? { ...failures[outcome.failure], reason: outcome.message }
    : { status: outcome.answer.statusCode }),
});

type OfEvent = Extract<Seen, { kind: "event" }>;

/** Tells of an event that began at `at` and ends now. */
export function tell(
  { options }: Pick<Traffic, "options">,
  event: Pick<OfEvent, "event" | "apiId" | "stage" | "connectionId" | "requestId" | "at" | "bytes" | "test">,
  ended: Ended,
): void {
  options.onSeen?.({ kind: "event", ...event, ...ended, ms: Date.now() - event.at });
}
