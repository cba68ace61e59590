import { chmod, lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { isAlive } from "./is-alive.ts";

const prefix = "shelfshack-ws-runtime-";

/**
 * Makes the private folder (0700) that the functions are unpacked into. Its name carries our process id,
 * which marks it from the start. Folders of ours whose process is gone are removed first; `warn` gets those
 * that cannot be removed.
 */
export async function makeWorkFolder(warn: (text: string) => void): Promise<string> {
  await removeLeftovers(tmpdir(), warn);
  return await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
}

/**
 * Removes a folder that functions wrote to: a handler may have taken away our permission to change it.
 */
export async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!["EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await openFolders(path);
    await rm(path, { recursive: true, force: true });
  }
}

async function openFolders(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(path, entry.name));
}

async function removeLeftovers(folder: string, warn: (text: string) => void): Promise<void> {
  const removeOrWarn = async (path: string) => {
    try {
      await removeOwn(path);
    } catch (error) {
      const { message } = error as Error;
      warn(`the folder ${path}, which an earlier local AWS has left, cannot be removed: ${message}`);
    }
  };
  const names = await readdir(folder);
  await Promise.all(names.filter(isLeftover).map((name) => removeOrWarn(join(folder, name))));
}

function isLeftover(name: string): boolean {
  const pid = new RegExp(`^${prefix}(\\d+)-\\w+$`).exec(name)?.[1];
  return pid !== undefined && !isAlive(Number(pid));
}

async function removeOwn(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    // Another start may have removed it already.
    if (error.code !== "ENOENT") throw error;
  });
  if (found?.isDirectory() && found.uid === userInfo().uid) await removeFolder(path);
}
