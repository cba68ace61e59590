import { spawn } from "node:child_process";
import { lstatSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { text } from "node:stream/consumers";
import type { BuildOptions, Message } from "esbuild";
import { CliError } from "../errors/error.ts";
import { distrust } from "../files/trust.ts";
import { jsonIn } from "../contract/json.ts";
import { environment, withoutCredentials } from "../settings/environment.ts";

/**
 * The file of the esbuild that is installed for a folder: in it, or in one above; undefined where there is
 * none. Throws a CliError (exit 2) for one that is broken, or that other users could have written: who
 * bundles runs it.
 */
export function esbuildFor(folder: string): string | undefined {
  const file = resolvedFrom(folder);
  if (file !== undefined) requireTrusted(file);
  return file;
}

function resolvedFrom(folder: string): string | undefined {
  try {
    return createRequire(join(folder, "package.json")).resolve("esbuild");
  } catch (cause) {
    const { code, path, message } = cause as NodeJS.ErrnoException;
    // With a path its package is there, and not the file that this names.
    if (code === "MODULE_NOT_FOUND" && path === undefined) return undefined;
    throw new CliError(
      "bundle-failed",
      `the esbuild that is installed for ${folder} cannot be loaded: ${message.split("\n")[0]}`,
      { cause, hint: "install it anew there: npm install --save-dev esbuild" },
    );
  }
}

/** The file and the folders around it, as far as the `node_modules` that it is in. */
function requireTrusted(file: string): void {
  const outermost = file.indexOf(`${sep}node_modules${sep}`);
  const end = outermost >= 0 ? outermost : dirname(dirname(file)).length;
  for (let path = file; path.length > end; path = dirname(path)) {
    const fault = distrust(lstatSync(path));
    if (fault !== undefined)
      throw new CliError("bundler-untrusted", `the esbuild at ${file} is not run: ${path}: ${fault}`, {
        hint: "install it anew in the project, or correct owner and mode",
      });
  }
}

/** What runs in a process of its own: options come on stdin, what became of them leaves on stdout. */
const script = `
  import { stdin, stdout } from "node:process";
  import { json } from "node:stream/consumers";
  import { pathToFileURL } from "node:url";
  const { default: esbuild } = await import(pathToFileURL(process.argv[1]).href);
  const answer = await esbuild.build(await json(stdin)).then(
    ({ outputFiles }) => ({ code: Buffer.from(outputFiles[0].contents).toString("base64") }),
    ({ errors, message }) => ({ errors, message }),
  );
  stdout.write(JSON.stringify(answer));
`;

interface Answer {
  code?: string;
  errors?: readonly Message[];
  message?: string;
}

/**
 * Bundles into one file, with the esbuild of that file in a process without credentials of AWS. Throws a
 * CliError (exit 2).
 */
export async function buildWith(
  file: string,
  options: BuildOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script, file], {
    env: withoutCredentials(environment),
    stdio: ["pipe", "pipe", "pipe"],
    signal,
  });
  const failed = new Promise<string>((resolve) => child.once("error", ({ message }) => resolve(message)));
  // One that ends without reading has said why on stderr.
  child.stdin.on("error", () => {}).end(JSON.stringify({ ...always, ...options }));
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const [stdout, stderr] = await Promise.race([said, failed.then((message) => ["", message] as const)]);
  signal.throwIfAborted();
  const { code, errors = [], message = stderr.trim() } = (jsonIn(stdout) ?? {}) as Answer;
  if (code !== undefined) return Buffer.from(code, "base64");
  const found = errors.slice(0, 3).map(({ text: what, location }) => {
    const place = location ? `${location.file}:${location.line}: ` : "";
    return place + what;
  });
  throw new CliError("bundle-failed", `esbuild cannot bundle the handler: ${found.join("; ") || message}`);
}

const always: BuildOptions = {
  bundle: true,
  platform: "node",
  mainFields: ["module", "main"],
  charset: "utf8",
  write: false,
  logLevel: "silent",
};
