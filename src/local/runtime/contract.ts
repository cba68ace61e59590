/** A function as it is deployed now; Lambda's control plane knows it, the runtime only runs it. */
export interface FunctionToRun {
  arn: string;
  name: string;
  /** `$LATEST` or a number */
  version: string;
  region: string;
  account: string;
  /** `nodejs24.x`, `python3.12`, … */
  runtime: string;
  handler: string;
  timeoutSeconds: number;
  memoryMb: number;
  environment: Record<string, string>;
  zip: Uint8Array;
  logGroup: string;
  /** of the credentials that its own calls are signed with */
  sessionToken: string;
  /** changes whenever code or configuration do */
  revision: string;
}

/** What became of one event (AWS.md 4.8). */
export interface Invocation {
  requestId: string;
  /** JSON text */
  payload: string;
  functionError?: "Unhandled";
  /** text of START to REPORT, its last 4 KB */
  logTail: string;
}

/** One log event; the message ends in a line feed. `timestamp` is in ms since 1970. */
export interface LogEntry {
  group: string;
  stream: string;
  timestamp: number;
  message: string;
}

/** Runs deployed functions in child processes, one per Lambda environment. */
export interface Runtime {
  /**
   * Gives an event (JSON text) to a function. What goes wrong with the function is in the answer; it rejects
   * only after `close`.
   */
  invoke(target: FunctionToRun, payload: string): Promise<Invocation>;
  /** Lets a function finish the events that it has and ends its environments; resolves when they are gone. */
  retire(arn: string): Promise<void>;
  /** Ends everything: environments, folders. */
  close(): Promise<void>;
}

export interface RuntimeOptions {
  /** where the function's own AWS calls go; asked when an environment starts */
  endpointUrl(): string;
  log(entries: LogEntry[]): void;
  /** per function */
  maxEnvironments?: number;
  /** an environment that had nothing to do for so long is ended */
  idleMs?: number;
  /** an environment that is not ready after so long is ended, as on AWS */
  initLimitMs?: number;
  /** an event waits this long for an environment at work where the processors are busy */
  busyWaitMs?: number;
}
