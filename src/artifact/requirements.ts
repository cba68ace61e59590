import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";

/** For which Python packages are installed. */
export interface PythonTarget {
  /** As in "3.12". */
  version: string;
  /** Lambda's systems of this processor; absent for this machine, where the local AWS runs it. */
  architecture?: "x86_64" | "arm64" | undefined;
}

const MOST_BYTES = 1024 * 1024;
/** As deep as files of requirements name others. */
const DEPTH = 10;

/** How lines begin that pip would build a package for, which runs code of that package. */
const refused: readonly { line: RegExp; fault: string }[] = [
  { line: /^(-e\b|--editable\b)/, fault: "is editable, and a zip holds copies" },
  { line: /^(\.{0,2}\/|[a-z]:\\|file:)/i, fault: "is a path of this machine" },
  { line: /^(\S+ *@ *)?(git|hg|svn|bzr)\+/, fault: "is a repository, which pip would have to build" },
  { line: /^--no-binary\b/, fault: "asks for source packages, which pip would have to build" },
];

/** A file of requirements, and those that it names. */
export interface Requirements {
  file: string;
  /** Of all that these files say. */
  hash: string;
}

/**
 * The `requirements.txt` of a folder; undefined where there is none, or where it asks for nothing. Throws a
 * CliError (exit 2) for what no wheel is installed for.
 */
export function requirementsOf(folder: string): Requirements | undefined {
  const file = join(folder, "requirements.txt");
  const reading = readRegular(file, MOST_BYTES);
  if ("fault" in reading && reading.fault === "ENOENT") return undefined;
  const lines = linesOf(file, DEPTH);
  if (lines.every((line) => line.startsWith("-"))) return undefined;
  return { file, hash: createHash("sha256").update(lines.join("\n")).digest("hex") };
}

/** The lines of a file and of those that it names, without comments. */
function linesOf(file: string, depth: number): string[] {
  const reading = readRegular(file, MOST_BYTES);
  if (!("bytes" in reading)) throw invalid(`${file} cannot be read: ${reading.fault}`);
  if (depth === 0) throw invalid(`${file} names a file that names it`);
  const lines = reading.bytes
    .toString()
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*/, "").trim())
    .filter((line) => line !== "");
  return lines.flatMap((line) => {
    const fault = refused.find((rule) => rule.line.test(line))?.fault;
    if (fault !== undefined) throw invalid(`${file}: ${JSON.stringify(line)} ${fault}`);
    const [, named] = /^(?:-r|-c|--requirement|--constraint)[ =]*(\S+)/.exec(line) ?? [];
    return named === undefined ? [line] : [line, ...linesOf(join(dirname(file), named), depth - 1)];
  });
}

const invalid = (message: string): CliError =>
  new CliError("requirements-invalid", message, {
    hint: "name packages that have wheels, such as requests==2.32.3",
  });
