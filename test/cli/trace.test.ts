import {
  ApiGatewayManagementApiClient,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";
import { expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { asAws } from "../support/as-aws.ts";
import { openLocalAws, pointedAt } from "../support/local-aws.ts";
import { run, start } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";
import { openTestStack } from "../support/stack.ts";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "x" };

type Document = Record<string, unknown> & { hops?: Record<string, unknown>[] };
const documents = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Document);

/** The shipped handler with the demo backend behind it, at a local AWS. */
async function scene() {
  const backend = await startDemoBackend();
  onTestFinished(() => backend.close());
  const local = await openLocalAws();
  const { zip, sha256 } = await packageHandler();
  const config = { zip, zipSha256: sha256, backendUrl: backend.url };
  const stack = await openTestStack(local.url, config);
  const changes = await stack.deploy();
  const api = changes.find(({ resource }) => resource === stack.stack.api)?.attributes.ApiEndpoint;
  const switchOn = async () => (await openTestStack(local.url, { ...config, accessLogs: "on" })).deploy();
  const connect = async () => {
    const socket = await openSocket(`${api}/dev?booking_id=7&token=demo`);
    await socket.next();
    return socket;
  };
  /** As a backend does by itself, with credentials of its own. */
  const push = async (ConnectionId: string) => {
    const endpoint = `${api}/dev`.replace("ws:", "http:");
    const client = new ApiGatewayManagementApiClient({ endpoint, region: "us-east-1", credentials });
    const { $metadata } = await client.send(new PostToConnectionCommand({ ConnectionId, Data: "news" }));
    client.destroy();
    return $metadata.requestId!;
  };
  return { local, connect, push, switchOn, env: pointedAt(local.url) };
}

/** A second stack on the same local AWS has its own traces, also of refused clients and of pushes. */
async function ofOneStack(url: string, first: { connectionId: unknown; pushId: string }): Promise<void> {
  const names = { functionName: "other", apiName: "other-api", roleName: "other-role" };
  const changes = await (await openTestStack(url, names)).deploy();
  const [address] = changes.flatMap(({ attributes }) => attributes?.["ApiEndpoint"] ?? []);
  await openSocket(`${String(address)}/dev`);
  const listed = async (...options: string[]) => {
    const args = ["trace", "--no-follow", "--json", ...options];
    return documents((await run(args, { env: pointedAt(url) })).stdout).slice(0, -1);
  };
  const theirs = ["--function-name", "other", "--api-name", "other-api"];
  const [ours, others] = await Promise.all([listed(), listed(...theirs)]);
  expect(ours.map(({ requestId }) => requestId)).toContain(first.pushId);
  expect(new Set(ours.map(({ connectionId }) => connectionId))).toEqual(new Set([first.connectionId]));
  expect(others).toMatchObject([{ event: "connect", functionName: "other", stage: "dev" }]);
  const foreign = await run(["trace", first.pushId, ...theirs], { env: pointedAt(url) });
  expect([foreign.code, foreign.stderr]).toEqual([3, expect.stringContaining("of another stack: API ")]);
}

test("S37 S38 each message as it happens, then one as a waterfall, from the gateway itself", async () => {
  const { local, connect, push, env } = await scene();
  const [lines, json] = [start(["trace"], { env }), start(["trace", "--json", "--booking", "7"], { env })];
  await Promise.all([lines.says("following the local AWS"), json.says("following the local AWS")]);
  const socket = await connect();
  socket.send('{"type":"message","body":"hi","token":"s3cret"}');
  await socket.next();
  await lines.says(/message .* sent 1/);
  const [line = ""] = (await json.says(/"event":"message".*\n/)).match(/^.*"event":"message".*$/m) ?? [];
  const pushId = await push(String(JSON.parse(line).connectionId));
  expect(await socket.next()).toBe("news");
  await Promise.all([lines.says(/push .* @connections 200 .* sent 1/), json.says(/"event":"push".*\n/)]);
  for (const program of [lines, json]) program.signal("SIGINT");
  const [told, ended] = await Promise.all([lines.ended, json.ended]);
  expect([told.code, ended.code]).toEqual([130, 130]);
  expect(told.stdout).toMatch(/connect +\S+ {2}booking 7 {2}gateway 200 .*function 200 .*cold start/);
  expect(told.stdout + ended.stdout).not.toMatch(/s3cret|demo/);
  const message = documents(ended.stdout).find(({ event }) => event === "message")!;
  expect(message).toMatchObject({ schemaVersion: 1, kind: "trace", booking: "7", bytesIn: 47, sent: 1 });
  expect(message.hops).toMatchObject([
    { hop: "gateway", status: 200, startMs: 0 },
    { hop: "function", status: 200, startMs: expect.any(Number) },
    { hop: "backend", status: 200, ms: expect.any(Number) },
    { hop: "deliver", ms: expect.any(Number) },
    { hop: "deliver", status: 200, to: message["connectionId"], bytes: expect.any(Number) },
  ]);
  const [one, pushed, ofConnection] = await Promise.all([
    run(["trace", String(message["requestId"])], { env }),
    run(["trace", pushId, "--json"], { env }),
    run(["trace", String(message["connectionId"])], { env }),
  ]);
  expect([ofConnection.code, ofConnection.stdout.match(/(?<=^\S+ )\w+/gm)]).toEqual([
    0,
    ["connect", "initial", "message", "push"],
  ]);
  expect(ofConnection.stdout).toMatch(new RegExp(`message .* request ${String(message["requestId"])}$`, "m"));
  expect(JSON.parse(pushed.stdout)).toMatchObject({
    trace: { event: "push", booking: "7", sent: 1, hops: [{ hop: "deliver", status: 200, bytes: 4 }] },
  });
  expect([one.code, one.stdout]).toEqual([0, expect.stringMatching(/^gateway +200 +\+0 ms .*█/m)]);
  await ofOneStack(local.url, { connectionId: message["connectionId"], pushId });
  const same = await run(["trace", String(message["lambdaRequestId"]), "--json"], { env });
  expect(JSON.parse(same.stdout)).toMatchObject({
    kind: "result",
    trace: { requestId: message["requestId"] },
  });
});

