import type { LogEntry, Runtime } from "./runtime/contract.ts";
import { startRuntime } from "./runtime/runtime.ts";
import { functionSession, sessionToken } from "./services/iam/sessions.ts";

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
  maxEnvironments: number | undefined;
  log(region: string, entries: readonly LogEntry[]): void;
  onBug(error: unknown): void;
}

/** See {@link Runtimes}. */
export function runtimesFor({ url, maxEnvironments, log, onBug }: RuntimesOptions): Runtimes {
  const runtimes = new Map<string, Promise<Runtime>>();

  async function start(region: string): Promise<Runtime> {
    const limit = maxEnvironments === undefined ? {} : { maxEnvironments };
    try {
      return await startRuntime({
        endpointUrl: () => url,
        log: (entries) => log(region, entries),
        sessionToken: (target) => sessionToken(functionSession(target)),
        ...limit,
      });
    } catch (error) {
      runtimes.delete(region);
      throw error;
    }
  }

  return {
    runtimeIn(region) {
      const found = runtimes.get(region) ?? start(region);
      runtimes.set(region, found);
      return found;
    },
    retire(region, arn) {
      // A runtime that could not be started runs nothing, and its caller got the error.
      const found = runtimes.get(region)?.catch(() => undefined);
      found?.then((runtime) => runtime?.retire(arn)).catch(onBug);
    },
    async close() {
      const ends = await Promise.allSettled(
        [...runtimes.values()].map(async (runtime) => (await runtime).close()),
      );
      const failed = ends.find((end) => end.status === "rejected");
      if (failed) throw failed.reason;
    },
  };
}
