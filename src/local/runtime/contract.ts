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
  /** From which level on its lines are logged as JSON; undefined for text. */
  jsonLog?: { application: string; system: string } | undefined;
  /** The ARN of its execution role. */
  role: string;
  /** Whether its calls are sampled for X-Ray. */
  traced: boolean;
  /** Changes whenever code or configuration do. */
  revision: string;
}

/** What an environment signs its calls of AWS with, in the words of STS. */
export interface Credentials {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
}

/** What is said of one call of a function besides its event. */
export interface CallOptions {
  /** Of this call and of what it logs; a new one when left out. */
  requestId?: string;
  /** What the handler sees as `invokedFunctionArn`; the function's own when left out. */
  calledArn?: string;
}

/** How one event ended (AWS.md 4.8). */
export interface Invocation {
  requestId: string;
  /** JSON text */
  payload: string;
  functionError?: "Unhandled";
  /** How long the handler took, without starting its environment. */
  durationMs: number;
  /** Text of START to REPORT, its last 4 KB. */
  logTail: string;
}

/** One event that a function has worked on, as it ended. */
export interface Run {
  functionName: string;
  region: string;
  /** Lambda's id. */
  requestId: string;
  /** Of its environment's credentials, which no other environment has: it works on one event at a time. */
  accessKeyId: string;
  /** Epoch milliseconds. */
  startedAt: number;
  ms: number;
  /** How long its environment took to start; only of its first event. */
  initMs?: number | undefined;
  /** Why its environment was lost; absent where it was not. */
  status?: string | undefined;
  /** The error that its caller got; absent where it answered. */
  failure?: StartFailure | undefined;
}

/** One log event; the message ends in a line feed. `timestamp` is in ms since 1970. */
export interface LogEntry {
  group: string;
  stream: string;
  timestamp: number;
  message: string;
}

/** Why a function does not start, in AWS's words (AWS.md 4.8): such as `Runtime.ImportModuleError`. */
export interface StartFailure {
  type: string;
  message: string;
}

/** Runs deployed functions in child processes, one per Lambda environment. */
export interface Runtime {
  /**
   * Invokes a function with an event (JSON text). A failure of the function is in the result; it rejects only
   * after `close`.
   */
  invoke(target: FunctionToRun, payload: string, options?: CallOptions): Promise<Invocation>;
  /**
   * Starts a function once, beside those that run, gives it no event and logs nothing; why it does not
   * start, undefined where it does.
   */
  tryOut(target: FunctionToRun): Promise<StartFailure | undefined>;
  /** Lets a function finish its events and ends its environments; resolves when they are gone. */
  retire(arn: string): Promise<void>;
  /** Ends everything: environments, folders. */
  close(): Promise<void>;
}

export interface RuntimeOptions {
  /** Where the function's own AWS calls go; asked when an environment starts. */
  endpointUrl(): string;
  /** The authority, as PEM, that a function trusts for TLS at that address; none without it. */
  authority?(): string;
  /** Folders; the AWS SDK that is installed for the first that has one is what Node functions find. */
  packagesFrom?: readonly string[] | undefined;
  log(entries: LogEntry[]): void;
  /** Gets every event that has ended in an environment. */
  onRun?(run: Run): void;
  /** The credentials of a new environment; made-up ones without it. */
  credentials?(target: FunctionToRun): Credentials;
  /** Per function. */
  maxEnvironments?: number;
  /** An environment that has been idle this long is ended. */
  idleMs?: number;
  /** An environment that is not ready after this long is ended, as on AWS. */
  initLimitMs?: number;
  /** How long an event waits for a busy environment while the processors are busy. */
  busyWaitMs?: number;
}
