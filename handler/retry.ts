import { wait } from "./clock.ts";
import type { Outcome } from "./transport.ts";

/**
 * Statuses that are worth a retry; 408 comes from a server that closed the connection before it read a
 * request.
 */
export const temporary: ReadonlySet<number | undefined> = new Set([408, 429, 502, 503, 504]);

const maxAttempts = 3;
/** With less time than this left, no request is sent. */
export const leastMs = 500;
const firstMs = 100;
const longestMs = 1_000;
const longestRetryAfterMs = 2_000;

/**
 * Calls `once`, and up to twice more while `mayRetry` says so and `until` (epoch milliseconds) leaves enough
 * time. `once` gets the milliseconds that are left.
 */
export async function withRetries(
  once: (leftMs: number) => Promise<Outcome>,
  until: number,
  mayRetry: (outcome: Outcome) => boolean,
): Promise<{ outcome: Outcome; attempts: number }> {
  for (let attempts = 1; ; attempts += 1) {
    const outcome = await once(until - Date.now());
    const delay = retryDelay(attempts, outcome.headers?.["retry-after"], Date.now());
    if (attempts === maxAttempts || Date.now() + delay + leastMs > until || !mayRetry(outcome))
      return { outcome, attempts };
    await wait(delay);
  }
}

/**
 * The pause after the `attempt`-th failure (from 1), milliseconds: full jitter, or what `Retry-After` asks
 * for, of that two seconds at most.
 */
export function retryDelay(
  attempt: number,
  retryAfter: string | undefined,
  now: number,
  random = Math.random(),
): number {
  const jitter = random * Math.min(longestMs, firstMs * 2 ** (attempt - 1));
  return Math.max(jitter, Math.min(longestRetryAfterMs, retryAfterMs(retryAfter, now)));
}

function retryAfterMs(header: string | undefined, now: number): number {
  const ms = /^\d{1,9}$/.test(header ?? "") ? Number(header) * 1_000 : Date.parse(header ?? "") - now;
  return ms > 0 ? ms : 0;
}

/**
 * Limits retries, so that a dead server does not get three times the requests: a retry costs five tokens, an
 * accepted answer returns one.
 */
export interface Bucket {
  /** Takes the price of one retry; false when there are too few tokens. */
  take(): boolean;
  give(): void;
}

const full = 20;
const price = 5;

export function createBucket(): Bucket {
  let tokens = full;
  return {
    take() {
      if (tokens < price) return false;
      tokens -= price;
      return true;
    },
    give() {
      tokens = Math.min(full, tokens + 1);
    },
  };
}
