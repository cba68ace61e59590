import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { ProgramMissing, pythonFor } from "../local/runtime/programs.ts";

/** What a Python of this machine says of the syntax of code that it does not run. */
export type Syntax =
  | { outcome: "checked"; by: string }
  /** `isCertain`: the function's Python takes it no more than this one. */
  | { outcome: "failed"; by: string; message: string; isCertain: boolean };

/**
 * Reads the modules at the top of a zip and beside the handler's as the function's Python would, and runs
 * none of them. Undefined where there is no Python that can.
 */
export async function syntaxOf(
  zip: Uint8Array,
  { handler, runtime }: { handler: string; runtime: string },
): Promise<Syntax | undefined> {
  const python = await pythonHere(runtime);
  if (!python) return undefined;
  const wanted = minorOf(runtime);
  const folder = handler.includes("/") ? handler.slice(0, handler.lastIndexOf("/") + 1) : "";
  const { code, said } = await asked(python.command, [String(wanted), folder], zip);
  const here = minorOf(python.version);
  const by = `Python 3.${here}`;
  if (code === 0) return { outcome: "checked", by };
  return code === FAULT ? { outcome: "failed", by, message: said, isCertain: here >= wanted } : undefined;
}

const FAULT = 3;

/** Of `python3.12` or `python:3.12.v1`. */
const minorOf = (version: string): number => Number(/3\.(\d+)/.exec(version)?.[1] ?? 0);

const script = `
import ast, io, sys, zipfile
minor, folder = int(sys.argv[1]), sys.argv[2]
files = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
for name in files.namelist():
    if name.endswith(".py") and name.rpartition("/")[0] in ("", folder.rstrip("/")):
        try:
            ast.parse(files.read(name), name, feature_version=(3, minor))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            sys.stdout.buffer.write(f"{name}, line {line}: {getattr(error, 'msg', error)}".encode())
            sys.exit(${FAULT})
`;

/** Nothing of the current folder or of this user's packages is loaded with it. */
async function asked(
  program: string,
  words: readonly string[],
  zip: Uint8Array,
): Promise<{ code: number | null; said: string }> {
  const child = spawn(program, ["-I", "-S", "-c", script, ...words], {
    env: {},
    stdio: ["pipe", "pipe", "ignore"],
  });
  // Where it ends before it has read all, its end tells.
  child.stdin.on("error", () => undefined);
  child.stdin.end(zip);
  const ended = new Promise<number | null>((resolve) =>
    child.once("error", () => resolve(null)).once("close", resolve),
  );
  const [code, said] = await Promise.all([ended, text(child.stdout)]);
  return { code, said };
}

async function pythonHere(runtime: string) {
  try {
    return await pythonFor(runtime);
  } catch (error) {
    if (error instanceof ProgramMissing) return undefined;
    throw error;
  }
}
