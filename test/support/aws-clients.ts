import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished, type TestContext } from "vitest";

const run = promisify(execFile);

/**
 * Skips the test where a client is not installed, and fails it where CI demands the client
 * (`REQUIRE_AWS_CLIENTS=1`).
 */
export function needs(context: TestContext, command: string, args: string[]): void {
  const { error, status } = spawnSync(command, args, { stdio: "ignore" });
  if (!error && status === 0) return;
  const reason = `${command} ${args.join(" ")} does not work here`;
  if (process.env["REQUIRE_AWS_CLIENTS"] === "1")
    throw new Error(`${reason}, and REQUIRE_AWS_CLIENTS=1 demands it`);
  context.skip(reason);
}

/** A folder with these files; removed when the test ends. */
export async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aws-clients-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await Promise.all(Object.entries(files).map(([name, content]) => writeFile(join(folder, name), content)));
  return folder;
}

/**
 * The aws CLI in a folder, for example `cli("iam get-role --role-name r")`; no value has a space in it. Its
 * JSON answer, or its words on stderr.
 */
export const awsCli =
  ({ environment }: { environment: Record<string, string> }, cwd: string) =>
  async (command: string): Promise<Record<string, unknown>> => {
    const { stdout } = await run("aws", [...command.split(" "), "--output", "json"], {
      env: environment,
      cwd,
      timeout: 60_000,
    });
    return JSON.parse(stdout || "{}") as Record<string, unknown>;
  };

/** Runs a Python script in a folder; it prints one JSON value. */
export async function python(
  { environment }: { environment: Record<string, string> },
  { script, cwd, args = [] }: { script: string; cwd: string; args?: string[] },
): Promise<unknown> {
  const { stdout } = await run("python3", ["-c", script, ...args], {
    env: environment,
    cwd,
    timeout: 100_000,
  });
  return JSON.parse(stdout);
}
