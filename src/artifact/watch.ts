import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, watch } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assetUrl } from "./assets.ts";

const bundle = fileURLToPath(assetUrl("handler/index.mjs"));
/**
 * In a clone of the repository the handler has sources that are built; an installed package has only the
 * built file.
 */
const sources = fileURLToPath(new URL("../../handler", assetUrl("handler/index.mjs")));
const build = fileURLToPath(new URL("../../src/build/bundle.js", assetUrl("handler/index.mjs")));
const clone = fileURLToPath(new URL("../..", assetUrl("handler/index.mjs")));

/** An editor writes a file in several steps; this long after the first one it is whole. */
const QUIET_MS = 100;

/**
 * Yields each time that the handler's source has changed and, in a clone, has been built again; ends when the
 * signal is aborted. A build that fails is reported to `onFailure` (its output) and leaves the last build in
 * place.
 */
export async function* watchHandler(
  signal: AbortSignal,
  onFailure: (output: string) => void,
): AsyncGenerator<void> {
  const inClone = existsSync(sources) && existsSync(build);
  for await (const _change of contentChanges(inClone ? sources : dirname(bundle), signal)) {
    if (!inClone || (await rebuilt(onFailure))) yield;
  }
}

/**
 * Yields when the content of a folder has changed: events alone say little, one saving makes several of them.
 */
async function* contentChanges(folder: string, signal: AbortSignal): AsyncGenerator<void> {
  let last = await fingerprint(folder);
  try {
    for await (const _event of watch(folder, { signal })) {
      await delay(QUIET_MS, undefined, { signal });
      const now = await fingerprint(folder);
      if (now !== last) yield;
      last = now;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The hash of every file of a folder, by name. */
async function fingerprint(folder: string): Promise<string> {
  const files = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  const hash = createHash("sha256");
  for (const name of files.toSorted()) hash.update(`${name}\0`).update(await readFile(join(folder, name)));
  return hash.digest("hex");
}

async function rebuilt(onFailure: (output: string) => void): Promise<boolean> {
  try {
    // esbuild resolves against its working directory, and `local` runs in any folder.
    await promisify(execFile)(process.execPath, [build, "--handler"], { cwd: clone });
    return true;
  } catch (error) {
    onFailure((error as { stderr?: string }).stderr ?? String(error));
    return false;
  }
}
