import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  access,
  chmod,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  rename,
  rm,
  symlink,
  type FileHandle,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CliError } from "../errors/error.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY, W_OK } = constants;

/** For its owner alone. */
export const SECRET = 0o600;

/** What stands where a file is to be written: undefined for nothing. Throws where that is no regular file. */
export async function fileAt(file: string): Promise<{ mode: number } | undefined> {
  try {
    const stats = await lstat(file);
    if (stats.isFile()) return { mode: stats.mode & 0o777 };
    if (stats.isDirectory()) throw refused(file, "it is a folder");
    throw refused(file, stats.isSymbolicLink() ? "it is a link" : "it is no regular file");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** How a regular file begins; undefined where there is none. Follows no link. Throws as `fileAt` does. */
export async function firstBytes(file: string, most: number): Promise<Uint8Array | undefined> {
  if (!(await fileAt(file))) return undefined;
  const opened = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(most), 0, most, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await opened.close();
  }
}

/**
 * Whether `replaceFile` will find its folder as it needs it, for work that must not be lost at its end. It
 * throws as that does.
 */
export async function requireWritable(file: string): Promise<void> {
  await fileAt(file);
  await access(dirname(file), W_OK);
}

/**
 * Writes a file as a whole: beside it under a name that none can guess, then moved into its place, so that a
 * cut leaves the last whole one. Follows no link. A file that is there keeps its mode; whether it may be
 * replaced is the caller's to know. Throws a CliError for what is no regular file, Node's errors otherwise.
 */
export async function replaceFile(file: string, content: Uint8Array | string, mode = 0o666): Promise<void> {
  const present = await fileAt(file);
  const written = `${file}.${randomBytes(9).toString("base64url")}`;
  try {
    await createFile(written, content, mode);
    if (present && mode !== SECRET) await chmod(written, present.mode);
    await rename(written, file);
  } catch (error) {
    await rm(written, { force: true });
    // The person knows the file, not the name beside it.
    throw Object.assign(error as Error, { path: file });
  }
}

/** Makes a link to a folder, and the folder that it stands in. */
export async function linkTo(folder: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await symlink(folder, path, "junction");
}

/** Gives a file another name beside it, in the place of what may be there; returns that. */
export async function setAside(file: string, ending: string): Promise<string> {
  const aside = `${file}.${ending}`;
  await rename(file, aside);
  return aside;
}

/** Writes a file that is not there yet; what is there, a link too, is an EEXIST. */
export async function createFile(file: string, content: Uint8Array | string, mode = 0o666): Promise<void> {
  await writing(await open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode), content);
}

/**
 * Puts a file of its owner's alone into its place as a whole; false where one is there, as when two start at
 * once. Written beside it and linked into place: it is there as a whole or not at all.
 */
export async function claimFile(file: string, text: string): Promise<boolean> {
  const written = `${file}.${randomBytes(9).toString("base64url")}`;
  await createFile(written, text, SECRET);
  try {
    await link(written, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(written);
  }
}

/** Adds to a regular file, or makes it. Follows no link and waits for no reader of a pipe. */
export async function appendTo(file: string, text: string): Promise<void> {
  await fileAt(file);
  const opened = await open(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
  if (!(await opened.stat()).isFile()) {
    await opened.close();
    throw refused(file, "it is no regular file");
  }
  await writing(opened, text);
}

async function writing(opened: FileHandle, content: Uint8Array | string): Promise<void> {
  try {
    await opened.writeFile(content);
  } finally {
    await opened.close();
  }
}

const refused = (file: string, why: string): CliError =>
  new CliError("file-unusable", `${JSON.stringify(file)} is not written: ${why}`, {
    hint: "name a file that is not there yet, or a regular one",
    path: file,
  });

/** A file of its owner's alone, in a new folder among the system's temporary ones. */
export async function temporaryFile(
  name: string,
  text: string,
): Promise<{ file: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-"));
  const file = join(folder, name);
  await createFile(file, text, SECRET);
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}
