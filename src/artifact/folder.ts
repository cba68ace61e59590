import { lstatSync, readdirSync, realpathSync, statSync, type Stats } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { isRecord, jsonIn } from "../contract/json.ts";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import { zipLimits } from "../files/zip-list.ts";
import { isLeftOut, isOfNpm, isVirtualEnvironment } from "./left-out.ts";
import { megabytes } from "./upload.ts";
import { MOST_FILES, type Packed } from "./zip-writer.ts";

/** A file of a function's folder, not read yet. */
interface FoundFile {
  path: string;
  bytes: number;
  isExecutable: boolean;
}

/** Files by their names in the zip, with a slash between the parts. */
export type Files = Map<string, Uint8Array | Packed>;

interface Walk {
  /** The real path of the source folder: no link may lead out of it. */
  root: string;
  /** The real paths of what is left out besides, such as the zip that is written. */
  except: ReadonlySet<string>;
  found: Map<string, FoundFile>;
  bytes: number;
}

/**
 * The files of a function's folder, by their names in the zip; what `left-out` names stays behind. Links
 * within the folder are followed. Throws a CliError (exit 2) that names what cannot be in a zip.
 */
export function filesOf(folder: string, except: readonly string[] = []): Map<string, FoundFile> {
  const root = requireFolder(folder);
  const left = new Set([...except.map(realOf), ...developing(root)]);
  const walk: Walk = { root, except: left, found: new Map(), bytes: 0 };
  enter(walk, root, "", []);
  return walk.found;
}

/** Reads them; a file that is to be run stays one. */
export async function readAll(found: ReadonlyMap<string, FoundFile>): Promise<Files> {
  const { pack } = await import("./zip-writer.ts");
  return new Map(
    [...found].map(([name, { path, isExecutable }]) => {
      const reading = readRegular(path, zipLimits.bytes);
      if (!("bytes" in reading)) throw unusable(name, `cannot be read: ${reading.fault}`);
      return [name, pack(reading.bytes, isExecutable)];
    }),
  );
}

/** The real path of a folder; throws a CliError (exit 2) for anything else. */
export function requireFolder(folder: string): string {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return realpathSync(folder);
  const fault = stats ? "is no folder" : "is not there";
  const hint = stats?.isFile() ? "a zip is given with --zip" : "check --source";
  throw new CliError("source-unusable", `the source ${JSON.stringify(folder)} ${fault}`, { hint });
}

function realOf(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    // What is not there yet: its folder is, or nothing is.
    return join(realpathOrSame(dirname(absolute)), basename(absolute));
  }
}

function realpathOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The packages that npm installed for development alone, as its own list has them. */
function developing(root: string): string[] {
  const reading = readRegular(join(root, "node_modules", ".package-lock.json"), zipLimits.bytes);
  const json = "bytes" in reading ? jsonIn(reading.bytes.toString()) : undefined;
  const { packages } = isRecord(json) ? json : {};
  return Object.entries(isRecord(packages) ? packages : {})
    .filter(([, about]) => isRecord(about) && about["dev"] === true)
    .map(([path]) => join(root, path));
}

/** Walks through a folder; `above` are the real paths of those that it is in. */
function enter(walk: Walk, folder: string, prefix: string, above: readonly string[]): void {
  const names = namesIn(folder, prefix);
  if (prefix !== "" && isVirtualEnvironment(names)) return;
  const isPackages = basename(folder) === "node_modules";
  for (const name of names.toSorted()) {
    const path = join(folder, name);
    const place = prefix + name;
    if (isLeftOut({ name, isTop: prefix === "" }) || (isPackages && isOfNpm(name))) continue;
    if (walk.except.has(path)) continue;
    requireUsableName(place, name);
    take(walk, { path, place, above: [...above, folder] });
  }
}

function namesIn(folder: string, prefix: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw unusable(prefix || ".", `cannot be read: ${code}`);
  }
}

function take(
  walk: Walk,
  { path, place, above }: { path: string; place: string; above: readonly string[] },
): void {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) {
    const real = followed(walk, path, place);
    const target = lstatSync(real);
    if (above.includes(real)) throw unusable(place, "is a link to a folder that it is in");
    takeReal(walk, { path: real, place, above }, target);
  } else takeReal(walk, { path, place, above }, stats);
}

function takeReal(
  walk: Walk,
  { path, place, above }: { path: string; place: string; above: readonly string[] },
  stats: Stats,
): void {
  if (stats.isDirectory()) return enter(walk, path, `${place}/`, above);
  if (!stats.isFile()) throw unusable(place, "is neither a file nor a folder: a pipe, a socket or a device");
  walk.found.set(place, { path, bytes: stats.size, isExecutable: (stats.mode & 0o100) !== 0 });
  walk.bytes += stats.size;
  if (walk.bytes > zipLimits.bytes) throw tooLarge(walk.found);
  if (walk.found.size > MOST_FILES)
    throw unusable(".", `holds more than ${MOST_FILES} files, more than a zip can name`);
}

/** Where a link within the folder leads. What is outside may be anything, such as a key of this user. */
function followed({ root }: Walk, path: string, place: string): string {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    const leadsNowhere = code === "ENOENT" || code === "ENOTDIR";
    throw unusable(place, leadsNowhere ? "is a link that leads nowhere" : `cannot be followed: ${code}`);
  }
  if (real.includes(`${sep}node_modules${sep}.pnpm${sep}`))
    throw unusable(place, "is a link of pnpm's, which a zip cannot hold", BUNDLE);
  if (!real.startsWith(`${root}${sep}`)) throw unusable(place, "is a link that leads out of the folder");
  return real;
}

const BUNDLE = "bundle it: npm install --save-dev esbuild; or install with node-linker=hoisted";

function requireUsableName(place: string, name: string): void {
  if (name.includes("\uFFFD")) throw unusable(place, "has a name that is no UTF-8");
  if (/[\p{Cc}\\]/u.test(name)) throw unusable(place, "has a control character or a backslash in its name");
}

const unusable = (place: string, fault: string, hint = "remove it from the folder, or move it"): CliError =>
  new CliError("source-unusable", `${JSON.stringify(place)} in the source folder ${fault}`, { hint });

function tooLarge(found: ReadonlyMap<string, FoundFile>): CliError {
  const largest = [...found].toSorted(([, one], [, other]) => other.bytes - one.bytes).slice(0, 3);
  const names = largest.map(([name, { bytes }]) => `${JSON.stringify(name)} (${megabytes(bytes)})`);
  return new CliError(
    "zip-too-large",
    `the source folder holds more than ${megabytes(zipLimits.bytes)}, the most that Lambda unpacks`,
    { hint: `the largest are ${names.join(", ")}` },
  );
}
