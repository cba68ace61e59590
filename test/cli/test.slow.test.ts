import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvokeCommand, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { startLocalAws } from "../../src/local/server.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { openLocalAws, pointedAt } from "../support/local-aws.ts";
import { advised, errorCode, run } from "../support/program.ts";
import { openTestStack, serveNewest } from "../support/stack.ts";
import { zipOf } from "../support/zip.ts";

const FunctionName = "shelfshack-websocket-proxy";

/**
 * A local AWS with a stack whose function has this source, and the variables that point the program at it.
 */
async function deployed(source: string) {
  const aws = await startLocalAws({ port: 0 });
  onTestFinished(() => aws.close());
  const stack = await openTestStack(aws.url, {
    zip: await zipOf({ "index.mjs": source }),
    backendUrl: "http://127.0.0.1:9",
  });
  onTestFinished(() => stack.aws.close());
  await stack.deploy();
  return { env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(aws.port) }, lambda: stack.aws.lambda };
}

/** A function that keeps the events that it got, and tells them when asked. */
const recording = (answer: string) => `
const events = [];
export const handler = async (event) => {
  if (event.tell) return events;
  events.push(event);
  if (event.requestContext.routeKey === "$disconnect") return { statusCode: 200 };
  ${answer}
};`;
const line = (fields: object) =>
  `console.log(JSON.stringify(${JSON.stringify({ level: "WARN", event: "connect", ...fields })}));`;

/** What became of the handler, of its way to the backend, and of the client. */
const signsIn = (stdout: string): string => stdout.match(/^[✓✗!-](?= )/gm)?.join("") ?? "";

test("S22 the test event reaches the function, 200 passes, and the backend gets the disconnect", async () => {
  const { env, lambda } = await deployed(
    recording(`${line({ level: "INFO", backendStatus: 200 })} return { statusCode: 200 };`),
  );
  const { code, stdout } = await run(["test"], { env });
  expect(code).toBe(0);
  expect(signsIn(stdout)).toBe("✓✓✓");
  expect(stdout).toContain('\nanswer {"statusCode":200}\n');
  expect(stdout).toMatch(/\n {2}INFO {3}connect backendStatus=200\n {2}INFO {3}report [\d.]+ ms, billed/);
  const { Payload = [] } = await lambda.send(
    new InvokeCommand({ FunctionName, Qualifier: "live", Payload: Buffer.from('{"tell":true}') }),
  );
  const connection = {
    connectionId: "test-connection-123",
    domainName: "test.execute-api.us-east-1.amazonaws.com",
    stage: "dev",
  };
  expect(JSON.parse(Buffer.from(Payload).toString())).toEqual([
    {
      requestContext: { routeKey: "$connect", ...connection },
      queryStringParameters: { booking_id: "1", token: "test-token", type: "booking" },
    },
    {
      requestContext: {
        routeKey: "$disconnect",
        ...connection,
        disconnectStatusCode: 1000,
        disconnectReason: "end of the test",
      },
    },
  ]);
});

