import type { Quotas } from "../../contract/quotas.ts";

/** What a stage allows on one route: requests per second, and how many at once. */
export interface Allowance {
  rate: number;
  burst: number;
}

/** Token buckets, one per stage and route, and two of the account (AWS.md 1.12, 1.14). */
export interface Throttle {
  /** Takes a token from the bucket of that name; false when there is none. `now` is in milliseconds. */
  take(bucket: string, allowance: Allowance, now: number): boolean;
  /** Forgets the buckets whose names begin so. */
  forget(prefix: string): void;
}

/** Buckets start full, and follow an allowance that changes while they are in use. */
export function createThrottle(): Throttle {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(name, { rate, burst }, now) {
      const bucket = buckets.get(name) ?? { tokens: burst, at: now };
      buckets.set(name, bucket);
      const elapsed = now - bucket.at;
      if (elapsed > 0) bucket.tokens += (elapsed * rate) / 1000;
      bucket.tokens = Math.min(bucket.tokens, burst);
      bucket.at = now;
      // A rate of 0 refuses everything, also the burst: that is how a stage is switched off (AWS.md 3.6).
      if (rate <= 0 || bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
    forget(prefix) {
      for (const name of buckets.keys()) if (name.startsWith(prefix)) buckets.delete(name);
    },
  };
}

/** Takes a token of what the account allows; true where that has no limit. */
export function takeOfAccount(
  {
    throttle,
    options: { quotas },
  }: { throttle: Throttle; options: { quotas?: Omit<Quotas, "concurrency"> } },
  quota: "connects" | "requests",
  now: number,
): boolean {
  return quotas === undefined || throttle.take(`account ${quota}`, quotas[quota], now);
}
