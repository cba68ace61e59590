import type { Aws } from "../aws/clients.ts";
import { servedCodeOwner } from "../aws/code-owner.ts";
import { apiOf } from "../aws/deployed.ts";
import { localTraces } from "../aws/local-traces.ts";
import { explain } from "../errors/explain.ts";
import { accessLogOf } from "../logs/access-log.ts";
import { groupOf } from "../logs/tail.ts";
import { telling, type Report } from "../progress.ts";
import { accessLog } from "./access-log.ts";
import { functionLog } from "./function-log.ts";
import { createJoiner } from "./join.ts";
import { localGateway } from "./local-gateway.ts";
import { hasFailed, isOfStack, isSelected, recordOf, type Selection, type TraceRecord } from "./record.ts";
import type { Source, Wanted } from "./source.ts";

/** Whose traces, which of them, and from when. */
export interface TraceOptions extends Selection {
  functionName: string;
  apiName: string;
  stage: string;
  /** Milliseconds since 1970. */
  since?: number | undefined;
  follow: boolean;
}

interface Reader {
  report: Report;
  signal: AbortSignal;
  emit(record: TraceRecord): void;
  /** Settles when more may be emitted. */
  drained(): Promise<void>;
}

/** How far back it reads without `since` where it does not follow. */
const HOUR_MS = 3_600_000;
const TICK_MS = 250;

export interface FollowResult {
  /** What was read. */
  sources: string[];
  /** From when on they were read, ISO time; null for only those from now on. */
  since: string | null;
  /** How many traces were emitted. */
  traces: number;
}

/**
 * Emits the traces of a stack: as they happen until the signal is aborted, or with `follow` false those that
 * there are, each once and by their time.
 */
export async function followTraces(aws: Aws, options: TraceOptions, reader: Reader): Promise<FollowResult> {
  const { follow, booking } = options;
  const since = options.since ?? (follow ? undefined : Date.now() - HOUR_MS);
  const { sources, isLocal } = await sourcesOf(aws, options, reader);
  const isWanted = await choiceOf(aws, options, isLocal);
  if (follow) reader.report({ kind: "note", message: `following ${titles(sources)}, Ctrl-C ends` });
  let traces = 0;
  const emit = (record: TraceRecord) => {
    if (!isWanted(record)) return;
    if (!isOurs(record) || !isSelected(record, options)) return;
    if (!record.amended) traces += 1;
    reader.emit(record);
  };
  const wanted = { since, follow, needsBookings: booking !== undefined };
  await joined(sources, wanted, { ...reader, emit });
  const titled = sources.map(({ title }) => title);
  return { sources: titled, since: since === undefined ? null : isoTime(since), traces };
}

export interface FindResult {
  sources: string[];
  /** From when on it was looked for, ISO time. */
  since: string;
  trace: TraceRecord | null;
  /** How many traces were emitted: null but for the id of a connection. */
  traces: number | null;
}

/**
 * Puts together what there is of one event, by API Gateway's id or Lambda's. With the id of a connection it
 * emits the traces of this.
 */
export async function findTrace(
  aws: Aws,
  request: string,
  options: Omit<TraceOptions, keyof Selection | "follow">,
  reader: Reader,
): Promise<FindResult> {
  const since = options.since ?? Date.now() - HOUR_MS;
  const { sources, isLocal } = await sourcesOf(aws, { ...options, follow: false }, reader);
  const isWanted = await choiceOf(aws, options, isLocal);
  const found: TraceRecord[] = [];
  const ofConnection: TraceRecord[] = [];
  const ofOthers: TraceRecord[] = [];
  const emit = (record: TraceRecord) => {
    const isAsked = record.requestId === request || record.lambdaRequestId === request;
    if (!isAsked && record.connectionId !== request) return;
    (isWanted(record) ? (isAsked ? found : ofConnection) : ofOthers).push(record);
  };
  await joined(sources, { since, follow: false, request, needsBookings: true }, { ...reader, emit });
  // The event itself before the frames that it had sent by a second invocation.
  const [trace = null] = found.toSorted((a, b) => rank(a) - rank(b));
  const result = { sources: sources.map(({ title }) => title), since: isoTime(since), trace };
  const [other] = ofOthers;
  if (other && trace === null && ofConnection.length === 0)
    reader.report({ kind: "note", message: `that is of another stack: ${placeOf(other)}` });
  if (trace !== null || ofConnection.length === 0) return { ...result, traces: null };
  for (const record of ofConnection) reader.emit(record);
  return { ...result, traces: ofConnection.length };
}

