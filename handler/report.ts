import type { Backend, Reply } from "./backend.ts";
import { connectionsArn } from "./connections.ts";
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
export function backendFields({ status, attempts, code, reason }: Reply): Partial<Line> {
  return { backendStatus: status, attempts, code, reason };
}

/**
 * The log's fields about delivered frames; names the permission and the resource that the role lacks.
 */
export function deliveryFields(
  { sent, gone, failed, forbidden }: DeliveryCount,
  { context, endpoint }: Work,
): Omit<Result, "status"> {
  const resource = endpoint && connectionsArn(endpoint, context.invokedFunctionArn);
  return {
    sent,
    gone,
    failed,
    ...(forbidden && { level: "ERROR", reason: "the role lacks execute-api:ManageConnections", resource }),
  };
}
