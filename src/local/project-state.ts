import { dirname } from "node:path";
import { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";
import { makeFolder, requireOwn } from "../files/own-folder.ts";
import { setAside } from "../files/write.ts";
import { openStateFolder, stateFileIn, type StateFolder } from "./state-folder.ts";

/**
 * Opens a state folder that was not asked for, and that must not stop anything: what cannot be read in it is
 * set aside, and where it cannot be used there is none. `tell` gets what came of it in one line. The folder
 * above it is the project's, the one above that is for all of this user's projects.
 */
export async function openProjectState(
  folder: string,
  { fresh = false, tell }: { fresh?: boolean | undefined; tell(message: string): void },
): Promise<StateFolder | undefined> {
  try {
    for (const above of [dirname(dirname(folder)), dirname(folder)]) {
      await makeFolder(above);
      await requireOwn(above);
    }
    return await openStateFolder(folder, { fresh }).catch((error: unknown) => anew(folder, error, tell));
  } catch (error) {
    if (!isOfTheFolder(error)) throw error;
    tell(notKept(error));
    return undefined;
  }
}

/** Begins with nothing where the state cannot be read. */
async function anew(folder: string, error: unknown, tell: (message: string) => void): Promise<StateFolder> {
  if (!(error instanceof CliError) || error.code !== "state-unreadable") throw error;
  const aside = await setAside(stateFileIn(folder), "unreadable");
  tell(
    `${error.message}: it is now ${aside}, and a new local AWS begins, with another API id and other keys`,
  );
  return await openStateFolder(folder);
}

/** Also what a file system cannot do at all, such as the link of a lock. */
const isOfTheFolder = (error: unknown): boolean =>
  /^(state-|file-unusable$|machine-exhausted$)/.test(explain(error).code) ||
  (error instanceof Error && "syscall" in error && "path" in error);

function notKept(error: unknown): string {
  const { code } = explain(error);
  const { message } = code === "bug" ? (error as Error) : explain(error);
  return code === "state-in-use"
    ? `another local AWS of this project runs; this one begins anew and is not kept (${message})`
    : `this local AWS begins anew and is not kept: ${message}`;
}
