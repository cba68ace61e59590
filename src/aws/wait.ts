import { setTimeout as delay } from "node:timers/promises";

/** How a poll goes: the pauses grow from `firstMs` to `longestMs`. */
export interface Polling {
  firstMs: number;
  longestMs: number;
  budgetMs: number;
  signal: AbortSignal;
}

const GROWTH = 1.5;

/**
 * Asks until the answer `isDone` or the budget is used up, and returns the last answer. Our own: the SDK's
 * waiters take every exception for "not yet", so that a missing permission looks like a hang (AWS.md 4.5).
 */
export async function poll<T>(
  ask: () => Promise<T>,
  isDone: (answer: T) => boolean,
  { firstMs, longestMs, budgetMs, signal }: Polling,
): Promise<T> {
  const startedAt = performance.now();
  for (let pauseMs = firstMs; ; pauseMs = Math.min(pauseMs * GROWTH, longestMs)) {
    const answer = await ask();
    if (isDone(answer) || performance.now() - startedAt > budgetMs) return answer;
    await delay(pauseMs, undefined, { signal });
  }
}
