import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import type { Credentials, FunctionToRun, Invocation, LogEntry, Run } from "./contract.ts";
import { type EnvironmentLog, openEnvironmentLog } from "./environment-log.ts";
import { environmentVariables } from "./environment-variables.ts";
import {
  exited,
  type Failure,
  largestResponse,
  lost,
  messageOf,
  notLoaded,
  outOfMemory,
  reported,
  responseTooLarge,
  timedOut,
} from "./failures.ts";
import { killFamily, killGroup } from "./family.ts";
import type { Reaper, Watched } from "./reaper.ts";
import { platformLinesFor, type PlatformLines, type Usage } from "./log-lines.ts";
import { type Program, runtimeVersionArn, wrapped } from "./programs.ts";
import { residentMemory } from "./resident-memory.ts";
import { type RuntimeApi, startRuntimeApi } from "./runtime-api.ts";

/** An event on its way to a handler. */
export interface WaitingEvent {
  requestId: string;
  /** JSON text */
  payload: string;
  calledArn: string;
}

/** What one environment is made from, and its callbacks. */
export interface Launch {
  target: FunctionToRun;
  /** Finds the program and unpacks the zip; its error is why the environment does not start. */
  prepare(): Promise<Prepared>;
  endpointUrl: string;
  credentials: Credentials;
  initLimitMs: number;
  reaper: Reaper;
  log(entries: LogEntry[]): void;
  onRun?: ((run: Run) => void) | undefined;
  /** It asks for an event: the first time when its init is done, then after each event. */
  idle(environment: Environment): void;
  /** Its process is gone. */
  ended(environment: Environment): void;
}

export interface Prepared {
  program: Program;
  /** The unpacked zip. */
  folder: string;
}

interface Running {
  requestId: string;
  /** By the clock that only goes forward, and epoch milliseconds. */
  startedAt: number;
  at: number;
  limit: NodeJS.Timeout;
  answered: boolean;
  resolve(invocation: Invocation): void;
}

/** One Lambda environment: a child process that gets one event at a time. */
export class Environment {
  /** `performance.now()` of the last event's end */
  idleSince = performance.now();
  /** Why it never became ready. */
  startFailure: Failure | undefined;
  pid: number | undefined;
  readonly ended: Promise<void>;

  readonly #launch: Launch;
  readonly #log: EnvironmentLog;
  readonly #lines: PlatformLines;
  #launchedAt = performance.now();
  #announceEnd: () => void = () => undefined;
  #api: RuntimeApi | undefined;
  #child: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #watched: Watched | undefined;
  #running: Running | undefined;
  #state: "starting" | "idle" | "busy" | "ending" | "ended" = "starting";
  #initLimit: NodeJS.Timeout | undefined;
  #initMs: number | undefined;
  #initReported = false;
  /** Whether it is not needed any more. */
  #isDone = false;
  #peakBytes = 0;

