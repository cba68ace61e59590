import { StartLiveTailCommand } from "@aws-sdk/client-cloudwatch-logs";
import type { HttpRequest } from "@smithy/types";
import { expect, onTestFinished, test } from "vitest";
import { connectAws } from "../../src/aws/clients.ts";

const place = { local: false, port: 4566, region: "us-east-1" };

test.each([
  ["AWS's own host", undefined, "stream-logs.us-east-1.amazonaws.com"],
  ["another address", "http://127.0.0.1:9", "127.0.0.1"],
])("a live tail at %s is asked for at the host that answers it", async (_where, endpointUrl, host) => {
  const { logs: service, close } = await connectAws(
    { ...place, endpointUrl },
    { report: () => {}, signal: new AbortController().signal },
  );
  onTestFinished(close);
  const logs = await service.client();
  logs.config.credentials = async () => ({ accessKeyId: "a", secretAccessKey: "b" });
  const asked = new Promise((resolve) => {
    logs.middlewareStack.add(
      () => async (call) => {
        resolve((call.request as HttpRequest).hostname);
        throw new Error("not to be sent");
      },
      { step: "build" },
    );
  });
  await expect(logs.send(new StartLiveTailCommand({ logGroupIdentifiers: ["group"] }))).rejects.toThrow(
    "not to be sent",
  );
  expect(await asked).toBe(host);
});
