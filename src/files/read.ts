import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { distrust } from "./trust.ts";

/** A file's bytes, or why they are not read: nothing in the words is from the file. */
export type Reading = { bytes: Buffer } | { because: "untrusted" | "unusable"; fault: string };

/** As many links as Linux follows. */
const MOST_LINKS = 40;
const CHUNK_BYTES = 256 * 1024;
const PAGE_BYTES = 4 * 1024;

/**
 * Reads a regular file of at most `most` bytes that only this user and root can have written; where it is a
 * link, each link that leads to it counts too. Never waits, as it would for a pipe or a device.
 */
export function readTrusted(file: string, most: number): Reading {
  try {
    const doubt = linksTo(file)
      .map(distrust)
      .find((found) => found !== undefined);
    return doubt === undefined ? readOwn(file, most) : { because: "untrusted", fault: doubt };
  } catch (error) {
    return unusable((error as NodeJS.ErrnoException).code ?? "unknown");
  }
}

/**
 * Reads a regular file of at most `most` bytes, another's too. Never waits, as it would for a pipe or a
 * device.
 */
export function readRegular(file: string, most: number): Reading {
  try {
    if (!statSync(file).isFile()) return unusable("it is no regular file");
    const opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const bytes = fstatSync(opened).isFile() ? upTo(opened, most + 1) : undefined;
      if (bytes === undefined) return unusable("it is no regular file");
      return bytes.length > most ? unusable(`it is larger than ${most} bytes`) : { bytes };
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    return unusable((error as NodeJS.ErrnoException).code ?? "unknown");
  }
}

const unusable = (fault: string): Reading => ({ because: "unusable", fault });

/** The links that a path leads over, by its last name. */
function linksTo(file: string): Stats[] {
  const links: Stats[] = [];
  let at = file;
  for (let stats = lstatSync(at); stats.isSymbolicLink(); stats = lstatSync(at)) {
    links.push(stats);
    if (links.length > MOST_LINKS) throw Object.assign(new Error("too many links"), { code: "ELOOP" });
    at = resolve(realpathSync(dirname(at)), readlinkSync(at));
  }
  return links;
}

function readOwn(file: string, most: number): Reading {
  // Opening some devices does something already.
  if (!statSync(file).isFile()) return unusable("it is no regular file");
  const opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(opened);
    const doubt = distrust(stats);
    if (doubt !== undefined) return { because: "untrusted", fault: doubt };
    const bytes = stats.isFile() ? upTo(opened, most + 1) : undefined;
    if (bytes === undefined) return unusable("it is no regular file");
    return bytes.length > most ? unusable(`it is larger than ${most} bytes`) : { bytes };
  } finally {
    closeSync(opened);
  }
}

/** A file of /proc tells no size, others may grow: what counts is what is read. */
function upTo(opened: number, most: number): Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  for (let count = -1; count !== 0 && length < most; length += count) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, most - length));
    count = readSync(opened, chunk);
    chunks.push(chunk.subarray(0, count));
  }
  return Buffer.concat(chunks);
}

const READS_AT_ONCE = 16;

/**
 * Reads a file of /proc. Linux hands it out in pages, so that reading each in a thread of its own takes
 * longer than the reading; between some of them others get their turn. Throws Node's errors.
 */
export async function readListing(file: string): Promise<Buffer> {
  const opened = openSync(file, constants.O_RDONLY);
  try {
    const chunks: Buffer[] = [];
    for (let count = -1; count !== 0;) {
      if (chunks.length % READS_AT_ONCE === READS_AT_ONCE - 1) await setImmediate();
      const chunk = Buffer.alloc(PAGE_BYTES);
      count = readSync(opened, chunk);
      chunks.push(chunk.subarray(0, count));
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(opened);
  }
}

/** The nearest file of this name in a folder or one above it, whatever it is but a folder. */
export function findAbove(folder: string, name: string): string | undefined {
  const file = join(folder, name);
  if (isThere(file)) return file;
  const above = dirname(folder);
  return above === folder ? undefined : findAbove(above, name);
}

/** A link counts as it stands: where it leads nowhere, that is said and not passed over. */
function isThere(file: string): boolean {
  try {
    return !(statSync(file, { throwIfNoEntry: false }) ?? lstatSync(file)).isDirectory();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ELOOP";
  }
}
