import { CliError } from "../../errors/error.ts";
import type { FunctionToRun, Runtime, RuntimeOptions } from "./contract.ts";
import { Environments, type Shared } from "./environments.ts";
import { startReaper } from "./reaper.ts";
import { residentMemory } from "./resident-memory.ts";
import { watchProcessors } from "./processors.ts";
import { makeWorkFolder, removeFolder } from "./work-folder.ts";

const checkEveryMs = { linux: 100, elsewhere: 500 };

/** Starts the runtime; no process of a function runs before its first event. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { maxEnvironments = 25, idleMs = 5 * 60_000, initLimitMs = 10_000, busyWaitMs = 1_000 } = options;
  const warn = (text: string) =>
    options.log([{ group: "local", stream: "local", timestamp: Date.now(), message: `[local] ${text}\n` }]);
  const folder = await makeWorkFolder(warn).catch((error: unknown) =>
    cannotStart(error, "TMPDIR must name a folder that can be written to"),
  );
  const reaper = await startReaper(folder).catch(async (error: unknown) => {
    await removeFolder(folder);
    return cannotStart(error, "it needs /bin/sh");
  });
  const shared: Shared = {
    reaper,
    folder,
    maxEnvironments,
    processors: watchProcessors(),
    busyWaitMs,
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
    () => void checkEnvironments(all, idleMs),
    process.platform === "linux" ? checkEveryMs.linux : checkEveryMs.elsewhere,
  );
  look.unref();
  const close = async () => {
    clearInterval(look);
    await Promise.all([...all].map((environments) => environments.close()));
    await reaper.close();
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

async function checkEnvironments(all: Set<Environments>, idleMs: number): Promise<void> {
  for (const environments of all) environments.endIdle(idleMs);
  const working = [...all].flatMap((environments) => environments.working());
  if (working.length === 0) return;
  const memory = await residentMemory(working.flatMap(({ pid }) => pid ?? []));
  for (const environment of working) environment.uses(memory.get(environment.pid ?? 0) ?? 0);
}
