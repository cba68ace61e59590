import type { Backend, Reply } from "./backend.ts";
import type { Kind } from "./config.ts";
import { connectionsArn, tooLarge } from "./connections.ts";
import type { Result, Work } from "./contract.ts";
import { inParallel, type DeliveryCount } from "./fan-out.ts";
import type { Line } from "./log.ts";

/**
 * Tells the backend about each connection that answered 410 (CONTRACT.md 4), until `deadline` (epoch
 * milliseconds).
 */
export function reportGone(
  connectionIds: readonly string[],
  requestId: string,
  backend: Backend,
  deadline: number,
): Promise<void> {
  return inParallel(connectionIds, async (connectionId) => {
    const members = { reason: "gone", code: null, detail: null };
    await backend(
      { kind: "disconnect", webhookId: `msg_d_${connectionId}`, connectionId, requestId, members },
      deadline,
    );
  });
}

/** The log's fields about the backend's answer. */
export function backendFields({ status, attempts, ms, code, reason }: Reply): Partial<Line> {
  return { backendStatus: status, attempts, backendMs: ms, code, reason };
}

/** More causes than these are of no use to a reader. */
const maxCauses = 5;

/**
 * The log's fields about delivered frames. Where some failed: every cause, after `before`, the host, and the
 * resource that the role lacks the right for. `asked` is the event whose answer the frames are from.
 */
export function deliveryFields(
  { sent, gone, failed, causes, isDenied }: DeliveryCount,
  { context, connections, endpoint }: Work,
  asked: Kind,
  before?: string,
): Omit<Result, "status"> {
  if (causes === undefined) return { sent, gone, failed };
  const listed = [...causes].slice(0, maxCauses).map(([cause, times]) => {
    const origin = cause === tooLarge.cause ? ` in the answer to ${asked}` : "";
    return `${cause}${origin}${times > 1 ? ` (${times} times)` : ""}`;
  });
  const resource = endpoint && connectionsArn(endpoint, context.invokedFunctionArn);
  return {
    sent,
    gone,
    failed,
    reason: [...(before ? [before] : []), ...listed].join("; "),
    host: connections.host,
    ...(isDenied && { level: "ERROR", resource }),
  };
}
