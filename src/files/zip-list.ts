import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";

/**
 * What Lambda allows unpacked, in bytes, and how many entries we unpack (AWS.md 4.9,
 * FAULTS.md G-21).
 */
export const zipLimits = { entries: 10_000, bytes: 250 * 1024 * 1024 };

const fileTypeBits = 0o170000;
const fileTypes = { unset: 0, file: 0o100000, folder: 0o040000 };
const link = 0o120000;
const encryptedFlag = 1;

/**
 * A deployment package that is refused; the message names the entry and the problem. `kind`: `malformed` for
 * any unzipper, `too large` for Lambda, `not emulated` when Lambda would take it.
 */
export class ZipError extends Error {
  override readonly name = "ZipError";
  readonly kind: "malformed" | "too large" | "not emulated";

  constructor(kind: ZipError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** A zip that can be unpacked, as far as its list of entries tells. The caller closes `file`. */
export interface OpenZip {
  file: ZipFile;
  entries: Entry[];
}

/**
 * Opens a zip and reads its list of entries. Throws `ZipError` when it is not a zip, for a name outside of
 * the folder, for a link, a device or an encrypted entry, for a name that occurs twice or is a file and a
 * folder, and for more than 10,000 entries (or `most`) or 250 MB.
 */
export async function openZip(zip: Uint8Array, most = zipLimits.entries): Promise<OpenZip> {
  const file = await open(zip);
  try {
    return { file, entries: await readList(file, most) };
  } catch (error) {
    file.close();
    throw error instanceof ZipError ? error : unreadable(error);
  }
}

async function open(zip: Uint8Array): Promise<ZipFile> {
  try {
    const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
    return await fromBufferPromise(bytes, { lazyEntries: true, autoClose: false, strictFileNames: true });
  } catch (error) {
    throw unreadable(error);
  }
}

const unreadable = (cause: unknown): ZipError =>
  new ZipError(
    "malformed",
    `could not read the zip: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );

async function readList(file: ZipFile, most: number): Promise<Entry[]> {
  if (file.entryCount > most)
    throw new ZipError("not emulated", `the zip has ${file.entryCount} entries, more than ${most}`);
  const entries: Entry[] = [];
  let bytes = 0;
  for await (const entry of file.eachEntry()) {
    const type = (entry.externalFileAttributes >>> 16) & fileTypeBits;
    if (type === link)
      throw new ZipError("not emulated", `zip entry ${JSON.stringify(entry.fileName)} is a symbolic link`);
    const problem = problemOf(entry, type);
    if (problem) throw new ZipError("malformed", `zip entry ${JSON.stringify(entry.fileName)} ${problem}`);
    bytes += entry.uncompressedSize;
    if (bytes > zipLimits.bytes)
      throw new ZipError("too large", `the zip unpacks to more than ${zipLimits.bytes} bytes`);
    entries.push(entry);
  }
  refuseClashes(entries);
  return entries;
}

/**
 * What is wrong with an entry; the reader has already refused `..`, absolute names, drive letters and
 * backslashes.
 */
function problemOf(entry: Entry, type: number): string | undefined {
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

/**
 * With the lowest character, which no name has, in place of the slash, a folder's entries sort right after
 * its name.
 */
function refuseClashes(entries: readonly Entry[]): void {
  const names = entries.map(({ fileName }) => fileName.replaceAll("/", "\0")).sort();
  for (const [index, name] of names.entries()) {
    const next = names[index + 1] ?? "";
    const problem =
      next === name
        ? "is there twice"
        : next.startsWith(`${name}\0`) && !name.endsWith("\0")
          ? "is a file and a folder"
          : undefined;
    if (problem)
      throw new ZipError("malformed", `zip entry ${JSON.stringify(name.replaceAll("\0", "/"))} ${problem}`);
  }
}
