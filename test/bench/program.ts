import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The built program, from the built bench. */
export const ours = fileURLToPath(new URL("../bin/shelfshack-ws.js", import.meta.url));

const environment = {
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "secret",
  AWS_EC2_METADATA_DISABLED: "true",
};

/** Starts Node with these words; nothing is read of what it prints. */
export const startNode = (args: readonly string[]) =>
  spawn(process.execPath, args, { env: environment, stdio: "ignore" });

/** How long a process runs, in milliseconds from before its start until it has ended. */
export async function msOf(args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  await once(startNode(args), "exit");
  return performance.now() - startedAt;
}

/** The same of a Node that does nothing. */
export const bareNodeMs = (): Promise<number> => msOf(["-e", "0"]);
