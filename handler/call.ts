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
 * Short enough that 100 silent targets among 1,000, three attempts each and 25 at a time, leave time for the
 * others.
 */
const attemptMs = 1_500;
const maxAnswerBytes = 65_536;

/** The calls to one service (its name as Signature Version 4 has it); undefined without credentials. */
export function callsTo(service: string, { credentials, region }: Configuration): Call | undefined {
  const sign = credentials && createSigner(service, region, credentials);
  if (sign === undefined) return undefined;
  return async (address, request, until) => {
    const once = (leftMs: number) => {
      const headers = sign({ ...request, host: address.authority }, new Date());
      return exchange({
        ...request,
        address,
        headers,
        timeMs: Math.min(leftMs, attemptMs),
        maxBytes: maxAnswerBytes,
      });
    };
    return (await withRetries(once, until, isRetryable)).outcome;
  };
}

/**
 * A frame may arrive twice, so a call that timed out is retried too: the retry may reach a healthy host.
 */
function isRetryable({ status }: Outcome): boolean {
  return status === undefined || status === 500 || temporary.has(status);
}
