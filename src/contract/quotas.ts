/** A rate per second, and how much at once. */
interface Rate {
  rate: number;
  burst: number;
}

/** What an account may do in one region. */
export interface Quotas {
  /** New connections, of all WebSocket APIs. */
  connects: Rate;
  /** Requests to API Gateway: messages, new connections and calls of `@connections`. */
  requests: Rate;
  /** Invocations at once, of all functions. */
  concurrency: number;
}

/** What AWS allows at first (AWS.md 1.12, 4.9). */
export const firstQuotas: Quotas = {
  connects: { rate: 500, burst: 500 },
  requests: { rate: 10_000, burst: 5_000 },
  concurrency: 1_000,
};
