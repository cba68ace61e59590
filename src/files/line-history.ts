import { dirname, join } from "node:path";
import { makeFolder, requireOwn } from "./own-folder.ts";
import { readTrusted } from "./read.ts";
import { fileAt, replaceFile, SECRET } from "./write.ts";

/** What was typed at a prompt in earlier runs, the newest last. */
export interface LineHistory {
  lines: readonly string[];
  /** Adds lines to those that are kept by now, another run's among them, and writes them. Throws as below. */
  add(typed: readonly string[]): Promise<void>;
}

/** More lines than a person goes back through. */
const MOST_LINES = 500;
const MOST_BYTES = 128 * 1024;

/**
 * The history that a user's state folder keeps, for his eyes only. Throws a CliError where another user could
 * have written the folder or the file, or where one of the two is a link: it is neither read nor written
 * then.
 */
export async function openLineHistory(home: string): Promise<LineHistory> {
  const file = join(home, "shelfshack-ws", "connect-history");
  return {
    lines: await keptIn(file),
    async add(typed) {
      if (typed.length === 0) return;
      await makeFolder(dirname(file));
      const lines = newest([...(await keptIn(file)), ...typed]);
      await replaceFile(file, lines.map((line) => `${line}\n`).join(""), SECRET);
    },
  };
}

async function keptIn(file: string): Promise<string[]> {
  const isThere = await requireOwn(dirname(file)).then(
    () => true,
    (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? false : Promise.reject(error)),
  );
  if (!isThere || !(await fileAt(file))) return [];
  const reading = readTrusted(file, MOST_BYTES);
  return "bytes" in reading ? newest(reading.bytes.toString().split("\n")) : [];
}

/** As many of the last lines as are kept, each once: where it was typed last. */
function newest(lines: readonly string[]): string[] {
  const kept = new Set<string>();
  let bytes = 0;
  for (const line of lines.toReversed()) {
    if (line === "" || kept.has(line)) continue;
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > MOST_BYTES || kept.size === MOST_LINES) break;
    kept.add(line);
  }
  return [...kept].toReversed();
}
