import { spawn, type ChildProcess } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { CliError } from "../errors/error.ts";
import { environment } from "../settings/environment.ts";
import { assetUrl } from "../artifact/assets.ts";

/** The shipped example application, under uvicorn. */
export interface FastApiExample {
  url: string;
  /** A token that it accepts for this name, valid for booking 1. */
  token(name: string): Promise<string>;
  close(): Promise<void>;
}

/** What the example's process gets of our environment: no credentials, no token, nothing of Python. */
const passedOn = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "VIRTUAL_ENV"] as const;

/**
 * Starts the example with the `python3` of the PATH, on a free port of 127.0.0.1. Throws a CliError (exit 1)
 * with uvicorn's last line when it does not start.
 */
export async function startFastApiExample({
  signingKeys,
}: {
  signingKeys: readonly string[];
}): Promise<FastApiExample> {
  const port = await freePort();
  const options = ["--host", "127.0.0.1", "--no-access-log"];
  const child = spawn("python3", ["-m", "uvicorn", "main:app", "--port", String(port), ...options], {
    // Python runs modules of its working folder: a file uvicorn.py of the user's must not be one of them.
    cwd: folderOf("backend/example/"),
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      ...Object.fromEntries(passedOn.map((name) => [name, environment[name]])),
      PYTHONPATH: folderOf("backend/"),
      PYTHONDONTWRITEBYTECODE: "1",
      SIGNING_KEYS: signingKeys.join(","),
      EXAMPLE_DEV_TOKENS: "1",
    },
  });
  const ended = new Promise<void>((resolve) =>
    child.once("error", () => resolve()).once("close", () => resolve()),
  );
  await ready(child, ended);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    async token(name) {
      const query = new URLSearchParams({ user: name, bookings: "1" });
      const answer = await fetch(`${url}/dev-token?${query.toString()}`);
      return ((await answer.json()) as { token: string }).token;
    },
    close() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

const folderOf = (name: "backend/" | "backend/example/"): string => fileURLToPath(assetUrl(name));

/** Resolves when uvicorn listens. */
function ready({ stderr }: ChildProcess, ended: Promise<void>): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("Uvicorn running on")) resolve();
    });
    void ended.then(() => {
      const last = said.trim().split("\n").at(-1) || "python3 was not found on the PATH";
      reject(
        new CliError("fastapi-not-started", `the FastAPI example does not start: ${last}`, {
          hint: "it needs Python 3.10 and: pip install fastapi uvicorn",
        }),
      );
    });
  });
}

/** uvicorn does not report which port it took. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once("error", reject)
      .listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
  });
}
