import type { Accepted, Failed, Reply } from "./backend.ts";
import { isConnectionId } from "./event.ts";
import { close, type Plan, type Steps } from "./fan-out.ts";
import { isObject, member, pieces } from "./json.ts";

/**
 * What to do after the backend's answer to a message: which frames to send, and what the log says of a
 * failure (CONTRACT.md 3).
 */
export interface Consequence {
  plan: Plan;
  code?: string;
  reason?: string | undefined;
  level?: "ERROR";
}

/**
 * An error frame without `type` and `request_id`: a fixed code, a status, and the backend's own short text.
 */
interface ErrorFields {
  code: string;
  status?: number | undefined;
  detail?: string | undefined;
}

const rejected: ReadonlySet<number | undefined> = new Set([400, 403, 404, 409, 413, 422, 429]);

/**
 * The consequence of an answer to a message of `sender`. Frames are pieces of the answer's own text, so big
 * numbers survive.
 */
export function consequenceOf(reply: Reply, sender: string, requestId: string): Consequence {
  if (!reply.ok) return failed(reply, sender, requestId);
  if (Object.keys(reply.value).every((key) => key === "deliver" || key === "close")) {
    const plan = directive(reply, sender);
    return plan ? { plan } : refused(reply, sender, requestId, "not a directive");
  }
  if (holdsOrders(reply.value))
    return { ...refused(reply, sender, requestId, "another key beside deliver or close"), level: "ERROR" };
  return { plan: new Map([[sender, [reply.text]]]) };
}

/**
 * Whether an object that is no directive, because it has another key, was meant as one: as a frame it would
 * show others' ids to the sender. Lists of anything else are the backend's own data.
 */
function holdsOrders({ deliver, close: closing }: Record<string, unknown>): boolean {
  return (
    (Array.isArray(deliver) && deliver.some(isDelivery)) ||
    (Array.isArray(closing) && closing.some(isConnectionId))
  );
}

function isDelivery(entry: unknown): boolean {
  return isObject(entry) && "to" in entry && "data" in entry;
}

function refused(reply: Accepted, sender: string, requestId: string, reason: string): Consequence {
  return failed({ ...reply, ok: false, code: "backend_unavailable", reason }, sender, requestId);
}

/** The error frame of CONTRACT.md 3. */
export function errorFrame({ code, status, detail }: ErrorFields, requestId: string): string {
  return JSON.stringify({ type: "error", code, request_id: requestId, status, detail });
}

function failed(reply: Failed, sender: string, requestId: string): Consequence {
  const fields = errorFieldsOf(reply);
  const steps: Steps = [errorFrame(fields, requestId)];
  if (fields.code === "unauthorized") steps.push(close);
  return { plan: new Map([[sender, steps]]), code: fields.code, reason: reply.reason };
}

function errorFieldsOf({ status, code, detail }: Failed): ErrorFields {
  if (status === 401) return { code: "unauthorized" };
  return rejected.has(status) ? { code: "rejected", status, detail } : { code };
}

/**
 * The plan of a directive; undefined when it is not a valid one, and then nothing is sent. `null` counts as
 * left out.
 */
function directive({ text, value }: Accepted, sender: string): Plan | undefined {
  const plan: Plan = new Map();
  const deliver = value["deliver"] ?? [];
  const closing = value["close"] ?? [];
  if (!Array.isArray(deliver) || !Array.isArray(closing)) return undefined;
  const texts = pieces(member(text, "deliver") ?? "");
  for (const [index, entry] of deliver.entries()) {
    if (!isObject(entry)) return undefined;
    const frame = member(texts[index] ?? "", "data");
    if (frame === undefined || !add(plan, entry["to"], frame, sender)) return undefined;
  }
  return add(plan, closing, close, sender) ? plan : undefined;
}

/** Adds a step for each of the targets once; false when they are neither a string nor a list of strings. */
function add(plan: Plan, to: unknown, step: Steps[number], sender: string): boolean {
  const targets: unknown[] = Array.isArray(to) ? to : [to];
  const ids = new Set(targets.map((target) => (target === "self" ? sender : target)));
  for (const id of ids) {
    if (typeof id !== "string") return false;
    const steps = plan.get(id) ?? [];
    steps.push(step);
    plan.set(id, steps);
  }
  return true;
}
