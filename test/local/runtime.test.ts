import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { functionOf, openGate, runtimeOf, until } from "../support/functions.ts";
import { rawZipOf } from "../support/zip.ts";

const requestIdPattern = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

test("a function answers, and its log reads as on AWS", async () => {
  const { runtime, log } = await runtimeOf();
  const target = await functionOf(
    `export const handler = async (event) => {
      console.log("hello", event.who);
      return { statusCode: 200 };
    };`,
  );
  const first = await runtime.invoke(target, '{"who":"you"}');
  expect(JSON.parse(first.payload)).toEqual({ statusCode: 200 });
  expect(first.functionError).toBeUndefined();
  expect(first.requestId).toMatch(new RegExp(`^${requestIdPattern}$`));

  const id = first.requestId;
  expect(log.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      new RegExp(
        String.raw`^INIT_START Runtime Version: nodejs:\d+\.v\d+\t` +
          String.raw`Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}\n$`,
      ),
    ),
    `START RequestId: ${id} Version: $LATEST\n`,
    expect.stringMatching(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z\\t${id}\\tINFO\\thello you\\n$`),
    ),
    `END RequestId: ${id}\n`,
    expect.stringMatching(
      new RegExp(
        String.raw`^REPORT RequestId: ${id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t` +
          String.raw`Memory Size: 256 MB\tMax Memory Used: [1-9]\d* MB\tInit Duration: [\d.]+ ms\t\n$`,
      ),
    ),
  ]);
  expect(first.logTail).toBe(
    log
      .slice(1)
      .map(({ message }) => message)
      .join(""),
  );
  expect(new Set(log.map(({ group }) => group))).toEqual(new Set(["/aws/lambda/proxy"]));
  expect(log[0]?.stream).toMatch(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);

  const second = await runtime.invoke(target, "{}");
  expect(second.logTail).not.toContain("Init Duration");
  expect(new Set(log.map(({ stream }) => stream)).size).toBe(1);
});

test("a handler gets the variables of its function and of Lambda, and nothing of ours", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(
    `export const handler = async () => ({ variables: process.env, folder: process.cwd() });`,
    {
      environment: { BACKEND_URL: "https://api.example.com", AWS_REGION: "reserved" },
    },
  );
  const { variables, folder } = JSON.parse((await runtime.invoke(target, "{}")).payload);
  expect(variables).toMatchObject({
    BACKEND_URL: "https://api.example.com",
    AWS_REGION: "us-east-1",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_LAMBDA_FUNCTION_NAME: "proxy",
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/proxy",
    AWS_LAMBDA_RUNTIME_API: expect.stringMatching(/^127\.0\.0\.1:\d+\/[\w-]{32}$/),
    AWS_ENDPOINT_URL: "http://127.0.0.1:4566",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_XRAY_CONTEXT_MISSING: "LOG_ERROR",
    AWS_XRAY_DAEMON_ADDRESS: "127.0.0.1:2000",
    _AWS_XRAY_DAEMON_ADDRESS: "127.0.0.1",
    _AWS_XRAY_DAEMON_PORT: "2000",
    NODE_PATH: expect.stringMatching(
      new RegExp(`^/opt/nodejs/node24/node_modules:/opt/nodejs/node_modules:.*:${folder}$`),
    ),
    LD_LIBRARY_PATH: expect.stringMatching(new RegExp(`:${folder}:${folder}/lib:/opt/lib$`)),
    AWS_ACCESS_KEY_ID: expect.stringMatching(/^ASIA[0-9A-F]{16}$/),
    LAMBDA_TASK_ROOT: folder,
    _HANDLER: "index.handler",
    _X_AMZN_TRACE_ID: expect.stringMatching(
      /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
    ),
    TZ: ":UTC",
  });
  const lambdas =
    /^(_?AWS_|LAMBDA_|_HANDLER|_X_AMZN_TRACE_ID|BACKEND_URL|(NODE_|LD_LIBRARY_)?PATH|PWD|SHLVL|LANG|TZ)/;
  expect(Object.keys(variables).filter((name) => !lambdas.test(name) && name !== "NODE_V8_COVERAGE")).toEqual(
    [],
  );
});

test("a function may choose its own AWS endpoint and NODE_OPTIONS", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(
    `export const handler = async () => [process.env.AWS_ENDPOINT_URL, process.throwDeprecation === true];`,
    {
      environment: { AWS_ENDPOINT_URL: "http://elsewhere", NODE_OPTIONS: "--throw-deprecation" },
    },
  );
  expect(JSON.parse((await runtime.invoke(target, "{}")).payload)).toEqual(["http://elsewhere", true]);
});

test("the context tells the function who it is and how long it has", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(
    `export const handler = async (event, context) => (
      { ...context, names: Object.keys(context), remaining: context.getRemainingTimeInMillis() }
    );`,
  );
  const { requestId, payload } = await runtime.invoke(target, "{}");
  const context = JSON.parse(payload);
  expect(context).toMatchObject({
    awsRequestId: requestId,
    functionName: "proxy",
    functionVersion: "$LATEST",
    invokedFunctionArn: target.arn,
    memoryLimitInMB: "256",
    logGroupName: "/aws/lambda/proxy",
    logStreamName: expect.stringContaining("[$LATEST]"),
  });
  for (const name of ["identity", "clientContext", "tenantId"]) expect(context.names).toContain(name);
  expect(context.remaining).toBeGreaterThan(0);
  expect(context.remaining).toBeLessThanOrEqual(5000);
});

test.each<[what: string, files: Record<string, string>, handler: string, runtime?: string]>([
  ["ECMAScript module", { "index.mjs": "export const handler = async () => 'ok'" }, "index.handler"],
  ["CommonJS .js", { "index.js": "exports.handler = async () => 'ok'" }, "index.handler"],
  ["CommonJS .cjs", { "index.cjs": "exports.handler = async () => 'ok'" }, "index.handler"],
  [
    "CommonJS with computed exports",
    { "index.js": "module.exports = Object.assign({}, { handler: () => 'ok' })" },
    "index.handler",
  ],
  [
    "module by package.json",
    { "package.json": '{"type":"module"}', "index.js": "export const handler = () => 'ok'" },
    "index.handler",
  ],
  [
    "nested folder",
    { "src/lib/file.mjs": "export const handler = async () => 'ok'" },
    "src/lib/file.handler",
  ],
  ["nested export", { "index.mjs": "export const api = { socket: async () => 'ok' }" }, "index.api.socket"],
  [
    "function of a function",
    { "index.js": "module.exports = Object.assign(() => 'other', { handler: () => 'ok' })" },
    "index.handler",
  ],
  [
    "module beside a package.json that cannot be read",
    { "package.json": "{", "index.mjs": "export const handler = async () => 'ok'" },
    "index.handler",
  ],
  [
    "package in the zip",
    {
      "index.mjs": "import x from 'x'; export const handler = () => x",
      "node_modules/x/index.js": "module.exports = 'ok'",
    },
    "index.handler",
  ],
  [
    "promise without async",
    { "index.mjs": "export const handler = () => new Promise((resolve) => setImmediate(resolve, 'ok'))" },
    "index.handler",
  ],
  [
    "callback in Node 22",
    { "index.js": "exports.handler = (e, c, callback) => setImmediate(callback, null, 'ok')" },
    "index.handler",
    "nodejs22.x",
  ],
  [
    "callback that does not wait",
    {
      "index.js":
        "exports.handler = (e, c, callback) => { c.callbackWaitsForEmptyEventLoop = false; " +
        "setTimeout(() => {}, 60000); callback(null, 'ok') }",
    },
    "index.handler",
    "nodejs22.x",
  ],
  [
    "context.succeed in Node 22",
    { "index.js": "exports.handler = (e, c) => c.succeed('ok')" },
    "index.handler",
    "nodejs22.x",
  ],
  ["async in Node 22", { "index.js": "exports.handler = async () => 'ok'" }, "index.handler", "nodejs22.x"],
])("handler as %s", async (_, files, handler, version = "nodejs24.x") => {
  const { runtime } = await runtimeOf();
  expect((await runtime.invoke(await functionOf(files, { handler, runtime: version }), "{}")).payload).toBe(
    '"ok"',
  );
});

test.each([
  ["undefined", "undefined"],
  ["null", "null"],
  ["a function", "() => 1"],
])("a handler that returns %s answers null", async (_, value) => {
  const { runtime } = await runtimeOf();
  expect(
    await runtime.invoke(await functionOf(`export const handler = async () => (${value});`), "{}"),
  ).toMatchObject({ payload: "null" });
});

test("a printed text of several lines is one log event of its request, raw lines one each", async () => {
  const { runtime, log } = await runtimeOf();
  const target = await functionOf(`export const handler = async (event) => {
    console.error("first\\nsecond %d", event.n);
    process.stdout.write("raw one\\nraw ");
    process.stdout.write("two\\n");
    process.stderr.write("é".repeat(3) + "\\n");
  };`);
  const [one, two] = [await runtime.invoke(target, '{"n":1}'), await runtime.invoke(target, '{"n":2}')];
  const messages = log.map(({ message }) => message);
  for (const [n, { requestId, logTail }] of [one, two].entries()) {
    const lines = messages.slice(
      messages.indexOf(`START RequestId: ${requestId} Version: $LATEST\n`),
      messages.indexOf(`END RequestId: ${requestId}\n`),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(new RegExp(`\\t${requestId}\\tERROR\\tfirst\\nsecond ${n + 1}\\n$`)),
    );
    expect(lines).toEqual(expect.arrayContaining(["raw one\n", "raw two\n", "ééé\n"]));
    expect(logTail).toContain("raw two\n");
  }
});

test("the log tail is the last 4 KB", async () => {
  const { runtime } = await runtimeOf();
  const { logTail } = await runtime.invoke(
    await functionOf(
      `export const handler = async () => {
        for (let i = 0; i < 500; i++) console.log("ä".repeat(20), i);
      };`,
    ),
    "{}",
  );
  expect(Buffer.byteLength(logTail)).toBeLessThanOrEqual(4096);
  expect(Buffer.byteLength(logTail)).toBeGreaterThan(4000);
  expect(logTail).toMatch(/ 499\n/);
  expect(logTail).not.toContain("\uFFFD");
});

test("output between events is logged too", async () => {
  const { runtime, text } = await runtimeOf();
  await runtime.invoke(
    await functionOf(
      `console.log("at load");
      export const handler = async () => void setImmediate(() => console.log("afterwards"));`,
    ),
    "{}",
  );
  await until(() => text().includes("\tINFO\tafterwards\n"));
  expect(text()).toMatch(/\tundefined\tINFO\tat load\n/);
});

test("overlapping events get their own environments up to the limit, then they wait", async () => {
  const { runtime, log } = await runtimeOf({ maxEnvironments: 3, busyWaitMs: 20 });
  const { handler, arrived } = await openGate();
  const target = await functionOf(handler, { timeoutSeconds: 60 });
  const answers = Array.from({ length: 9 }, (_, n) => runtime.invoke(target, String(n)));
  const waiting = [await arrived.next(), await arrived.next(), await arrived.next()];
  expect(new Set(waiting.map(({ event }) => event))).toEqual(new Set([0, 1, 2]));
  expect(new Set(waiting.map(({ pid }) => pid)).size).toBe(3);
  for (let n = 3; n < 9; n += 1) {
    const first = waiting.shift();
    first?.pass();
    const next = await arrived.next();
    expect(next).toMatchObject({ event: n, pid: first?.pid });
    waiting.push(next);
  }
  for (const { pass } of waiting) pass();
  await Promise.all(answers);
  expect(log.filter(({ message }) => message.startsWith("INIT_START"))).toHaveLength(3);
});

test("the environment that worked last works next, and an idle one is ended", async () => {
  const { runtime } = await runtimeOf({ idleMs: 1_000 });
  const { handler, arrived } = await openGate();
  const target = await functionOf(handler, { timeoutSeconds: 60 });
  const invoke = async () => Number((await runtime.invoke(target, "{}")).payload);
  const both = [invoke(), invoke()];
  const [early, late] = [await arrived.next(), await arrived.next()];
  early.pass();
  await Promise.race(both);
  late.pass();
  await Promise.all(both);
  const next = invoke();
  const again = await arrived.next();
  again.pass();
  expect([early.pid === late.pid, again.pid, await next]).toEqual([false, late.pid, late.pid]);
  await until(() => !isAlive(early.pid) && !isAlive(late.pid));
  const last = invoke();
  (await arrived.next()).pass();
  expect(await last).not.toBe(late.pid);
});

test("G-24 a new revision takes the new events, and none is lost", async () => {
  const { runtime } = await runtimeOf({ maxEnvironments: 4 });
  const revision = (n: number) =>
    functionOf(
      `export const handler = async () => { await new Promise((r) => setImmediate(r)); return ${n}; };`,
    );
  const pending: Promise<[asked: number, payload: string]>[] = [];
  for (let n = 0; n < 6; n += 1) {
    const target = await revision(n);
    for (let event = 0; event < 10; event += 1)
      pending.push(runtime.invoke(target, "{}").then(({ payload }) => [n, payload]));
    await pending.at(-3);
  }
  const answers = await Promise.all(pending);
  expect(answers).toHaveLength(60);
  for (const [asked, payload] of answers) expect(payload).toBe(String(asked));
});

test("a retired function finishes its events, and its environments are ended", async () => {
  const { runtime } = await runtimeOf();
  const { handler, arrived } = await openGate();
  const target = await functionOf(handler, { timeoutSeconds: 60 });
  const running = runtime.invoke(target, "{}");
  const event = await arrived.next();
  const retired = runtime.retire(target.arn);
  event.pass();
  await retired;
  const { payload, functionError } = await running;
  expect(functionError).toBeUndefined();
  expect(isAlive(Number(payload))).toBe(false);
  await runtime.retire("arn:aws:lambda:us-east-1:000000000000:function:unknown");
});

test("close ends what is running, answers what waits and takes no more", async () => {
  const { runtime } = await runtimeOf({ maxEnvironments: 1 });
  const target = await functionOf("export const handler = async () => { for (;;); };", {
    timeoutSeconds: 60,
  });
  const events = [runtime.invoke(target, "{}"), runtime.invoke(target, "{}")];
  await runtime.close();
  for (const { functionError, payload } of await Promise.all(events)) {
    expect(functionError).toBe("Unhandled");
    expect(JSON.parse(payload)).toMatchObject({ errorType: "Runtime.ExitError" });
  }
  await expect(runtime.invoke(target, "{}")).rejects.toThrow("the runtime was closed");
});

test("a call of a traced function is sampled", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf("export const handler = async () => process.env._X_AMZN_TRACE_ID;", {
    traced: true,
  });
  expect((await runtime.invoke(target, "{}")).payload).toMatch(/;Sampled=1"$/);
});

test("a handler that streams its answer gives all of it, after its head", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(`
    export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
      if (event.fail) throw new Error("boom");
      const head = { statusCode: 201 };
      const out = event.head ? awslambda.HttpResponseStream.from(stream, head) : stream;
      out.write("first ");
      await new Promise((resolve) => setImmediate(resolve));
      out.end(context.awsRequestId);
    });`);
  const plain = await runtime.invoke(target, "{}");
  expect(plain.payload).toBe(`first ${plain.requestId}`);
  const headed = await runtime.invoke(target, '{"head":true}');
  expect(headed.payload).toBe(`{"statusCode":201}${"\0".repeat(8)}first ${headed.requestId}`);
  const failed = await runtime.invoke(target, '{"fail":true}');
  expect(JSON.parse(failed.payload)).toMatchObject({ errorType: "Error", errorMessage: "boom" });
});

test("the function's own program is started instead of the runtime, with its command line", async () => {
  const { runtime } = await runtimeOf();
  const wrapper = '#!/bin/sh\nexport WRAPPED="$#"\nexec "$@"\n';
  const zip = rawZipOf([
    { name: "index.mjs", content: "export const handler = async () => process.env.WRAPPED;" },
    { name: "bin/wrapper", content: wrapper, mode: 0o100755 },
  ]);
  const environment = (program: string) => ({ environment: { AWS_LAMBDA_EXEC_WRAPPER: program } });
  const there = await functionOf("", { zip, ...environment("/var/task/bin/wrapper") });
  expect((await runtime.invoke(there, "{}")).payload).toBe('"3"');
  const missing = await functionOf("", { zip, ...environment("/opt/otel-handler") });
  const { requestId, payload } = await runtime.invoke(missing, "{}");
  expect(JSON.parse(payload)).toEqual({
    errorType: "Runtime.ExitError",
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: exit status 127`,
  });
});

