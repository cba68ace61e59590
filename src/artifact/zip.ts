import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CliError } from "../errors/error.ts";
import type { Report } from "../progress.ts";
import { assetUrl } from "./assets.ts";

/** One file of the zip. */
export interface Entry {
  name: string;
  bytes: number;
}

/** What Lambda gets as the function's code. */
export interface Artifact {
  zip: Uint8Array;
  /** Base64, the form of Lambda's `CodeSha256`: equal strings mean equal code (AWS.md 4.6). */
  sha256: string;
  entries: Entry[];
}

/**
 * The zip of the handler that ships with this package, as the build has made it; of one that was changed
 * since then, a new one.
 */
export async function packageHandler(): Promise<Artifact> {
  const code = await readFile(assetUrl("handler/index.mjs"));
  const files = new Map([["index.mjs", code]]);
  const built = await builtZip(code);
  return built ? artifactOf(built, files) : await zipFiles(files);
}

/** The same, after making sure that this handler and runtime can run it; throws as `requireHandler` does. */
export async function packageFor(wanted: { handler: string; runtime: string }): Promise<Artifact> {
  const artifact = await packageHandler();
  requireHandler(wanted, artifact.entries);
  return artifact;
}

/** The zip that the build has made of this code, by its name. */
async function builtZip(code: Uint8Array): Promise<Buffer | undefined> {
  try {
    return await readFile(assetUrl(`handler/${builtZipName(code)}`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Names the zip after the code in it, so that no zip is taken for that of another code. */
export const builtZipName = (code: Uint8Array): `${string}.zip` => `${sha256(code, "hex")}.zip`;

const sha256 = (content: Uint8Array, encoding: "hex" | "base64"): string =>
  createHash("sha256").update(content).digest(encoding);

/** Whether a file that begins with these bytes is such a zip: its first entry is the handler's. */
export const isPackage = (begun: Uint8Array): boolean =>
  Buffer.from(begun.subarray(0, 4)).toString("latin1") === "PK\u0003\u0004" &&
  Buffer.from(begun.subarray(30, 39)).toString("latin1") === "index.mjs";

/** These files as a zip; the same files give the same bytes. */
export async function zipFiles(files: ReadonlyMap<string, Uint8Array>): Promise<Artifact> {
  const { zipOf } = await import("./zip-writer.ts");
  return artifactOf(zipOf(files), files);
}

/** Loads what makes zips, for a time when this installation may be away (`npm ci`). */
export async function prepareToZip(): Promise<void> {
  await import("./zip-writer.ts");
}

const artifactOf = (zip: Uint8Array, files: ReadonlyMap<string, Uint8Array>): Artifact => ({
  zip,
  sha256: sha256(zip, "base64"),
  entries: [...files].map(([name, { length: bytes }]) => ({ name, bytes })).sort(byName),
});

const byName = (one: Entry, other: Entry): number => (one.name < other.name ? -1 : 1);

/** How the files end that a family of runtimes takes for the handler's. */
const handlerEndings: Readonly<Record<"nodejs" | "python", readonly string[]>> = {
  nodejs: [".mjs", ".js", ".cjs"],
  python: [".py"],
};
const familyOf = (runtime: string) => (runtime.startsWith("python") ? "python" : "nodejs");

/**
 * Throws a CliError (exit 2) that names the files found when no file of the zip is the one that `handler`
 * ("index.handler") asks for in this runtime.
 */
export function requireHandler(
  { handler, runtime }: { handler: string; runtime: string },
  entries: readonly Entry[],
): void {
  const file = handler.slice(0, handler.lastIndexOf("."));
  const names = entries.map(({ name }) => name);
  const endings = handlerEndings[familyOf(runtime)];
  if (endings.some((ending) => names.includes(file + ending))) return;
  const looked = endings.map((ending) => file + ending).join(", ");
  throw new CliError(
    "handler-missing",
    `the handler ${JSON.stringify(handler)} is not in the zip: ${runtime} looks for ${looked}`,
    {
      hint: `the zip holds ${names.join(", ")}; ${fitting(names)}`,
    },
  );
}

/** What to pass for the first file that some runtime can run. */
function fitting(names: readonly string[]): string {
  for (const [family, endings] of Object.entries(handlerEndings)) {
    const file = names.find((name) => endings.some((ending) => name.endsWith(ending)));
    if (file)
      return `it runs with --handler ${file.slice(0, file.lastIndexOf("."))}.handler and a ${family} runtime`;
  }
  return "nothing in it can be run";
}

/** The code to compare with; without any, as the settings ask for another handler, a warning says why. */
export async function packageIfPossible(
  wanted: { handler: string; runtime: string },
  report: Report,
): Promise<Artifact | undefined> {
  try {
    return await packageFor(wanted);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    report({ kind: "warning", message: `the code is not compared: ${error.message}` });
    return undefined;
  }
}
