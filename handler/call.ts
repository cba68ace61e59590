import type { Configuration } from "./config.ts";
import { temporary, repeated } from "./retry.ts";
import { createSigner, type Unsigned } from "./sigv4.ts";
import { exchange, type Address, type Exchange, type Outcome } from "./transport.ts";

/**
 * One call to a service of AWS, with its repeats, each signed anew; ends by `until` (epoch milliseconds) and
 * never throws.
 */
export type Call = (
  address: Address,
  request: Omit<Unsigned, "host"> & Pick<Exchange, "method">,
  until: number,
) => Promise<Outcome>;

/** A hundred silent targets among a thousand, tried three times 25 at once, leave time for the others. */
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
    return (await repeated(once, until, canPass)).outcome;
  };
}

/**
 * A frame may arrive twice, so a call that timed out is made again too: the next one may meet a healthy host.
 */
function canPass({ status }: Outcome): boolean {
  return status === undefined || status === 500 || temporary.has(status);
}
