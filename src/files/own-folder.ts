import { lstat, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { CliError } from "../errors/error.ts";
import { distrust } from "./trust.ts";

/**
 * Makes a folder and those above it. Node's own way of doing that never ends below a folder that takes none,
 * such as /proc.
 */
export async function makeFolder(folder: string): Promise<void> {
  const make = () => mkdir(folder, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    if (code !== "ENOENT" || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await make();
  }
}

/**
 * A folder of another user, or one that he may write, holds what he wants to be run: throws a CliError
 * (`state-untrusted`, or `file-unusable` for what is no folder).
 */
export async function requireOwn(folder: string): Promise<void> {
  const stats = await lstat(folder);
  if (stats.isSymbolicLink()) throw untrusted(folder, "it is a link");
  if (!stats.isDirectory())
    throw new CliError("file-unusable", `the state cannot be in ${folder}: it is no folder`, {
      hint: "name a folder, or one that is not there yet",
      path: folder,
    });
  const doubt = distrust(stats);
  if (doubt !== undefined) throw untrusted(folder, doubt);
}

/** Why a folder, or what is in it, is not used. */
export const untrusted = (place: string, why: string): CliError =>
  new CliError("state-untrusted", `the state in ${place} is not used: ${why}`, {
    hint: "name a folder of your own that only you may write: chmod go-w, or one that is not there yet",
  });
