import type { Aws } from "../aws/clients.ts";
import { logGroupOf } from "../aws/lambda-function.ts";
import { explain } from "../errors/explain.ts";
import type { Report } from "../progress.ts";
import { followedGroup, followLog, hasStreams, type FollowedGroup } from "./follow.ts";
import { recordOf, selected, type LogRecord } from "./record.ts";

/** Which function's log, and what of it. `since` in milliseconds since 1970. */
export interface TailOptions {
  functionName: string;
  since?: number | undefined;
  filter?: string | undefined;
  errors: boolean;
  connection?: string | undefined;
  request?: string | undefined;
  follow: boolean;
}

export interface TailResult {
  group: string;
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

/** Emits the records of a function's log, until its end or until the signal is aborted. */
export async function tailLog(aws: Aws, options: TailOptions, reader: Reader): Promise<TailResult> {
  const { functionName, follow } = options;
  const { group, found } = await groupOf(aws, functionName, reader);
  const now = Date.now();
  const isInvoked = found && (await hasStreams(aws.logs, found));
  if (!found || !(isInvoked || follow))
    return { group, exists: found !== undefined, invoked: false, records: 0 };
  if (follow) reader.report({ kind: "note", message: `following ${group}, Ctrl-C ends` });
  if (!isInvoked)
    reader.report({ kind: "note", message: `not invoked yet: there is nothing in ${group}, waiting` });
  // Into an empty log the first lines may come before the live tail has begun.
  const since = options.since ?? (!isInvoked ? now : follow ? undefined : now - HOUR_MS);
  const records = await emitted(aws, found, { ...options, since }, reader);
  return { group, exists: true, invoked: Boolean(isInvoked) || records > 0, records };
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

/** Emits what is wanted of the log; returns how many records. */
async function emitted(
  { logs }: Aws,
  group: FollowedGroup,
  options: TailOptions,
  { report, signal, emit, drained }: Reader,
): Promise<number> {
  const isWanted = selected(options);
  let records = 0;
  try {
    for await (const event of followLog(logs, group, { ...options, report, signal })) {
      const record = recordOf(event);
      if (!isWanted(record)) continue;
      records += 1;
      emit(record);
      await drained();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return records;
}
