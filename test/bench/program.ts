import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The built program, from the built bench. */
export const ours = fileURLToPath(new URL("../bin/shelfshack-ws.js", import.meta.url));

/** A user's home of its own, in which Node keeps what it has compiled, as for any user. */
const home = mkdtempSync(join(tmpdir(), "shelfshack-bench-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true }));

/** What calls of the local AWS are signed with. */
export const accessKey = { accessKeyId: "local", secretAccessKey: "local" };

/** What the programs that are measured find: no user's settings. */
export const environment = {
  PATH: process.env["PATH"],
  HOME: home,
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: accessKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: accessKey.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: "true",
};

/** Starts Node with these words; what it prints is read with "pipe" alone. */
export const startNode = (args: readonly string[], output: "ignore" | "pipe" = "ignore") =>
  spawn(process.execPath, args, { env: environment, stdio: ["ignore", output, "ignore"] });

/** How long a process runs, in milliseconds from before its start until it has ended. */
export const msOf = (args: readonly string[]): Promise<number> => msOfProgram(process.execPath, args);

/** The same of another program than Node. */
export async function msOfProgram(program: string, args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  // Some end as soon as there is nothing more to read.
  await once(spawn(program, args, { env: environment, stdio: ["pipe", "ignore", "ignore"] }), "exit");
  return performance.now() - startedAt;
}

/** The same of a Node that does nothing. */
export const bareNodeMs = (): Promise<number> => msOf(["-e", "0"]);

/** The same of one that has to end well. */
export async function msUntilDone(args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const [code] = (await once(startNode(args), "exit")) as [number | null];
  if (code !== 0) throw new Error(`ended with ${code}: ${args.join(" ")}`);
  return performance.now() - startedAt;
}

/** A script that calls an address, for floors: its words are `call` and pauses in milliseconds. */
export const callsScript = fileURLToPath(new URL("programs/calls.js", import.meta.url));

/** What deploys to an address; no smoke test, as the backend is made up. */
export const deployTo = (url: string, ...options: string[]): string[] =>
  [ours, "deploy"].concat(
    ["--endpoint-url", url],
    ["--backend-url", "https://api.example.com"],
    ["--no-test"],
    options,
  );
