import { spawn, spawnSync } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { onTestFinished, type TestContext } from "vitest";

const backendFolder = fileURLToPath(new URL("../../src/backend", import.meta.url));
const python = spawnSync("python3", ["-c", "import fastapi, uvicorn"], { encoding: "utf8" });

const lastLine = (python.stderr ?? String(python.error)).trim().split("\n").at(-1);

/** Why no FastAPI application can be run here; undefined where it can. */
const missing = python.status === 0 ? undefined : `python3 with fastapi and uvicorn is needed: ${lastLine}`;

/** Skips the test with the reason, or fails it where the backend is required (`REQUIRE_BACKEND=1`). */
export function needsFastApi({ skip }: TestContext): void {
  if (missing && process.env["REQUIRE_BACKEND"] === "1") throw new Error(missing);
  skip(missing !== undefined, missing);
}

/** A FastAPI application under uvicorn. */
export interface Uvicorn {
  url: string;
  /** Ends the process as a deploy of the backend does. */
  stop(): Promise<void>;
  /** Starts it again at the same address. */
  start(): Promise<void>;
}

/**
 * Starts `module` (a file of `folder`, with its `app`) under uvicorn on a free port; the kit can be imported.
 * It ends with the test.
 */
export async function startUvicorn(
  folder: string,
  module: string,
  env: Record<string, string>,
): Promise<Uvicorn> {
  const port = await freePort();
  let stop = await serve();
  onTestFinished(() => stop());

  function serve(): Promise<() => Promise<void>> {
    const options = ["--port", String(port), "--no-access-log", "--app-dir", folder];
    const args = ["-m", "uvicorn", `${module}:app`, ...options];
    const child = spawn("python3", args, {
      env: { PATH: process.env["PATH"], PYTHONPATH: backendFolder, PYTHONDONTWRITEBYTECODE: "1", ...env },
    });
    const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
    const stopped = () => {
      child.kill("SIGTERM");
      return ended;
    };
    let said = "";
    return new Promise((resolve, reject) => {
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        if (said.includes("Uvicorn running on")) resolve(stopped);
      });
      void ended.then(() => reject(new Error(`uvicorn ended:\n${said}`)));
    });
  }

  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => stop(),
    async start() {
      stop = await serve();
    },
  };
}

/** uvicorn does not tell which port it took when asked for any. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