/** Which traces are of the stack: the local AWS tells of all that it has, the logs of AWS of one. */
async function choiceOf(
  aws: Aws,
  options: Pick<TraceOptions, "functionName" | "apiName" | "stage">,
  isLocal: boolean,
): Promise<(record: TraceRecord) => boolean> {
  if (!isLocal) return () => true;
  const stack = { ...options, region: aws.region, apiId: (await apiOf(aws, options))?.ApiId };
  return (record) => isOfStack(record, stack);
}

/** Whose a trace is, as far as it tells. */
const placeOf = ({ functionName, region, apiId, stage }: TraceRecord): string =>
  [functionName, region && `in ${region}`, apiId && `API ${apiId}`, stage && `stage ${stage}`]
    .filter(Boolean)
    .join(", ");

/** Lambda's REPORT alone may be of any invocation; one that failed may be why a line is missing. */
const isOurs = (record: TraceRecord): boolean => record.requestId !== undefined || hasFailed(record);

const rank = ({ event }: TraceRecord): number => (event === "initial" ? 1 : 0);

const isoTime = (ms: number): string => new Date(ms).toISOString();

const titles = (sources: readonly Source[]): string => sources.map(({ title }) => title).join(" and ");

/** Reads all sources at once and puts together what they tell. */
async function joined(
  sources: readonly Source[],
  wanted: Wanted,
  { emit, drained, report, signal }: Reader,
): Promise<void> {
  const facts = [...new Set(sources.flatMap((source) => source.facts))];
  const joiner = createJoiner({
    facts,
    isOrdered: !wanted.follow,
    emit: (trace, amended) => emit(recordOf(trace, amended)),
  });
  using _told = wanted.follow ? undefined : telling(report, `reading ${titles(sources)}`);
  const tick = setInterval(() => joiner.settle(performance.now()), TICK_MS);
  const read = async (source: Source) => {
    for await (const part of source.follow(wanted)) {
      joiner.add(part, performance.now());
      await drained();
    }
  };
  try {
    await Promise.all(sources.map(read));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(tick);
  }
  joiner.end();
}

/** AWS.md 1.15. */
const NO_PUSHES = "frames that a backend pushes by itself are left out: no log of AWS that is read has them";

const OWN_LINES = "your own code runs: of its lines only those are read that are like the shipped handler's";

/** Where messages can be read about: the local AWS, or AWS's logs. */
async function sourcesOf(
  aws: Aws,
  options: Pick<TraceOptions, "functionName" | "apiName" | "stage" | "follow">,
  reader: Pick<Reader, "report" | "signal">,
): Promise<{ sources: Source[]; isLocal: boolean }> {
  const lines = await localTraces(aws, options.follow);
  if (!lines) {
    reader.report({ kind: "note", message: NO_PUSHES });
    const [owner, ofFunction] = await Promise.all([
      servedCodeOwner(aws, options.functionName, "shipped"),
      functionSource(aws, options, reader),
    ]);
    if (owner === "own") reader.report({ kind: "note", message: OWN_LINES });
    // Nothing is waited for that own code need not write.
    const told = owner === "own" ? ofFunction.map((source) => ({ ...source, facts: [] })) : ofFunction;
    return { sources: [...told, ...(await accessSource(aws, options, reader))], isLocal: false };
  }
  // It keeps the last minutes; what is older is in the function's log.
  const older = options.follow ? [] : await functionSource(aws, options, reader);
  return { sources: [localGateway(lines, reader.report), ...older], isLocal: true };
}

async function functionSource(
  aws: Aws,
  { functionName }: Pick<TraceOptions, "functionName">,
  reader: Pick<Reader, "report" | "signal">,
): Promise<Source[]> {
  const { group, found } = await groupOf(aws, functionName, reader);
  if (found) return [functionLog({ logs: aws.logs, group: found, functionName, ...reader })];
  reader.report({ kind: "note", message: `not invoked yet: there is no log group ${group}` });
  return [];
}

/** Without an access log API Gateway's column is blank, and a note says so. */
async function accessSource(
  aws: Aws,
  names: Pick<TraceOptions, "functionName" | "apiName" | "stage">,
  reader: Pick<Reader, "report" | "signal">,
): Promise<Source[]> {
  const found = await accessLogOf(aws, names).catch((error: unknown) => {
    reader.signal.throwIfAborted();
    return { why: explain(error).message, isOn: true };
  });
  if ("group" in found) return [accessLog({ logs: aws.logs, group: found.group, ...reader }, found.members)];
  const how = found.isOn ? "" : "; to have them, deploy with --access-logs on";
  reader.report({ kind: "note", message: `API Gateway's own times are left blank: ${found.why}${how}` });
  return [];
}
