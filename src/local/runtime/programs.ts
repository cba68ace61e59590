import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { rootCertificates } from "node:tls";
import { promisify } from "node:util";
import { createFile } from "../../files/write.ts";
import { linkSdk } from "./sdk.ts";

/** What runs a handler: a program on this machine and our runtime client for it. */
export interface Program {
  command: string;
  arguments: string[];
  /** As INIT_START shows it, for example `nodejs:24.v12`. */
  version: string;
  /** `PATH` of the handler */
  path: string;
  /** Lambda's variables that only this language has; `task` is the unpacked zip. */
  variables(task: string): Record<string, string>;
}

/** A function that cannot be run here; the message says what is missing. */
export class ProgramMissing extends Error {
  override readonly name = "ProgramMissing";
}

/** A function as its program must know it. */
interface Wanted {
  runtime: string;
  memoryMb: number;
  /** Where our runtime clients are. */
  clients: string;
}

/**
 * Finds the program for a Lambda runtime, `nodejs…` or `python…`, with the memory of its function. Throws
 * `ProgramMissing`.
 */
export async function programFor(wanted: Wanted): Promise<Program> {
  const { runtime } = wanted;
  const language = /^[a-z]+/.exec(runtime)?.[0] ?? "";
  const program = await languages[language]?.(wanted);
  if (!program)
    throw new ProgramMissing(`the local AWS runs functions in nodejs and python, not in ${runtime}`);
  return program;
}

type FindProgram = (wanted: Wanted) => Program | Promise<Program>;
const languages: Record<string, FindProgram | undefined> = {
  nodejs: nodeProgram,
  python: pythonProgram,
};

/** What functions find besides our runtime clients. */
interface Given {
  /** As PEM. */
  authority: string | undefined;
  /** From where an installed AWS SDK is looked for. */
  packagesFrom: readonly string[];
}

/**
 * Copies our runtime clients into a new folder below the one where functions are unpacked, and returns that:
 * while functions run, the installation may vanish or be another version's (`npm ci`). What is given stands
 * there too. Throws `ProgramMissing`.
 */
export async function copyClients(above: string, { authority, packagesFrom }: Given): Promise<string> {
  const folder = join(above, "clients");
  await mkdir(folder);
  for (const file of Object.values(clientFiles))
    await createFile(join(folder, file), await readFile(locate(file)));
  if (authority !== undefined) {
    await createFile(join(folder, trusted.more), authority);
    await createFile(join(folder, trusted.all), [...rootCertificates, authority].join("\n"));
  }
  await linkSdk(above, packagesFrom);
  return folder;
}

/** Files of certificates: of our authority alone, and with those of the world, where one file counts. */
const trusted = { more: "authority.pem", all: "authorities.pem" } as const;

/** Variables with a file of certificates, if it is there. */
function trusting(file: string, names: readonly string[]): Record<string, string> {
  return existsSync(file) ? Object.fromEntries(names.map((name) => [name, file])) : {};
}

const clientFiles = { node: "bootstrap.mjs", python: "bootstrap.py" } as const;

function nodeProgram({ memoryMb, runtime, clients }: Wanted): Program {
  const [major = "", minor = ""] = process.versions.node.split(".");
  const layers = [`/opt/nodejs/node${/\d+/.exec(runtime)?.[0]}/node_modules`, "/opt/nodejs/node_modules"];
  return {
    command: process.execPath,
    // Without it V8 sizes its heap by this machine, and a function that fits into its memory can exceed it.
    arguments: [`--max-old-space-size=${Math.floor(memoryMb * 0.9)}`, join(clients, clientFiles.node)],
    version: `nodejs:${major}.v${minor}`,
    path: pathWith(process.execPath),
    variables: (task) => ({
      NODE_PATH: [...layers, `${clients}/node_modules`, clients, task].join(":"),
      ...trusting(join(clients, trusted.more), ["NODE_EXTRA_CA_CERTS"]),
    }),
  };
}

interface Python {
  command: string;
  /** As INIT_START shows it, for example `python:3.12.v1`. */
  version: string;
}

const pythons = new Map<string, Promise<Python>>();

async function pythonProgram({ clients, runtime }: Wanted): Promise<Program> {
  const { command, version } = await pythonFor(runtime);
  return {
    command,
    arguments: [join(clients, clientFiles.python)],
    version,
    path: pathWith(command),
    variables: () => ({
      LC_CTYPE: "C.UTF-8",
      PYTHONPATH: clients,
      ...trusting(join(clients, trusted.all), ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"]),
    }),
  };
}

/** The Python of a runtime's version where it is on the PATH, otherwise any. Throws `ProgramMissing`. */
export async function pythonFor(runtime: string): Promise<Python> {
  const found = pythons.get(runtime) ?? askPython(runtime).catch(() => askPython("python3"));
  pythons.set(runtime, found);
  try {
    return await found;
  } catch (cause) {
    pythons.delete(runtime); // it may be installed before the next start
    throw new ProgramMissing(
      "python3 was not found on the PATH; a Python function needs Python 3 on this machine",
      { cause },
    );
  }
}

/** What decides here whether a function of a runtime loads, besides the function. Throws `ProgramMissing`. */
export async function loadedBy(runtime: string): Promise<readonly string[]> {
  const isPython = runtime.startsWith("python");
  const { command, version } = isPython
    ? await pythonFor(runtime)
    : { command: process.execPath, version: process.version };
  const client = await readFile(locate(clientFiles[isPython ? "python" : "node"]), "utf8");
  return [command, version, client];
}

/**
 * Asks a Python of the PATH for its real location: it may be a shim that needs variables which the handler
 * does not get.
 */
async function askPython(command: string): Promise<Python> {
  const question = "import sys; print(sys.executable); print('python:%d.%d.v%d' % sys.version_info[:3])";
  const { stdout } = await promisify(execFile)(command, ["-c", question]);
  const [executable = "", version = ""] = stdout.trim().split("\n");
  return { command: executable, version };
}

function pathWith(command: string): string {
  return [...new Set([dirname(command), "/usr/local/bin", "/usr/bin", "/bin", "/opt/bin"])].join(":");
}

/**
 * The function's own program, `AWS_LAMBDA_EXEC_WRAPPER`, which gets the runtime's command line and starts it
 * (AWS.md 4.10). A shell starts it as on AWS: one that is not there ends with status 127.
 */
export function wrapped(
  { command, arguments: words }: Pick<Program, "command" | "arguments">,
  { wrapper, folder }: { wrapper: string; folder: string },
): Pick<Program, "command" | "arguments"> {
  const here = wrapper.replace(/^\/var\/task(?=\/)/, folder);
  return { command: "/bin/sh", arguments: ["-c", 'exec "$0" "$@"', here, command, ...words] };
}

/**
 * The runtime clients are beside this file in the source, and in `local/` beside the chunks of the built
 * package, which the benches share.
 */
function locate(file: string): string {
  const candidates = [`./${file}`, `./local/${file}`, `../dist/local/${file}`].map((path) =>
    join(import.meta.dirname, path),
  );
  const found = candidates.find((path) => existsSync(path));
  if (!found)
    throw new ProgramMissing(`${file} is missing from this installation; searched ${candidates.join(", ")}`);
  return found;
}

/** A stable stand-in for the ARN of a runtime version, which AWS shows in INIT_START. */
export function runtimeVersionArn(region: string, version: string): string {
  return `arn:aws:lambda:${region}::runtime:${createHash("sha256").update(version).digest("hex")}`;
}
