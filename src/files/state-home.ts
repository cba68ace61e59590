import { createHash } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, isAbsolute, join, relative } from "node:path";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Where a user's programs keep what he need not see: `$XDG_STATE_HOME`, as the XDG Base Directory
 * Specification has it, or `%LOCALAPPDATA%`. Undefined for a user without a home folder.
 */
export function stateHome(
  { XDG_STATE_HOME = "", LOCALAPPDATA = "", HOME = "" }: Variables,
  platform = process.platform,
): string | undefined {
  // The specification ignores a relative path.
  if (isAbsolute(XDG_STATE_HOME)) return XDG_STATE_HOME;
  if (platform === "win32") return isAbsolute(LOCALAPPDATA) ? LOCALAPPDATA : undefined;
  return isAbsolute(HOME) && isFolder(HOME) ? join(HOME, ".local", "state") : undefined;
}

/**
 * Where a user's programs keep what can be made again: `$XDG_CACHE_HOME`, or a folder below
 * `%LOCALAPPDATA%`. Undefined as for `stateHome`.
 */
export function cacheHome(variables: Variables, platform = process.platform): string | undefined {
  const { XDG_CACHE_HOME = "", HOME = "" } = variables;
  if (isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME;
  if (platform === "win32") return stateHome({ ...variables, XDG_STATE_HOME: "" }, platform);
  return isAbsolute(HOME) && isFolder(HOME) ? join(HOME, ".cache") : undefined;
}

/**
 * The variable that moves the place of a path which this program has chosen by itself: for what is below its
 * own folders, and what leads to them from the user's home. Undefined for a place that a variable names, and
 * for every other path.
 */
export function movedBy(path: string, variables: Variables, platform = process.platform): string | undefined {
  const { HOME = "", XDG_STATE_HOME = "", XDG_CACHE_HOME = "" } = variables;
  if (variableNaming(path, variables) !== undefined || path === HOME) return undefined;
  const unnamed = { HOME, LOCALAPPDATA: variables["LOCALAPPDATA"] };
  const places = [
    ["XDG_STATE_HOME", XDG_STATE_HOME, stateHome(unnamed, platform)],
    ["XDG_CACHE_HOME", XDG_CACHE_HOME, cacheHome(unnamed, platform)],
  ] as const;
  const [variable] =
    places.find(([, named, home]) => {
      const own = home === undefined || isAbsolute(named) ? "" : join(home, "shelfshack-ws");
      return isIn(path, own) || (isIn(path, HOME) && isIn(own, path));
    }) ?? [];
  return variable ?? (path.startsWith(join(tmpdir(), "shelfshack-ws-")) ? "TMPDIR" : undefined);
}

/** The variable that names the folder which a path is in, of those that move this program's own places. */
export const variableNaming = (path: string, variables: Variables): string | undefined =>
  ["TMPDIR", "XDG_STATE_HOME", "XDG_CACHE_HOME"].find((name) => isIn(path, variables[name] ?? ""));

/** Whether it is that folder or below it; false for a folder without a name. */
export const isIn = (path: string, folder: string): boolean =>
  isAbsolute(folder) && isAbsolute(path) && !/^\.\.|^[A-Z]:/.test(relative(folder, path));

/** A user without a home has `/nonexistent` or so for it, and root could make that. */
const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * The folder for what belongs to one project, by the real path of the project's folder: links lead to the
 * same one, and another project of that name has its own.
 */
export function folderOfProject(home: string, project: string): string {
  const path = realpathSync(project);
  const name = basename(path)
    .replaceAll(/[^\w.-]/g, "_")
    .slice(0, 40);
  return join(home, "shelfshack-ws", `${name || "root"}-${shortHash(path)}`);
}

const shortHash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);
