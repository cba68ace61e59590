import { consequenceOf, errorFrame } from "./answer.ts";
import type { Result, Work } from "./contract.ts";
import type { Message } from "./event.ts";
import { fanOut } from "./fan-out.ts";
import { parsed } from "./json.ts";
import { asked, counted, reportGone } from "./report.ts";

/**
 * A message: asks the backend what follows from it and carries that out. Always 200: a status would reach
 * nobody (AWS.md 1.6), so the sender is told of a failure by a frame.
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
  const { plan, ...told } = consequenceOf(reply, connectionId, requestId);
  const tally = await fanOut(plan, connections, deadline.frames);
  if (tally.tooLarge) {
    told.code = "payload_too_large";
    await connections.send(connectionId, errorFrame({ code: told.code }, requestId), deadline.frames);
  }
  await reportGone(tally.goneIds, requestId, backend, deadline.backend);
  return { status: 200, bytes: Buffer.byteLength(text), ...asked(reply), ...told, ...counted(tally, work) };
}

/**
 * The client's JSON as it came, other text wrapped. A lone surrogate has no UTF-8, so it is written as the
 * escape that means the same.
 */
function messageOf(text: string): string {
  const json = parsed(text) ? text : JSON.stringify({ text });
  return json.replace(/\p{Surrogate}/gu, (lone) => `\\u${lone.charCodeAt(0).toString(16)}`);
}
