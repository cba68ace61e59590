import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Files that the build lays beside the program because they run somewhere else: in Lambda, in a child
 * process, in the user's own project, in an editor.
 */
export type Asset =
  | `handler/${string}`
  | `local/${string}`
  | `backend/${string}`
  | `console/${string}`
  | "config.schema.json";

declare const SHELFSHACK_DIST: string | undefined;

/** The way from this module to `dist`: from the sources, or from a built file, where the build puts it in. */
const dist = typeof SHELFSHACK_DIST === "string" ? SHELFSHACK_DIST : "../../dist/";

/** Where a shipped file is, for the sources and the built program alike. */
export function assetUrl(file: Asset): URL {
  return pathToFileURL(join(import.meta.dirname, dist, file));
}
