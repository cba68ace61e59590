import { join, resolve } from "node:path";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import { openZip, ZipError, zipLimits } from "../files/zip-list.ts";
import { bundled } from "./bundle.ts";
import { filesOf, readAll, requireFolder, type Files } from "./folder.ts";
import { requirementsOf, type PythonTarget } from "./requirements.ts";
import { installed, type InstallRun } from "./wheels.ts";
import { artifactOf, zipFiles, type Artifact, type Entry } from "./zip.ts";
import { MOST_FILES } from "./zip-writer.ts";

/** A function's own code, in one of two forms, and how Lambda is to run it. */
export interface OwnCode {
  source?: string | undefined;
  zip?: string | undefined;
  /** A file that is written, which is no part of the code. */
  out?: string | undefined;
  handler: string;
  runtime: string;
  /** For which machine the packages of a Python function are. */
  architecture: PythonTarget["architecture"];
}

/** The zip of a folder: the same bytes for the same files. Throws a CliError that says what is wrong. */
export async function packageFolder(folder: string, own: OwnCode, run: InstallRun): Promise<Artifact> {
  const root = requireFolder(folder);
  const except = own.out === undefined ? [] : [resolve(own.out)];
  if (!own.runtime.startsWith("python"))
    return await zipFiles((await bundled(root, own, run.signal)) ?? (await readAll(filesOf(root, except))));
  const files = filesOf(root, [...except, join(root, "node_modules")]);
  return await zipFiles(beside(await packagesOf(root, own, run), await readAll(files)));
}

async function packagesOf(
  folder: string,
  { runtime, architecture }: OwnCode,
  run: InstallRun,
): Promise<Files> {
  const requirements = requirementsOf(folder);
  const version = runtime.slice("python".length);
  return requirements ? await installed(requirements, { version, architecture }, run) : new Map();
}

/** A package that stands in the folder counts, as a whole: two versions are not mixed. */
function beside(packages: Files, own: Files): Files {
  const firstOf = (name: string) => name.split("/", 1)[0] ?? "";
  const taken = new Set([...own.keys()].map(firstOf));
  return new Map([...[...packages].filter(([name]) => !taken.has(firstOf(name))), ...own]);
}

/** A zip as it is, whose list of files was read. Throws a CliError (exit 2) for what Lambda cannot unpack. */
export async function givenZip(file: string): Promise<Artifact> {
  const reading = readRegular(file, zipLimits.bytes);
  if (!("bytes" in reading))
    throw new CliError("zip-invalid", `the zip ${JSON.stringify(file)} cannot be read: ${reading.fault}`, {
      hint: "check --zip; a folder is given with --source",
    });
  return artifactOf(reading.bytes, await entriesOf(file, reading.bytes));
}

async function entriesOf(file: string, zip: Uint8Array): Promise<Entry[]> {
  try {
    const { file: opened, entries } = await openZip(zip, MOST_FILES);
    opened.close();
    return entries
      .filter(({ fileName }) => !fileName.endsWith("/"))
      .map(({ fileName: name, uncompressedSize: bytes }) => ({ name, bytes }));
  } catch (error) {
    if (!(error instanceof ZipError)) throw error;
    const code = error.kind === "too large" ? "zip-too-large" : "zip-invalid";
    throw new CliError(code, `${JSON.stringify(file)} cannot be a function's code: ${error.message}`);
  }
}
