import type { Configuration } from "./config.ts";
import { temporary, withRetries } from "./retry.ts";
import { createSigner, type Unsigned } from "./sigv4.ts";
import { exchange, type Address, type Exchange, type Outcome } from "./transport.ts";

/**
 * One call to an AWS service, with its retries, each signed anew; resolves by `until` (epoch milliseconds)
 * and never throws.
 */
export type Call = (
  address: Address,
  request: Omit<Unsigned, "host"> & Pick<Exchange, "method">,
  until: number,
) => Promise<Outcome>;

/**
 * One attempt has a tenth of the time that is left, and not less than this. So 100 silent targets among
 * 1,000, three attempts each and 25 at a time, leave time for the others, and a slow answer is waited for
 * where there is time: after an attempt that is given up the same frame is sent again.
 */
const leastAttemptMs = 1_500;
const shareOfTime = 10;
const maxAnswerBytes = 65_536;

/** Why a call failed, for the log: `Lambda answered 429 (TooManyRequests)`, `@connections: ENOTFOUND`. */
export function causeOf(service: string, outcome: Outcome): string {
  if (outcome.status === undefined) return `${service}: ${outcome.reason}`;
  const type = errorType(outcome);
  return `${service} answered ${outcome.status}${type && ` (${type})`}`;
}

/** Whether an answer says that the role lacks the right; 403 says other things too (AWS.md 2.3). */
export function isDenied(outcome: Outcome): boolean {
  return outcome.status === 403 && /^(AccessDenied|$)/.test(errorType(outcome));
}

function errorType({ headers }: Outcome): string {
  return /^\w{1,64}/.exec(String(headers?.["x-amzn-errortype"] ?? ""))?.[0] ?? "";
}

/** The calls to one service (its name as Signature Version 4 has it); undefined without credentials. */
export function callsTo(service: string, { credentials, region }: Configuration): Call | undefined {
  const sign = credentials && createSigner(service, region, credentials);
  if (sign === undefined) return undefined;
  return async (address, { method, path, headers: extra, body }, until) => {
    const once = (leftMs: number) => {
      const headers = sign({ method, host: address.authority, path, headers: extra, body }, new Date());
      return exchange({
        address,
        method,
        path,
        headers,
        body,
        timeMs: Math.max(leastAttemptMs, leftMs / shareOfTime),
        leftMs,
        maxBytes: maxAnswerBytes,
      });
    };
    return (await withRetries(once, until, isRetryable)).outcome;
  };
}

/**
 * A call that timed out is retried too, because the retry may reach a healthy host. @connections has no key
 * against repeats, so a client may get a frame twice then (CONTRACT.md 3).
 */
function isRetryable({ status }: Outcome): boolean {
  return status === undefined || status === 500 || temporary.has(status);
}
