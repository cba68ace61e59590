import { isGood, isTurnedAway } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, openProbe, type Subject } from "./probe.ts";

/**
 * Asks a backend the one signed thing that does no harm, the end of a connection that never was, over a
 * connection of its own.
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
 * Whether the backend accepts a request that is signed with the subject's keys (a backend that checks no
 * signature does); false where it answers 401 or 403, undefined where anything else, or nothing, is answered.
 * Rejects only when `signal` is aborted.
 */
export async function knowsKeys(
  subject: Subject,
  { signal }: { signal: AbortSignal },
): Promise<boolean | undefined> {
  const exchange = await askSigned(subject, { signal });
  signal.throwIfAborted();
  return isGood(exchange) ? true : isTurnedAway(exchange) ? false : undefined;
}
