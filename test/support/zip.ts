import { ZipArchive } from "archiver";
import { crc32 } from "node:zlib";

/** A zip with these files, as a zip program makes it. */
export async function zipOf(files: Record<string, string | Uint8Array>): Promise<Uint8Array> {
  const archive = new ZipArchive({ store: false });
  const chunks: Buffer[] = [];
  archive.on("data", (chunk: Buffer) => chunks.push(chunk));
  for (const [name, content] of Object.entries(files))
    archive.append(Buffer.from(content), { name, mode: 0o644, date: new Date(Date.UTC(1980, 0, 1)) });
  await archive.finalize();
  return Buffer.concat(chunks);
}

/** One entry as its bytes say it, whether that makes sense or not. */
export interface RawEntry {
  name: string;
  content?: string;
  /** Unix mode with the file type */
  mode?: number;
  /** what the zip claims, when that is not the truth */
  uncompressedSize?: number;
  crc?: number;
  flags?: number;
  /** 0 for stored, which it is in any case, or what the zip claims: 8 for deflated */
  method?: number;
}

/** A zip that no tool would make: names, modes and sizes are written as given. */
export function rawZipOf(entries: RawEntry[], claimedEntries = entries.length): Uint8Array {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const local = Buffer.concat([
      localHeader(entry),
      Buffer.from(entry.name),
      Buffer.from(entry.content ?? ""),
    ]);
    centrals.push(Buffer.concat([centralHeader(entry, offset), Buffer.from(entry.name)]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = fields(
    [0x06054b50, 4],
    [0, 2],
    [0, 2],
    [claimedEntries, 2],
    [claimedEntries, 2],
    [central.length, 4],
    [offset, 4],
    [0, 2],
  );
  return Buffer.concat([...locals, central, end]);
}

function localHeader(entry: RawEntry): Buffer {
  return fields([0x04034b50, 4], [20, 2], ...shared(entry), [Buffer.byteLength(entry.name), 2], [0, 2]);
}

function centralHeader(entry: RawEntry, offset: number): Buffer {
  const attributes = ((entry.mode ?? 0o100644) << 16) >>> 0;
  return fields(
    [0x02014b50, 4],
    [0x0314, 2],
    [20, 2],
    ...shared(entry),
    [Buffer.byteLength(entry.name), 2],
    [0, 2],
    [0, 2],
    [0, 2],
    [0, 2],
    [attributes, 4],
    [offset, 4],
  );
}

function shared({
  content = "",
  uncompressedSize,
  crc,
  flags = 0,
  method = 0,
}: RawEntry): [value: number, bytes: number][] {
  const stored = Buffer.from(content);
  return [
    [flags | 0x800, 2],
    [method, 2],
    [0, 2],
    [0x21, 2],
    [crc ?? crc32(stored), 4],
    [stored.length, 4],
    [uncompressedSize ?? stored.length, 4],
  ];
}

function fields(...values: [value: number, bytes: number][]): Buffer {
  const buffer = Buffer.alloc(values.reduce((sum, [, bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [value, bytes] of values) at = buffer.writeUIntLE(value, at, bytes);
  return buffer;
}
