import { InvokeCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { firstQuotas } from "../../src/contract/quotas.ts";
import { capacityOf } from "../../src/estimate/capacity.ts";
import { ratesOf, type Load } from "../../src/estimate/load.ts";
import { createThrottle } from "../../src/local/gateway/throttle.ts";
import { makeFunction, makeRole, openLocalAws, refusal } from "../support/local-aws.ts";
import { createQueue } from "../support/queue.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";
import { post, testGateway } from "../support/test-gateway.ts";

/** A bucket that is not filled again while a test runs. */
const only = (burst: number) => ({ rate: 0.001, burst });

test("an account's new connections beyond its quota are refused with 429", async () => {
  const api = await testGateway({ quotas: { connects: only(2), requests: only(100) } });
  await openSocket(api.url);
  await openSocket(api.url);
  expect((await refusedSocket(api.url)).status).toBe(429);
});

test("connections, messages and calls of @connections share the account's quota of requests", async () => {
  const api = await testGateway({ quotas: { connects: only(10), requests: only(3) } });
  const socket = await openSocket(api.url);
  const { requestContext } = await api.event("CONNECT");
  socket.send("one");
  await api.event("MESSAGE");
  expect(await post(api, requestContext.connectionId, "frame")).toBe(200);
  expect(await socket.next()).toBe("frame");
  expect(await post(api, requestContext.connectionId, "too many")).toBe(429);
  socket.send("two");
  expect(JSON.parse(await socket.next())).toMatchObject({ message: "Too Many Requests" });
  expect((await refusedSocket(api.url)).status).toBe(429);
});

test("more invocations at once than the account may have are throttled", async () => {
  const started = createQueue<string>();
  const local = await openLocalAws({
    quotas: { ...firstQuotas, concurrency: 2 },
    onLog: (entries) => entries.forEach(({ message }) => message.includes("begun") && started.put(message)),
  });
  const source = `export const handler = async () => {
    console.log("begun");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  };`;
  await makeFunction(local, { source, Role: await makeRole(local) });
  const call = () => local.lambda.send(new InvokeCommand({ FunctionName: "proxy" }));
  const running = [call(), call()];
  await started.next();
  await started.next();
  expect(await refusal(call())).toMatchObject({ name: "TooManyRequestsException", status: 429 });
  await Promise.all(running);
  await call();
});

const load: Load = {
  connections: 1_000,
  messagesPerMinute: 2,
  peoplePerBooking: 3,
  sessionMinutes: 30,
  messageBytes: 500,
  invocationMs: 60,
  memoryMb: 256,
};

/** How many of the requests of ten simulated minutes the account's bucket refuses. */
function refusedOf(quota: "connects" | "requests", perSecond: number): number {
  const throttle = createThrottle();
  let [refused, due] = [0, 0];
  for (let now = 0; now < 600_000; now += 100) {
    for (due += perSecond / 10; due >= 1; due -= 1)
      refused += throttle.take("account", firstQuotas[quota], now) ? 0 : 1;
  }
  return refused;
}

test.each([
  ["connect-rate", "connects"],
  ["request-rate", "requests"],
] as const)("what capacity says of %s is what the enforced quota carries", (id, quota) => {
  const lines = capacityOf(load, { backendRate: undefined });
  const reachedAt = lines.find((line) => line.id === id)?.reachedAt ?? 0;
  const needed = (connections: number) => {
    const { connects, messages, frames } = ratesOf({ ...load, connections });
    return quota === "connects" ? connects : connects + messages + frames;
  };
  expect(refusedOf(quota, needed(reachedAt))).toBe(0);
  expect(refusedOf(quota, needed(1.05 * reachedAt))).toBeGreaterThan(0);
});
