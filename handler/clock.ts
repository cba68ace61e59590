import type { Context } from "./event.ts";

/** The time that one event has, as epoch milliseconds. */
export interface Deadline {
  /** When the backend must have answered. */
  backend: number;
  /**
   * When the last frame must be sent: a little later, so that the client still gets an error frame when
   * the backend was too slow.
   */
  frames: number;
}

/** Kept back from the function's remaining time for the error frame and the log line. */
const reserveMs = 1_500;
const frameMs = 1_000;
/** Used when Lambda does not say how long the function may run: the timeout that deploy sets. */
const defaultMs = 30_000;

/**
 * The deadline of an event that may take `budgetMs`, in a function that may run as long as its context says.
 */
export function deadlineOf(budgetMs: number, context: Context, now: number): Deadline {
  const reported = context.getRemainingTimeInMillis?.();
  const remaining = typeof reported === "number" && Number.isFinite(reported) ? reported : defaultMs;
  const backend = now + Math.min(remaining - reserveMs, budgetMs);
  return { backend, frames: backend + frameMs };
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
