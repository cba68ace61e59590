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

/** What is metered, of a month or of one run. */
export interface Usage extends Pick<Load, "messageBytes" | "invocationMs" | "memoryMb"> {
  /** From clients. */
  messages: number;
  /** To clients. */
  frames: number;
  connectionMinutes: number;
  invocations: number;
}

/** What a month of a load costs, line by line (AWS.md 10). */
export function costOf(load: Load): CostLine[] {
  const { messages, frames, invocations } = ratesOf(load);
  return linesOf({
    ...load,
    messages: messages * MONTH_SECONDS,
    frames: frames * MONTH_SECONDS,
    connectionMinutes: (load.connections * MONTH_SECONDS) / 60,
    invocations: invocations * MONTH_SECONDS,
  });
}

/** What a usage costs, line by line, where nothing else is used in that month. */
export function linesOf(used: Usage): CostLine[] {
  const { messages, frames, connectionMinutes, invocations, messageBytes } = used;
  const units = Math.max(1, Math.ceil(messageBytes / METERED_BYTES));
  const gigabyteSeconds = (invocations * used.invocationMs * used.memoryMb) / 1000 / 1024;
  return [
    messageLine((messages + frames) * units),
    line("API Gateway, connections", connectionMinutes, { unit: "minutes", ...prices.connectionMinute }),
    line("Lambda, invocations", invocations, { unit: "invocations", ...prices.invocation }),
    line("Lambda, duration", gigabyteSeconds, { unit: "GB-seconds", ...prices.gigabyteSecond }),
    line("CloudWatch Logs", (invocations * LOG_BYTES) / GIGABYTE, { unit: "GB", ...prices.logGigabyte }),
    line("data out", (frames * (messageBytes + FRAME_BYTES)) / GIGABYTE, {
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
