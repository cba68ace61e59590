import { onTestFinished } from "vitest";
import { readConfiguration } from "../../handler/config.ts";
import type { Context } from "../../handler/event.ts";
import { createHandler, type Handler } from "../../handler/handler.ts";
import { startBackendStub, type BackendStub } from "./backend-stub.ts";
import { startConnectionsStub, type ConnectionsStub } from "./connections-stub.ts";

/** The handler between a backend and an @connections API that the test rules over. */
export interface TestHandler {
  handler: Handler;
  backend: BackendStub;
  connections: ConnectionsStub;
  /** What was logged, parsed; every line has to be JSON. */
  lines: Record<string, unknown>[];
  /** The same, as written. */
  raw: string[];
}

export const signingKey = `whsec_${Buffer.from("k".repeat(32)).toString("base64")}`;
export const invokedFunctionArn = "arn:aws:lambda:us-east-1:123456789012:function:shelfshack-websocket-proxy";

/** A Lambda context with this much time left, milliseconds. */
export function contextWith(remainingMs = 30_000): Context {
  return {
    awsRequestId: "8f5a1c0e-0000-4000-8000-000000000001",
    invokedFunctionArn,
    getRemainingTimeInMillis: () => remainingMs,
  };
}

/**
 * Starts both stubs and loads the handler with an environment like the deployed one; everything ends with the
 * test.
 */
export async function testHandler(
  environment: Record<string, string | undefined> = {},
): Promise<TestHandler> {
  const [backend, connections] = await Promise.all([startBackendStub(), startConnectionsStub()]);
  onTestFinished(() => Promise.all([backend.close(), connections.close()]).then(() => undefined));
  const loaded = loadHandler({
    BACKEND_URL: backend.url,
    API_GATEWAY_ENDPOINT: connections.endpoint,
    AWS_ENDPOINT_URL: connections.url,
    SIGNING_KEYS: signingKey,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    AWS_SESSION_TOKEN: "SESSIONTOKENEXAMPLE",
    ...environment,
  });
  return { ...loaded, backend, connections };
}

/** The handler alone. */
export function loadHandler(
  environment: Record<string, string | undefined>,
): Pick<TestHandler, "handler" | "lines" | "raw"> {
  const raw: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const handler = createHandler(readConfiguration(environment), (line) => {
    raw.push(line);
    lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  return { handler, raw, lines };
}

/** The URL of a port on which nothing listens. */
export async function closedPort(): Promise<string> {
  const stub = await startBackendStub();
  await stub.close();
  return stub.url;
}
