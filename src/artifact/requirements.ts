import { createHash } from "node:crypto";
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import { redactUrls, shorten } from "../settings/redact.ts";

/** For which Python packages are installed. */
export interface PythonTarget {
  /** As in "3.12". */
  version: string;
  /** Lambda's systems of this processor; absent for this machine, where the local AWS runs it. */
  architecture?: "x86_64" | "arm64" | undefined;
}

const MOST_BYTES = 1024 * 1024;
/** As deep as files of requirements name others, and as many in all. */
const DEPTH = 10;
const MOST_FILES = 100;
/** A line with many hashes is long; what is before them is not. */
const LONGEST = { line: 65_536, unhashed: 2_000 };

/** How lines begin that pip would build a package for, which runs code of that package, and why not. */
const refused: readonly { line: RegExp; fault: string }[] = [
  { line: /^(-e|--ed)/, fault: "is editable, and a zip holds copies" },
  { line: /^(\.{0,2}\/|[a-z]:\\|(\S+ *@ *)?file:)/i, fault: "is a path of this machine" },
  { line: /^(\S+ *@ *)?(git|hg|svn|bzr)\+/, fault: "is a repository, which pip would have to build" },
  { line: /^(-i|--(extra-)?index)/, fault: "is no http or https address" },
  { line: /^--no-b/, fault: "asks for source packages, which pip would have to build" },
  { line: /^(\S+ *@ *)?https?:/i, fault: "is an address without a wheel, which pip would have to build" },
];

/** What may stand in an address, and before its query: ASCII that is printed, but no backslash. */
const [letter, letterOfPath] = [String.raw`[!-[\]-~]`, String.raw`[!"$->@-[\]-~]`];
/** Options of pip's files that say where packages are found, and which count; by their whole names. */
const index = String.raw`(?:-i|--index-url|--extra-index-url)[ =]+https?://${letter}+`;
const addressed = new RegExp(String.raw`^(?:${index}|--trusted-host[ =]+[\w.:[\]-]+)$`);
const flag = /^--(?:no-index|pre|prefer-binary|require-hashes)$/;
const addressOfWheels = new RegExp(String.raw`^https?://${letter}+$`, "i");
const links = /^(?:-f *|--find-links[ =]+)(\S+)$/;
/** Only wheels count in any case, and a file cannot change that. */
const wheelsOnly = /^--only-binary[ =]+\S+$/;
const nested = /^(?:(-r|--requirement)|-c|--constraint)[ =]*(\S.*)$/;

/** What pip puts the value of a variable for: the folder may be another's, and the value a secret. */
const expanded = /\$\{[A-Z\d_]+\}/;
/** What is several lines for pip, or one with the next: Python has more line ends than JavaScript. */
const notOneLine = /[\p{Cc}\p{Zl}\p{Zp}]|\\$/u;

