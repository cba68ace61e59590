import { lstat, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

const prefix = "shelfshack-ws-runtime-";

/**
 * Makes the private folder (0700) that the functions are unpacked into. Its name carries our process id, which marks it from its
 * first moment on; folders of ours whose process is gone are removed first.
 */
export async function makeWorkFolder(): Promise<string> {
  await removeLeftovers(tmpdir());
  return await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
}

async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder);
  await Promise.all(names.filter(isLeftover).map((name) => removeOwn(join(folder, name))));
}

function isLeftover(name: string): boolean {
  const pid = new RegExp(`^${prefix}(\\d+)-\\w+$`).exec(name)?.[1];
  return pid !== undefined && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is such a process, of somebody else.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

async function removeOwn(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    // Another start may have removed it by now.
    if (error.code !== "ENOENT") throw error;
  });
  if (found?.isDirectory() && found.uid === userInfo().uid) await rm(path, { recursive: true, force: true });
}
