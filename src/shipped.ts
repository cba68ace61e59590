/** Files that the build lays beside the program because they run somewhere else: in Lambda, in a child process, in the user's own project. */
export type ShippedFile = `handler/${string}` | `local/${string}` | `backend/${string}`;

/** Where a shipped file is. Works from the sources and from the built program alike: both lie one folder deep, next to or in `dist`. */
export function shipped(file: ShippedFile): URL {
  return new URL(`../dist/${file}`, import.meta.url);
}