test("two versions of a function run at the same time", async () => {
  const { runtime, text } = await runtimeOf();
  const latest = await functionOf(
    `export const handler = async () => process.env.AWS_LAMBDA_FUNCTION_VERSION;`,
  );
  const published = { ...latest, version: "3" };
  expect((await runtime.invoke(latest, "{}")).payload).toBe('"$LATEST"');
  expect((await runtime.invoke(published, "{}")).payload).toBe('"3"');
  await runtime.invoke(latest, "{}");
  expect(text().match(/INIT_START/g)).toHaveLength(2);
  expect(text()).toMatch(/START RequestId: \S+ Version: 3\n/);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("an SDK that others could have written is not what a function finds", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sdk-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const scope = join(folder, "node_modules", "@aws-sdk");
  await mkdir(join(scope, "client-planted"), { recursive: true });
  await writeFile(join(scope, "client-planted", "index.js"), "");
  const target = await functionOf('import "@aws-sdk/client-planted"; export const handler = () => 1;');
  const tried = async () => await (await runtimeOf({ packagesFrom: [folder] })).runtime.tryOut(target);
  expect(await tried()).toBeUndefined();
  await chmod(scope, 0o777);
  expect((await tried())?.message).toContain("Cannot find package '@aws-sdk/client-planted'");
});
