import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CliError } from "../errors/error.ts";
import { assetUrl } from "./assets.ts";
import type { Packed } from "./zip-writer.ts";

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
  /** It is the handler that ships with this package. */
  isShipped?: true;
}

/** Code that a stack is compared with and never given; undefined where there is none to compare with. */
export interface Compared {
  compared: Artifact | undefined;
}

/**
 * The zip of the handler that ships with this package, as the build has made it; of one that was changed
 * since then, a new one.
 */
export async function packageHandler(): Promise<Artifact> {
  const code = await readFile(assetUrl("handler/index.mjs"));
  const files = new Map([["index.mjs", code]]);
  const built = await builtZip(code);
  const artifact = built ? artifactOf(built, entriesOf(files)) : await zipFiles(files);
  return { ...artifact, isShipped: true };
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

/** These files as a zip; the same files give the same bytes. */
export async function zipFiles(files: ReadonlyMap<string, Uint8Array | Packed>): Promise<Artifact> {
  const { zipOf } = await import("./zip-writer.ts");
  return artifactOf(zipOf(files), entriesOf(files));
}

/** Loads what makes zips, for a time when this installation may be away (`npm ci`). */
export async function prepareToZip(): Promise<void> {
  await import("./zip-writer.ts");
}

/** What Lambda gets with a zip that is there already. */
export const artifactOf = (zip: Uint8Array, entries: readonly Entry[]): Artifact => ({
  zip,
  sha256: sha256(zip, "base64"),
  entries: entries.toSorted(byName),
});

const entriesOf = (files: ReadonlyMap<string, Uint8Array | Packed>): Entry[] =>
  [...files].map(([name, file]) => ({ name, bytes: file instanceof Uint8Array ? file.length : file.bytes }));

const byName = (one: Entry, other: Entry): number => (one.name < other.name ? -1 : 1);

/** A family of runtimes: where it looks for a handler's module, and how its own are usually called. */
interface Family {
  filesOf(module: string): readonly string[];
  ending: RegExp;
  handler: string;
}

const families: Readonly<Record<"nodejs" | "python", Family>> = {
  nodejs: {
    filesOf: (module) => [".mjs", ".js", ".cjs"].map((ending) => module + ending),
    ending: /\.[mc]?js$/,
    handler: "handler",
  },
  python: {
    filesOf: (module) => [`${module.replaceAll(".", "/")}.py`],
    ending: /\.py$/,
    handler: "lambda_handler",
  },
};
const familyOf = (runtime: string) => (runtime.startsWith("python") ? "python" : "nodejs");

/** As many names as a line of an error holds. */
const MOST_NAMES = 12;

/**
 * Throws a CliError (exit 2) that names the files found when no file of the zip is the one that `handler`
 * ("index.handler") asks for in this runtime.
 */
export function requireHandler(
  { handler, runtime }: { handler: string; runtime: string },
  entries: readonly Entry[],
): void {
  const module = handler.slice(0, handler.lastIndexOf("."));
  const names = entries.map(({ name }) => name);
  const looked = families[familyOf(runtime)].filesOf(module);
  if (looked.some((file) => names.includes(file))) return;
  throw new CliError(
    "handler-missing",
    `the handler ${JSON.stringify(handler)} is not in the zip: ${runtime} looks for ${looked.join(", ")}`,
    { hint: `the zip holds ${namesIn(names)}; ${fitting(names)}` },
  );
}

/** The files that stand highest in the zip. */
function namesIn(names: readonly string[]): string {
  if (names.length === 0) return "no file";
  const depth = (name: string) => name.split("/").length;
  const first = names.toSorted((one, other) => depth(one) - depth(other)).slice(0, MOST_NAMES);
  const more = names.length - first.length;
  return first.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** What to pass for the first file that some runtime can run. */
function fitting(names: readonly string[]): string {
  for (const [family, { ending, handler }] of Object.entries(families)) {
    const file = names.find((name) => ending.test(name) && !name.includes("/"));
    if (file) return `it runs with --handler ${file.replace(ending, "")}.${handler} and a ${family} runtime`;
  }
  return "nothing in it can be run";
}
