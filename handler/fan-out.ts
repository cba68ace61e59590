import type { Connections, Sent } from "./connections.ts";

/** What one connection gets, in order: frames (JSON texts), and `close` to end it. */
export type Steps = (string | typeof close)[];
export const close: unique symbol = Symbol("close");

/** Who gets what. The connections are served side by side, the steps of each one after the other. */
export type Plan = Map<string, Steps>;

/** How a plan ended; every frame is counted exactly once. */
export interface DeliveryCount {
  sent: number;
  gone: number;
  /** Frames that failed, and connections that could not be closed. */
  failed: number;
  /** Frames over 128 KB, which are counted as failed too. */
  tooLarge: number;
  /** The role may not use @connections. */
  forbidden: boolean;
  /** The connections that met 410 while something was sent to them. */
  goneIds: string[];
}

const atOnce = 25;

/** Carries out a plan by `until` (epoch milliseconds); what one connection does never touches another. */
export async function fanOut(plan: Plan, connections: Connections, until: number): Promise<DeliveryCount> {
  const tally: DeliveryCount = { sent: 0, gone: 0, failed: 0, tooLarge: 0, forbidden: false, goneIds: [] };
  await inTurns([...plan], async ([connectionId, steps]) => {
    let gone = false;
    for (const step of steps) {
      const closing = step === close;
      const sent: Sent = gone
        ? "gone"
        : await (closing
            ? connections.close(connectionId, until)
            : connections.send(connectionId, step, until));
      count(tally, sent, closing);
      gone ||= !closing && sent === "gone";
    }
    if (gone) tally.goneIds.push(connectionId);
  });
  return tally;
}

/** Runs `work` over all items, 25 at once. */
export async function inTurns<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

/**
 * A connection that has been closed, or was gone before, is as the plan wants it and no frame: only a close
 * that failed is counted.
 */
function count(tally: DeliveryCount, sent: Sent, closing: boolean): void {
  if (sent === "sent" || sent === "gone") tally[sent] += closing ? 0 : 1;
  else tally.failed += 1;
  if (sent === "too large") tally.tooLarge += 1;
  if (sent === "forbidden") tally.forbidden = true;
}
