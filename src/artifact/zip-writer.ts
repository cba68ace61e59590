import { crc32, deflateRawSync } from "node:zlib";

/** The first day that a zip can name, as a zip writes it: 1980-01-01. */
const DATE = 0x0021;
/** A file that its owner writes and everyone reads, as Unix has it. */
const MODE = 0o100644;
const DEFLATED = 8;
/** Names are UTF-8. */
const FLAGS = 0x800;
/** The version of the format that unpacking needs: 2.0; and 3 in front says that Unix made it. */
const VERSION = 20;
const MADE_BY = (3 << 8) | VERSION;

/**
 * A zip with these files. Its bytes depend on names and contents alone: sorted by name, one date, one mode
 * (FAULTS.md C-11). Node's zlib compresses, so another version of it could give other bytes.
 */
export function zipOf(files: ReadonlyMap<string, Uint8Array>): Buffer {
  const entries: Buffer[] = [];
  const list: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const name = Buffer.from(path);
    const packed = deflateRawSync(content, { level: 9 });
    const about = aboutEntry({ name, content, packed });
    const entry = Buffer.concat([fields([0x04034b50, 4]), about, name, packed]);
    list.push(fields([0x02014b50, 4], [MADE_BY, 2]), about, attributes(offset), name);
    entries.push(entry);
    offset += entry.length;
  }
  const directory = Buffer.concat(list);
  return Buffer.concat([...entries, directory, endOf(files.size, directory.length, offset)]);
}

/** What stands before an entry and in the list of them alike. */
const aboutEntry = (entry: { name: Buffer; content: Uint8Array; packed: Buffer }): Buffer =>
  fields(
    [VERSION, 2],
    [FLAGS, 2],
    [DEFLATED, 2],
    [0, 2],
    [DATE, 2],
    [crc32(entry.content), 4],
    [entry.packed.length, 4],
    [entry.content.length, 4],
    [entry.name.length, 2],
    [0, 2],
  );

/** What the list says besides: no comment, the first disk, the mode, and where the entry is. */
const attributes = (offset: number): Buffer =>
  fields([0, 2], [0, 2], [0, 2], [MODE * 0x10000, 4], [offset, 4]);

const endOf = (count: number, listBytes: number, offset: number): Buffer =>
  fields([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [listBytes, 4], [offset, 4], [0, 2]);

/** Numbers, each in this number of bytes, the lowest byte first. */
function fields(...values: [value: number, bytes: 2 | 4][]): Buffer {
  const parts = values.map(([value, bytes]) => {
    const part = Buffer.alloc(bytes);
    part.writeUIntLE(value, 0, bytes);
    return part;
  });
  return Buffer.concat(parts);
}
