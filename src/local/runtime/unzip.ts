import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";

/** What Lambda allows unpacked, and how many entries we are ready to make (`aws-behaviour.md` 4.9, fault G-21). */
const limits = { entries: 10_000, bytes: 250 * 1024 * 1024 };

const filesAtOnce = 8;

const fileTypeBits = 0o170000;
const fileTypes = { unset: 0, file: 0o100000, folder: 0o040000 };
const encryptedFlag = 1;

/** A deployment package that is not unpacked; the message names the entry and what is wrong with it. */
class ZipError extends Error {
  override readonly name = "ZipError";
}

/**
 * Unpacks a zip into a folder that exists and is empty.
 * Throws `ZipError` for what is no zip, for a name that leads out of the folder, for a link, a device or an encrypted entry, for a name that is
 * there twice and for more than 10,000 entries or 250 MB; nothing has been written then.
 */
export async function unzip(zip: Uint8Array, folder: string): Promise<void> {
  const file = await open(zip);
  try {
    const entries = await readList(file);
    const folders = new Set(entries.map(({ fileName }) => dirname(`${fileName}.`)));
    for (const name of folders) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    const files = entries.filter(({ fileName }) => !fileName.endsWith("/")).values();
    await Promise.all(Array.from({ length: filesAtOnce }, () => writeEach(file, files, folder)));
  } catch (error) {
    throw error instanceof ZipError ? error : new ZipError(`could not unpack the zip: ${messageOf(error)}`, { cause: error });
  } finally {
    file.close();
  }
}

async function open(zip: Uint8Array): Promise<ZipFile> {
  try {
    const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
    return await fromBufferPromise(bytes, { lazyEntries: true, autoClose: false, strictFileNames: true });
  } catch (error) {
    throw new ZipError(`could not read the zip: ${messageOf(error)}`, { cause: error });
  }
}

async function readList(file: ZipFile): Promise<Entry[]> {
  if (file.entryCount > limits.entries) throw new ZipError(`the zip has ${file.entryCount} entries, more than ${limits.entries}`);
  const entries: Entry[] = [];
  const names = new Set<string>();
  let bytes = 0;
  for await (const entry of listed(file)) {
    const problem = problemOf(entry) ?? (names.has(entry.fileName) ? "is there twice" : undefined);
    if (problem) throw new ZipError(`zip entry ${JSON.stringify(entry.fileName)} ${problem}`);
    bytes += entry.uncompressedSize;
    if (bytes > limits.bytes) throw new ZipError(`the zip unpacks to more than ${limits.bytes} bytes`);
    names.add(entry.fileName);
    entries.push(entry);
  }
  return entries;
}

async function* listed(file: ZipFile): AsyncGenerator<Entry> {
  try {
    yield* file.eachEntry();
  } catch (error) {
    throw new ZipError(`could not read the zip: ${messageOf(error)}`, { cause: error });
  }
}

/** What makes an entry unfit; `..`, absolute names, drive letters and backslashes have been refused by the reader already. */
function problemOf(entry: Entry): string | undefined {
  const type = (entry.externalFileAttributes >>> 16) & fileTypeBits;
  if (!Object.values(fileTypes).includes(type)) return "is neither a file nor a folder";
  if (entry.generalPurposeBitFlag & encryptedFlag) return "is encrypted";
  if (hasControlCharacter(entry.fileName)) return "has a control character in its name";
  const segments = entry.fileName.replace(/\/$/, "").split("/");
  return segments.some((segment) => segment === "" || segment === "." || segment === "..")
    ? "has an empty or relative part in its name"
    : undefined;
}

function hasControlCharacter(name: string): boolean {
  return Array.from(name).some((character) => character < " " || character === "\u007F");
}

async function writeEach(file: ZipFile, entries: Iterable<Entry>, folder: string): Promise<void> {
  for (const entry of entries) {
    const executable = (entry.externalFileAttributes >>> 16) & 0o100;
    // "wx": two names that a file system takes for the same one must not overwrite each other.
    const content = await file.openReadStreamPromise(entry);
    await pipeline(content, createWriteStream(join(folder, entry.fileName), { flags: "wx", mode: 0o600 | executable }));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
