import { expect, onTestFinished, test } from "vitest";
import { readConfiguration } from "../../handler/config.ts";
import { warmUp } from "../../handler/warm-up.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { startConnectionsStub } from "../support/connections-stub.ts";
import { signingKey } from "../support/test-handler.ts";

test("warming up ends, and asks neither the backend nor AWS", async () => {
  const [backend, connections] = await Promise.all([startBackendStub(), startConnectionsStub()]);
  onTestFinished(() => Promise.all([backend.close(), connections.close()]).then(() => undefined));
  const configuration = readConfiguration({
    BACKEND_URL: backend.url,
    API_GATEWAY_ENDPOINT: connections.endpoint,
    AWS_ENDPOINT_URL: connections.url,
    SIGNING_KEYS: signingKey,
    AWS_ACCESS_KEY_ID: "A",
    AWS_SECRET_ACCESS_KEY: "B",
  });
  expect(await warmUp(configuration)).toBeUndefined();
  expect(backend.sockets.most).toBe(0);
  expect([connections.sent, connections.invocations]).toEqual([[], []]);
});

test("a configuration that is wrong does not stop it", async () => {
  expect(await warmUp(readConfiguration({ BACKEND_URL: "nonsense" }))).toBeUndefined();
});
