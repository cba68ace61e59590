import * as v from "valibot";
import { hopNames, tracedEvents, type TracePart } from "../contract/trace.ts";
import { redacted } from "../logs/redact.ts";

const orNothing = <T>(schema: v.GenericSchema<unknown, T>) => v.fallback(v.optional(schema), undefined);
const numberUpTo = (most: number) => v.pipe(v.number(), v.minValue(0), v.maxValue(most));

/** A count, a size or a duration in ms. */
const amount = orNothing(numberUpTo(1e9));
/** What a `Date` takes, with room for a duration before it. */
const time = orNothing(numberUpTo(8e15));
const text = orNothing(v.string());
/** An error's message has as many lines as its author likes, and may hold what a client sent. */
const LONGEST_REASON = 1_000;
const shortened = (given: string): string =>
  redacted(given.slice(0, 2 * LONGEST_REASON))
    .replaceAll(/\s+/g, " ")
    .slice(0, LONGEST_REASON);
const reason = orNothing(v.pipe(v.string(), v.transform(shortened)));
/** It becomes a part of a filter pattern. */
const id = orNothing(v.pipe(v.string(), v.regex(/^[\w=-]{1,128}$/)));
const mark = orNothing(v.literal(true));

const hop = v.object({
  hop: v.picklist(hopNames),
  startedAt: time,
  ms: amount,
  status: orNothing(v.union([numberUpTo(999), v.string()])),
  to: text,
  bytes: amount,
});

const part = v.object({
  fact: v.picklist(["gateway", "line", "report"]),
  requestId: id,
  lambdaRequestId: id,
  event: orNothing(v.picklist(tracedEvents)),
  connectionId: text,
  apiId: text,
  stage: text,
  functionName: text,
  region: text,
  at: time,
  routeKey: text,
  type: text,
  booking: text,
  hops: v.array(hop),
  attempts: amount,
  coldMs: amount,
  bytesIn: amount,
  sent: amount,
  gone: amount,
  failed: amount,
  problem: text,
  reason,
  test: mark,
  isPast: mark,
  isAll: mark,
});

/**
 * What a source tells, without what cannot be: any function may write any line, and any program may listen at
 * a port. Undefined for what is no part of a trace at all.
 */
export function checked(given: unknown): TracePart | undefined {
  const { success, output } = v.safeParse(part, given);
  if (!success) return undefined;
  const { isPast, isAll, ...rest } = output;
  return { ...rest, ...(isPast && { isPast }), ...(isAll && { isAll }) };
}
