import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCache } from "../files/cache.ts";
import { zipLimits } from "../files/zip-list.ts";
import type { Report } from "../progress.ts";
import { environment } from "../settings/environment.ts";
import { filesOf, readAll, type Files } from "./folder.ts";
import { pipSettings } from "./pip-settings.ts";
import { pipInstall } from "./pip.ts";
import type { PythonTarget, Requirements } from "./requirements.ts";

/** Changes when what is kept would not be what is installed today. */
const FORMAT = "3";
/** The packages of this many functions, each with all that Lambda takes. */
const MOST_KEPT = { files: 20, bytes: zipLimits.bytes };

/** Where a run says what it does, and what ends it. */
export interface InstallRun {
  report: Report;
  signal: AbortSignal;
}

/**
 * The packages that requirements ask for, as files of a zip: wheels for a Python that need not be here, and
 * no code of theirs is run. Kept in the user's cache by what was asked for, and of which index. Throws a
 * CliError: without pip or a wheel (exit 2), or where pip fails.
 */
export async function installed(
  requirements: Requirements,
  target: PythonTarget,
  run: InstallRun,
): Promise<Files> {
  const { filesIn, zipOf } = await import("./zip-writer.ts");
  const cache = await openCache("python", MOST_KEPT, environment);
  const machine = target.architecture ?? `${process.platform}-${process.arch}`;
  const settings = pipSettings(environment);
  const madeOf = [FORMAT, requirements.hash, target.version, machine, settings];
  const present = await cache?.get(madeOf);
  if (present) return filesIn(present);
  const files = await install(requirements, target, run);
  await cache?.keep(madeOf, zipOf(files));
  return files;
}

async function install(
  requirements: Requirements,
  target: PythonTarget,
  { report, signal }: InstallRun,
): Promise<Files> {
  const id = "pip";
  const title = `packages for Python ${target.version}`;
  const startedAt = performance.now();
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-pip-"));
  report({ kind: "started", id, title });
  try {
    const files = await readAll(filesOf(await pipInstall({ requirements, target, folder }, signal)));
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
