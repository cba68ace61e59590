import * as v from "valibot";
import { hopNames, tracedEvents, type TracePart } from "../contract/trace.ts";
import { beginningOf, redacted } from "../logs/redact.ts";

const orNothing = <T>(schema: v.GenericSchema<unknown, T>) => v.fallback(v.optional(schema), undefined);
const numberUpTo = (most: number) => v.pipe(v.number(), v.minValue(0), v.maxValue(most));

/** A count, a size or a duration in ms. */
const amount = orNothing(numberUpTo(1e9));
/** What a `Date` takes, with room for a duration before it. */
const time = orNothing(numberUpTo(8e15));
const text = orNothing(v.string());
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
  reason: text,
  test: mark,
  isPast: mark,
  isAll: mark,
});

/** An error's name and message have as many lines as its author likes, and may hold what a client sent. */
const LONGEST_TEXT = 1_000;
const shortened = (given: string): string =>
  beginningOf(redacted(beginningOf(given.replaceAll(/\s+/g, " "), 2 * LONGEST_TEXT)), LONGEST_TEXT);

/**
 * What a source tells, without what cannot be: any function may write any line, and any program may listen at
 * a port. Undefined for what is no part of a trace at all. `masked` gives a text without known secrets.
 */
export function checked(given: unknown, masked = (whole: string) => whole): TracePart | undefined {
  const { success, output } = v.safeParse(part, given);
  if (!success) return undefined;
  const { isPast, isAll, problem, reason, ...rest } = output;
  const told = (whole: string | undefined) => (whole === undefined ? undefined : shortened(masked(whole)));
  return {
    ...rest,
    problem: told(problem),
    reason: told(reason),
    ...(isPast && { isPast }),
    ...(isAll && { isAll }),
  };
}
