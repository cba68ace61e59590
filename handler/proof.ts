import type { Result, Work } from "./contract.ts";
import type { Proof } from "./event.ts";
import { count, noneYet } from "./fan-out.ts";
import { deliveryFields } from "./report.ts";

/** All that a proof ever sends. */
const frame = '{"type":"shelfshack.proven"}';

/**
 * Sends the fixed frame through @connections, so that a deploy learns of a missing right, a blocked way or a
 * wrong endpoint before a customer does (CONTRACT.md 9). No backend is asked. The caller of Invoke also gets
 * the outcome; API Gateway would refuse such an answer (AWS.md 1.6).
 */
export async function proof({ connectionId, isInvoked }: Proof, work: Work): Promise<Result> {
  const { connections, deadline, endpoint } = work;
  const sent = await connections.send(connectionId, frame, deadline.frames);
  const total = noneYet();
  count(total, sent, false);
  const fields = deliveryFields(total, work, "message");
  if (!isInvoked) return { status: 200, ...fields };
  const outcome = typeof sent === "string" ? { outcome: sent } : { outcome: "failed" as const, ...sent };
  return {
    status: 200,
    ...fields,
    proof: { ...outcome, endpoint: endpoint?.href, resource: fields.resource },
  };
}
