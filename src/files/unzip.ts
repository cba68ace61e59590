import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import { openZip, ZipError } from "./zip-list.ts";

const filesAtOnce = 8;

/**
 * Unpacks a zip into a folder that exists and is empty. Throws `ZipError`: for a bad list of entries before
 * anything is written, for bad contents after some files were written.
 */
export async function unzip(zip: Uint8Array, folder: string): Promise<void> {
  const { file, entries } = await openZip(zip);
  try {
    const folders = new Set(entries.map(({ fileName }) => dirname(`${fileName}.`)));
    for (const name of folders) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    const files = entries.filter(({ fileName }) => !fileName.endsWith("/")).values();
    await Promise.all(Array.from({ length: filesAtOnce }, () => writeEach(file, files, folder)));
  } catch (cause) {
    throw new ZipError(
      "malformed",
      `could not unpack the zip: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  } finally {
    file.close();
  }
}

async function writeEach(file: ZipFile, entries: Iterable<Entry>, folder: string): Promise<void> {
  for (const entry of entries) {
    const executable = (entry.externalFileAttributes >>> 16) & 0o100;
    // "wx": two names that the file system treats as one must not overwrite each other.
    const content = await file.openReadStreamPromise(entry);
    await pipeline(
      content,
      (chunks: AsyncIterable<Buffer>) => checked(chunks, entry),
      createWriteStream(join(folder, entry.fileName), { flags: "wx", mode: 0o600 | executable }),
    );
  }
}

/** Throws at the end of contents that are not those of the entry; the reader has checked their length. */
async function* checked(chunks: AsyncIterable<Buffer>, entry: Entry): AsyncGenerator<Buffer> {
  let sum = 0;
  for await (const chunk of chunks) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== entry.crc32)
    throw new Error(`the contents of ${JSON.stringify(entry.fileName)} do not have its CRC-32`);
}
