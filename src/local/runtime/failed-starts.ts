/** How many failures within which time are worth a line in the log (FAULTS.md G-12). */
export const failedStartsToReport = { count: 5, withinMs: 10_000 };

const shortestPauseMs = 100;
export const longestPauseMs = 5000;

/**
 * Counts starts that failed one after the other: after each of them the next one waits twice as long, 0.1 s
 * to 5 s.
 */
export function countFailedStarts(now: () => number = () => performance.now()): {
  /** says whether to tell about it: once, until a start succeeds */
  add(): boolean;
  reset(): void;
  /** how long no environment is started from now on */
  pauseMs(): number;
} {
  let failedAt: number[] = [];
  let pausedUntil = 0;
  let told = false;
  return {
    add() {
      failedAt.push(now());
      pausedUntil = now() + Math.min(longestPauseMs, shortestPauseMs * 2 ** (failedAt.length - 1));
      const recent = failedAt.filter((at) => at > now() - failedStartsToReport.withinMs);
      if (told || recent.length < failedStartsToReport.count) return false;
      told = true;
      return true;
    },
    reset() {
      failedAt = [];
      pausedUntil = 0;
      told = false;
    },
    pauseMs: () => Math.max(0, pausedUntil - now()),
  };
}
