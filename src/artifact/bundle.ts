import type { BuildOptions } from "esbuild";
import { statSync } from "node:fs";
import { join } from "node:path";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import { isRecord, jsonIn } from "../contract/json.ts";
import { buildWith, esbuildFor } from "./esbuild.ts";
import type { Files } from "./folder.ts";

/** What a folder's package.json says, as far as it matters here. */
interface Package {
  isModule: boolean;
  dependencies: readonly string[];
}

const MOST_BYTES = 1024 * 1024;

/** What esbuild has to turn into JavaScript, and whether it says by itself what kind of module it becomes. */
const typescript: Readonly<Record<string, "esm" | "cjs" | "package">> = {
  ".mts": "esm",
  ".cts": "cjs",
  ".ts": "package",
  ".tsx": "package",
  ".jsx": "package",
};
const javascript: typeof typescript = { ".mjs": "esm", ".cjs": "cjs", ".js": "package" };

/** The reach of `require` that packages made for CommonJS expect; without a name that code could have too. */
const banner =
  'import { createRequire as __createRequire } from "node:module";' +
  "globalThis.require ??= __createRequire(import.meta.url);";

/**
 * A folder's handler as one file, made by the user's own esbuild; undefined for a folder that needs none: its
 * handler is JavaScript and it depends on no package, or esbuild is not there and the packages are. Throws a
 * CliError (exit 2) where it is needed and missing, or fails.
 */
export async function bundled(
  folder: string,
  { handler, runtime }: { handler: string; runtime: string },
  signal: AbortSignal,
): Promise<Files | undefined> {
  const module = handler.slice(0, handler.lastIndexOf("."));
  const { isModule, dependencies } = packageOf(folder);
  const endingOf = (endings: typeof typescript) =>
    Object.keys(endings).find((ending) => isFile(join(folder, module + ending)));
  const plain = endingOf(javascript);
  const ending = plain ?? endingOf(typescript);
  if (ending === undefined || (plain !== undefined && dependencies.length === 0)) return undefined;
  const esbuild = esbuildFor(folder);
  if (esbuild === undefined) {
    requireNoNeed(folder, { plain, entry: module + ending, dependencies });
    return undefined;
  }
  const kind = { ...typescript, ...javascript }[ending];
  const format = kind === "package" ? (isModule ? "esm" : "cjs") : (kind ?? "cjs");
  const options: BuildOptions = {
    absWorkingDir: folder,
    entryPoints: [join(folder, module + ending)],
    format,
    target: `node${/\d+/.exec(runtime)?.[0] ?? "20"}`,
    // Lambda's Node runtimes bring the SDK (AWS.md 4.10); who depends on a version of it gets that one.
    external: dependencies.some((name) => name.startsWith("@aws-sdk/")) ? [] : ["@aws-sdk/*", "@smithy/*"],
    ...(format === "esm" ? { banner: { js: banner } } : {}),
  };
  const code = await buildWith(esbuild, options, signal);
  return new Map([[`${module}${format === "esm" ? ".mjs" : ".cjs"}`, code]]);
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

interface Needs {
  plain: string | undefined;
  entry: string;
  dependencies: readonly string[];
}

/** Throws where a folder cannot be shipped as it is. Its packages may stand in its own `node_modules`. */
function requireNoNeed(folder: string, { plain, entry, dependencies }: Needs): void {
  const install = "npm install --save-dev esbuild";
  if (plain === undefined)
    throw new CliError("bundler-missing", `${entry} needs esbuild, which is not installed for ${folder}`, {
      hint: `run there: ${install}`,
    });
  const missing = dependencies.filter((name) => !isInstalled(folder, name));
  if (missing.length === 0) return;
  throw new CliError(
    "bundler-missing",
    `${entry} depends on ${missing.join(", ")}, which is not in ${join(folder, "node_modules")}`,
    { hint: `run there: npm install; or, to bundle it into one file: ${install}` },
  );
}

const isInstalled = (folder: string, name: string): boolean =>
  "bytes" in readRegular(join(folder, "node_modules", name, "package.json"), MOST_BYTES);

function packageOf(folder: string): Package {
  const reading = readRegular(join(folder, "package.json"), MOST_BYTES);
  const json = "bytes" in reading ? jsonIn(reading.bytes.toString()) : undefined;
  const { type, dependencies } = isRecord(json) ? json : {};
  return {
    isModule: type === "module",
    dependencies: isRecord(dependencies) ? Object.keys(dependencies) : [],
  };
}
