import { randomUUID } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { CallOptions, Credentials, FunctionToRun, Invocation } from "./contract.ts";
import { Environment, type Launch, type Prepared, type WaitingEvent } from "./environment.ts";
import { countFailedStarts, failedStartsToReport, longestPauseMs } from "./failed-starts.ts";
import { type Failure, lost, messageOf } from "./failures.ts";
import type { Processors } from "./processors.ts";
import { programFor } from "./programs.ts";
import { broughtByLambda } from "./sdk.ts";
import { unzip } from "../../files/unzip.ts";
import { removeFolder } from "./work-folder.ts";

/** What the environments of every function share. */
export interface Shared extends Pick<Launch, "reaper" | "log" | "onRun" | "initLimitMs"> {
  endpointUrl(): string;
  credentials(target: FunctionToRun): Credentials;
  /** The private folder that the functions are unpacked into. */
  folder: string;
  /** Where our runtime clients are. */
  clients: string;
  /** Tells the person who runs the local AWS. */
  warn(text: string): void;
  maxEnvironments: number;
  processors: Processors;
  /**
   * How long an event waits while the processors are busy: one more process would only slow down the others.
   */
  busyWaitMs: number;
}

interface Queued extends WaitingEvent {
  queuedAt: number;
  resolve: (invocation: Invocation) => void;
}

/**
 * How long an event waits for a busy environment before another one is started: a Node process costs 45 MB
 * and 60 ms.
 */
const usualWaitMs = 20;

/** How many start at the same time; more would only delay each other. */
const startingAtOnce = Math.max(2, availableParallelism());

/** The environments of one revision of a function, and the events that wait for one. */
export class Environments {
  readonly target: FunctionToRun;
  readonly #shared: Shared;
  readonly #all = new Set<Environment>();
  /** The one that worked last is last. */
  readonly #idle: Environment[] = [];
  readonly #starting = new Set<Environment>();
  readonly #queue: Queued[] = [];
  readonly #failedStarts = countFailedStarts();
  #unpacked: Promise<string> | undefined;
  #lastFailed: { environment: Environment; failure: Failure } | undefined;
  #growTimer: NodeJS.Timeout | undefined;
  #retired = false;
  #closed = false;
  #announceEnd: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => (this.#announceEnd = resolve));

  constructor(target: FunctionToRun, shared: Shared) {
    this.target = target;
    this.#shared = shared;
  }

  /**
   * Runs an event in the environment that worked last, in a new one, or in order after those that wait; never
   * rejects.
   */
  invoke(
    payload: string,
    { requestId = randomUUID(), calledArn = this.target.arn }: CallOptions = {},
  ): Promise<Invocation> {
    const event: WaitingEvent = { requestId, payload, calledArn };
    const idle = this.#takeIdle();
    if (idle) return idle.invoke(event);
    return new Promise((resolve) => {
      this.#queue.push({ ...event, queuedAt: performance.now(), resolve });
      this.#grow();
    });
  }

  /** Starts one environment without an event and ends it; why it did not become ready. */
  async tryOut(): Promise<Failure | undefined> {
    const environment = this.#newEnvironment(() => void environment.end());
    this.#all.add(environment);
    await environment.start();
    await environment.ended;
    return environment.startFailure;
  }

