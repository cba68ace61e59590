import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { deserialize, serialize } from "node:v8";
import { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import { makeFolder, requireOwn, untrusted } from "../files/own-folder.ts";
import { readTrusted } from "../files/read.ts";
import { claimFile, fileAt, replaceFile, SECRET } from "../files/write.ts";
import { isAlive } from "./runtime/is-alive.ts";
import { everywhere, type SavedState } from "./services/state.ts";

/** Changes with the shape of what is kept. */
const FORMAT = 2;

/** State that outlives the process: read once, written a moment after a change and at the end. */
export interface StateFolder {
  folder: string;
  saved: SavedState;
  /** The functions' variables that were left out: they would make a process load something. */
  leftOut: readonly string[];
  changed(): void;
  save(): Promise<void>;
  /** Leaves the folder to the next one. */
  release(): Promise<void>;
}

const SAVE_AFTER_MS = 500;
/** More than the code of any account that is worth a state folder; V8 reads no larger ones. */
const MOST_BYTES = 2 ** 31 - 1;

/**
 * Opens the state that a folder holds, or begins with nothing there, as with `fresh`. The folder is for the
 * user's eyes only: it holds the functions' variables and their code, which it runs. Throws a CliError (exit
 * 2) when another user could have written it, when the state cannot be read, or when another local AWS has
 * the folder: each would overwrite what the other saves.
 */
export async function openStateFolder(folder: string, { fresh = false } = {}): Promise<StateFolder> {
  const file = stateFileIn(folder);
  await makeFolder(folder);
  await requireOwn(folder);
  const release = await lock(folder);
  await removeCut(folder);
  const saved = await (fresh ? newState(file) : readState(file)).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  const save = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing = writing
      .catch(isReportedAtTheEnd)
      .then(() => replaceFile(file, serialize({ format: FORMAT, services: saved }), SECRET));
    return writing;
  };
  return {
    folder,
    saved,
    leftOut: withoutOrders(saved),
    save: () => save().catch((error: unknown) => unsaved(folder, error)),
    release,
    changed: () =>
      void (timer ??= setTimeout(() => void save().catch(isReportedAtTheEnd), SAVE_AFTER_MS).unref()),
  };
}

/** Where the state is in its folder. */
export const stateFileIn = (folder: string): string => join(folder, "local-aws.state");

/** Removes what a process has begun to write that was killed. */
async function removeCut(folder: string): Promise<void> {
  const cut = (await readdir(folder)).filter((name) => /^local-aws\.state\.[\w-]{12}$/.test(name));
  await Promise.all(cut.map((name) => rm(join(folder, name), { force: true })));
}

/** What makes a process of a function load something that its code has not. */
const isOrder = (name: string): boolean => /^(NODE_OPTIONS$|NODE_PATH$|LD_|DYLD_|PYTHON)/i.test(name);

/**
 * Takes them out of every function's variables, wherever a service keeps these; the names that there were.
 */
function withoutOrders(saved: unknown, leftOut = new Set<string>(), seen = new Set<unknown>()): string[] {
  if (typeof saved !== "object" || saved === null || ArrayBuffer.isView(saved) || seen.has(saved)) return [];
  seen.add(saved);
  const { environment } = saved as { environment?: unknown };
  if (typeof environment === "object" && environment !== null)
    for (const name of Object.keys(environment).filter(isOrder)) {
      leftOut.add(name);
      Reflect.deleteProperty(environment, name);
    }
  const inner = saved instanceof Map || saved instanceof Set ? saved.values() : Object.values(saved);
  for (const value of inner) withoutOrders(value, leftOut, seen);
  return [...leftOut];
}

/** At the end nothing can be typed otherwise any more: it is no fault of the command line. */
function unsaved(folder: string, cause: unknown): never {
  throw new CliError("state-unsaved", `the state is not saved in ${folder}: ${explain(cause).message}`, {
    hint: "repair the folder: the next local AWS begins with what was saved there before",
    cause,
  });
}

/** A write that fails, such as on a full disk: the next one tries again, and the last one tells. */
function isReportedAtTheEnd(): void {}

/**
 * The folders that this process has; a lock with its number and not among them was left by an earlier process
 * of the same number.
 */
