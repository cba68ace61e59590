import type { Aws } from "../aws/clients.ts";
import type { TracePart } from "../contract/trace.ts";
import { followLog } from "../logs/follow.ts";
import type { FollowedGroup } from "../logs/group.ts";
import { recordOf } from "../logs/record.ts";
import type { Report } from "../progress.ts";
import { partReader } from "./log-parts.ts";
import type { Source, Wanted } from "./source.ts";

/** Where a log is, and what ends its reading. */
export interface LogPlace {
  logs: Aws["logs"];
  group: FollowedGroup;
  report: Report;
  signal: AbortSignal;
}

/** No connection is older (AWS.md 1.12), with some time to spare. */
const OLDEST_CONNECTION_MS = 130 * 60_000;
/** A REPORT may come so much earlier or later in time than what it belongs to. */
const AROUND_MS = 16 * 60_000;

/** Where a function's log is, and whose it is. */
interface FunctionLogPlace extends LogPlace {
  functionName: string;
}

/** The function's log: the handler's lines and Lambda's. */
export function functionLog(place: FunctionLogPlace): Source {
  return {
    title: `the log group ${place.group.name}`,
    facts: ["line", "report"],
    follow: (wanted) => (wanted.request === undefined ? all(place, wanted) : one(place, wanted)),
  };
}

async function* all(place: FunctionLogPlace, wanted: Wanted): AsyncGenerator<TracePart> {
  const { since, follow, needsBookings } = wanted;
  if (needsBookings) {
    const known = { since: (since ?? Date.now()) - OLDEST_CONNECTION_MS, follow: false };
    for await (const part of parts(place, { ...known, filter: '{ $.event = "connect" }' }))
      yield { ...part, isPast: true };
  }
  yield* parts(place, { since, follow });
}

/** What has an id, and then what has Lambda's id of the same invocation; of a connection only the former. */
async function* one(place: FunctionLogPlace, { since, request }: Wanted): AsyncGenerator<TracePart> {
  const lambdaIds = new Map<string, number>();
  for await (const part of parts(place, { since, follow: false, filter: `"${request}"` })) {
    yield part;
    if (part.lambdaRequestId !== undefined && part.requestId === request)
      lambdaIds.set(part.lambdaRequestId, part.at ?? 0);
  }
  for (const [id, at] of lambdaIds) yield* parts(place, { since: at - AROUND_MS, follow: false, about: id });
}

async function* parts(
  { logs, group, functionName, report, signal }: FunctionLogPlace,
  wanted: { since?: number | undefined; follow: boolean; filter?: string; about?: string },
): AsyncGenerator<TracePart> {
  const partOf = partReader();
  for await (const event of followLog(logs, [group], { ...wanted, report, signal })) {
    const part = partOf(recordOf(event));
    if (part) yield { ...part, functionName };
  }
}
