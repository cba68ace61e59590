import { CliError } from "../../errors/error.ts";
import { Environments, type Shared } from "./environments.ts";
import { startGuardian } from "./reaper.ts";
import { residentMemory } from "./resident-memory.ts";
import { watchProcessors } from "./processors.ts";
import { makeWorkFolder, removeFolder } from "./work-folder.ts";

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

/** What became of one event (`AWS.md` 4.8). */
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
  patienceWhenBusyMs?: number;
}

const lookEveryMs = { linux: 100, elsewhere: 500 };

/** Starts the runtime; no process of a function runs before its first event. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const {
    maxEnvironments = 25,
    idleMs = 5 * 60_000,
    initLimitMs = 10_000,
    patienceWhenBusyMs = 1_000,
  } = options;
  const warn = (text: string) =>
    options.log([{ group: "local", stream: "local", timestamp: Date.now(), message: `[local] ${text}\n` }]);
  const folder = await makeWorkFolder(warn).catch((error: unknown) =>
    cannotStart(error, "TMPDIR must name a folder that can be written to"),
  );
  const guardian = await startGuardian(folder).catch(async (error: unknown) => {
    await removeFolder(folder);
    return cannotStart(error, "it needs /bin/sh");
  });
  const shared: Shared = {
    guardian,
    folder,
    maxEnvironments,
    processors: watchProcessors(),
    patienceWhenBusyMs,
    initLimitMs,
    endpointUrl: () => options.endpointUrl(),
    log: (entries) => options.log(entries),
  };
  const current = new Map<string, Environments>();
  const all = new Set<Environments>();
  let closing: Promise<void> | undefined;

  const retire = async (environments: Environments) => {
    await environments.retire();
    all.delete(environments);
    await environments.removeFiles();
  };
  const environmentsOf = (target: FunctionToRun): Environments => {
    const key = `${target.arn} ${target.version}`;
    const found = current.get(key);
    if (found?.target.revision === target.revision) return found;
    if (found) void retire(found);
    const fresh = new Environments(target, shared);
    current.set(key, fresh);
    all.add(fresh);
    return fresh;
  };
  const look = setInterval(
    () => void lookAfter(all, idleMs),
    process.platform === "linux" ? lookEveryMs.linux : lookEveryMs.elsewhere,
  );
  look.unref();
  const close = async () => {
    clearInterval(look);
    await Promise.all([...all].map((environments) => environments.close()));
    await guardian.close();
    await removeFolder(folder);
  };

  return {
    async invoke(target, payload) {
      if (closing) throw new Error(`could not invoke ${target.name}: the runtime was closed`);
      return await environmentsOf(target).invoke(payload);
    },
    async retire(arn) {
      const ofFunction = [...current].filter(([, { target }]) => target.arn === arn);
      for (const [key] of ofFunction) current.delete(key);
      await Promise.all(ofFunction.map(([, environments]) => retire(environments)));
    },
    close: () => (closing ??= close()),
  };
}

function cannotStart(cause: unknown, hint: string): never {
  throw new CliError(
    "runtime-not-started",
    `could not start the local runtime: ${cause instanceof Error ? cause.message : String(cause)}`,
    { hint, cause },
  );
}

async function lookAfter(all: Set<Environments>, idleMs: number): Promise<void> {
  for (const environments of all) environments.endIdle(idleMs);
  const working = [...all].flatMap((environments) => environments.working());
  if (working.length === 0) return;
  const memory = await residentMemory(working.flatMap(({ pid }) => pid ?? []));
  for (const environment of working) environment.uses(memory.get(environment.pid ?? 0) ?? 0);
}
