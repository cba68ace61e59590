/** When the prices were last checked, and where for. */
export const pricesOf = { month: "2026-06", region: "us-east-1" };

/** AWS's prices in US dollars (AWS.md 10), and what of each is free in a month. */
export const prices = {
  /** Each begun 32 KB of a message counts as one, in both directions. */
  message: { usd: 1e-6, usdBeyond: 0.8e-6, beyond: 1e9, free: 1e6 },
  connectionMinute: { usd: 0.25e-6, free: 750_000 },
  invocation: { usd: 0.2e-6, free: 1e6 },
  gigabyteSecond: { usd: 16.6667e-6, free: 400_000 },
  logGigabyte: { usd: 0.5, free: 5 },
  outGigabyte: { usd: 0.09, free: 100 },
} as const;

/** What a message is metered in, bytes. */
export const METERED_BYTES = 32 * 1024;
