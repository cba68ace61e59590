import { fstatSync, readFileSync, type Stats } from "node:fs";
import { userInfo } from "node:os";

/**
 * Why others than this user and root could have written a file or folder, in words; undefined where they
 * could not. Of a link only the owner counts: its mode says nothing. Windows tells no owner.
 */
export function distrust(stats: Stats): string | undefined {
  const user = process.geteuid?.();
  if (user === undefined) return undefined;
  if (stats.uid !== user && stats.uid !== 0) return `it belongs to another user (uid ${stats.uid})`;
  if (stats.isSymbolicLink()) return undefined;
  if ((stats.mode & 0o002) !== 0) return "every user may write it";
  const isGroups = (stats.mode & 0o020) !== 0 && !isOwnGroup(stats.gid);
  return isGroups ? `its group may write it (gid ${stats.gid})` : undefined;
}

/** Whether other users may read the file that is open under this number; false for a pipe or a terminal. */
export function isReadByOthers(descriptor: number): boolean {
  const stats = fstatSync(descriptor);
  if (!process.geteuid || !stats.isFile()) return false;
  return (stats.mode & 0o004) !== 0 || ((stats.mode & 0o040) !== 0 && !isOwnGroup(stats.gid));
}

/**
 * Whether a group is this user's alone, as many Linux systems make one for each user and let it write by
 * default. Where that cannot be told it is not.
 */
function isOwnGroup(gid: number): boolean {
  try {
    const { username, gid: own } = userInfo();
    const line = readFileSync("/etc/group", "utf8")
      .split("\n")
      .map((group) => group.split(":"))
      .find(([name, , id]) => name === username && id === String(gid));
    return gid === own && (line?.[3] ?? "?").split(",").every((name) => name === "" || name === username);
  } catch {
    return false;
  }
}
