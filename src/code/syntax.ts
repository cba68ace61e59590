import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { ProgramMissing, pythonFor } from "../local/runtime/programs.ts";

/** What a Python of this machine says of the syntax of code that it does not run. */
export type Syntax =
  | { outcome: "checked"; by: string }
  /** `unless`: when the function runs all the same; absent where it cannot. */
  | { outcome: "failed"; by: string; message: string; unless?: string };

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
  const module = handler.slice(0, handler.lastIndexOf(".")).replaceAll(".", "/");
  const { code, said } = await asked(python.command, [String(wanted), module], zip);
  const here = minorOf(python.version);
  const by = `Python 3.${here}`;
  if (code === 0) return { outcome: "checked", by };
  const failed = { outcome: "failed", by, message: said } as const;
  if (code === faults.elsewhere) return { ...failed, unless: "where nothing imports it" };
  if (code !== faults.ofHandler) return undefined;
  return here >= wanted ? failed : { ...failed, unless: `where ${runtime} takes what ${by} does not` };
}

/** What the script ends with. */
const faults = { ofHandler: 3, elsewhere: 4 };

/** Of `python3.12` or `python:3.12.v1`. */
const minorOf = (version: string): number => Number(/3\.(\d+)/.exec(version)?.[1] ?? 0);

const script = `
import ast, io, sys, zipfile
minor, module = int(sys.argv[1]), sys.argv[2]
folder = module.rpartition("/")[0]
own = (f"{module}.py", f"{module}/__init__.py")
files = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
for name in sorted(files.namelist(), key=lambda name: name not in own):
    if name in own or name.endswith(".py") and name.rpartition("/")[0] in ("", folder):
        try:
            ast.parse(files.read(name), name, feature_version=(3, minor))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            sys.stdout.buffer.write(f"{name}, line {line}: {getattr(error, 'msg', error)}".encode())
            sys.exit(${faults.ofHandler} if name in own else ${faults.elsewhere})
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
