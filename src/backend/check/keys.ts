import { isGood, isUnauthorized } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, openProbe, type Subject } from "./probe.ts";

/**
 * Sends a backend the one signed request that does no harm, the end of a connection that never existed, over
 * its own TCP connection.
 */
export async function askSigned(subject: Subject, { signal }: { signal: AbortSignal }): Promise<Exchange> {
  const probe = openProbe(subject, { signal });
  try {
    return await probe.disconnect(markedConnection());
  } finally {
    probe.close();
  }
}

/**
 * Whether the backend accepts a request that is signed with the subject's keys (a backend without a signature
 * check does); false for 401 or 403, undefined for any other answer or none. Rejects only when `signal` is
 * aborted.
 */
export async function knowsKeys(
  subject: Subject,
  { signal }: { signal: AbortSignal },
): Promise<boolean | undefined> {
  const exchange = await askSigned(subject, { signal });
  signal.throwIfAborted();
  return isGood(exchange) ? true : isUnauthorized(exchange) ? false : undefined;
}
