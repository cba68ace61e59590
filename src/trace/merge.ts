import type { Hop, Trace, TraceFact, TracePart } from "../contract/trace.ts";

/** A trace of which nothing is known. */
export const nothing: Trace = { at: Infinity, hops: [] };

type Told = Omit<TracePart, "fact" | "isPast" | "isAll">;

/** A trace with what a part adds. The function knows best what went wrong, API Gateway when it began. */
export function merged(trace: Trace, part: Told, fact: TraceFact): Trace {
  const { at, hops, problem, reason, ...rest } = part;
  const told = Object.fromEntries(
    Object.entries(rest).filter(([name, value]) => name in blank && value !== undefined),
  );
  const better = fact !== "gateway";
  return {
    ...trace,
    ...told,
    problem: (better ? (problem ?? trace.problem) : (trace.problem ?? problem)) ?? undefined,
    reason: (better ? (reason ?? trace.reason) : (trace.reason ?? reason)) ?? undefined,
    at: fact === "gateway" && at !== undefined ? at : Math.min(trace.at, at ?? Infinity, ...begins(hops)),
    hops: hops.reduce((all, hop) => withHop(all, hop, fact), trace.hops),
  };
}

/** The members of a trace that are taken as they are told. */
const blank = {
  requestId: 0,
  event: 0,
  connectionId: 0,
  apiId: 0,
  stage: 0,
  functionName: 0,
  region: 0,
  lambdaRequestId: 0,
  routeKey: 0,
  type: 0,
  booking: 0,
  attempts: 0,
  coldMs: 0,
  bytesIn: 0,
  sent: 0,
  gone: 0,
  failed: 0,
  test: 0,
} satisfies Partial<Record<keyof Trace, 0>>;

const begins = (hops: readonly Hop[]): number[] => hops.flatMap(({ startedAt }) => startedAt ?? []);

/** Each single frame is a hop of its own; of another hop Lambda's REPORT has the last word on its times. */
function withHop(hops: readonly Hop[], hop: Hop, fact: TraceFact): Hop[] {
  const same = (one: Hop) => one.hop === hop.hop && one.to === undefined && hop.to === undefined;
  const present = hops.find(same);
  if (!present) return [...hops, hop];
  const [base, over] = fact === "report" ? [present, hop] : [hop, present];
  const both = {
    ...base,
    ...Object.fromEntries(Object.entries(over).filter(([, value]) => value !== undefined)),
  };
  return hops.map((one) => (one === present ? both : one));
}
