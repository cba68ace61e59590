import { crc32, deflateRawSync } from "node:zlib";

/** The first day that a zip can name, as a zip writes it: 1980-01-01. */
const DATE = 0x0021;
/** A file that its owner writes and everyone reads, as Unix has it; and one that everyone runs. */
const modes = { plain: 0o100644, executable: 0o100755 };
const DEFLATED = 8;
/** Names are UTF-8. */
const FLAGS = 0x800;
/** The version of the format that unpacking needs: 2.0; and 3 in front says that Unix made it. */
const VERSION = 20;
const MADE_BY = (3 << 8) | VERSION;

/** As many files as a zip's own counts can name. */
export const MOST_FILES = 65_535;

/** A file as a zip holds it. */
export interface Packed {
  deflated: Uint8Array;
  /** Of the content, and its length in bytes. */
  crc32: number;
  bytes: number;
  isExecutable: boolean;
}

export const pack = (content: Uint8Array, isExecutable = false): Packed => ({
  deflated: deflateRawSync(content, { level: 9 }),
  crc32: crc32(content),
  bytes: content.length,
  isExecutable,
});

/**
 * A zip with these files, at most `MOST_FILES`. Its bytes depend on names, contents and whether they run
 * alone: sorted by name, one date (FAULTS.md C-11). Node's zlib compresses, so another version of it could
 * give other bytes.
 */
export function zipOf(files: ReadonlyMap<string, Uint8Array | Packed>): Buffer {
  const entries: Buffer[] = [];
  const list: Buffer[] = [];
  let offset = 0;
  for (const [path, file] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const name = Buffer.from(path);
    const packed = file instanceof Uint8Array ? pack(file) : file;
    const about = aboutEntry(name, packed);
    const entry = Buffer.concat([fields([FILE, 4]), about, name, packed.deflated]);
    list.push(fields([LISTED, 4], [MADE_BY, 2]), about, attributes(packed, offset), name);
    entries.push(entry);
    offset += entry.length;
  }
  const directory = Buffer.concat(list);
  return Buffer.concat([...entries, directory, endOf(files.size, directory.length, offset)]);
}

/** How a file, its line in the list of them, and the end of that list begin. */
const [FILE, LISTED, END] = [0x04034b50, 0x02014b50, 0x06054b50];

/** What stands before an entry and in the list of them alike. */
const aboutEntry = (name: Buffer, { deflated, crc32: sum, bytes }: Packed): Buffer =>
  fields(
    [VERSION, 2],
    [FLAGS, 2],
    [DEFLATED, 2],
    [0, 2],
    [DATE, 2],
    [sum, 4],
    [deflated.length, 4],
    [bytes, 4],
    [name.length, 2],
    [0, 2],
  );

/** What the list says besides: no comment, the first disk, the mode, and where the entry is. */
const attributes = ({ isExecutable }: Packed, offset: number): Buffer =>
  fields([0, 2], [0, 2], [0, 2], [modes[isExecutable ? "executable" : "plain"] * 0x10000, 4], [offset, 4]);

/** Whether a file that begins with these 14 bytes is a zip that `zipOf` has made, to all appearances. */
export const isOurs = (begun: Uint8Array): boolean =>
  fields([FILE, 4], [VERSION, 2], [FLAGS, 2], [DEFLATED, 2], [0, 2], [DATE, 2]).equals(begun.subarray(0, 14));

/** The files of a zip that `zipOf` has made, without unpacking them. */
export function filesIn(zip: Buffer): Map<string, Packed> {
  const files = new Map<string, Packed>();
  const end = zip.length - 22;
  if (zip.readUInt32LE(end) !== END) throw new Error("the end of the zip is missing");
  for (let at = zip.readUInt32LE(end + 16); at < end;) {
    const nameLength = zip.readUInt16LE(at + 28);
    const start = zip.readUInt32LE(at + 42) + 30 + nameLength;
    files.set(zip.toString("utf8", at + 46, at + 46 + nameLength), {
      deflated: zip.subarray(start, start + zip.readUInt32LE(at + 20)),
      crc32: zip.readUInt32LE(at + 16),
      bytes: zip.readUInt32LE(at + 24),
      isExecutable: zip.readUInt32LE(at + 38) >>> 16 === modes.executable,
    });
    at += 46 + nameLength;
  }
  return files;
}

const endOf = (count: number, listBytes: number, offset: number): Buffer =>
  fields([END, 4], [0, 2], [0, 2], [count, 2], [count, 2], [listBytes, 4], [offset, 4], [0, 2]);

/** Numbers, each in this number of bytes, the lowest byte first. */
function fields(...values: [value: number, bytes: 2 | 4][]): Buffer {
  const parts = values.map(([value, bytes]) => {
    const part = Buffer.alloc(bytes);
    part.writeUIntLE(value, 0, bytes);
    return part;
  });
  return Buffer.concat(parts);
}
