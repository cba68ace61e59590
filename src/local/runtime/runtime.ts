import { randomBytes, randomUUID } from "node:crypto";
import { CliError } from "../../errors/error.ts";
import type { Credentials, FunctionToRun, Runtime, RuntimeOptions, StartFailure } from "./contract.ts";
import { Environments, type Shared } from "./environments.ts";
import { messageOf } from "./failures.ts";
import { copyClients } from "./programs.ts";
import { startReaper } from "./reaper.ts";
import { residentMemory } from "./resident-memory.ts";
import { watchProcessors } from "./processors.ts";
import { makeWorkFolder, removeFolder } from "./work-folder.ts";

const checkEveryMs = { linux: 100, elsewhere: 500 };

/** Starts the runtime; no process of a function runs before its first event. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { idleMs = 5 * 60_000 } = options;
  const shared = await openShared(options);
  const functions = createFunctions(shared);
  const timer = setInterval(
    () => void checkEnvironments(functions.all, idleMs),
    process.platform === "linux" ? checkEveryMs.linux : checkEveryMs.elsewhere,
  );
  timer.unref();
  let closing: Promise<void> | undefined;
  const close = async () => {
    clearInterval(timer);
    await Promise.all([...functions.all].map((environments) => environments.close()));
    await shared.reaper.close();
    await removeFolder(shared.folder);
  };
  return {
    async invoke(target, payload, call) {
      if (closing) throw new Error(`could not invoke ${target.name}: the runtime was closed`);
      return await functions.environmentsOf(target).invoke(payload, call);
    },
    tryOut: (target) => functions.tryOut(target),
    retire: (arn) => functions.retire(arn),
    close: () => (closing ??= close()),
  };
}

/** Makes the folder and starts the reaper. Throws a CliError (`runtime-not-started`). */
async function openShared(options: RuntimeOptions): Promise<Shared> {
  const { maxEnvironments = 25, initLimitMs = 10_000, busyWaitMs = 1_000 } = options;
  const warn = (text: string) =>
    options.log([{ group: "local", stream: "local", timestamp: Date.now(), message: `[local] ${text}\n` }]);
  const folder = await makeWorkFolder(warn).catch((error: unknown) =>
    cannotStart(error, "TMPDIR must name a folder that can be written to"),
  );
  const without = (hint: string) => async (error: unknown) => {
    await removeFolder(folder);
    return cannotStart(error, hint);
  };
  const given = { authority: options.authority?.(), packagesFrom: options.packagesFrom ?? [] };
  const clients = await copyClients(folder, given).catch(without("install this package again"));
  const reaper = await startReaper(folder).catch(without("it needs /bin/sh"));
  return {
    reaper,
    folder,
    clients,
    warn,
    maxEnvironments,
    processors: watchProcessors(),
    busyWaitMs,
    initLimitMs,
    endpointUrl: () => options.endpointUrl(),
    credentials: (target) => options.credentials?.(target) ?? madeUp(),
    log: (entries) => options.log(entries),
    onRun: options.onRun && ((run) => options.onRun?.(run)),
  };
}

const madeUp = (): Credentials => ({
  AccessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
  SecretAccessKey: randomBytes(30).toString("base64"),
  SessionToken: randomUUID(),
});

/** The environments of every function: those of its current revision, and of older ones until they end. */
function createFunctions(shared: Shared) {
  const current = new Map<string, Environments>();
  const all = new Set<Environments>();
  const retire = async (environments: Environments) => {
    await environments.retire();
    all.delete(environments);
    await environments.removeFiles();
  };
  return {
    all,
    environmentsOf(target: FunctionToRun): Environments {
      const key = `${target.arn} ${target.version}`;
      const found = current.get(key);
      if (found?.target.revision === target.revision) return found;
      if (found) void retire(found);
      const fresh = new Environments(target, shared);
      current.set(key, fresh);
      all.add(fresh);
      return fresh;
    },
    async tryOut(target: FunctionToRun): Promise<StartFailure | undefined> {
      const trial = new Environments(target, { ...shared, log: () => undefined });
      all.add(trial);
      try {
        const failure = await trial.tryOut();
        return failure && { type: failure.type, message: messageOf(failure) };
      } finally {
        await retire(trial);
      }
    },
    async retire(arn: string): Promise<void> {
      const ofFunction = [...current].filter(([, { target }]) => target.arn === arn);
      for (const [key] of ofFunction) current.delete(key);
      await Promise.all(ofFunction.map(([, environments]) => retire(environments)));
    },
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