test("S38 an unknown id: exit code 3; what can be no id: exit code 2", async () => {
  const { local } = { local: await openLocalAws() };
  const env = pointedAt(local.url);
  const [unknown, odd] = await Promise.all([
    run(["trace", "UbT2aF9yIAMFkQg=", "--json"], { env }),
    run(["trace", '"} --x', "--json"], { env }),
  ]);
  expect([unknown.code, JSON.parse(unknown.stdout)]).toMatchObject([
    3,
    { trace: null, sources: ["the local AWS"] },
  ]);
  expect([odd.code, JSON.parse(odd.stdout)]).toMatchObject([2, { error: { code: "value-invalid" } }]);
});

test("S38 on AWS it joins the function's log and the access log; without one a column is blank", async () => {
  const { local, connect, switchOn } = await scene();
  const env = await asAws(local.url);
  const socket = await connect();
  const sent = async (known?: unknown) => {
    socket.send('{"type":"message","body":"hi"}');
    await socket.next();
    const { stdout, stderr } = await run(["trace", "--no-follow", "--json"], { env });
    const all = documents(stdout);
    expect(all.at(-1)).toMatchObject({ kind: "result", traces: all.length - 1, since: expect.any(String) });
    const times = all.slice(0, -1).map(({ at }) => String(at));
    expect(times).toEqual(times.toSorted());
    const messages = all.filter(({ event }) => event === "message");
    const message = messages.find(({ requestId }) => requestId !== known);
    return { message, requestId: String(message?.["requestId"]), stderr };
  };
  const without = await sent();
  expect(without.stderr).toContain(
    "API Gateway's own times are left blank: the stage dev has no access log in CloudWatch Logs; " +
      "to have them, deploy with --access-logs on",
  );
  expect(without.message).toMatchObject({
    booking: "7",
    hops: [{ hop: "function" }, { hop: "backend" }, { hop: "deliver" }],
  });

  await switchOn();
  const { requestId } = await sent(without.requestId);
  const [found, ofConnection] = await Promise.all([
    run(["trace", requestId, "--json"], { env }),
    run(["trace", String(without.message?.["connectionId"]), "--json"], { env }),
  ]);
  expect(documents(ofConnection.stdout).at(-1)).toMatchObject({ kind: "result", trace: null, traces: 4 });
  expect(JSON.parse(found.stdout)).toMatchObject({
    sources: [
      "the log group /aws/lambda/shelfshack-websocket-proxy",
      "the access log /aws/apigateway/shelfshack-websocket-proxy/access",
    ],
    trace: {
      requestId,
      hops: [
        { hop: "gateway", ms: expect.any(Number), status: 200 },
        { hop: "function" },
        { hop: "backend" },
        { hop: "deliver" },
      ],
    },
  });
});

test("F-03 what the local AWS tells of messages is for this user's programs, never for a page", async () => {
  const { url } = await openLocalAws({ verifySignatures: true });
  const asked = async (headers: Record<string, string>) =>
    (await fetch(`${url}/_shelfshack/traces`, { headers })).status;
  expect(await asked({})).toBe(403);
  expect(await asked({ "x-shelfshack": "1", origin: "http://localhost:3000" })).toBe(403);
  // Not signed, where that is asked for.
  expect(await asked({ "x-shelfshack": "1" })).toBe(403);
  const { url: open } = await openLocalAws();
  const taken = await fetch(`${open}/_shelfshack/traces`, { headers: { "x-shelfshack": "1" } });
  expect([taken.status, await taken.text()]).toEqual([200, ""]);
});
