import { setTimeout as delay } from "node:timers/promises";
import type { Pluggable } from "@smithy/types";
import { CliError } from "../errors/error.ts";
import { tellingOfWait, type Report } from "../progress.ts";
import type { Waits } from "./wait.ts";

/** What the retry rules match: AWS's error name and message, HTTP status and Node's error code. */
interface Failure {
  name: string;
  message: string;
  status: number | undefined;
  code: string | undefined;
  retryAfterMs: number | undefined;
}

/**
 * One row of the retry table: which failures, why we wait (in the progress), how the pauses grow, and when to
 * give up.
 */
interface Rule {
  reason: string;
  matches(failure: Failure): boolean;
  /** The first pause and the longest one, in milliseconds; doubled each time. */
  firstMs: number;
  longestMs: number;
  jitter: boolean;
  tries: number;
  budgetMs: number;
  /** The failure may have come after AWS had done the work, so only calls that can be repeated are. */
  notIdempotent?: boolean;
  /**
   * The wait is for something else of the same stack: it ends when the run has failed, and when the role that
   * the call names is gone.
   */
  forOthers?: true;
}

const networkCodes = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ECONNABORTED",
  "ERR_STREAM_PREMATURE_CLOSE",
]);
const throttleNames = /^(TooManyRequests|Throttl|RequestLimitExceeded|SlowDown|RequestThrottled)/;

const isThrottle = (failure: Failure) => failure.status === 429 || throttleNames.test(failure.name);
const isUnreached = ({ name, message }: Failure) =>
  name === "TimeoutError" && /did not establish a connection/.test(message);
const isUnreadable = (failure: Failure) =>
  /^(SyntaxError|NotAwsAnswer)$/.test(failure.name) ||
  /Deserialization error|XML parse error/.test(failure.message);
const isUnavailable = (failure: Failure) =>
  (failure.status !== undefined && failure.status >= 500) ||
  failure.name === "TimeoutError" ||
  (failure.code !== undefined && networkCodes.has(failure.code)) ||
  isUnreadable(failure);

/** Why a call waits that is throttled. */
export const REQUEST_LIMIT = "AWS's request limit";

/**
 * The retry table: every pause that a call to AWS may take is one of these rows (AWS.md 4.4, 4.5, 6.4, 8.5).
 */
const rules: readonly Rule[] = [
  {
    reason: "IAM propagation",
    matches: ({ name, message }) =>
      name === "InvalidParameterValueException" &&
      /cannot be assumed|valid principal|CreateNetworkInterface/.test(message),
    firstMs: 250,
    longestMs: 500,
    jitter: false,
    tries: Infinity,
    budgetMs: 180_000,
    forOthers: true,
  },
  {
    reason: "the running update of the function",
    matches: ({ name, message }) =>
      name === "ResourceConflictException" && /in progress|Pending/.test(message),
    firstMs: 300,
    longestMs: 2_000,
    jitter: false,
    tries: Infinity,
    budgetMs: 300_000,
    forOthers: true,
  },
  {
    reason: "another change of the same API",
    matches: ({ name, message }) =>
      /^(ConcurrentModification|OperationAborted)/.test(name) ||
      (name === "ConflictException" && /concurrent|try again/i.test(message)),
    firstMs: 500,
    longestMs: 5_000,
    jitter: true,
    tries: Infinity,
    budgetMs: 60_000,
    forOthers: true,
  },
  {
    reason: REQUEST_LIMIT,
    matches: isThrottle,
    firstMs: 500,
    longestMs: 20_000,
    jitter: true,
    tries: 10,
    budgetMs: 120_000,
    notIdempotent: true,
  },
  {
    reason: "a connection to AWS",
    matches: isUnreached,
    firstMs: 100,
    longestMs: 1_000,
    jitter: true,
    // Each of them takes the 3 s of a connection that is not made: together they stay below 15 s (FAULTS.md
    // D-32).
    tries: 4,
    budgetMs: 15_000,
    notIdempotent: true,
  },
  {
    reason: "an answer of AWS",
    matches: isUnavailable,
    firstMs: 100,
    longestMs: 5_000,
    jitter: true,
    tries: 6,
    budgetMs: 60_000,
    notIdempotent: true,
  },
];

/**
 * Calls whose repetition makes a second thing: none of them has an idempotency token, and AWS gives these no
 * unique name (AWS.md 3.1). A version that is published again is the same one (AWS.md 4.6).
 */
const unrepeatable = /^(Create|Add|Invoke|PostTo)/;

/** Reads what the rules need from anything that was thrown by an SDK client. */
function failureOf(error: unknown): Failure {
  const thrown = error as {
    name?: string;
    message?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
    $response?: { statusCode?: number; headers?: Record<string, string> };
  };
  const retryAfter = Number(thrown.$response?.headers?.["retry-after"]);
  return {
    name: thrown.name ?? "",
    message: thrown.message ?? "",
    status: thrown.$metadata?.httpStatusCode ?? thrown.$response?.statusCode,
    code: thrown.code,
    retryAfterMs: retryAfter > 0 ? Math.min(retryAfter, 20) * 1000 : undefined,
  };
}

