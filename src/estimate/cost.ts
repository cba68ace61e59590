import { ratesOf, type Load } from "./load.ts";
import { METERED_BYTES, prices } from "./prices.ts";

/** A month as AWS counts it, in seconds. */
const MONTH_SECONDS = 730 * 3600;
/** What one invocation writes: the handler's line and Lambda's three, with CloudWatch's 26 bytes for each. */
const LOG_BYTES = 900;
/** Of a frame besides its message. */
const FRAME_BYTES = 40;
const GIGABYTE = 1024 ** 3;

/** One line of a month's bill, in US dollars. */
export interface CostLine {
  what: string;
  quantity: number;
  unit: string;
  usd: number;
  /** How much of it a free tier takes away where the account has one. */
  freeUsd: number;
}

/** What a month of a load costs, line by line (AWS.md 10). */
export function costOf(load: Load): CostLine[] {
  const rates = ratesOf(load);
  const monthly = (perSecond: number) => perSecond * MONTH_SECONDS;
  const units = Math.max(1, Math.ceil(load.messageBytes / METERED_BYTES));
  const invocations = monthly(rates.invocations);
  const gigabyteSeconds = (invocations * load.invocationMs * load.memoryMb) / 1000 / 1024;
  return [
    messageLine(monthly(rates.messages + rates.frames) * units),
    line("API Gateway, connections", (load.connections * MONTH_SECONDS) / 60, {
      unit: "minutes",
      ...prices.connectionMinute,
    }),
    line("Lambda, invocations", invocations, { unit: "invocations", ...prices.invocation }),
    line("Lambda, duration", gigabyteSeconds, { unit: "GB-seconds", ...prices.gigabyteSecond }),
    line("CloudWatch Logs", (invocations * LOG_BYTES) / GIGABYTE, { unit: "GB", ...prices.logGigabyte }),
    line("data out", (monthly(rates.frames) * (load.messageBytes + FRAME_BYTES)) / GIGABYTE, {
      unit: "GB",
      ...prices.outGigabyte,
    }),
  ];
}

function messageLine(quantity: number): CostLine {
  const { usd, usdBeyond, beyond, free } = prices.message;
  const costs = (messages: number) =>
    Math.min(messages, beyond) * usd + Math.max(0, messages - beyond) * usdBeyond;
  return {
    what: "API Gateway, messages",
    quantity,
    unit: "messages of 32 KB",
    usd: costs(quantity),
    freeUsd: costs(quantity) - costs(Math.max(0, quantity - free)),
  };
}

function line(
  what: string,
  quantity: number,
  { unit, usd, free }: { unit: string; usd: number; free: number },
): CostLine {
  return { what, quantity, unit, usd: quantity * usd, freeUsd: Math.min(quantity, free) * usd };
}
