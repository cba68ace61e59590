import type { TracedEvent, TracePart } from "../contract/trace.ts";
import { jsonIn } from "../contract/json.ts";
import { followLog } from "../logs/follow.ts";
import { checked } from "./checked.ts";
import type { LogPlace } from "./function-log.ts";
import type { Source } from "./source.ts";

const events: Readonly<Record<string, TracedEvent>> = {
  CONNECT: "connect",
  MESSAGE: "message",
  DISCONNECT: "disconnect",
};

/** What is read of an access log, by the variable that a format has for it (AWS.md 1.15). */
const variables = {
  requestId: ["requestId", "extendedRequestId"],
  connectionId: ["connectionId"],
  eventType: ["eventType"],
  routeKey: ["routeKey"],
  status: ["status"],
  at: ["requestTimeEpoch"],
  ms: ["integration.latency", "integrationLatency"],
  error: ["integration.error", "integrationErrorMessage", "error.message"],
} as const;
type Fact = keyof typeof variables;

/** The members of a line in which a format puts what is read. */
export type Members = Readonly<Partial<Record<Fact, string>>>;

/**
 * Reads a stage's format, which is whatever its owner chose: the members of a JSON object that hold one
 * variable each. Undefined for a format that is no JSON, or that does not tell of which request a line is.
 */
export function membersOf(format: string): Members | undefined {
  const template = jsonIn(format.replaceAll(/:\s*(\$context\.[\w.]+)/g, ':"$1"'));
  if (typeof template !== "object" || template === null) return undefined;
  const memberOf = new Map(
    Object.entries(template).flatMap(([member, value]) =>
      typeof value === "string" ? [[value.replace(/^\$context\./, ""), member] as const] : [],
    ),
  );
  const found = Object.entries(variables).flatMap(([fact, names]) => {
    const member = names.map((name) => memberOf.get(name)).find((name) => name !== undefined);
    return member === undefined ? [] : [[fact, member] as const];
  });
  const members: Members = Object.fromEntries(found);
  return members.requestId === undefined ? undefined : members;
}

/** The access log of a stage: what API Gateway itself says of each event. */
export function accessLog({ logs, group, report, signal }: LogPlace, members: Members): Source {
  return {
    title: `the access log ${group.name}`,
    facts: ["gateway"],
    async *follow({ since, follow, request }) {
      const filter = request === undefined ? {} : { filter: `"${request}"` };
      for await (const event of followLog(logs, group, { since, follow, ...filter, report, signal })) {
        const part = linePart(event, members);
        if (part) yield part;
      }
    },
  };
}

function linePart(
  { message, timestamp }: { message: string; timestamp: number },
  members: Members,
): TracePart | undefined {
  const line = jsonIn(message);
  if (typeof line !== "object" || line === null) return undefined;
  const fields: Readonly<Record<string, unknown>> = { ...line };
  // What a request does not have, API Gateway writes as `-`.
  const text = (fact: Fact) => {
    const value = fields[members[fact] ?? ""];
    if (typeof value !== "string" && typeof value !== "number") return undefined;
    return value === "-" || value === "" ? undefined : String(value);
  };
  const number = (fact: Fact) => {
    const value = Number(text(fact) ?? NaN);
    return Number.isFinite(value) ? value : undefined;
  };
  const requestId = text("requestId");
  if (requestId === undefined) return undefined;
  const startedAt = number("at");
  return checked({
    fact: "gateway",
    requestId,
    event: events[text("eventType") ?? ""],
    connectionId: text("connectionId"),
    at: startedAt ?? timestamp,
    routeKey: text("routeKey"),
    reason: text("error"),
    hops: [{ hop: "gateway", startedAt, ms: number("ms"), status: number("status") }],
  });
}
