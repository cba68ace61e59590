import * as v from "valibot";
import { isRecord, jsonIn } from "../contract/json.ts";
import type { TracePart } from "../contract/trace.ts";
import { recordOf } from "../logs/record.ts";
import type { Report } from "../progress.ts";
import { checked } from "./checked.ts";
import { partReader, type PartReader } from "./log-parts.ts";
import type { Source, Wanted } from "./source.ts";

/** A line of a function's log; the time is one that a `Date` takes. */
const logged = v.object({
  timestamp: v.pipe(v.number(), v.minValue(0), v.maxValue(8e15)),
  stream: v.string(),
  message: v.string(),
});

/** The local AWS itself, which knows every hop; the function's own lines come by the same way. */
export function localGateway(lines: AsyncIterable<string>, report: Report): Source {
  return {
    title: "the local AWS",
    facts: ["gateway", "line", "report"],
    follow: (wanted) => parts(lines, wanted, report),
  };
}

async function* parts(
  lines: AsyncIterable<string>,
  wanted: Wanted,
  report: Report,
): AsyncGenerator<TracePart> {
  let isKept = true;
  const partOf = partReader();
  for await (const line of lines) {
    const item = jsonIn(line);
    if (!isRecord(item)) continue;
    // All that it had kept was before this.
    if (item["kind"] === "following") isKept = false;
    if (item["kind"] === "omitted" && typeof item["items"] === "number")
      report({ kind: "warning", message: `${item["items"]} records were left out: the output was not read` });
    const part = partIn(item, partOf);
    if (part) yield isKept && !isWanted(part, wanted) ? { ...part, isPast: true } : part;
  }
}

/** Any program may listen at the port: an item is of the kind that it names, or is none. */
function partIn(item: Readonly<Record<string, unknown>>, partOf: PartReader): TracePart | undefined {
  if (item["kind"] === "trace") return checked(item);
  if (item["kind"] !== "log") return undefined;
  const { success, output } = v.safeParse(logged, item);
  const part = success ? partOf(recordOf(output)) : undefined;
  return part && { ...part, functionName: functionOf(item["group"]) };
}

/** Whose log it is, by its usual group; one with another group is told by the report of its invocation. */
export const functionOf = (group: unknown): string | undefined =>
  typeof group === "string" ? /^\/aws\/lambda\/(.+)$/.exec(group)?.[1] : undefined;

/** Whether something that was kept is of the time that is wanted. */
function isWanted({ at, hops }: TracePart, { since = Infinity, request }: Wanted): boolean {
  return request !== undefined || (at ?? hops[0]?.startedAt ?? 0) >= since;
}
