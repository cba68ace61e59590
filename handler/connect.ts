import type { Accepted, Question, Reply } from "./backend.ts";
import type { Result, Work } from "./contract.ts";
import { isId, type Connect } from "./event.ts";
import { member, pieces } from "./json.ts";
import { backendFields } from "./report.ts";

const types = /^[a-z][a-z0-9_-]{0,31}$/;
const withToken: ReadonlySet<string> = new Set(["booking", "chat", "notification"]);
/** Statuses of the backend that become the handshake's status; any other becomes 502. */
const passedOn: ReadonlySet<number> = new Set([400, 401, 403, 404, 409, 429]);

/**
 * `$connect`: asks the backend, and accepts the connection only if the backend does. Frames for the new
 * client are sent by a second invocation of the function, because API Gateway knows the connection only after
 * this one has returned (AWS.md 2.5).
 */
export async function connect(event: Connect, work: Work): Promise<Result> {
  const question = questionOf(event, work.endpoint);
  if ("code" in question) return question;
  const reply = await work.backend(question, work.deadline.backend);
  const status = statusOf(reply);
  const { type, booking_id: booking } = event.query;
  const result = {
    status,
    type,
    // No longer text, and no signed token, which has dots.
    booking: isId(booking) ? booking : undefined,
    ...backendFields(reply),
    ...((reply.ok ? status !== 200 : status === reply.status) && { code: "rejected" }),
  };
  const frames = reply.ok && status === 200 && !event.isByHand ? initialFrames(reply) : [];
  return frames.length === 0 ? result : { ...result, ...(await work.invokeSelf(event, frames, work)) };
}

function questionOf(event: Connect, endpoint: URL | undefined): Question | { status: number; code: string } {
  const { type = "booking", booking_id: bookingId, token, ...query } = event.query;
  if (!types.test(type)) return { status: 400, code: "bad_type" };
  if (type === "booking" && !bookingId) return { status: 400, code: "no_booking" };
  if (withToken.has(type) && !token) return { status: 401, code: "no_token" };
  const members = {
    type,
    booking_id: bookingId || null,
    token: token || null,
    query,
    client: event.client,
    connected_at: event.connectedAt,
    callback_url: endpoint?.href.replace(/\/$/, "") ?? null,
  };
  return { ...event, webhookId: `msg_c_${event.requestId}`, members };
}

function statusOf(reply: Reply): number {
  if (reply.ok) return reply.value["success"] === undefined || reply.value["success"] === true ? 200 : 403;
  if (reply.code === "backend_timeout") return 504;
  return reply.status !== undefined && passedOn.has(reply.status) ? reply.status : 502;
}

/**
 * The frames to send after an accepted handshake, JSON texts: `initial` is a list of them, or one, or
 * nothing.
 */
export function initialFrames({ text, value }: Pick<Accepted, "text" | "value">): string[] {
  const initial = value["initial"] ?? [];
  const frames = member(text || "{}", "initial") ?? "[]";
  return Array.isArray(initial) ? pieces(frames) : [frames];
}
