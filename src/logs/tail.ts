import type { Aws } from "../aws/clients.ts";
import { logGroupOf } from "../aws/lambda-function.ts";
import { explain } from "../errors/explain.ts";
import { telling, type Report } from "../progress.ts";
import { accessLogOf, accessRecordOf, type AccessLog } from "./access-log.ts";
import { followLog } from "./follow.ts";
import { followedGroup, hasStreams, type FollowedGroup, type GroupEvent } from "./group.ts";
import { recordOf, selected, type LogRecord } from "./record.ts";

/** Whose logs, and what of them. `since` in milliseconds since 1970. */
export interface TailOptions {
  functionName: string;
  apiName: string;
  stage: string;
  since?: number | undefined;
  filter?: string | undefined;
  errors: boolean;
  connection?: string | undefined;
  request?: string | undefined;
  follow: boolean;
}

export interface TailResult {
  group: string;
  /** The group of the stage's access log; null where that is off or cannot be read. */
  accessLog: string | null;
  /** Whether there is a log group at all. */
  exists: boolean;
  /** Whether the function has ever written to its log. */
  invoked: boolean;
  /** How many records were emitted. */
  records: number;
}

interface Reader {
  report: Report;
  signal: AbortSignal;
  emit(record: LogRecord): void;
  /** Settles when more may be emitted. */
  drained(): Promise<void>;
}

/** How far back it reads without `since` where it does not follow. */
const HOUR_MS = 3_600_000;

/** A log that is read, and how its lines are understood. */
interface Log {
  group: FollowedGroup;
  recordOf(event: GroupEvent): LogRecord;
}

/**
 * Emits the records of a function's log and of its stage's access log together, until their end or until the
 * signal is aborted.
 */
export async function tailLog(aws: Aws, options: TailOptions, reader: Reader): Promise<TailResult> {
  const askedAt = Date.now();
  const [{ group, found }, access] = await Promise.all([
    groupOf(aws, options.functionName, reader),
    accessOf(aws, options),
  ]);
  reader.signal.throwIfAborted();
  if (access.whyNot !== undefined)
    reader.report({ kind: "note", message: `the access log is left out: ${access.whyNot}` });
  const invoked = found !== undefined && (await hasStreams(aws.logs, found));
  const result = { group, accessLog: access.log?.group.name ?? null, exists: found !== undefined };
  const logs = [...(found ? [{ group: found, recordOf }] : []), ...ownLog(access.log, group)];
  const isThereMore = invoked || result.accessLog !== null || (options.follow && result.exists);
  if (!isThereMore) return { ...result, invoked, records: 0 };
  if (options.follow) tellWhatIsFollowed(logs, result.exists && !invoked ? group : undefined, reader);
  const since = options.since ?? defaultSince(options.follow, invoked, askedAt);
  const { records, byFunction } = await emitted(aws, logs, { ...options, since }, reader);
  return { ...result, invoked: invoked || byFunction > 0, records };
}

/** An access log, where it does not go to the function's group. */
const ownLog = (access: AccessLog | undefined, functionGroup: string): Log[] =>
  access && access.group.name !== functionGroup
    ? [{ group: access.group, recordOf: (event) => accessRecordOf(event, access.members) }]
    : [];

const namesOf = (logs: readonly Log[]): string => logs.map(({ group }) => group.name).join(" and ");

function tellWhatIsFollowed(logs: readonly Log[], empty: string | undefined, { report }: Reader): void {
  report({ kind: "note", message: `following ${namesOf(logs)}, Ctrl-C ends` });
  if (empty !== undefined)
    report({ kind: "note", message: `not invoked yet: there is nothing in ${empty}, waiting` });
}

/** Into a log that was found empty the first lines may come before the live tail has begun. */
function defaultSince(follow: boolean, invoked: boolean, askedAt: number): number | undefined {
  if (!follow) return askedAt - HOUR_MS;
  return invoked ? undefined : askedAt;
}

/**
 * The access log of the stage; undefined where it is off, with a reason where it is on and cannot be read.
 */
async function accessOf(
  aws: Aws,
  options: TailOptions,
): Promise<{ log: AccessLog | undefined; whyNot?: string }> {
  try {
    const found = await accessLogOf(aws, options);
    if ("group" in found) return { log: found };
    return { log: undefined, ...(found.isOn ? { whyNot: found.why } : {}) };
  } catch (error) {
    return { log: undefined, whyNot: explain(error).message };
  }
}

/**
 * The group that the function writes to: the usual one, or the one that it is set to (AWS.md 4.3). Both are
 * asked for at once, as nearly every function has the usual one.
 */
export async function groupOf(
  aws: Aws,
  functionName: string,
  { report, signal }: Pick<Reader, "report" | "signal">,
): Promise<{ group: string; found: FollowedGroup | undefined }> {
  const usual = `/aws/lambda/${functionName}`;
  // A caller that may read the log may still not read the function.
  const set = logGroupOf(aws, functionName).then(
    (group) => ({ group, fault: undefined }),
    (fault: unknown) => ({ group: undefined, fault }),
  );
  const [found, { group = usual, fault }] = await Promise.all([followedGroup(aws.logs, usual), set]);
  signal.throwIfAborted();
  if (fault !== undefined) {
    const why = explain(fault).message;
    report({ kind: "note", message: `reading ${usual}, as the function cannot be asked: ${why}` });
  }
  return { group, found: group === usual ? found : await followedGroup(aws.logs, group) };
}

/** Emits what is wanted of the logs; returns how many records, and how many of them are the function's. */
async function emitted(
  aws: Aws,
  logs: readonly Log[],
  options: TailOptions,
  { report, signal, emit, drained }: Reader,
): Promise<{ records: number; byFunction: number }> {
  const isWanted = selected(options);
  const readers = new Map(logs.map((log) => [log.group.name, log.recordOf]));
  const wanted = { ...options, about: aboutOf(options), report, signal };
  const count = { records: 0, byFunction: 0 };
  const groups = logs.map(({ group }) => group);
  using _told = options.follow ? undefined : telling(report, `reading ${namesOf(logs)}`);
  try {
    for await (const event of followLog(aws.logs, groups, wanted)) {
      const record = (readers.get(event.group) ?? recordOf)(event);
      if (!isWanted(record)) continue;
      count.records += 1;
      if (record.origin !== "access") count.byFunction += 1;
      emit(record);
      await drained();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return count;
}

/** What CloudWatch can look for: of two ids one may be in another line than the other. */
const aboutOf = ({ connection, request }: TailOptions): string | undefined =>
  connection !== undefined && request !== undefined ? undefined : (connection ?? request);
