import { GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { expect, test } from "vitest";
import { openLocalAws } from "../support/local-aws.ts";
import { errorCode, run } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";
import { openTestStack } from "../support/stack.ts";
import { createQueue } from "../support/queue.ts";
import { zipOf } from "../support/zip.ts";

const handler = `export const handler = async ({ requestContext }) => {
  console.log("connection " + requestContext.connectionId);
  return { statusCode: 200 };
};`;

/** A deployed stack, one socket connected to it, and the connection's id. */
async function connected() {
  const ids = createQueue<string>();
  const local = await openLocalAws({
    onLog: (entries) => {
      for (const { message } of entries) {
        const [, id] = /connection (\S+)/.exec(message) ?? [];
        if (id !== undefined) ids.put(id);
      }
    },
  });
  const { aws, deploy } = await openTestStack(local.url, { zip: await zipOf({ "index.mjs": handler }) });
  await deploy();
  const api = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items?.[0];
  const socket = await openSocket(`${api?.ApiEndpoint}/dev`, { headers: { "user-agent": "agent\u0009x" } });
  const id = await ids.next();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  return { id, socket, env };
}

test("connections looks one up, sends to it from words or stdin, and closes it", async () => {
  const { id, socket, env } = await connected();
  const got = await run(["connections", "get", id, "--json"], { env });
  expect(JSON.parse(got.stdout)).toMatchObject({
    action: "get",
    connectionId: id,
    connection: { connectedAt: expect.stringMatching(/^20.*Z$/), sourceIp: "127.0.0.1" },
  });
  expect((await run(["connections", "get", id], { env })).stdout).toContain("agent");
  const sent = await run(["connections", "send", id, '{"type":"notice"}', "--json"], { env });
  expect([sent.code, JSON.parse(sent.stdout)]).toMatchObject([0, { bytes: 17, connection: null }]);
  expect(await socket.next()).toBe('{"type":"notice"}');
  expect((await run(["connections", "send", id], { env, input: "two\nlines\n" })).code).toBe(0);
  expect(await socket.next()).toBe("two\nlines");
  const closed = await run(["connections", "close", id], { env });
  expect([closed.code, closed.stdout]).toEqual([0, expect.stringContaining(`closed ${id}\n`)]);
  expect((await socket.closed()).code).toBe(1000);
  for (const words of [["get"], ["send", "x"], ["close"]]) {
    const [action = "", ...text] = words;
    const gone = await run(["connections", action, id, ...text, "--json"], { env });
    expect([gone.code, errorCode(gone)]).toEqual([1, "connection-gone"]);
  }
});

test("connections send takes no more from stdin than a message may hold", async () => {
  const { code, stdout } = await run(["connections", "send", "x", "--json"], { input: "x".repeat(131_073) });
  expect([code, JSON.parse(stdout).error.code]).toEqual([2, "value-invalid"]);
});

test.each([
  [[], "command-unknown"],
  [["gett", "x"], "command-unknown"],
  [["get"], "value-missing"],
  [["send", "x"], "value-missing"],
  [["send", "x", "two", "words"], "argument-unexpected"],
])("connections %j is refused before any call", async (words, code) => {
  const refused = await run(["connections", ...words, "--json"], { env: {}, input: "" });
  expect([refused.code, errorCode(refused)]).toEqual([2, code]);
});