const held = new Set<string>();

/**
 * Marks a folder as ours with a file that names our process. One that a process has left which is no more is
 * taken over.
 */
async function lock(folder: string): Promise<() => Promise<void>> {
  const file = join(resolve(folder), "local-aws.pid");
  if (held.has(file)) throw inUse(folder, file, process.pid);
  held.add(file);
  try {
    if (!(await take(file)) && !(await takeOver(file))) throw inUse(folder, file, await pidIn(file));
  } catch (error) {
    held.delete(file);
    throw error;
  }
  return async () => {
    await rm(file, { force: true });
    held.delete(file);
  };
}

/** Takes a lock, which holds who has it. False where another one has it. */
const take = (file: string): Promise<boolean> => claimFile(file, String(process.pid));

/**
 * Takes a lock whose process has ended. One process at a time does this: otherwise it could remove the lock
 * that another one has just taken.
 */
async function takeOver(file: string): Promise<boolean> {
  const turn = `${file}.turn`;
  if (!(await take(turn))) {
    if (isAnothers(await pidIn(turn))) return false;
    await rm(turn, { force: true });
    if (!(await take(turn))) return false;
  }
  try {
    const pid = await pidIn(file);
    if (isAnothers(pid)) return false;
    if (pid !== undefined) await rm(file);
    return await take(file);
  } finally {
    await rm(turn);
  }
}

/** An empty lock names no process: its own was killed before it wrote. */
const isAnothers = (pid = 0): boolean =>
  Number.isSafeInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid);

/** The number in a lock; undefined when there is none. */
async function pidIn(file: string): Promise<number | undefined> {
  if (!(await fileAt(file))) return undefined;
  const reading = readTrusted(file, 100);
  if ("bytes" in reading) return Number(reading.bytes.toString());
  if (reading.fault === "ENOENT") return undefined;
  throw untrusted(file, reading.fault);
}

/** Two who start at once: the second may not see the number of the first yet. */
function inUse(folder: string, file: string, pid: number | undefined): CliError {
  const who = isAnothers(pid) || pid === process.pid ? `, process ${pid}` : "";
  return new CliError("state-in-use", `the state in ${folder} is in use by another local AWS${who}`, {
    hint: `stop it, or name another folder; if that process is no local AWS, remove ${file}`,
  });
}

/** Nothing, where the file could be replaced. */
async function newState(file: string): Promise<SavedState> {
  await fileAt(file);
  return new Map();
}

async function readState(file: string): Promise<SavedState> {
  const unreadable = (cause?: unknown) =>
    new CliError("state-unreadable", `the state in ${file} cannot be read`, {
      hint: "remove the file to begin with an empty local AWS",
      cause,
    });
  if (!(await fileAt(file))) return new Map();
  const reading = readTrusted(file, MOST_BYTES);
  if (!("bytes" in reading))
    throw reading.because === "untrusted" ? untrusted(file, reading.fault) : unreadable();
  try {
    const kept = deserialize(reading.bytes) as AnyFormat;
    if (kept.format === FORMAT && kept.services instanceof Map) return kept.services;
    if (kept.format === 1) return fromFormat1(kept.state);
  } catch (cause) {
    throw unreadable(cause);
  }
  throw unreadable();
}

type AnyFormat = { format: typeof FORMAT; services: SavedState } | { format: 1; state: Format1 };

/** As it was kept when one object held all services. */
interface Format1 {
  roles: object;
  regions: Map<string, RegionOfFormat1>;
}
interface RegionOfFormat1 {
  functions: object;
  apis: object;
  logGroups: object;
}

/** Every service's part by itself; what is in the parts has not changed. */
function fromFormat1({ roles, regions }: Format1): SavedState {
  const each = (part: (region: RegionOfFormat1) => object) =>
    new Map([...regions].map(([region, held]) => [region, part(held)]));
  return new Map([
    ["iam", new Map([[everywhere, { roles }]])],
    ["lambda", each(({ functions }) => ({ functions }))],
    ["apigateway", each(({ apis }) => ({ apis }))],
    ["logs", each(({ logGroups }) => ({ groups: logGroups }))],
  ]);
}
