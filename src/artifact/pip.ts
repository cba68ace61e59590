import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import { createFile, SECRET } from "../files/write.ts";
import { environment } from "../settings/environment.ts";
import { redactUrls } from "../settings/redact.ts";
import { pipEnvironment } from "./pip-settings.ts";
import type { PythonTarget, Requirements } from "./requirements.ts";

/** What an install is about. */
export interface Install {
  requirements: Requirements;
  target: PythonTarget;
  /** An empty folder of this user's alone. */
  folder: string;
}

/**
 * Installs packages, as wheels alone: no code of theirs is run; returns the folder that they are in. Throws a
 * CliError: without pip or a wheel (exit 2), or where pip fails.
 */
export async function pipInstall(
  { requirements: { packages, limits }, target, folder }: Install,
  signal: AbortSignal,
): Promise<string> {
  const files = { requirement: packages, constraint: limits };
  const installed = join(folder, "packages");
  await mkdir(installed);
  const words = ["install", "--target", installed, "--log", join(folder, LOG)];
  for (const [kind, lines] of Object.entries(files)) {
    if (lines.length === 0) continue;
    await createFile(join(folder, kind), `${lines.join("\n")}\n`, SECRET);
    words.push(`--${kind}`, join(folder, kind));
  }
  const { code, output } = await pip([...words, ...optionsFor(target)], target, signal);
  if (code !== 0) throw failed(output, { target, log: logIn(folder) });
  return installed;
}

const LOG = "log";
const MOST_LOGGED = 16 * 1024 * 1024;

function logIn(folder: string): string {
  const reading = readRegular(join(folder, LOG), MOST_LOGGED);
  return "bytes" in reading ? reading.bytes.toString() : "";
}

/** The newest glibc of Lambda's systems: Amazon Linux 2023 from Python 3.12 on, 2 before (AWS.md 4.2). */
const glibcOf = (version: string): number => (Number(version.split(".")[1]) >= 12 ? 34 : 26);
/** The glibc of manylinux2014. */
const OLDEST_GLIBC = 17;

function optionsFor({ version, architecture }: PythonTarget): string[] {
  const always = ["--only-binary=:all:", "--no-compile", "--no-input", "--progress-bar=off", "--quiet"];
  const silent = ["--disable-pip-version-check", "--no-warn-script-location"];
  if (architecture === undefined) return [...always, ...silent];
  const processor = architecture === "arm64" ? "aarch64" : "x86_64";
  const newest = glibcOf(version);
  const glibcs = Array.from({ length: newest - OLDEST_GLIBC + 1 }, (_, older) => newest - older);
  const platforms = [...glibcs.map((minor) => `manylinux_2_${minor}`), "manylinux2014"];
  const named = platforms.flatMap((platform) => ["--platform", `${platform}_${processor}`]);
  return [...always, ...silent, ...named, "--python-version", version, "--implementation", "cp"];
}

/** As `-m pip`, which would take any module of the current folder for pip or for a part of it. */
const RUN_PIP = [
  "-c",
  "import sys; sys.path = [place for place in sys.path if place != '']; import runpy; " +
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)",
];

/** How a program ended, and the end of what it said. */
interface Ended {
  /** Null for one that is not there. */
  code: number | null;
  output: string;
}

/** Runs the pip of the function's Python, or of any; for this machine only its own counts. */
async function pip(words: readonly string[], target: PythonTarget, signal: AbortSignal): Promise<Ended> {
  const pythons = [`python${target.version}`, "python3"];
  for (const python of pythons)
    if (await hasPip(python, signal)) return await ended(python, [...RUN_PIP, ...words], signal);
  throw new CliError("pip-missing", `pip is missing: neither ${pythons.join(" nor ")} has it`, {
    hint: "install Python with pip, such as python3-pip, or run: python3 -m ensurepip --upgrade",
  });
}

const hasPip = async (python: string, signal: AbortSignal): Promise<boolean> =>
  (await ended(python, [...RUN_PIP, "--version"], signal)).code === 0;

/** Runs a program to its end. It gets of the environment what pip needs alone. */
async function ended(program: string, words: readonly string[], signal: AbortSignal): Promise<Ended> {
  const child = spawn(program, words, {
    env: pipEnvironment(environment),
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output = (output + chunk.toString()).slice(-MOST_OUTPUT)));
  const code = await new Promise<number | null>((resolve) =>
    child.once("error", () => resolve(null)).once("close", resolve),
  );
  signal.throwIfAborted();
  return { code, output };
}

const MOST_OUTPUT = 10_000;

/** As many versions are named. */
const NEWEST = 5;

/** What pip said, as far as it tells the cause, without the passwords that its lines and URLs may hold. */
function failed(
  output: string,
  { target: { version, architecture }, log }: { target: PythonTarget; log: string },
): CliError {
  const errors = output.split("\n").filter((line) => line.startsWith("ERROR: "));
  const lines = errors.map((line) => redactUrls(line.slice("ERROR: ".length)).replace(ofOurFile, ""));
  const said = lines.join("; ") || redactUrls(output.trim());
  const [, missing] = /No matching distribution found for (.+?)(?:;|$)/.exec(said) ?? [];
  const [unreached] = missing === undefined ? [] : unreachedIn(log);
  if (unreached !== undefined)
    return new CliError(
      "pip-failed",
      `the index does not tell which wheels of ${missing} there are: ${unreached}`,
      {
        hint: "check the address, user and password of the index: python3 -m pip config list",
      },
    );
  if (missing === undefined) return new CliError("pip-failed", `pip failed: ${withoutTrace(said, output)}`);
  const [, versions = "none"] = /\(from versions: ([^)]*)\)/.exec(said) ?? [];
  const newest = versions.split(", ").slice(-NEWEST).join(", ");
  return new CliError(
    "wheel-missing",
    `there is no wheel of ${missing} for Python ${version} on ${architecture ?? process.arch}`,
    { hint: `source packages are not built; the newest versions with a wheel: ${newest}` },
  );
}

/** Where pip says of a line that it is from, in the file that it got. */
const ofOurFile = /\s*\(from (?:(?:-r|-c) [^()]*\(line \d+\)|line \d+ of [^()]*)\)/g;

/** Why pages of an index could not be read, but for one that it does not have. */
const unreachedIn = (log: string): string[] =>
  [...log.matchAll(/Could not fetch URL .+/g)]
    .map(([line]) => redactUrls(line).replace(/ - skipping$/, ""))
    .filter((line) => !/ 404 Client Error/.test(line));

/** Of a fault of pip's own its kind: the rest may be a part of a password that it could not read. */
function withoutTrace(said: string, output: string): string {
  if (said !== "Exception:") return said;
  const [, kind = "an exception"] = /^([\w.]+)(?::.*)?$/.exec(output.trim().split("\n").at(-1) ?? "") ?? [];
  return `${kind}; an address of an index, or a proxy's, may be none`;
}
