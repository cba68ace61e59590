import type { Result, Work } from "./contract.ts";
import type { Disconnect } from "./event.ts";
import { backendFields } from "./report.ts";

/**
 * `$disconnect`: tells the backend. Its answer changes nothing, and API Gateway ignores the returned status
 * (AWS.md 1.4).
 */
export async function disconnect(event: Disconnect, { backend, deadline }: Work): Promise<Result> {
  const members = { reason: "client", code: event.closeCode, detail: event.closeReason };
  const question = { ...event, webhookId: `msg_d_${event.connectionId}`, members };
  return { status: 200, ...backendFields(await backend(question, deadline.backend)) };
}
