/** How many failures within which time get a line in the log (FAULTS.md G-12). */
export const failedStartsToReport = { count: 5, withinMs: 10_000 };

const shortestPauseMs = 100;
export const longestPauseMs = 5000;

/**
 * Counts consecutive failed starts: after each one the next start waits twice as long, 0.1 s to 5 s.
 */
export function countFailedStarts(now: () => number = () => performance.now()): {
  /** Whether to report it: once, until a start succeeds. */
  add(): boolean;
  reset(): void;
  /** For how long no environment is started, from now on. */
  pauseMs(): number;
} {
  let failedAt: number[] = [];
  let pausedUntil = 0;
  let reported = false;
  return {
    add() {
      failedAt.push(now());
      pausedUntil = now() + Math.min(longestPauseMs, shortestPauseMs * 2 ** (failedAt.length - 1));
      const recent = failedAt.filter((at) => at > now() - failedStartsToReport.withinMs);
      if (reported || recent.length < failedStartsToReport.count) return false;
      reported = true;
      return true;
    },
    reset() {
      failedAt = [];
      pausedUntil = 0;
      reported = false;
    },
    pauseMs: () => Math.max(0, pausedUntil - now()),
  };
}
