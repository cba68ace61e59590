import type { Artifact, Entry } from "../artifact/zip.ts";
import { openCache } from "../files/cache.ts";
import { zipLimits } from "../files/zip-list.ts";
import { loadedBy, ProgramMissing, pythonFor } from "../local/runtime/programs.ts";
import { startRuntime } from "../local/runtime/runtime.ts";
import { broughtByLambda } from "../local/runtime/sdk.ts";
import { environment } from "../settings/environment.ts";

/** What became of code that was loaded once, as Lambda loads it. */
export type Trial =
  | { outcome: "loaded" }
  | { outcome: "not-tried"; because: string }
  /** `isCertain`: it cannot be loaded on AWS either, whatever else is there; otherwise when it may be. */
  | { outcome: "failed"; message: string; isCertain: boolean; unless: string };

/** How Lambda is to run the code. */
export interface TrialOptions {
  handler: string;
  runtime: string;
  functionName: string;
  memory: number;
  architecture: "x86_64" | "arm64";
  variables: Readonly<Record<string, string>>;
  /** Folders that an AWS SDK may be installed for. */
  packagesFrom: readonly string[];
}

/** Nothing answers there: what is loaded reaches no AWS, and has no credentials but made-up ones. */
const NO_AWS = "http://127.0.0.1:9";

/** What has loaded, as empty files. */
const LOADED = { files: 500, bytes: 0 };

/**
 * Loads code once in a process of its own, within Lambda's ten seconds, and gives it no event. That the very
 * same has loaded is kept in the user's cache: code, how it is run, and by which program.
 */
export async function tryOut(artifact: Artifact, options: TrialOptions): Promise<Trial> {
  const because = await whyNot(artifact.entries, options);
  if (because !== undefined) return await readOnly(artifact, options, because);
  const target = targetOf(artifact, options);
  const cache = await openCache("loaded", LOADED, environment);
  const madeOf = [{ ...target, zip: artifact.sha256 }, await loadedBy(options.runtime)];
  if (await cache?.get(madeOf)) return { outcome: "loaded" };
  const trial = await load(target, options);
  if (trial.outcome === "loaded") await cache?.keep(madeOf, "");
  return trial;
}

const OF_THE_FUNCTION = "where it needs what only the deployed function has, such as a variable";

/** What can be said of code that is not loaded here: of Python whether its syntax is right. */
async function readOnly({ zip }: Artifact, options: TrialOptions, because: string): Promise<Trial> {
  if (!options.runtime.startsWith("python")) return { outcome: "not-tried", because };
  const { syntaxOf } = await import("./syntax.ts");
  const syntax = await syntaxOf(zip, options);
  if (!syntax)
    return { outcome: "not-tried", because: `${because}, nor another that could check its syntax` };
  const { by } = syntax;
  if (syntax.outcome === "checked")
    return { outcome: "not-tried", because: `${because}; its syntax was checked by ${by}` };
  const { message, unless = "" } = syntax;
  return { outcome: "failed", message: `${message} (${by})`, isCertain: unless === "", unless };
}

async function load(target: ReturnType<typeof targetOf>, { packagesFrom }: TrialOptions): Promise<Trial> {
  const runtime = await startRuntime({ endpointUrl: () => NO_AWS, log: () => undefined, packagesFrom });
  try {
    const failure = await runtime.tryOut(target);
    if (!failure) return { outcome: "loaded" };
    const brought = broughtByLambda(failure.message);
    if (brought)
      return {
        outcome: "not-tried",
        because: `Lambda brings ${brought.name}, and this machine has none of it (${brought.install})`,
      };
    const { message } = failure;
    return { outcome: "failed", message, isCertain: isCertain(failure), unless: OF_THE_FUNCTION };
  } finally {
    await runtime.close();
  }
}

/** Why code is not tried on this machine; undefined where it can be. */
async function whyNot(
  entries: readonly Entry[],
  { runtime, architecture }: TrialOptions,
): Promise<string | undefined> {
  if (entries.length > zipLimits.entries) return `it has more than ${zipLimits.entries} files`;
  const compiled = entries.find(({ name }) => /\.(so|node)(\.|$)/.test(name));
  const here = `${process.platform} ${process.arch}`;
  if (compiled && here !== machineOf(architecture))
    return `${JSON.stringify(compiled.name)} is for Linux on ${architecture}, and this is ${here}`;
  if (!runtime.startsWith("python")) return undefined;
  return (await hasPython(runtime)) ? undefined : `there is no ${runtime} here`;
}

/** Whether this machine runs what is packed for Lambda: its system, processor and version of Python. */
export const runsAsOnAws = async (runtime: string, architecture: Architecture): Promise<boolean> =>
  `${process.platform} ${process.arch}` === machineOf(architecture) && (await hasPython(runtime));

type Architecture = TrialOptions["architecture"];
const machineOf = (architecture: Architecture) => `linux ${architecture === "arm64" ? "arm64" : "x64"}`;

/** Whether this machine has the very version of Python: another one has other modules. */
async function hasPython(runtime: string): Promise<boolean> {
  try {
    const { version } = await pythonFor(runtime);
    return version.startsWith(`python:${runtime.slice("python".length)}.`);
  } catch (error) {
    if (error instanceof ProgramMissing) return false;
    throw error;
  }
}

const targetOf = (
  { zip, sha256 }: Artifact,
  { handler, runtime, functionName: name, memory, variables }: TrialOptions,
) => ({
  arn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
  name,
  version: "$LATEST",
  region: "us-east-1",
  account: "000000000000",
  runtime,
  handler,
  timeoutSeconds: 10,
  memoryMb: memory,
  environment: { ...variables },
  zip,
  logGroup: `/aws/lambda/${name}`,
  role: "arn:aws:iam::000000000000:role/trial",
  traced: false,
  revision: sha256,
});

/** Types of failures that no variable, role or network of the deployed function changes. */
const certain: ReadonlySet<string> = new Set([
  "Runtime.ImportModuleError",
  "Runtime.UserCodeSyntaxError",
  "Runtime.HandlerNotFound",
  "Runtime.MalformedHandlerName",
  "Runtime.BuiltInModuleConflict",
  "Runtime.CallbackHandlerDeprecated",
  "SyntaxError",
]);

const isCertain = ({ type, message }: { type: string; message: string }): boolean =>
  certain.has(type) || /^Cannot find (module|package) /.test(message);
