import type { AccessKeys } from "./access-keys.ts";
import type { Credentials, FunctionToRun, LogEntry, Runtime } from "./runtime/contract.ts";
import { startRuntime } from "./runtime/runtime.ts";
import type { OwnTls } from "./tls.ts";
import { functionSession, sessionToken } from "./services/iam/sessions.ts";
import type { Traces } from "./traces.ts";

/** What runs the functions: one runtime per region, because a log line does not say its region. */
export interface Runtimes {
  /**
   * Started with the first invocation in that region; the next invocation retries a failed start.
   */
  runtimeIn(region: string): Promise<Runtime>;
  /** Lets a function, or a version of it, finish its events and ends what runs it, in the background. */
  retire(region: string, arn: string): void;
  close(): Promise<void>;
}

interface RuntimesOptions {
  url: string;
  /** Its authority is what functions trust. */
  tls: Pick<OwnTls, "authority">;
  packagesFrom?: readonly string[] | undefined;
  /** Makes the credentials of environments. */
  keys: Pick<AccessKeys, "temporary">;
  maxEnvironments?: number | undefined;
  log(region: string, entries: readonly LogEntry[]): void;
  traces: Pick<Traces, "environment" | "ran">;
  onBug(error: unknown): void;
}

/** A runtime, or why it could not be started. */
type Start = { runtime: Runtime } | { error: unknown };

/** See {@link Runtimes}. */
export function runtimesFor(options: RuntimesOptions): Runtimes {
  const { url, tls, packagesFrom, keys, maxEnvironments, log, traces, onBug } = options;
  const runtimes = new Map<string, Promise<Start>>();

  function credentialsOf(target: FunctionToRun): Credentials {
    const given = keys.temporary(sessionToken(functionSession(target)));
    traces.environment(given.AccessKeyId);
    return given;
  }

  async function start(region: string): Promise<Start> {
    const limit = maxEnvironments === undefined ? {} : { maxEnvironments };
    try {
      const runtime = await startRuntime({
        endpointUrl: () => url,
        authority: () => tls.authority(),
        packagesFrom,
        log: (entries) => log(region, entries),
        onRun: traces.ran,
        credentials: credentialsOf,
        ...limit,
      });
      return { runtime };
    } catch (error) {
      runtimes.delete(region);
      return { error };
    }
  }

  /** In a region where none could be started nothing runs, and the caller of that start got the error. */
  async function retire(region: string, arn: string): Promise<void> {
    const started = await runtimes.get(region);
    if (started && "runtime" in started) await started.runtime.retire(arn);
  }

  return {
    async runtimeIn(region) {
      const found = runtimes.get(region) ?? start(region);
      runtimes.set(region, found);
      const started = await found;
      if ("error" in started) throw started.error;
      return started.runtime;
    },
    retire(region, arn) {
      retire(region, arn).catch(onBug);
    },
    async close() {
      const started = await Promise.all(runtimes.values());
      const ends = await Promise.allSettled(
        started.map(async (one) => ("runtime" in one ? one.runtime.close() : undefined)),
      );
      const failed = ends.find((end) => end.status === "rejected");
      if (failed) throw failed.reason;
    },
  };
}
