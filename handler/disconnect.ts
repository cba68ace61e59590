import type { Result, Work } from "./contract.ts";
import type { Disconnect } from "./event.ts";
import { asked } from "./report.ts";

/**
 * `$disconnect`: tells the backend; what it answers changes nothing, and API Gateway ignores what is returned
 * (AWS.md 1.4).
 */
export async function disconnect(event: Disconnect, { backend, deadline }: Work): Promise<Result> {
  const members = { reason: "client", code: event.closeCode, detail: event.closeReason };
  const question = { ...event, webhookId: `msg_d_${event.connectionId}`, members };
  return { status: 200, ...asked(await backend(question, deadline.backend)) };
}
