import { dirname, resolve } from "node:path";
import { requireUploadable } from "../artifact/upload.ts";
import { packageHandler, requireHandler, type Artifact, type Compared } from "../artifact/zip.ts";
import type { CodeOwner } from "../aws/tags.ts";
import { CliError } from "../errors/error.ts";
import type { Report } from "../progress.ts";
import type { Settings } from "../settings/table.ts";

/** The settings that say which code a function has; without `source` and `zip` it is what ships with us. */
export type CodeOptions = Pick<Settings, "source" | "zip" | "handler" | "runtime" | "local" | "architecture">;

interface Run {
  report: Report;
  signal: AbortSignal;
}

/**
 * Whether the options name code of the user's own, to be deployed. Whose code a stack has is another question
 * (`aws/code-owner`): own code was deployed, and need not be named any more.
 */
export const isOwnCode = ({ source, zip }: Pick<Settings, "source" | "zip">): boolean =>
  source !== undefined || zip !== undefined;

/** Whose code they name: what a function has that no deploy has written the owner of. */
export const ownerNamed = (options: Pick<Settings, "source" | "zip">): CodeOwner =>
  isOwnCode(options) ? "own" : "shipped";

type Architecture = NonNullable<Settings["architecture"]>;
/** Lambda's own choice. */
const USUAL: Architecture = "x86_64";
/** The most memory of a function, in MB. */
const MOST_MEMORY = 10_240;

/**
 * The code to deploy: the shipped handler, a folder's, or a zip. Throws a CliError (exit 2) that says what is
 * wrong with it, before AWS is called.
 */
export async function codeFor(
  { out, ...options }: CodeOptions & { out?: string | undefined },
  run: Run,
): Promise<Artifact> {
  const artifact = await built({ ...options, out }, run);
  requireHandler(options, artifact.entries);
  return artifact;
}

async function built(
  {
    source,
    zip,
    local,
    architecture: wanted = USUAL,
    ...options
  }: CodeOptions & { out?: string | undefined },
  run: Run,
): Promise<Artifact> {
  const ownCode = () => import("../artifact/own.ts");
  if (zip !== undefined) return await (await ownCode()).givenZip(zip);
  if (source === undefined) return await packageHandler();
  const architecture = local ? await architectureHere(options.runtime, wanted) : wanted;
  return await (await ownCode()).packageFolder(source, { ...options, architecture }, run);
}

/** For the local AWS packages are what this machine runs: those of AWS where it can. */
async function architectureHere(runtime: string, wanted: Architecture): Promise<Architecture | undefined> {
  if (!runtime.startsWith("python")) return wanted;
  const { runsAsOnAws } = await import("./trial.ts");
  return (await runsAsOnAws(runtime, wanted)) ? wanted : undefined;
}

/** What the function has besides, as far as it is known. */
type TriedOptions = CodeOptions &
  Partial<Pick<Settings, "functionName" | "memory" | "variables" | "backendUrl">>;

/**
 * The same for an upload: own code is loaded once on this machine, so that a module that is missing is found
 * before anything is written. Throws a CliError (exit 2, `handler-not-loadable`) where it cannot be loaded on
 * AWS either; what else fails may need what only the deployed function has, and is a warning.
 */
export async function codeToUpload(options: TriedOptions, run: Run): Promise<Artifact> {
  const artifact = await codeFor(options, run);
  requireUploadable(artifact);
  await requireLoadable(artifact, options, run);
  return artifact;
}

/** Loads own code once, as `codeToUpload` does. */
export async function requireLoadable(
  artifact: Artifact,
  options: TriedOptions,
  { report }: Run,
): Promise<void> {
  if (!isOwnCode(options)) return;
  const { handler, runtime, architecture = USUAL, functionName = "package", memory = MOST_MEMORY } = options;
  const { variables = {}, backendUrl } = options;
  const known = { ...variables, ...(backendUrl && { BACKEND_URL: backendUrl }) };
  const { tryOut } = await import("./trial.ts");
  const target = { handler, runtime, architecture, functionName, memory, variables: known };
  const packagesFrom = placesOf(options);
  const trial = await tryOut(artifact, { ...target, packagesFrom });
  if (trial.outcome === "loaded") return;
  if (trial.outcome === "not-tried")
    return report({ kind: "note", message: `the code was not loaded here: ${trial.because}` });
  if (trial.isCertain)
    throw new CliError("handler-not-loadable", `${handler} cannot be loaded: ${trial.message}`, {
      hint: "nothing was uploaded: correct the code, or add what it imports to its packages",
    });
  report({
    kind: "warning",
    message: `${handler} does not load on this machine: ${trial.message}`,
    hint: `that is no fault ${trial.unless}`,
  });
}

/** From where the packages are looked for that Lambda brings: that of own code, then the current folder. */
export const placesOf = ({ source, zip }: Pick<Settings, "source" | "zip">): string[] => [
  ...(source === undefined ? [] : [resolve(source)]),
  ...(zip === undefined ? [] : [dirname(resolve(zip))]),
  process.cwd(),
];

/** The code to compare with; without any, as it cannot be made, a warning says why. */
export async function codeToCompare(options: CodeOptions, run: Run): Promise<Compared> {
  try {
    return { compared: await codeFor(options, run) };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    run.report({ kind: "warning", message: `the code is not compared: ${error.message}` });
    return { compared: undefined };
  }
}
