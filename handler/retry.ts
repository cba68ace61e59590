import { wait } from "./clock.ts";
import type { Outcome } from "./transport.ts";

/**
 * Statuses that say "again, a little later"; 408 is a server that gave up on a connection before it read
 * anything from it.
 */
export const temporary: ReadonlySet<number | undefined> = new Set([408, 429, 502, 503, 504]);

const maxAttempts = 3;
/** With less than this left nothing is asked any more. */
export const leastMs = 500;
const firstMs = 100;
const longestMs = 1_000;
const longestWishMs = 2_000;

/**
 * Asks once, and twice more where `again` says so and `until` (epoch milliseconds) is far enough away. `once`
 * gets the time that is left.
 */
export async function repeated(
  once: (leftMs: number) => Promise<Outcome>,
  until: number,
  again: (outcome: Outcome) => boolean,
): Promise<{ outcome: Outcome; attempts: number }> {
  for (let attempts = 1; ; attempts += 1) {
    const outcome = await once(until - Date.now());
    const delay = retryDelay(attempts, outcome.headers?.["retry-after"], Date.now());
    if (attempts === maxAttempts || Date.now() + delay + leastMs > until || !again(outcome))
      return { outcome, attempts };
    await wait(delay);
  }
}

/**
 * How long to wait before asking again for the `attempt`-th time (from 1): full jitter, or what `Retry-After`
 * wishes, of that two seconds at most.
 */
export function retryDelay(
  attempt: number,
  retryAfter: string | undefined,
  now: number,
  random = Math.random(),
): number {
  const jitter = random * Math.min(longestMs, firstMs * 2 ** (attempt - 1));
  return Math.max(jitter, Math.min(longestWishMs, wished(retryAfter, now)));
}

function wished(header: string | undefined, now: number): number {
  const ms = /^\d{1,9}$/.test(header ?? "") ? Number(header) * 1_000 : Date.parse(header ?? "") - now;
  return ms > 0 ? ms : 0;
}

/**
 * What keeps a dead server from being asked three times as often: a repeat costs five tokens, a good answer
 * brings one back.
 */
export interface Bucket {
  /** Takes the price of one repeat; false where there is too little. */
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