test("S22 booking, type and token are ours to choose, and --event replaces the event", async () => {
  const { env } = await deployed(
    "export const handler = async (event) => ({ statusCode: 200, body: JSON.stringify(event) });",
  );
  const chosen = await run(["test", "--booking", "7", "--type", "chat", "--token-stdin", "--json"], {
    env,
    input: "from stdin\n",
  });
  const echoed = JSON.parse(chosen.stdout) as { answer: { body: string } };
  expect(JSON.parse(echoed.answer.body)).toMatchObject({
    queryStringParameters: { booking_id: "7", token: "from stdin", type: "chat" },
  });

  const folder = await mkdtemp(join(tmpdir(), "shelfshack-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "event.json"), '{"requestContext":{"eventType":"MESSAGE"},"body":"hello"}');
  await writeFile(join(folder, "broken.json"), "{");
  const own = await run(["test", "--event", join(folder, "event.json"), "--json"], { env });
  expect(own.code).toBe(0);
  expect(JSON.parse(own.stdout)).toMatchObject({
    connectionId: null,
    disconnected: null,
    answer: { body: expect.stringContaining("hello") },
  });
  const broken = await run(["test", "--event", join(folder, "broken.json"), "--json"], { env });
  expect([broken.code, errorCode(broken)]).toEqual([2, "event-invalid"]);
});

test.each([
  [
    "token (no token was given, a made-up one was sent), " +
      "or it does not know the function's signing keys",
    "✓✓!",
    `${line({ code: "rejected", backendStatus: 401 })} return { statusCode: 401 };`,
    "pass a token that the backend accepts with --token-stdin; to check the keys: " +
      `${advised} backend check --local`,
  ],
  [
    "the handler's configuration is invalid",
    "✗--",
    `${line({ code: "backend_unavailable", reason: "configuration" })} return { statusCode: 502 };`,
    `its log names the variables: ${advised} logs tail --since 1h --errors --no-follow --local`,
  ],
  [
    "before calling the backend: the token is missing",
    "✓-!",
    `${line({ code: "no_token" })} return { statusCode: 401 };`,
  ],
  [
    "refused the connection with 403 (no token was given, a made-up one was sent)",
    "✓✓✗",
    `${line({ code: "rejected", backendStatus: 403 })} return { statusCode: 403 };`,
  ],
  [
    "could not be reached (ECONNREFUSED)",
    "✓✗-",
    `${line({ reason: "ECONNREFUSED" })} return { statusCode: 502 };`,
  ],
  ["the backend answered 500", "✓✓✗", `${line({ backendStatus: 500 })} return { statusCode: 502 };`],
  ["did not answer in time", "✓✗-", `${line({ code: "backend_timeout" })} return { statusCode: 504 };`],
  ["threw an error (RangeError: bo\\x1bom)", "✗--", `throw new RangeError("bo\\u001bom");`],
  ["ended before it answered (Runtime.ExitError", "✗--", "process.exit(3);"],
  [
    "the event (no token was given, a made-up one was sent), but the function returned 204 and not 200",
    "✓✓✗",
    "return { statusCode: 204 };",
  ],
  [
    "the backend answered 500",
    "✓✓✗",
    line({ event: "message", code: "backend_unavailable", backendStatus: 500 }) +
      " return { statusCode: 200 };",
  ],
  ["API Gateway would reject its answer", "✗--", "return { ok: true };"],
])("S22 distinguished: %s", async (meaning, signs, answer, fix = "") => {
  const { env } = await deployed(recording(answer));
  const { code, stdout } = await run(["test"], { env });
  expect(code).toBe(3);
  expect(signsIn(stdout)).toBe(signs);
  expect(stdout).toContain(meaning);
  expect(stdout.replaceAll(/SHELFSHACK_PORT=\d+ /g, "")).toContain(fix === "" ? "" : `\n    fix: ${fix}\n`);
});

test("S22 a token that was given is not called made up", async () => {
  const { env } = await deployed(
    recording(`${line({ code: "rejected", backendStatus: 401 })} return { statusCode: 401 };`),
  );
  const { stdout } = await run(["test", "--token-stdin"], { env, input: "known\n" });
  expect(stdout).toMatch(
    /^! .* the backend rejected the token, or it does not know the function's signing keys$/m,
  );
});

test("S22 code that cannot be loaded is distinguished from code that fails", async () => {
  const { env } = await deployed('import "no-such-module"; export const handler = async () => ({});');
  const { code, stdout } = await run(["test"], { env });
  expect(code).toBe(3);
  expect(signsIn(stdout)).toBe("✗--");
  expect(stdout).toContain("cannot be loaded");
});

test("F-29 a backend that greets its clients leaves no warning of the test event in the log", async () => {
  const backend = await startBackendStub(() => ({ success: true, initial: [{ type: "welcome" }] }));
  const local = await openLocalAws();
  onTestFinished(() => backend.close());
  const { zip, sha256 } = await packageHandler();
  const { deploy } = await openTestStack(local.url, { zip, zipSha256: sha256, backendUrl: backend.url });
  await deploy();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: new URL(local.url).port };
  expect((await run(["test"], { env })).code).toBe(0);
  const { stdout } = await run(["logs", "tail", "--no-follow", "--json"], { env });
  const records = stdout
    .trim()
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  expect(
    records.flatMap(({ origin, level, fields }) => (origin === "function" ? [[fields.event, level]] : [])),
  ).toEqual([
    ["connect", "INFO"],
    ["disconnect", "INFO"],
  ]);
});

test("F-11 a handler's name that the zip does not have leads to the step that sets it", async () => {
  const { env, lambda } = await deployed(recording("return { statusCode: 200 };"));
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Handler: "nope.handler" }));
  await serveNewest(lambda, FunctionName);
  const { code, stdout } = await run(["test", "--json"], { env });
  expect([code, JSON.parse(stdout)]).toMatchObject([
    3,
    {
      code: "handler-not-loadable",
      checks: [{ id: "invocation", argv: [["deploy", "--only", "function", "--local"]] }, {}, {}],
    },
  ]);
});