const name = String.raw`[a-z\d](?:[\w.-]*[a-z\d])?\s*(?:\[[\w\s,.-]*\])?\s*`;
const marker = String.raw`(?:;[\w\s.,<>=!~()'"*+-]*)?`;
const version = String.raw`[<>=!~]{1,3}\s*[\w.*+!-]+`;
const versions = String.raw`(?:\(?\s*${version}(?:\s*,\s*${version})*\s*\)?)?\s*`;
const packaged = new RegExp(`^${name}${versions}${marker}$`, "i");
const wheelAt = new RegExp(
  String.raw`^(?:${name}@\s*)?https?://${letterOfPath}+\.whl(?:[?#]${letter}*)?\s*${marker}$`,
  "i",
);
const hashes = /(?:\s--hash[ =]\w+:[\da-f]+)+$/i;
/** A name that pip would take for a file of the current folder. */
const archive = /^[\w.-]+\.(?:zip|whl|tar|tgz|tbz|txz|tlz|tar\.\w+)\s*(?:$|[[;])/i;

/** What files of requirements ask for, without anything that pip would build a package for. */
export interface Requirements {
  /** Lines for pip: packages and options. */
  packages: readonly string[];
  /** Lines that limit versions. */
  limits: readonly string[];
  /** Of both. */
  hash: string;
}

interface Line {
  text: string;
  isLimit: boolean;
}

/**
 * What the `requirements.txt` of a folder, and the files that it names, ask for; undefined where there is
 * none, or where it asks for nothing. Throws a CliError (exit 2) for what no wheel is installed for.
 */
export function requirementsOf(folder: string): Requirements | undefined {
  const file = join(folder, "requirements.txt");
  const reading = readRegular(file, MOST_BYTES);
  if ("fault" in reading && reading.fault === "ENOENT") return undefined;
  const root = realpathSync(folder);
  if (leadsOut(file, root)) throw invalid(`${file} is a link that leads out of the folder`, INSIDE);
  const lines = linesOf(join(root, "requirements.txt"), {
    root,
    count: { files: 0 },
    depth: DEPTH,
    isLimit: false,
  });
  const textOf = (isLimit: boolean) =>
    lines.filter((line) => line.isLimit === isLimit).map(({ text }) => text);
  const [packages, limits] = [textOf(false), textOf(true)];
  if (packages.every((line) => line.startsWith("-"))) return undefined;
  const hash = createHash("sha256")
    .update(JSON.stringify([packages, limits]))
    .digest("hex");
  return { packages, limits, hash };
}

interface Walk {
  /** The real path of the source folder. */
  root: string;
  /** Of files that were read. */
  count: { files: number };
  depth: number;
  isLimit: boolean;
}

/** The lines of a file and of those that it names. */
function linesOf(file: string, { root, count, depth, isLimit }: Walk): Line[] {
  if (depth === 0) throw invalid(`${file} names a file that names it`);
  if (++count.files > MOST_FILES) throw invalid(`${file} is one too many: ${MOST_FILES} files are read`);
  const reading = readRegular(file, MOST_BYTES);
  if (!("bytes" in reading)) throw invalid(`${file} cannot be read: ${reading.fault}`);
  return textLines(reading.bytes).flatMap((line): Line[] => {
    const place = `${file}: ${shown(line)}`;
    refuseMore(line, place);
    const [, asks, named] = nested.exec(line) ?? [];
    if (named === undefined) {
      const text = line === "" ? undefined : understood(line, { folder: dirname(file), root, place });
      // With the path of a folder of wheels, which begins with the source folder's.
      if (text !== undefined) refuseMore(text, place);
      return text === undefined ? [] : [{ text, isLimit: isLimit && !text.startsWith("-") }];
    }
    if (named.includes("://")) throw invalid(`${place} is not on this machine`);
    const path = resolve(dirname(file), named.replace(/^(["'])(.*)\1$/, "$2"));
    if (leadsOut(path, root)) throw invalid(`${place} leads out of the folder`, INSIDE);
    return linesOf(path, { root, count, depth: depth - 1, isLimit: isLimit || asks === undefined });
  });
}

/** Refuses what pip would read more in than it says. */
function refuseMore(line: string, place: string): void {
  if (expanded.test(line)) throw invalid(`${place} names a variable of this machine`, CONFIGURE);
  if (notOneLine.test(line)) throw invalid(`${place} is more than one line for pip`);
}

/** Whether a file is none of the folder's: it may be any of this user's, and a line of it a password. */
const leadsOut = (file: string, root: string): boolean => !realOf(file).startsWith(`${root}${sep}`);

const realOf = (path: string): string =>
  existsSync(path) ? realpathSync(path) : join(realOf(dirname(path)), basename(path));

interface Where {
  /** The folder of the file. */
  folder: string;
  /** The real path of the source folder. */
  root: string;
  /** The file and the line, for people. */
  place: string;
}

/** A place of wheels as pip gets it: an address, or a folder within the source folder. */
function linksTo(named: string, { folder, root, place }: Where): string {
  if (addressOfWheels.test(named)) return `--find-links ${named}`;
  const path = resolve(folder, named);
  if (path !== root && leadsOut(path, root)) throw invalid(`${place} leads out of the folder`, WHEELS_HERE);
  if (!existsSync(path) || !statSync(path).isDirectory()) throw invalid(`${place} is no folder`, WHEELS_HERE);
  // Pip takes a wheel that is a link, and what a page names.
  const led = readdirSync(path).find(
    (name) => /\.s?html?$/i.test(name) || (/\.whl$/i.test(name) && leadsOut(join(path, name), root)),
  );
  if (led !== undefined)
    throw invalid(`${place} has ${JSON.stringify(led)}, which may lead out of the folder`, WHEELS_HERE);
  return `--find-links ${JSON.stringify(path)}`;
}

/** As pip has lines: in UTF-8, or in the UTF-16 of PowerShell; a backslash at the end goes on in the next. */
function textLines(bytes: Buffer): string[] {
  const text = bytes.toString(bytes[0] === 0xff && bytes[1] === 0xfe ? "utf16le" : "utf8");
  return text
    .replace(/^\uFEFF/, "")
    .replaceAll(/\\\r?\n/g, "")
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*/, ""))
    .map((line) => line.replaceAll(/\s+/g, " ").trim());
}

/**
 * A line as pip gets it, in whatever folder; undefined for one that changes nothing. Only what runs no code
 * passes: pip takes much for a path, and beginnings of options for options.
 */
function understood(line: string, where: Where): string | undefined {
  if (wheelsOnly.test(line)) return undefined;
  const [, place] = links.exec(line) ?? [];
  if (place !== undefined) return linksTo(place, where);
  if (addressed.test(line) || flag.test(line) || isPackage(line)) return line;
  const fault = refused.find((rule) => rule.line.test(line))?.fault;
  throw invalid(`${where.place} ${fault ?? "is not understood"}`);
}

function isPackage(line: string): boolean {
  if (line.length > LONGEST.line) return false;
  const asked = line.replace(hashes, "");
  if (asked.length > LONGEST.unhashed || /\s-/.test(asked) || archive.test(asked)) return false;
  return packaged.test(asked) || wheelAt.test(asked);
}

const LONGEST_SHOWN = 200;
const shown = (line: string): string => JSON.stringify(shorten(redactUrls(line), LONGEST_SHOWN));

const WHEELS = "name packages that have wheels, such as requests==2.32.3";
const INSIDE = "copy the file into the folder, and name that";
const WHEELS_HERE =
  "put the wheels into a folder within this one, or name a place of your own in PIP_FIND_LINKS";
const CONFIGURE =
  "tell pip of the index yourself, with its user and password: in PIP_INDEX_URL, or in your pip.conf " +
  "(python3 -m pip config set global.index-url URL)";

const invalid = (message: string, hint = WHEELS): CliError =>
  new CliError("requirements-invalid", message, { hint });
