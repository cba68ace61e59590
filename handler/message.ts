import { consequenceOf, errorFrame } from "./answer.ts";
import type { Result, Work } from "./contract.ts";
import type { Message } from "./event.ts";
import { count, fanOut } from "./fan-out.ts";
import { parsed } from "./json.ts";
import { backendFields, deliveryFields, reportGone } from "./report.ts";

/**
 * A message: sends it to the backend and carries out the answer. Always 200: API Gateway passes no status on
 * (AWS.md 1.6), so the sender gets a failure as a frame.
 */
export async function message(event: Message, work: Work): Promise<Result> {
  const { backend, connections, deadline } = work;
  const { connectionId, messageId, requestId, text } = event;
  const members = {
    message_id: messageId,
    route_key: event.route,
    ...(event.wasBase64 && { is_base64_encoded: true }),
  };
  const question = { ...event, webhookId: `msg_m_${messageId}`, members, message: messageOf(text) };
  const reply = await backend(question, deadline.backend);
  const { plan, ...failure } = consequenceOf(reply, connectionId, requestId);
  const total = await fanOut(plan, connections, deadline.frames);
  if (total.tooLarge) {
    failure.code = "payload_too_large";
    const frame = errorFrame({ code: failure.code }, requestId);
    // As a close, it counts only when it failed.
    count(total, await connections.send(connectionId, frame, deadline.frames), true);
  }
  await reportGone(total.goneIds, requestId, backend, deadline.backend);
  return {
    status: 200,
    bytes: Buffer.byteLength(text),
    ...backendFields(reply),
    ...failure,
    ...deliveryFields(total, work, "message", failure.reason),
  };
}

/**
 * The client's JSON as it came, other text wrapped. A lone surrogate has no UTF-8, so it is written as the
 * escape that means the same.
 */
function messageOf(text: string): string {
  const json = parsed(text) ? text : JSON.stringify({ text });
  return json.replace(/\p{Surrogate}/gu, (lone) => `\\u${lone.charCodeAt(0).toString(16)}`);
}