test("F-11 a backend that is down is named with its address, and what to do", async () => {
  const { env } = await deployed(
    recording(`${line({ reason: "ECONNREFUSED" })} return { statusCode: 502 };`),
  );
  const { stdout } = await run(["test", "--json"], { env });
  expect(JSON.parse(stdout)).toMatchObject({
    code: "backend-unreachable",
    checks: [
      { id: "invocation", outcome: "passed" },
      {
        id: "reached",
        evidence: "the backend could not be reached (ECONNREFUSED) at http://127.0.0.1:9",
        fix: expect.stringMatching(/^start the backend/),
      },
      { id: "accepted", outcome: "skipped" },
    ],
  });
});

test("without a function the error says how to make one", async () => {
  const aws = await startLocalAws({ port: 0 });
  onTestFinished(() => aws.close());
  const { code, stderr } = await run(["test"], {
    env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(aws.port) },
  });
  expect(code).toBe(1);
  const advice = `deploy it: SHELFSHACK_PORT=${aws.port} ${advised} deploy --local --backend-url URL`;
  expect(stderr).toBe(`error: there is no function ${FunctionName} in us-east-1\n  ${advice}\n`);
});

test.each([
  ["http://127.0.0.1:9", "once the backend runs", ["test", "--local"]],
  ["http://localhost:9", "once the backend runs", ["test", "--local"]],
  ["http://nowhere.invalid", null, ["env", "set", "BACKEND_URL=URL", "--local"]],
])(
  "S22 a backend that is not reached at %s: what was found says what comes first",
  async (backendUrl, what, argv) => {
    const local = await openLocalAws();
    const { zip, sha256 } = await packageHandler();
    await (await openTestStack(local.url, { zip, zipSha256: sha256, backendUrl })).deploy();
    const { code, stdout } = await run(["test", "--json"], { env: pointedAt(local.url) });
    expect([code, JSON.parse(stdout)]).toMatchObject([
      3,
      { code: "backend-unreachable", next: [{ what, argv: [argv] }] },
    ]);
  },
);

test("S22 a wrong key and a wrong token are distinguished, although both get the same answer", async () => {
  const key = newSigningKey();
  const backend = await startDemoBackend({ signingKeys: [key] });
  onTestFinished(() => backend.close());
  const { zip, sha256 } = await packageHandler();
  const said = async (SIGNING_KEYS: string, token: string) => {
    const aws = await startLocalAws();
    onTestFinished(() => aws.close());
    const stack = await openTestStack(aws.url, {
      zip,
      zipSha256: sha256,
      backendUrl: backend.url,
      variables: { SIGNING_KEYS },
    });
    onTestFinished(() => stack.aws.close());
    await stack.deploy();
    const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(aws.port) };
    const { code, stdout } = await run(["test", "--token", token, "--json"], { env });
    const result = JSON.parse(stdout) as { code: string; checks: { id: string; argv?: string[][] }[] };
    return { ...result, exitCode: code, accepted: result.checks.find(({ id }) => id === "accepted") };
  };
  expect(await said(key, "demo")).toMatchObject({
    exitCode: 0,
    code: "accepted",
    accepted: { outcome: "passed" },
  });
  expect(await said(key, "stale")).toMatchObject({ exitCode: 3, code: "token-refused" });
  expect(await said(newSigningKey(), "demo")).toMatchObject({
    exitCode: 3,
    code: "keys-unknown",
    accepted: {
      outcome: "failed",
      argv: [
        ["outputs", "--for", "backend", "--out", "backend.env", "--local"],
        ["test", "--local"],
      ],
    },
  });
});
