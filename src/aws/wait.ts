import { setTimeout as delay } from "node:timers/promises";
import { tellingOfWait, type Report } from "../progress.ts";

/**
 * The waits of one run, which end with it: when one thing fails, what another one waits for may never come.
 * `interrupt` (Ctrl-C) ends them too.
 */
export class Waits {
  readonly #interrupt: AbortSignal;
  #ended = new AbortController();

  constructor(interrupt: AbortSignal) {
    this.#interrupt = interrupt;
  }

  begin(): void {
    this.#ended = new AbortController();
  }

  end(): void {
    this.#ended.abort();
  }

  /** Waits so long; false when the waits ended before. Rejects when it is interrupted. */
  async pause(ms: number): Promise<boolean> {
    const { signal } = this.#ended;
    try {
      await delay(ms, undefined, { signal: AbortSignal.any([this.#interrupt, signal]) });
      return true;
    } catch (error) {
      if (this.#interrupt.aborted || !signal.aborted) throw error;
      return false;
    }
  }
}

/** How a poll goes: after the first pause the others grow from `thenMs` to `longestMs`. */
export interface Polling {
  firstMs: number;
  thenMs: number;
  longestMs: number;
  budgetMs: number;
  /** What is waited for, in the progress. */
  reason: string;
}

const GROWTH = 1.5;

/**
 * Asks until the answer `isDone`, the budget is used up or the waits of the run end, and returns the last
 * answer; tells of the wait where the first answer is not. Our own: the SDK's waiters take every exception
 * for "not yet", so that a missing permission looks like a hang (AWS.md 4.5).
 */
export async function poll<T>(
  ask: () => Promise<T>,
  isDone: (answer: T) => boolean,
  { firstMs, thenMs, longestMs, budgetMs, reason }: Polling,
  { waits, report }: { waits: Waits; report: Report },
): Promise<T> {
  const since = performance.now();
  let answer = await ask();
  if (isDone(answer)) return answer;
  const told = tellingOfWait(report, { id: reason, reason, since, budgetMs });
  try {
    let nextMs = thenMs;
    for (let pauseMs = firstMs; ; [pauseMs, nextMs] = [nextMs, Math.min(nextMs * GROWTH, longestMs)]) {
      if (performance.now() - since > budgetMs || !(await waits.pause(pauseMs))) return answer;
      answer = await ask();
      if (isDone(answer)) return answer;
    }
  } finally {
    told[Symbol.dispose]();
    report({ kind: "waited", id: reason });
  }
}