  /** Lets the current events finish, then ends every environment; resolves when all are gone. */
  async retire(): Promise<void> {
    this.#retired = true;
    for (const environment of this.#idle.splice(0)) void environment.end();
    this.#noticeEnd();
    await this.#ended;
  }

  /** Ends every environment now; events that wait are answered with an error. */
  async close(): Promise<void> {
    this.#retired = true;
    this.#closed = true;
    clearTimeout(this.#growTimer);
    const [any] = this.#all;
    if (any) this.#answerQueue(any, lost("Runtime.ExitError", "the local AWS was stopped"));
    await Promise.all([...this.#all].map((environment) => environment.end()));
  }

  /** Ends the environments that have been idle this long. */
  endIdle(idleMs: number): void {
    const since = performance.now() - idleMs;
    while (this.#idle[0] && this.#idle[0].idleSince < since) void this.#idle.shift()?.end();
  }

  /** The environments whose memory can grow now. */
  working(): Environment[] {
    return [...this.#all].filter((environment) => environment.working);
  }

  /** Removes the unpacked zip. */
  async removeFiles(): Promise<void> {
    const folder = await this.#unpacked;
    if (folder === undefined) return;
    try {
      await removeFolder(folder);
    } catch (error) {
      const { message } = error as Error;
      this.#shared.warn(`the folder ${folder} cannot be removed before the local AWS ends: ${message}`);
    }
  }

  /** Without those whose process is ending and whose exit has not arrived yet. */
  #takeIdle(): Environment | undefined {
    let idle = this.#idle.pop();
    while (idle && !idle.ready) idle = this.#idle.pop();
    return idle;
  }

  #grow(): void {
    const [first] = this.#queue;
    if (!first || this.#closed) return;
    if (this.#all.size === 0 && this.#lastFailed && this.#failedStarts.pauseMs() > 0) {
      this.#answerQueue(this.#lastFailed.environment, this.#lastFailed.failure);
      return;
    }
    if (this.#all.size >= this.#shared.maxEnvironments || this.#failedStarts.pauseMs() > 0) return;
    if (this.#starting.size >= Math.min(startingAtOnce, this.#queue.length)) return;
    const waitMs = this.#all.size === 0 ? 0 : first.queuedAt + this.#waitMsNow() - performance.now();
    if (waitMs > 0) this.#growLater(waitMs);
    else this.#startOne();
  }

  #waitMsNow(): number {
    return this.#all.size >= startingAtOnce && this.#shared.processors.busy()
      ? this.#shared.busyWaitMs
      : usualWaitMs;
  }

  #growLater(waitMs: number): void {
    this.#growTimer ??= setTimeout(() => {
      this.#growTimer = undefined;
      this.#grow();
    }, waitMs);
  }

  #startOne(): void {
    const environment = this.#newEnvironment(() => this.#takeNext(environment));
    this.#all.add(environment);
    this.#starting.add(environment);
    void environment.start();
    this.#grow();
  }

  /** `idle` is called when its init is done and after each event. */
  #newEnvironment(idle: () => void): Environment {
    const shared = this.#shared;
    const environment: Environment = new Environment({
      target: this.target,
      prepare: () => this.#prepare(),
      endpointUrl: shared.endpointUrl(),
      credentials: shared.credentials(this.target),
      initLimitMs: shared.initLimitMs,
      reaper: shared.reaper,
      log: (entries) => shared.log(entries),
      onRun: shared.onRun,
      idle,
      ended: () => this.#forget(environment),
    });
    return environment;
  }

  async #prepare(): Promise<Prepared> {
    const { runtime, memoryMb } = this.target;
    const [program, folder] = await Promise.all([
      programFor({ runtime, memoryMb, clients: this.#shared.clients }),
      (this.#unpacked ??= this.#unpack()),
    ]);
    return { program, folder };
  }

  async #unpack(): Promise<string> {
    let folder: string | undefined;
    try {
      folder = await mkdtemp(join(this.#shared.folder, "task-"));
      await unzip(this.target.zip, folder);
      return folder;
    } catch (error) {
      // The cause, such as a full disk, may be gone by the next start.
      this.#unpacked = undefined;
      if (folder !== undefined) await removeFolder(folder);
      throw error;
    }
  }

  #takeNext(environment: Environment): void {
    if (this.#starting.delete(environment)) this.#failedStarts.reset();
    const next = this.#queue.shift();
    if (next) void environment.invoke(next).then(next.resolve);
    else if (this.#retired) void environment.end();
    else this.#idle.push(environment);
    this.#grow();
  }

  #forget(environment: Environment): void {
    this.#all.delete(environment);
    if (this.#idle.includes(environment)) this.#idle.splice(this.#idle.indexOf(environment), 1);
    if (this.#starting.delete(environment) && environment.startFailure)
      this.#noteFailedStart(environment, environment.startFailure);
    this.#grow();
    this.#noticeEnd();
  }

  #noteFailedStart(environment: Environment, failure: Failure): void {
    this.#lastFailed = { environment, failure };
    const brought = broughtByLambda(messageOf(failure));
    if (brought)
      environment.remark(
        `Lambda brings ${brought.name}, and this machine has none of it; install it for this project: ` +
          brought.install,
      );
    if (this.#failedStarts.add()) {
      const { count, withinMs } = failedStartsToReport;
      const times = `${count} times within ${withinMs / 1000} s, the last time with ${failure.type}`;
      environment.remark(
        `${this.target.name} failed to start ${times}; retrying every ${longestPauseMs / 1000} s at most`,
      );
    }
    const [first] = this.#queue.splice(0, 1);
    first?.resolve(environment.fail(first, failure));
  }

  #answerQueue(environment: Environment, failure: Failure): void {
    for (const event of this.#queue.splice(0)) event.resolve(environment.fail(event, failure));
  }

  #noticeEnd(): void {
    if (!this.#retired || this.#all.size > 0 || this.#queue.length > 0) return;
    this.#announceEnd();
  }
}
