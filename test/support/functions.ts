import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { FunctionToRun, LogEntry, Runtime, RuntimeOptions } from "../../src/local/runtime/contract.ts";
import { startRuntime } from "../../src/local/runtime/runtime.ts";
import { createQueue, type Queue } from "./queue.ts";
import { zipOf } from "./zip.ts";

let revisions = 0;

/** A deployed function with this source; everything about it can be said otherwise. */
export async function functionOf(
  source: string | Record<string, string>,
  overrides: Partial<FunctionToRun> = {},
): Promise<FunctionToRun> {
  const name = overrides.name ?? "proxy";
  revisions += 1;
  return {
    arn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    name,
    version: "$LATEST",
    region: "us-east-1",
    account: "000000000000",
    runtime: "nodejs24.x",
    handler: "index.handler",
    timeoutSeconds: 5,
    memoryMb: 256,
    environment: {},
    zip: await zipOf(typeof source === "string" ? { "index.mjs": source } : source),
    logGroup: `/aws/lambda/${name}`,
    role: "arn:aws:iam::000000000000:role/proxy",
    traced: false,
    revision: String(revisions),
    ...overrides,
  };
}

/** A Python function of one file. */
export async function pythonOf(
  source: string,
  overrides: Partial<FunctionToRun> = {},
): Promise<FunctionToRun> {
  return await functionOf(
    { "app.py": source },
    { runtime: "python3.12", handler: "app.handler", ...overrides },
  );
}

/** A runtime that is closed with the test, and what it logs. */
export async function runtimeOf(
  options: Partial<RuntimeOptions> = {},
): Promise<{ runtime: Runtime; log: LogEntry[]; text: () => string }> {
  const log: LogEntry[] = [];
  const runtime = await startRuntime({
    endpointUrl: () => "http://127.0.0.1:4566",
    log: (entries) => void log.push(...entries),
    ...options,
  });
  onTestFinished(() => runtime.close());
  return { runtime, log, text: () => log.map(({ message }) => message).join("") };
}

/** Tries until it is so; fails after 20 s, far above what a loaded machine needs. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`not within 20 s: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** One event that waits at a gate: who it is, and how to let its handler go on. */
interface Waiting {
  event: unknown;
  pid: number;
  pass(): void;
}

/**
 * A gate for handlers, so that a test decides when each of them ends. `handler` is the source of a function
 * that waits there with its event and answers with the id of its process.
 */
export async function openGate(): Promise<{ handler: string; arrived: Queue<Waiting> }> {
  const arrived = createQueue<Waiting>();
  const server = createServer((request, response: ServerResponse) => {
    const { event, pid } = JSON.parse(decodeURIComponent(request.url?.slice(1) ?? "")) as Waiting;
    arrived.put({ event, pid, pass: () => void response.end() });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const handler = `export const handler = async (event) => {
    await fetch("${url}/" + encodeURIComponent(JSON.stringify({ event, pid: process.pid })));
    return process.pid;
  };`;
  return { handler, arrived };
}
