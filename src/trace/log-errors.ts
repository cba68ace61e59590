import type { TracePart } from "../contract/trace.ts";
import type { LogRecord } from "../logs/record.ts";

/** Why an invocation failed: AWS's `errorType` and `errorMessage`. */
type Failure = Pick<TracePart, "problem" | "reason">;

/** An error in a stream whose REPORT is still to come. */
interface Pending extends Failure {
  /** Whether it ended an invocation, whatever the REPORT says; a function may also log what it has caught. */
  isSure: boolean;
}

/** Streams whose errors are remembered at most. */
const MOST = 1_000;

/** Remembers the last error of each stream until the REPORT that it belongs to. */
export function lastErrors() {
  const pending = new Map<string, Pending>();
  return {
    /** What failed the invocation whose REPORT this is; undefined for every other record. */
    before(record: LogRecord): Failure | undefined {
      const { origin, stream } = record;
      const last = pending.get(stream);
      if (origin === "function") {
        const error = errorIn(record);
        if (error) pending.set(stream, error);
        const [oldest = stream] = pending.keys();
        if (pending.size > MOST) pending.delete(oldest);
      }
      // What failed before the event need not have failed it.
      if (origin === "start" && last) pending.set(stream, { ...last, isSure: false });
      if (origin !== "report" || record.fields?.["RequestId"] === undefined) return undefined;
      pending.delete(stream);
      return failureOf(last, record.fields);
    },
  };
}

function failureOf(last: Pending | undefined, report: Record<string, unknown>): Failure | undefined {
  const { Status = "success", "Error Type": problem } = report;
  const hasFailed = Status !== "success";
  if (last && (last.isSure || hasFailed)) return { problem: last.problem, reason: last.reason };
  return hasFailed && typeof problem === "string" ? { problem } : undefined;
}

const thrown = /^(Invoke Error|Init Error|Uncaught Exception|Unhandled Promise Rejection): /;
const raised = /\nTraceback \(most recent call last\):/;
const timedOut = /^Task timed out after .*/;
const exited = /^RequestId: \S+ Error: (.*)\n(Runtime\.\w+)$/s;

/** The error that a line of a runtime or of Lambda tells (AWS.md 4.8, 5.3). */
function errorIn({ level, text, fields = {} }: LogRecord): Pending | undefined {
  const [, reason, problem] = exited.exec(text) ?? [];
  if (problem !== undefined) return { problem, reason, isSure: true };
  if (level !== "ERROR") return undefined;
  if (timedOut.test(text)) return { problem: "Sandbox.Timedout", reason: text, isSure: true };
  const { errorType, errorMessage } = fields;
  if (typeof errorType !== "string") return undefined;
  const isSure = thrown.test(text) || raised.test(text) || "log_level" in fields;
  return { problem: errorType, reason: typeof errorMessage === "string" ? errorMessage : undefined, isSure };
}
