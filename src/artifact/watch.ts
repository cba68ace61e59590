import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, watch, type Dirent, type FSWatcher } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve as resolvePath } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assetUrl } from "./assets.ts";
import { isLeftOut, isVirtualEnvironment } from "./left-out.ts";

const bundle = dirname(fileURLToPath(assetUrl("handler/index.mjs")));
/**
 * In a clone of the repository the handler has sources that are built; an installed package has only the
 * built file.
 */
const sources = fileURLToPath(new URL("../../handler", assetUrl("handler/index.mjs")));
const build = fileURLToPath(new URL("../../src/build/bundle.js", assetUrl("handler/index.mjs")));
const clone = fileURLToPath(new URL("../..", assetUrl("handler/index.mjs")));

/** An editor writes a file in several steps; this long after the first one it usually is whole. */
const QUIET_MS = 100;

/**
 * Yields each time that the built handler has changed; in a clone a change of its sources builds it. Ends
 * when the signal is aborted. A build that fails is reported to `onFailure` (its output) and leaves the last
 * one in place. What is yielded may still be half a file: whether it loads is for the caller to try.
 */
export async function* watchHandler(
  signal: AbortSignal,
  onFailure: (output: string) => void,
): AsyncGenerator<void> {
  const inClone = existsSync(sources) && existsSync(build);
  for await (const changed of contentChanges(() => (inClone ? [sources, bundle] : [bundle]), signal)) {
    // What is built is a change of the bundle, and comes by itself.
    if (changed.includes(sources)) await rebuild(onFailure);
    if (changed.includes(bundle)) yield;
  }
}

/**
 * Yields each time that a function's own code may have changed: something in its folder, in whatever depth,
 * or its zip. Packages that are installed in the folder are not watched.
 */
export async function* watchOwn(
  { source, zip }: { source?: string | undefined; zip?: string | undefined },
  signal: AbortSignal,
): AsyncGenerator<void> {
  const places = () => (source === undefined ? [resolvePath(zip ?? "")] : foldersIn(resolvePath(source)));
  for await (const _changed of contentChanges(places, signal)) yield;
}

/** A function's folder and those in it that belong into its zip. */
function foldersIn(folder: string, isTop = true): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    // It may be gone for a moment; its way is watched.
    return [folder];
  }
  if (!isTop && isVirtualEnvironment(entries.map(({ name }) => name))) return [];
  const inside = entries.filter(
    (entry) =>
      entry.isDirectory() && entry.name !== "node_modules" && !isLeftOut({ name: entry.name, isTop }),
  );
  return [folder, ...inside.flatMap(({ name }) => foldersIn(join(folder, name), false))];
}

/**
 * Yields those of some folders or files whose content has changed: events alone say little, one saving makes
 * several of them. A folder may vanish, as by `npm ci`; then its last content counts until it is back.
 * `places` is asked each time, as a folder may be new.
 */
export async function* contentChanges(
  places: () => readonly string[],
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  const last = new Map<string, string>();
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const folders = places();
    // Watched from before it is read: what changes meanwhile makes an event.
    const watched = watchWays(folders, signal);
    try {
      const changed = await changedSince(last, folders);
      if (changed.length > 0 && !isFirst) yield changed;
      await watched.event;
      await delay(QUIET_MS, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      watched.close();
    }
  }
}

async function changedSince(last: Map<string, string>, folders: readonly string[]): Promise<string[]> {
  const changed: string[] = [];
  for (const folder of folders) {
    const now = await fingerprint(folder);
    if (now === undefined || now === last.get(folder)) continue;
    last.set(folder, now);
    changed.push(folder);
  }
  return changed;
}

/** A folder to watch, and which of its names count: all where none is given. */
interface Place {
  folder: string;
  name?: string;
}

/**
 * The way to a folder and the folder: any part may be removed and made again, which no watch of it sees. From
 * above, so that what is made after it was found missing is an event.
 */
function wayTo(folder: string, name?: string): Place[] {
  const place = name === undefined ? { folder } : { folder, name };
  const above = dirname(folder);
  return above === folder ? [place] : [...wayTo(above, basename(folder)), place];
}

/** The next event in one of some folders or above them; rejects when the signal is aborted. */
function watchWays(folders: readonly string[], signal: AbortSignal): { event: Promise<void>; close(): void } {
  const watchers: FSWatcher[] = [];
  const over = new AbortController();
  const event = new Promise<void>((resolve, reject) => {
    signal.addEventListener("abort", reject, { signal: over.signal });
    // A watch that breaks off is a change too: it is made anew.
    for (const place of folders.flatMap((folder) => wayTo(folder))) {
      const watcher = watching(place, resolve);
      if (watcher) watchers.push(watcher.on("error", () => resolve()));
    }
  });
  event.catch(isToldByTheSignal);
  const close = () => {
    over.abort();
    for (const watcher of watchers) watcher.close();
  };
  return { event, close };
}

/** What bars the way to a folder or file; a change of that is an event above it. */
const barred = new Set(["EACCES", "EPERM", "ELOOP"]);

/** Undefined where it cannot be watched: what is not there is seen from above, and there it may be barred. */
function watching({ folder, name }: Place, changed: () => void): FSWatcher | undefined {
  try {
    return watch(folder, (_event, seen) => {
      if (name === undefined || seen === null || seen === name) changed();
    });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (name !== undefined || code === "ENOENT" || code === "ENOTDIR" || barred.has(code)) return undefined;
    throw error;
  }
}

/** Who waits for the event learns it there. */
function isToldByTheSignal(): void {}

/** The hash of every file of a folder, by name, or of a file; undefined while it is gone or empty. */
async function fingerprint(folder: string): Promise<string | undefined> {
  try {
    const files = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
    const hash = createHash("sha256");
    for (const name of files.toSorted()) hash.update(`${name}\0`).update(await contentOf(join(folder, name)));
    return files.length > 0 ? hash.digest("hex") : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    if (code === "ENOTDIR") return await fileFingerprint(folder);
    if (code !== undefined && barred.has(code)) return code;
    throw error;
  }
}

async function fileFingerprint(file: string): Promise<string | undefined> {
  try {
    return createHash("sha256")
      .update(await contentOf(file))
      .digest("hex");
  } catch {
    // It was there a moment ago; it is seen again from above.
    return undefined;
  }
}

/** No function has more in all (AWS.md 4.9): what is larger is not read to see that it has changed. */
const MOST_BYTES = 250 * 1024 * 1024;

/**
 * What a file holds, or what else tells that it has changed, where it is too large or may not be read: who
 * packs it says so. Throws Node's error otherwise, as for one that is gone.
 */
async function contentOf(file: string): Promise<Buffer | string> {
  try {
    const { size, mtimeMs } = await stat(file);
    return size > MOST_BYTES ? `${size} ${mtimeMs}` : await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && barred.has(code)) return code;
    throw error;
  }
}

async function rebuild(onFailure: (output: string) => void): Promise<void> {
  try {
    // esbuild resolves against its working directory, and `local` runs in any folder.
    await promisify(execFile)(process.execPath, [build, "--handler"], { cwd: clone });
  } catch (error) {
    onFailure((error as { stderr?: string }).stderr ?? String(error));
  }
}
