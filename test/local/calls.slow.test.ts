import { Agent, request } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { openLocalAws } from "../support/local-aws.ts";

test("the last 10,000 calls are recorded", { timeout: 60_000 }, async () => {
  const { port, calls } = await openLocalAws();
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(() => agent.destroy());
  const authorization =
    "AWS4-HMAC-SHA256 Credential=A/20261123/us-east-1/none/aws4_request, SignedHeaders=host, " +
    `Signature=${"0".repeat(64)}`;
  const send = (path: string) =>
    new Promise<void>((resolve, reject) => {
      request({ host: "127.0.0.1", port, path, agent, headers: { authorization } }, (response) =>
        response.resume().on("end", resolve),
      )
        .on("error", reject)
        .end();
    });
  await send("/first");
  await Promise.all(Array.from({ length: 9_999 }, () => send("/more")));
  expect([calls.length, calls[0]?.operation]).toEqual([10_000, "GET /first"]);
  await send("/last");
  expect([calls.length, calls[0]?.operation, calls.at(-1)?.operation]).toEqual([
    10_000,
    "GET /more",
    "GET /last",
  ]);
});
