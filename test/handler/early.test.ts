import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { addressOf, exchange, openEarly } from "../../handler/transport.ts";
import { startBackendStub } from "../support/backend-stub.ts";

const request = {
  method: "POST",
  path: "/",
  headers: {},
  body: "{}",
  timeMs: 5_000,
  leftMs: 5_000,
  maxBytes: 1_000,
} as const;

test("the first request takes the socket that was opened early", async () => {
  const backend = await startBackendStub();
  onTestFinished(() => backend.close());
  const address = addressOf(new URL(backend.url));
  await openEarly([address]);
  await backend.opened.next();
  expect(await exchange({ ...request, address })).toMatchObject({ status: 200 });
  expect(backend.sockets.most).toBe(1);
});

test("the socket that was opened early is taken once", async () => {
  const backend = await startBackendStub();
  onTestFinished(() => backend.close());
  const address = addressOf(new URL(backend.url));
  await openEarly([address]);
  const outcomes = await Promise.all([exchange({ ...request, address }), exchange({ ...request, address })]);
  expect(outcomes).toMatchObject([{ status: 200 }, { status: 200 }]);
  expect(backend.requests).toHaveLength(2);
  expect(backend.sockets.most).toBe(2);
});

test("a socket that its peer has closed meanwhile is replaced, without a retry", async () => {
  const backend = await startBackendStub();
  onTestFinished(() => backend.close());
  const address = addressOf(new URL(backend.url));
  await openEarly([address]);
  await backend.opened.next();
  backend.hangUp();
  expect(await exchange({ ...request, address })).toMatchObject({ status: 200 });
  expect(backend.requests).toHaveLength(1);
});

test("an address that does not answer does not block loading", async () => {
  const silent = createTcpServer((socket) => socket.on("error", () => undefined).resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => silent.close(() => resolve())));
  const { port } = silent.address() as AddressInfo;
  const addresses = [`https://127.0.0.1:${port}`, "http://127.0.0.1:1"];
  expect(await openEarly(addresses.map((url) => addressOf(new URL(url))))).toBeUndefined();
});
