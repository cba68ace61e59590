import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CliError } from "../errors/error.ts";
import { makeFolder, requireOwn } from "../files/own-folder.ts";
import { cacheHome } from "../files/state-home.ts";
import { replaceFile } from "../files/write.ts";
import type { Report } from "../progress.ts";
import { environment, withoutCredentials } from "../settings/environment.ts";
import { filesOf, readAll, type Files } from "./folder.ts";
import type { PythonTarget, Requirements } from "./requirements.ts";

/** Changes when what is kept would not be what is installed today. */
const FORMAT = "2";

/** Where a run says what it does, and what ends it. */
export interface InstallRun {
  report: Report;
  signal: AbortSignal;
}

/**
 * The packages that requirements ask for, as files of a zip: wheels for a Python that need not be here, and
 * no code of theirs is run. Kept in the user's cache by what was asked for. Throws a CliError: without pip or
 * a wheel (exit 2), or where pip fails.
 */
export async function installed(
  requirements: Requirements,
  target: PythonTarget,
  run: InstallRun,
): Promise<Files> {
  const { filesIn, zipOf } = await import("./zip-writer.ts");
  const folder = await cacheFolder();
  const machine = target.architecture ?? `${process.platform}-${process.arch}`;
  const key = JSON.stringify([FORMAT, requirements.hash, target.version, machine]);
  const name = `${createHash("sha256").update(key).digest("hex")}.zip`;
  const kept = folder && join(folder, name);
  const present = kept && (await readIfThere(kept));
  if (present) return filesIn(present);
  const files = await install(requirements, target, run);
  if (kept) await replaceFile(kept, zipOf(files), 0o600);
  return files;
}

/** The cache's folder of this user alone; undefined where there is no home. */
async function cacheFolder(): Promise<string | undefined> {
  const home = cacheHome(environment);
  if (home === undefined) return undefined;
  const folder = join(home, "shelfshack-ws", "python");
  await makeFolder(folder);
  await requireOwn(folder);
  return folder;
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function install(
  { file }: Requirements,
  target: PythonTarget,
  { report, signal }: InstallRun,
): Promise<Files> {
  const id = "pip";
  const title = `packages for Python ${target.version}`;
  const startedAt = performance.now();
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-pip-"));
  report({ kind: "started", id, title });
  try {
    await pip(["install", "--target", folder, "--requirement", file, ...optionsFor(target)], target, signal);
    const files = await readAll(filesOf(folder));
    report({ kind: "finished", id, title, ms: performance.now() - startedAt, outcome: "done" });
    return new Map([...files].filter(([name]) => !isOfPip(name)));
  } catch (error) {
    report({ kind: "failed", id, title, message: "the packages are not installed" });
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What pip writes of this machine: scripts with the path of its Python, how it came to a package. */
const isOfPip = (name: string): boolean =>
  /^bin\/|\.dist-info\/(RECORD|INSTALLER|REQUESTED|direct_url\.json)$/.test(name);

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

/** Runs the pip of the function's Python, or of any; for this machine only its own counts. */
async function pip(words: readonly string[], target: PythonTarget, signal: AbortSignal): Promise<void> {
  const pythons = [`python${target.version}`, "python3"];
  for (const python of pythons) {
    if (!(await hasPip(python, signal))) continue;
    const { code, output } = await started(python, [...RUN_PIP, ...words], signal);
    if (code !== 0) throw failed(output, target);
    return;
  }
  throw new CliError("pip-missing", `pip is missing: neither ${pythons.join(" nor ")} has it`, {
    hint: "install Python with pip, such as python3-pip, or run: python3 -m ensurepip --upgrade",
  });
}

const hasPip = async (python: string, signal: AbortSignal): Promise<boolean> =>
  (await started(python, [...RUN_PIP, "--version"], signal)).code === 0;

/** Runs a program to its end; `code` is null for one that is not there. It gets no credentials of AWS. */
async function started(
  program: string,
  words: readonly string[],
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(program, words, {
    env: withoutCredentials(environment),
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

/** What pip said, as far as it tells the cause. */
function failed(output: string, { version, architecture }: PythonTarget): CliError {
  const errors = output.split("\n").filter((line) => line.startsWith("ERROR: "));
  const said = errors.map((line) => line.slice("ERROR: ".length)).join("; ") || output.trim();
  const [, missing] = /No matching distribution found for (.+?)(?:;|$)/.exec(said) ?? [];
  if (missing === undefined) return new CliError("pip-failed", `pip failed: ${said}`);
  const [, versions = "none"] = /\(from versions: ([^)]*)\)/.exec(said) ?? [];
  const newest = versions.split(", ").slice(-NEWEST).join(", ");
  return new CliError(
    "wheel-missing",
    `there is no wheel of ${missing} for Python ${version} on ${architecture ?? process.arch}`,
    { hint: `source packages are not built; the newest versions with a wheel: ${newest}` },
  );
}
