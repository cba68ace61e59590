import type { TracedEvent, TracePart } from "../contract/trace.ts";
import { accessLine, type Members } from "../logs/access-log.ts";
import { followLog } from "../logs/follow.ts";
import type { LogEvent } from "../logs/record.ts";
import { checked } from "./checked.ts";
import type { LogPlace } from "./function-log.ts";
import type { Source } from "./source.ts";

const events: Readonly<Record<string, TracedEvent>> = {
  CONNECT: "connect",
  MESSAGE: "message",
  DISCONNECT: "disconnect",
};

/** The access log of a stage: what API Gateway itself says of each event. */
export function accessLog({ logs, group, report, signal }: LogPlace, members: Members): Source {
  return {
    title: `the access log ${group.name}`,
    facts: ["gateway"],
    async *follow({ since, follow, request }) {
      const filter = request === undefined ? {} : { filter: `"${request}"` };
      for await (const event of followLog(logs, [group], { since, follow, ...filter, report, signal })) {
        const part = linePart(event, members);
        if (part) yield part;
      }
    },
  };
}

function linePart({ message, timestamp }: LogEvent, members: Members): TracePart | undefined {
  const line = accessLine(message, members);
  if (line?.requestId === undefined) return undefined;
  const { at: startedAt, ms, status } = line;
  return checked({
    fact: "gateway",
    requestId: line.requestId,
    event: events[line.eventType ?? ""],
    connectionId: line.connectionId,
    at: startedAt ?? timestamp,
    routeKey: line.routeKey,
    reason: line.error,
    hops: [{ hop: "gateway", startedAt, ms, status }],
  });
}
