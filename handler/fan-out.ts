import { denied, tooLarge, type Connections, type Sent } from "./connections.ts";

/** What one connection gets, in order: frames (JSON texts), and `close` to end it. */
export type Steps = (string | typeof close)[];
export const close: unique symbol = Symbol("close");

/** Which connection gets what. Connections are served in parallel, the steps of each in order. */
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
  isDenied: boolean;
  /** Why they failed, with the number of each cause; undefined where none did. */
  causes: Map<string, number> | undefined;
  /** The connections that answered 410 to a frame. */
  goneIds: string[];
}

const atOnce = 25;

/** Carries out a plan by `until` (epoch milliseconds); connections do not affect each other. */
export async function fanOut(plan: Plan, connections: Connections, until: number): Promise<DeliveryCount> {
  const total = noneYet();
  await inParallel([...plan], async ([connectionId, steps]) => {
    let gone = false;
    for (const step of steps) {
      const closing = step === close;
      const sent: Sent = gone
        ? "gone"
        : await (closing
            ? connections.close(connectionId, until)
            : connections.send(connectionId, step, until));
      count(total, sent, closing);
      gone ||= !closing && sent === "gone";
    }
    if (gone) total.goneIds.push(connectionId);
  });
  return total;
}

export function noneYet(): DeliveryCount {
  return { sent: 0, gone: 0, failed: 0, tooLarge: 0, isDenied: false, causes: undefined, goneIds: [] };
}

/** Runs `work` over all items, 25 at once. */
export async function inParallel<Item>(
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
 * Adds one outcome. A close is not a frame: it counts only when it failed. A connection that was gone already
 * counts as closed.
 */
export function count(total: DeliveryCount, sent: Sent, closing: boolean): void {
  if (sent === "sent" || sent === "gone") {
    total[sent] += closing ? 0 : 1;
    return;
  }
  total.failed += 1;
  total.causes ??= new Map();
  total.causes.set(sent.cause, (total.causes.get(sent.cause) ?? 0) + 1);
  if (sent === tooLarge) total.tooLarge += 1;
  if (sent === denied) total.isDenied = true;
}
