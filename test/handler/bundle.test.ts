import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { expect, onTestFinished, test } from "vitest";
import { startBackendStub } from "../support/backend-stub.ts";
import { startConnectionsStub } from "../support/connections-stub.ts";
import { consoleTestEvent } from "../support/golden-events.ts";
import { signingKey } from "../support/test-handler.ts";

const run = promisify(execFile);

/** The handler as it is deployed: one file, minified. */
async function bundle(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-handler-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const outfile = join(folder, "index.mjs");
  const define = { SHELFSHACK_VERSION: '"9.8.7"' };
  await build({
    entryPoints: ["handler/index.ts"],
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node20",
    define,
    outfile,
    logLevel: "error",
  });
  return outfile;
}

/**
 * Loads the bundle in plain Node and runs one event through it, as Lambda's runtime does; what it printed,
 * line by line.
 */
async function invoked(outfile: string, environment: Record<string, string>): Promise<string[]> {
  const message = {
    requestContext: { ...consoleTestEvent.requestContext, routeKey: "$default" },
    body: "{}",
  };
  const script = `
    const { handler } = await import(${JSON.stringify(outfile)});
    console.log("loaded");
    console.log(JSON.stringify(await handler(${JSON.stringify(consoleTestEvent)}, {})));
    console.log(JSON.stringify(await handler(${JSON.stringify(message)}, {})));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], {
    env: environment,
    timeout: 20_000,
  });
  return stdout.trim().split("\n");
}

test("the bundle is at most 24 kB, runs in plain Node, ends by itself and says its version", async () => {
  const outfile = await bundle();
  expect((await stat(outfile)).size).toBeLessThanOrEqual(24_000);
  const [backend, connections] = await Promise.all([
    startBackendStub(() => ({ response: "x" })),
    startConnectionsStub(),
  ]);
  onTestFinished(() => Promise.all([backend.close(), connections.close()]).then(() => undefined));
  const environment = {
    BACKEND_URL: backend.url,
    API_GATEWAY_ENDPOINT: connections.endpoint,
    SIGNING_KEYS: signingKey,
    AWS_ACCESS_KEY_ID: "A",
    AWS_SECRET_ACCESS_KEY: "B",
  };
  const [loaded, ...lines] = await invoked(outfile, environment);
  expect(loaded).toBe("loaded");
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { event: "connect", status: 200 },
    { statusCode: 200 },
    { event: "message", sent: 1 },
    { statusCode: 200 },
  ]);
  expect(backend.requests[0]!.headers["user-agent"]).toBe("shelfshack-ws/9.8.7");
  expect(backend.sockets.most).toBe(1);
  // What is handled while it loads reaches no other server, and is not logged.
  expect(backend.requests.map(({ path }) => path)).toEqual(["/api/ws/register", "/api/ws/message"]);
  expect(connections.sent).toHaveLength(1);
});

test("H-31 the bundle loads without a backend, with one that is down and with a malformed key", async () => {
  const outfile = await bundle();
  const down = { BACKEND_URL: "http://127.0.0.1:1" };
  for (const environment of [
    {},
    down,
    { ...down, SIGNING_KEYS: "x" },
    { BACKEND_URL: "https://127.0.0.1:1" },
  ]) {
    expect(await invoked(outfile, environment as Record<string, string>)).toContain('{"statusCode":502}');
  }
});