  constructor(launch: Launch) {
    this.#launch = launch;
    this.#log = openEnvironmentLog(launch);
    this.#lines = platformLinesFor(launch.target);
    this.ended = new Promise((resolve) => (this.#announceEnd = resolve));
  }

  /** Starts the process, which then calls the launch's `idle` and `ended`. */
  async start(): Promise<void> {
    try {
      const prepared = await this.#launch.prepare();
      const api = await this.#startApi();
      if (this.#state === "starting") this.#spawn(prepared, api.address);
      else this.#processEnded(exited(null, "SIGKILL"));
    } catch (error) {
      this.#processEnded(
        lost("Runtime.InvalidEntrypoint", error instanceof Error ? error.message : String(error)),
      );
    }
  }

  /** Gives it an event; never rejects. */
  invoke({ requestId, payload, calledArn }: WaitingEvent): Promise<Invocation> {
    const { target } = this.#launch;
    const limitMs = target.timeoutSeconds * 1000;
    this.#state = "busy";
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.#stop(timedOut(target.timeoutSeconds)), limitMs);
      const [startedAt, at] = [performance.now(), Date.now()];
      this.#running = { requestId, startedAt, at, limit, answered: false, resolve };
      this.#log.begin();
      this.#log.write(this.#lines.start(requestId, target.version));
      this.#api?.deliver({
        requestId,
        payload,
        deadlineMs: Date.now() + limitMs,
        functionArn: calledArn,
        traceId: newTraceHeader(target.traced),
      });
    });
  }

  /** Answers an event for which there is no environment, with the reason. */
  fail({ requestId }: WaitingEvent, failure: Failure): Invocation {
    const { target } = this.#launch;
    this.#log.begin();
    this.#log.write([
      ...this.#lines.start(requestId, target.version),
      ...failure.logLines(requestId),
      ...this.#lastLines(requestId, 0, failure),
    ]);
    this.#launch.onRun?.(this.#runOf({ requestId, at: Date.now() }, 0, failure));
    return {
      requestId,
      payload: failure.payload(requestId),
      functionError: "Unhandled",
      durationMs: 0,
      logTail: this.#log.tail(),
    };
  }

  /** Writes a line of the local AWS itself into the function's log. */
  remark(text: string): void {
    this.#log.write([`[local] ${text}\n`]);
  }

  /** Ends the process; an event that it is working on gets `Runtime.ExitError`. */
  async end(): Promise<void> {
    this.#isDone = true;
    this.#kill();
    await this.ended;
  }

  /** Takes the memory that its process uses; ends it when that is more than the function has. */
  uses(bytes: number): void {
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
    if (bytes > this.#launch.target.memoryMb * 1024 * 1024) this.#stop(outOfMemory);
  }

  /** Whether it waits for an event. */
  get ready(): boolean {
    return this.#state === "idle" && this.#api?.isWaiting() === true;
  }

  get #maxMemoryMb(): number {
    return Math.min(this.#launch.target.memoryMb, Math.ceil(this.#peakBytes / 1024 / 1024));
  }

  /** Whether its process runs, and its memory can grow. */
  get working(): boolean {
    return this.pid !== undefined && (this.#state === "starting" || this.#state === "busy");
  }

  async #startApi(): Promise<RuntimeApi> {
    this.#api = await startRuntimeApi({
      asksForNext: () => this.#becomesIdle(),
      responds: (requestId, body) => this.#answers(requestId, body ?? responseTooLarge),
      fails: (requestId, body) => this.#answers(requestId, reported(body)),
      failsToInit: (body) => this.#failsToInit(body),
      hangsUp: () => this.#kill(),
    });
    return this.#api;
  }

  #spawn({ program, folder }: Prepared, runtimeApi: string): void {
    const { target, endpointUrl, credentials, reaper, initLimitMs } = this.#launch;
    this.#log.write(
      this.#lines.initStart(program.version, runtimeVersionArn(target.region, program.version)),
    );
    this.#launchedAt = performance.now();
    this.#initLimit = setTimeout(() => this.#stop(timedOut(initLimitMs / 1000)), initLimitMs);
    // Detached: the handler's own children are in its group and end with it, and an interrupt of the terminal
    // reaches only us.
    const { stream } = this.#log;
    const local = { program, folder, endpointUrl, runtimeApi, stream, credentials };
    const wrapper = target.environment["AWS_LAMBDA_EXEC_WRAPPER"];
    const { command, arguments: words } = wrapper ? wrapped(program, { wrapper, folder }) : program;
    const child = spawn(command, words, {
      cwd: folder,
      env: environmentVariables(target, local),
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.pid = child.pid;
    if (child.pid !== undefined) {
      this.#watched = { pid: child.pid, mark: runtimeApi };
      reaper.watch(this.#watched);
    }
    this.#log.capture(child.stdout);
    this.#log.capture(child.stderr);
    child.once("error", (error) =>
      this.#processEnded(
        lost("Runtime.InvalidEntrypoint", `could not start ${program.command}: ${error.message}`),
      ),
    );
    child.once("exit", (code, signal) => this.#processEnded(exited(code, signal)));
  }

  #becomesIdle(): void {
    if (this.#state === "starting") this.#initDone();
    if (this.#running || this.#state === "ending" || this.#state === "ended") return;
    this.#state = "idle";
    this.idleSince = performance.now();
    this.#launch.idle(this);
  }

  #initDone(): void {
    clearTimeout(this.#initLimit);
    this.#initMs = performance.now() - this.#launchedAt;
    const { pid } = this;
    if (pid !== undefined) void residentMemory([pid]).then((memory) => this.uses(memory.get(pid) ?? 0));
  }

  #answers(requestId: string, answer: string | Failure): boolean {
    if (this.#running?.requestId !== requestId || this.#running.answered) return false;
    const tooLarge = typeof answer === "string" && Buffer.byteLength(answer) > largestResponse;
    void this.#finish(tooLarge ? responseTooLarge : answer);
    return true;
  }

  #failsToInit(body: string): void {
    // A runtime client reports an error outside of the handler with the same call while an event is running.
    if (this.#running) void this.#finish(reported(body));
    else if (this.#state === "ended") this.startFailure = notLoaded(body);
    else this.#stop(notLoaded(body));
  }

  /** Ends the process because of a failure, which is also the answer to the event that it has. */
  #stop(failure: Failure): void {
    if (this.#state === "starting") this.startFailure = failure;
    this.#kill();
    void this.#finish(failure);
  }

  #kill(): void {
    if (this.#state === "ended") return;
    this.#state = "ending";
    killFamily(this.pid);
  }

  async #finish(answer: string | Failure): Promise<void> {
    const running = this.#running;
    if (!running || running.answered) return;
    running.answered = true;
    clearTimeout(running.limit);
    const elapsedMs = performance.now() - running.startedAt;
    await this.#log.outputRead();
    const failure = typeof answer === "string" ? undefined : answer;
    const limitMs = this.#launch.target.timeoutSeconds * 1000;
    // A timer may fire a fraction of a millisecond early; a timeout took its whole limit.
    const durationMs = failure?.status === "timeout" ? limitMs : Math.min(elapsedMs, limitMs);
    const { requestId } = running;
    this.#log.write([
      ...(failure?.logLines(requestId) ?? []),
      ...this.#lastLines(requestId, durationMs, failure),
    ]);
    this.#launch.onRun?.(this.#runOf(running, durationMs, failure));
    this.#initReported = true;
    this.#running = undefined;
    running.resolve({
      requestId,
      payload: typeof answer === "string" ? answer || "null" : answer.payload(requestId),
      ...(failure && { functionError: "Unhandled" }),
      durationMs,
      logTail: this.#log.tail(),
    });
    if (this.#api?.isWaiting()) this.#becomesIdle();
  }

  #runOf(
    { requestId, at }: Pick<Running, "requestId" | "at">,
    ms: number,
    failure: Failure | undefined,
  ): Run {
    return {
      functionName: this.#launch.target.name,
      region: this.#launch.target.region,
      requestId,
      accessKeyId: this.#launch.credentials.AccessKeyId,
      startedAt: at,
      ms,
      initMs: this.#initReported ? undefined : this.#initMs,
      status: failure?.status,
      failure: failure && { type: failure.type, message: messageOf(failure) },
    };
  }

  #lastLines(requestId: string, durationMs: number, failure: Failure | undefined): string[] {
    const usage: Usage = {
      durationMs,
      memoryMb: this.#launch.target.memoryMb,
      maxMemoryMb: this.#maxMemoryMb,
      initMs: this.#initReported ? undefined : this.#initMs,
      status: failure?.status,
    };
    return this.#lines.ended(requestId, usage);
  }

  #processEnded(failure: Failure): void {
    if (this.#state === "ended") return;
    // One that is ended while it starts has not failed.
    if (this.#initMs === undefined && !this.#isDone) this.startFailure ??= failure;
    this.#state = "ended";
    clearTimeout(this.#initLimit);
    killGroup(this.pid);
    if (this.#watched) this.#launch.reaper.release(this.#watched);
    void this.#cleanUp(failure);
  }

  async #cleanUp(failure: Failure): Promise<void> {
    // The last thing that it sent may be read after its end was noticed.
    await this.#log.outputRead();
    await this.#api?.drained();
    await this.#finish(failure);
    this.#api?.close();
    this.#child?.stdout.destroy();
    this.#child?.stderr.destroy();
    if (this.startFailure)
      this.#log.write(
        this.#lines.initReport(performance.now() - this.#launchedAt, this.startFailure.status ?? "error"),
      );
    this.#announceEnd();
    this.#launch.ended(this);
  }
}

function newTraceHeader(sampled: boolean): string {
  const hex = randomBytes(20).toString("hex");
  const seconds = Math.floor(Date.now() / 1000).toString(16);
  return `Root=1-${seconds}-${hex.slice(0, 24)};Parent=${hex.slice(24)};Sampled=${sampled ? 1 : 0}`;
}
