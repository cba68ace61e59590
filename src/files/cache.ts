import { createHash } from "node:crypto";
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../errors/error.ts";
import { makeFolder, requireOwn } from "./own-folder.ts";
import { readRegular } from "./read.ts";
import { cacheHome } from "./state-home.ts";
import { replaceFile, SECRET } from "./write.ts";

/** What can be made again, by what it was made of; of that only a hash is kept. */
export interface Cache {
  get(madeOf: unknown): Promise<Buffer | undefined>;
  /** Where that fails, as on a full disk, nothing is kept. */
  keep(madeOf: unknown, content: Uint8Array | string): Promise<void>;
}

/** Of how many files a cache is, and how large one of them is at most, in bytes. */
interface Size {
  files: number;
  bytes: number;
}

/**
 * A cache of this user alone; undefined where there is no home, or none that takes it. Throws a CliError
 * (`state-untrusted`) for a folder that others may write.
 */
export async function openCache(
  name: string,
  { files, bytes }: Size,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<Cache | undefined> {
  const home = cacheHome(variables);
  if (home === undefined) return undefined;
  const above = join(home, "shelfshack-ws");
  const folder = join(above, name);
  const fileOf = (madeOf: unknown) =>
    join(folder, createHash("sha256").update(JSON.stringify(madeOf)).digest("hex"));
  try {
    await makeFolder(folder);
    for (const own of [above, folder]) await requireOwn(own);
  } catch (error) {
    if (error instanceof CliError) throw error;
    return undefined;
  }
  return {
    async get(madeOf) {
      const file = fileOf(madeOf);
      const reading = readRegular(file, bytes);
      if (!("bytes" in reading)) return undefined;
      await utimes(file, new Date(), new Date()).catch(() => undefined);
      return reading.bytes;
    },
    async keep(madeOf, content) {
      try {
        await replaceFile(fileOf(madeOf), content, SECRET);
        await removeOldest(folder, files);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      }
    },
  };
}

/** Removes what was not used for longest, as far as there is more than `most`. */
async function removeOldest(folder: string, most: number): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= most) return;
  const used = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
  );
  const oldest = used.toSorted((one, other) => one.at - other.at).slice(0, used.length - most);
  for (const { name } of oldest) await rm(join(folder, name), { force: true });
}
