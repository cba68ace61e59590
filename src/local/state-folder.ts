import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { CliError, exitCodes } from "../errors.ts";
import { emptyState, type State } from "./state.ts";

/** Changes with the shape of what is kept. */
const FORMAT = 1;

/** State that outlives the process: read once, written a moment after a change and at the end. */
export interface KeptState {
  state: State;
  changed(): void;
  save(): Promise<void>;
}

const SAVE_AFTER_MS = 500;

/** Opens the state that a folder holds, or begins with nothing there. The folder is for the user's eyes only: it holds the functions' variables. */
export async function keptState(folder: string): Promise<KeptState> {
  const file = join(folder, "local-aws.state");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const state = await readState(file);
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  const save = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.catch(isSaidAtTheEnd).then(async () => {
      // Written beside it and moved into place, so that a cut leaves the last whole state.
      await writeFile(`${file}.new`, serialize({ format: FORMAT, state }), { mode: 0o600 });
      await rename(`${file}.new`, file);
    });
    return writing;
  };
  return { state, save, changed: () => void (timer ??= setTimeout(() => void save().catch(isSaidAtTheEnd), SAVE_AFTER_MS).unref()) };
}

/** A write that fails, such as on a full disk: the next one tries again, and the last one tells. */
function isSaidAtTheEnd(): void {}

async function readState(file: string): Promise<State> {
  const unreadable = (cause?: unknown) =>
    new CliError(`the state in ${file} cannot be read`, {
      hint: "remove the file to begin with an empty local AWS",
      exitCode: exitCodes.usage,
      cause,
    });
  try {
    const kept = deserialize(await readFile(file)) as { format?: number; state: State };
    if (kept.format === FORMAT) return kept.state;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return emptyState();
    throw unreadable(cause);
  }
  throw unreadable();
}
