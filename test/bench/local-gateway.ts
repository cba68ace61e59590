import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { LambdaClient, UpdateAliasCommand, UpdateFunctionCodeCommand } from "@aws-sdk/client-lambda";
import { zipFiles } from "../../src/artifact/zip.ts";
import { accessKey, ours, startNode } from "./program.ts";

const fileAt = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** Sends each message back. As it stands in the sources: it is deployed as it is. */
export const echo = fileAt("../test/bench/functions/echo.mjs");
const flood = fileAt("programs/flood.js");

export const SOCKETS = 50;
export const FLOOD_SECONDS = 4;

/** The words that start ours, with a backend that `startSurroundings` started. */
export const localWith = ({ environment }: { environment: Record<string, string> }): string[] =>
  [ours, "local", "--port", "0", "--fresh", "--json"].concat(
    "--backend-url",
    environment["BACKEND_URL"] ?? "",
  );

/** What a gateway prints when it is ready. */
export interface Ready {
  url: string;
  endpointUrl: string;
}

/** Waits until a gateway that was just started says that it is ready. */
export async function readyOf(gateway: ChildProcess): Promise<Ready> {
  const [line] = (await once(gateway.stdout!, "data")) as [Buffer];
  const printed = JSON.parse(line.toString().split("\n")[0]!) as Ready;
  return { ...printed, url: `${printed.url}?type=feed` };
}

/** Sends as much as goes for some seconds, and tells how many messages came back in one. */
export async function flooded(url: string): Promise<number> {
  const client = startNode([flood, url, String(SOCKETS), "1", String(FLOOD_SECONDS * 1_000)], "pipe");
  const [printed] = (await once(client.stdout!, "data")) as [Buffer];
  const { rate } = JSON.parse(printed.toString()) as { rate: number };
  return rate;
}

/** The code that sends each message back, in place of the shipped handler. */
export async function deployEcho({ endpointUrl: endpoint }: Ready): Promise<void> {
  const lambda = new LambdaClient({ endpoint, region: "us-east-1", credentials: accessKey });
  const { zip: ZipFile } = await zipFiles(new Map([["index.mjs", await readFile(echo)]]));
  const FunctionName = "shelfshack-websocket-proxy";
  const code = { FunctionName, ZipFile, Publish: true };
  const { Version: FunctionVersion } = await lambda.send(new UpdateFunctionCodeCommand(code));
  await lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion }));
  lambda.destroy();
}
