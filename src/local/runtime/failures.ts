/** Why an event has no answer from its handler (AWS.md 4.8). */
export interface Failure {
  /** AWS's `errorType`, for example `Runtime.ExitError` */
  type: string;
  /** The payload that the caller of the event gets, as JSON text. */
  payload(requestId: string): string;
  /** Lines for the log, between the handler's own and END. */
  logLines(requestId: string): string[];
  /** What REPORT says after `Status:`; absent when only the handler failed and the environment stays. */
  status?: string;
}

/** The limit of an answer, as AWS states it in the error. */
export const largestResponse = 6_291_556;

/** The handler ran longer than its function's time limit. */
export function timedOut(seconds: number): Failure {
  const text = `Task timed out after ${seconds.toFixed(2)} seconds`;
  return {
    type: "Sandbox.Timedout",
    payload: (requestId) =>
      JSON.stringify({
        errorType: "Sandbox.Timedout",
        errorMessage: `RequestId: ${requestId} Error: ${text}`,
      }),
    logLines: (requestId) => [`${new Date().toISOString()} ${requestId} ${text}\n`],
    status: "timeout",
  };
}

/** The process is gone: it exited, was ended by a signal or could not be started. */
export function lost(type: string, reason: string): Failure {
  const text = (requestId: string) => `RequestId: ${requestId} Error: ${reason}`;
  return {
    type,
    payload: (requestId) => JSON.stringify({ errorType: type, errorMessage: text(requestId) }),
    logLines: (requestId) => [`${text(requestId)}\n${type}\n`],
    status: `error\tError Type: ${type}`,
  };
}

/** The process ended by itself, in AWS's words. */
export function exited(code: number | null, signal: NodeJS.Signals | null): Failure {
  if (signal)
    return lost("Runtime.ExitError", `Runtime exited with error: signal: ${signalWords[signal] ?? signal}`);
  return lost(
    "Runtime.ExitError",
    code === 0
      ? "Runtime exited without providing a reason"
      : `Runtime exited with error: exit status ${code}`,
  );
}

const signalWords: Partial<Record<NodeJS.Signals, string>> = {
  SIGKILL: "killed",
  SIGTERM: "terminated",
  SIGABRT: "aborted",
  SIGSEGV: "segmentation fault",
  SIGINT: "interrupt",
};

/** The process used more memory than its function has. */
export const outOfMemory = lost("Runtime.OutOfMemory", "Runtime exited with error: signal: killed");

/** The runtime client reported an error of the handler; its JSON is passed on unchanged. */
export function reported(body: string): Failure {
  return { type: errorTypeOf(body), payload: () => body, logLines: () => [] };
}

/** The runtime client reported that the handler could not be loaded. */
export function notLoaded(body: string): Failure {
  const failure = reported(body);
  return { ...failure, status: `error\tError Type: ${failure.type}` };
}

/** The handler answered more than Lambda passes on. */
export const responseTooLarge: Failure = reported(
  JSON.stringify({
    errorMessage: `Response payload size exceeded maximum allowed payload size (${largestResponse} bytes).`,
    errorType: "Function.ResponseSizeTooLarge",
  }),
);

/** A failure in the words that its payload has. */
export function messageOf({ type, payload }: Failure): string {
  const { errorMessage } = JSON.parse(payload("-")) as { errorMessage?: unknown };
  return typeof errorMessage === "string" ? errorMessage : type;
}

function errorTypeOf(body: string): string {
  try {
    const { errorType }: { errorType?: unknown } = JSON.parse(body) ?? {};
    return typeof errorType === "string" ? errorType : "Runtime.Unknown";
  } catch {
    // A runtime client may send any bytes; an error without a type is still an error.
    return "Runtime.Unknown";
  }
}