/**
 * Whether the call may have been carried out although it failed: no answer, a 5xx, an answer that cannot be
 * read, or a throttle (which some services count after the work).
 */
export function mayHaveSucceeded(error: unknown): boolean {
  const failure = failureOf(error);
  return isUnavailable(failure) || isThrottle(failure);
}

/** Whether AWS limits the rate of calls, which ends by itself. */
export const isThrottled = (error: unknown): boolean => isThrottle(failureOf(error));

/**
 * Whether AWS says that there is one already: the four spellings of Lambda, API Gateway, IAM and CloudWatch
 * Logs (AWS.md 4.4, 6.3, 7.2).
 */
export function alreadyExists(error: unknown): boolean {
  const { name, message } = failureOf(error);
  return (
    /^(EntityAlreadyExists|ResourceAlreadyExists)/.test(name) ||
    (/^(ResourceConflictException|ConflictException)$/.test(name) &&
      !/in progress|concurrent|try again/i.test(message))
  );
}

/** How calls to AWS are repeated. `timeScale` scales every pause (tests use a small one). */
export interface RetryOptions {
  report: Report;
  signal: AbortSignal;
  waits: Waits;
  timeScale: number;
  /** The role that the input of a call names, where it is gone. */
  missingRole(input: object): Promise<string | undefined>;
}

/** The n-th pause by a rule, in milliseconds before scaling. */
function pause(rule: Rule, attempt: number, retryAfterMs: number | undefined): number {
  const full = Math.min(rule.longestMs, rule.firstMs * 2 ** (attempt - 1));
  return retryAfterMs ?? (rule.jitter ? full * (0.5 + Math.random() / 2) : full);
}

/**
 * Repeats `call` by the table until it succeeds, fails for good, or a budget is used up; then the last error
 * is thrown as it came.
 */
async function withRetries<T>(
  { operation, input }: { operation: string; input: object },
  call: () => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const progress: CallProgress = { operation, input, used: new Map(), goneOnAt: performance.now() };
  try {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        await beforeNext(error, progress, options);
      }
    }
  } finally {
    if (progress.used.size > 0) options.report({ kind: "waited", id: operation });
  }
}

/**
 * What one call has used of a rule so far: each has tries and time of its own, because each waits for
 * something else.
 */
interface Used {
  tries: number;
  since: number;
}

interface CallProgress {
  operation: string;
  input: object;
  used: Map<Rule, Used>;
  /**
   * When the call was made, or made again for the last time: a rule that is met anew counts its time from
   * there.
   */
  goneOnAt: number;
}

/** A new role may take a moment until IAM shows it. */
const TRIES_BETWEEN_CHECKS = 6;

/** Waits as long as the table says before a call is made again; throws the error where it is not to be. */
async function beforeNext(
  error: unknown,
  progress: CallProgress,
  { report, signal, waits, timeScale, missingRole }: RetryOptions,
): Promise<void> {
  const { operation, input, used } = progress;
  const failure = failureOf(error);
  const rule = rules.find((row) => row.matches(failure));
  if (!rule || signal.aborted || (rule.notIdempotent && unrepeatable.test(operation))) throw error;
  const { tries, since } = used.get(rule) ?? { tries: 0, since: progress.goneOnAt };
  used.set(rule, { tries: tries + 1, since });
  const elapsedMs = performance.now() - since;
  const pauseMs = pause(rule, tries + 1, failure.retryAfterMs) * timeScale;
  if (tries + 1 >= rule.tries || elapsedMs + pauseMs > rule.budgetMs) throw error;
  const { reason, budgetMs } = rule;
  using _told = tellingOfWait(report, { id: operation, reason, since, budgetMs });
  if (rule.forOthers) {
    if (!(await waits.pause(pauseMs))) throw error;
    const gone = (tries + 1) % TRIES_BETWEEN_CHECKS === 0 ? await missingRole(input) : undefined;
    if (gone !== undefined)
      throw new CliError("resource-missing", `the role ${gone} was deleted meanwhile`, { cause: error });
  } else await delay(pauseMs, undefined, { signal });
  progress.goneOnAt = performance.now();
}

/**
 * An SDK plug-in that puts the retry table around every call of a client; the client itself must be built
 * with `maxAttempts: 1`.
 */
export function retries<Input extends object, Output extends object>(
  options: RetryOptions,
): Pluggable<Input, Output> {
  return {
    applyToStack(stack) {
      stack.add(
        (next, context) => (call) =>
          withRetries(
            { operation: String(context.commandName).replace(/Command$/, ""), input: call.input },
            () => next(call),
            options,
          ),
        {
          step: "initialize",
          name: "shelfshackRetries",
          priority: "high",
        },
      );
    },
  };
}
