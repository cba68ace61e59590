/** Bytes that may wait for one slow client before it is disconnected. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Bytes that may wait for all of them together: with what Node adds to them, 32 MB of memory at most. */
const MAX_TOTAL_BYTES = 16 * 1024 * 1024;

interface Receiver {
  readonly socket: { readonly bufferedAmount: number };
}

/** What waits to be sent to the slow clients of one gateway. */
export interface Backlog<Client extends Receiver> {
  /**
   * Notes what waits for a client after something was sent to it. Returns a client that must be dropped where
   * too much waits for all of them: the one for which most waits.
   */
  update(client: Client): Client | undefined;
  forget(client: Client): void;
}

/**
 * An empty backlog. A client that reads costs one comparison. The sum is made of what was last seen of each
 * client, so it can only be too large; before a client is dropped it is counted anew.
 */
export function createBacklog<Client extends Receiver>(maxBytes = MAX_TOTAL_BYTES): Backlog<Client> {
  const seen = new Map<Client, number>();
  let total = 0;
  const note = (client: Client, bytes: number) => {
    total += bytes - (seen.get(client) ?? 0);
    if (bytes === 0) seen.delete(client);
    else seen.set(client, bytes);
  };
  return {
    update(client) {
      const bytes = client.socket.bufferedAmount;
      if (bytes === 0 && !seen.has(client)) return undefined;
      note(client, bytes);
      if (total <= maxBytes) return undefined;
      for (const slow of seen.keys()) note(slow, slow.socket.bufferedAmount);
      return total > maxBytes ? slowest(seen) : undefined;
    },
    forget: (client) => note(client, 0),
  };
}

function slowest<Client>(seen: ReadonlyMap<Client, number>): Client | undefined {
  let found: Client | undefined;
  for (const [client, bytes] of seen)
    if (found === undefined || bytes > (seen.get(found) ?? 0)) found = client;
  return found;
}
