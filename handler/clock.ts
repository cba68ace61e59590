import type { Context } from "./event.ts";

/** The time that one event has, as epoch milliseconds. */
export interface Deadline {
  /** When the backend has to have answered. */
  backend: number;
  /**
   * When the last frame has to be sent: a little of what is kept back goes to telling the client that the
   * backend was too late.
   */
  frames: number;
}

/** Kept back from the function's remaining time for the error frame and the log line. */
const reserveMs = 1_500;
const frameMs = 1_000;
/** Where Lambda does not say how long the function may run: the timeout that deploy sets. */
const usualMs = 30_000;

/**
 * The deadline of an event that may take `budgetMs` and whose function may go on for as long as its context
 * says.
 */
export function deadlineOf(budgetMs: number, context: Context, now: number): Deadline {
  const said = context.getRemainingTimeInMillis?.();
  const remaining = typeof said === "number" && Number.isFinite(said) ? said : usualMs;
  const backend = now + Math.min(remaining - reserveMs, budgetMs);
  return { backend, frames: backend + frameMs };
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
