import { expect, test } from "vitest";
import { functionOf, runtimeOf, until } from "../support/functions.ts";

const anyId = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

test.each<[what: string, source: string, expected: Record<string, unknown>]>([
  [
    "throws",
    "async () => { throw new TypeError('boom') }",
    { errorType: "TypeError", errorMessage: "boom", trace: expect.arrayContaining(["TypeError: boom"]) },
  ],
  ["throws at once", "() => { throw new Error('boom') }", { errorType: "Error", errorMessage: "boom" }],
  [
    "throws what is no error",
    "async () => { throw 'boom' }",
    { errorType: "string", errorMessage: "boom", trace: [] },
  ],
  [
    "answers what is no JSON",
    "async () => 1n",
    { errorType: "Error", errorMessage: "Unable to stringify response body" },
  ],
  ["never settles", "() => new Promise(() => {})", { errorType: "Runtime.NodeJsExit" }],
  [
    "breaks in a timer",
    "() => new Promise(() => setTimeout(() => { throw new Error('late') }))",
    { errorType: "Error", errorMessage: "late" },
  ],
  [
    "forgets a rejection",
    "async () => { Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 500)) }",
    { errorType: "Runtime.UnhandledPromiseRejection", errorMessage: "Error: lost" },
  ],
  [
    "exits",
    "() => process.exit(7)",
    {
      errorType: "Runtime.ExitError",
      errorMessage: expect.stringMatching(
        new RegExp(`^RequestId: ${anyId} Error: Runtime exited with error: exit status 7$`),
      ),
    },
  ],
  [
    "exits with 0",
    "() => process.exit(0)",
    { errorMessage: expect.stringContaining("Error: Runtime exited without providing a reason") },
  ],
  [
    "kills itself",
    "() => { process.kill(process.pid, 'SIGKILL'); for (;;); }",
    { errorType: "Runtime.ExitError", errorMessage: expect.stringContaining("signal: killed") },
  ],
])(
  "G-10 a handler that %s is an unhandled error, and the next event is served",
  async (_, source, expected) => {
    const { runtime, text } = await runtimeOf();
    const target = await functionOf(
      `const bad = ${source}; export const handler = async (event) => event.good ? "good" : bad();`,
    );
    const bad = await runtime.invoke(target, "{}");
    expect(bad.functionError).toBe("Unhandled");
    expect(JSON.parse(bad.payload)).toMatchObject(expected);
    expect(bad.logTail).toMatch(
      new RegExp(`END RequestId: ${bad.requestId}\nREPORT RequestId: ${bad.requestId}\t.*\t\n$`),
    );
    expect(await runtime.invoke(target, '{"good":true}')).toMatchObject({ payload: '"good"' });
    expect(text()).toContain(`START RequestId: ${bad.requestId}`);
  },
);

test("the error of a handler is in its log as AWS writes it", async () => {
  const { runtime } = await runtimeOf();
  const { logTail, requestId } = await runtime.invoke(
    await functionOf(
      "export const handler = async () => { throw Object.assign(new Error('boom'), { code: 'E' }) }",
    ),
    "{}",
  );
  const line = logTail.split("\n").find((text) => text.includes("ERROR")) ?? "";
  expect(line).toMatch(new RegExp(`^\\S+Z\\t${requestId}\\tERROR\\tInvoke Error \\t\\{`));
  expect(JSON.parse(line.slice(line.indexOf("{")))).toMatchObject({
    errorType: "Error",
    errorMessage: "boom",
    code: "E",
    stack: expect.arrayContaining(["Error: boom"]),
  });
});

test.each<[what: string, files: Record<string, string>, handler: string, expected: Record<string, unknown>]>([
  [
    "a missing module",
    { "index.js": "require('x'); exports.handler = async () => 1" },
    "index.handler",
    {
      errorType: "Runtime.ImportModuleError",
      errorMessage: expect.stringMatching(/^Error: Cannot find module 'x'\nRequire stack:\n- .*index\.js/),
    },
  ],
  [
    "a missing file",
    { "other.js": "" },
    "index.handler",
    {
      errorType: "Runtime.ImportModuleError",
      errorMessage: expect.stringContaining("Error: Cannot find module 'index'"),
    },
  ],
  [
    "a missing package of a module",
    { "index.mjs": "import 'x'" },
    "index.handler",
    { errorType: "Error", errorMessage: expect.stringContaining("Cannot find package 'x'") },
  ],
  [
    "a missing handler",
    { "index.mjs": "export const other = 1" },
    "index.handler",
    { errorType: "Runtime.HandlerNotFound", errorMessage: "index.handler is undefined or not exported" },
  ],
  [
    "a handler in its default export",
    { "index.mjs": "export default { handler: async () => 'ok' }" },
    "index.handler",
    { errorType: "Runtime.HandlerNotFound", errorMessage: "index.handler is undefined or not exported" },
  ],
  [
    "a handler that is no function",
    { "index.mjs": "export const handler = 1" },
    "index.handler",
    { errorType: "Runtime.HandlerNotFound", errorMessage: "index.handler is not a function" },
  ],
  [
    "a bad name",
    { "index.mjs": "" },
    "index",
    { errorType: "Runtime.MalformedHandlerName", errorMessage: "Bad handler" },
  ],
  [
    "a name that leads out",
    { "index.mjs": "" },
    "../index.handler",
    { errorType: "Runtime.MalformedHandlerName" },
  ],
  [
    "a syntax error",
    { "index.mjs": "export const handler = {" },
    "index.handler",
    { errorType: "Runtime.UserCodeSyntaxError", errorMessage: expect.stringMatching(/^SyntaxError: /) },
  ],
  [
    "an error at load",
    { "index.mjs": "throw new RangeError('at load')" },
    "index.handler",
    { errorType: "RangeError", errorMessage: "at load" },
  ],
  [
    "an exit at load",
    { "index.mjs": "process.exit(3)" },
    "index.handler",
    { errorType: "Runtime.ExitError", errorMessage: expect.stringContaining("exit status 3") },
  ],
  [
    "a load that never ends",
    { "index.mjs": "await new Promise(() => {})" },
    "index.handler",
    { errorType: "Runtime.ExitError", errorMessage: expect.stringContaining("exit status 13") },
  ],
  [
    "a callback handler in Node 24",
    { "index.mjs": "export const handler = (event, context, callback) => callback()" },
    "index.handler",
    { errorType: "Runtime.CallbackHandlerDeprecated" },
  ],
])("a function with %s fails to start", async (_, files, handler, expected) => {
  const { runtime, text } = await runtimeOf();
  const { functionError, payload, logTail, requestId } = await runtime.invoke(
    await functionOf(files, { handler }),
    "{}",
  );
  expect(functionError).toBe("Unhandled");
  expect(JSON.parse(payload)).toMatchObject(expected);
  expect(logTail).toMatch(new RegExp(`^START RequestId: ${requestId} `));
  expect(text()).toMatch(
    /INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: \S+\n/,
  );
});

test("the error of a function that ends while we are busy is not lost", async () => {
  const pauses = [2_000];
  const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauses.pop() ?? 0);
  // INIT_START is logged just before the process is started: its error and its end then arrive together.
  const { runtime } = await runtimeOf({ log: () => void setImmediate(block) });
  const { payload } = await runtime.invoke(await functionOf("throw new RangeError('at load')"), "{}");
  expect(JSON.parse(payload)).toMatchObject({ errorType: "RangeError", errorMessage: "at load" });
});

test("a zip that is not safe to unpack fails to start and says why", async () => {
  const { runtime } = await runtimeOf();
  const { payload } = await runtime.invoke(await functionOf("", { zip: Buffer.from("no zip") }), "{}");
  expect(JSON.parse(payload)).toMatchObject({
    errorType: "Runtime.InvalidEntrypoint",
    errorMessage: expect.stringContaining("could not read the zip"),
  });
});

test("a runtime that cannot be run here is named", async () => {
  const { runtime } = await runtimeOf();
  const { payload } = await runtime.invoke(await functionOf("", { runtime: "java21" }), "{}");
  expect(JSON.parse(payload).errorMessage).toContain(
    "the local AWS runs functions in nodejs and python, not in java21",
  );
});

test.each([
  ["loops", "for (;;);"],
  ["sleeps", "await new Promise((r) => setTimeout(r, 60000))"],
])(
  "G-11 a handler that %s past its time limit is ended, and the next event gets a new environment",
  async (_, body) => {
    const { runtime, text } = await runtimeOf();
    const target = await functionOf(
      `export const handler = async (event) => {
        if (event.good) return "good";
        console.log("begun");
        ${body}
      };`,
      { timeoutSeconds: 1 },
    );
    await runtime.invoke(target, '{"good":true}');
    const startedAt = performance.now();
    const { requestId, payload, functionError, logTail } = await runtime.invoke(target, "{}");
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990);
    expect(functionError).toBe("Unhandled");
    expect(JSON.parse(payload)).toEqual({
      errorType: "Sandbox.Timedout",
      errorMessage: `RequestId: ${requestId} Error: Task timed out after 1.00 seconds`,
    });
    expect(logTail).toContain("\tINFO\tbegun\n");
    expect(logTail).toMatch(
      new RegExp(
        `\\S+Z ${requestId} Task timed out after 1\\.00 seconds\nEND RequestId: ${requestId}\n` +
          "REPORT .*\tDuration: 1000\\.00 ms\t.*\tStatus: timeout\t\n$",
      ),
    );
    expect(await runtime.invoke(target, '{"good":true}')).toMatchObject({ payload: '"good"' });
    expect(text().match(/INIT_START/g)).toHaveLength(2);
  },
);

test("one that the local AWS ends while it starts has not failed", async () => {
  const { runtime, text } = await runtimeOf();
  const waiting = runtime.invoke(await functionOf("console.log('begun'); for (;;);"), "{}");
  await until(() => text().includes("begun"));
  await runtime.close();
  expect(JSON.parse((await waiting).payload)).toMatchObject({ errorType: "Runtime.ExitError" });
  expect(text()).not.toContain("INIT_REPORT");
});

test("a function that is not ready in time is ended", async () => {
  const { runtime, text } = await runtimeOf({ initLimitMs: 500 });
  const { payload } = await runtime.invoke(await functionOf("for (;;);"), "{}");
  expect(JSON.parse(payload)).toMatchObject({
    errorType: "Sandbox.Timedout",
    errorMessage: expect.stringContaining("after 0.50 seconds"),
  });
  expect(text()).toMatch(/INIT_REPORT .*\tStatus: timeout\n/);
});

test.each([
  [
    "buffers",
    "const kept = []; " +
      "for (;;) { kept.push(Buffer.alloc(4e6, 1)); await new Promise((r) => setTimeout(r, 5)); }",
  ],
  [
    "buffers without a pause",
    "const kept = []; while (kept.length < 500) kept.push(Buffer.alloc(2e6, 1)); for (;;);",
  ],
])("G-13 a handler that fills its memory with %s is ended, and the next event is served", async (_, body) => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(
    `export const handler = async (event) => { if (event.good) return "good"; ${body} };`,
    {
      memoryMb: 128,
      timeoutSeconds: 25,
    },
  );
  const { payload, logTail } = await runtime.invoke(target, "{}");
  expect(JSON.parse(payload)).toEqual({
    errorType: "Runtime.OutOfMemory",
    errorMessage: expect.stringMatching(/Error: Runtime exited with error: signal: killed$/),
  });
  expect(logTail).toContain("Max Memory Used: 128 MB");
  expect(logTail).toContain("Status: error\tError Type: Runtime.OutOfMemory");
  expect(await runtime.invoke(target, '{"good":true}')).toMatchObject({ payload: '"good"' });
});

test("a heap that is full ends the process", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(
    `export const handler = async () => {
      const kept = [];
      for (;;) kept.push({ text: "x".repeat(100) + kept.length });
    };`,
    { memoryMb: 128, timeoutSeconds: 20 },
  );
  expect(JSON.parse((await runtime.invoke(target, "{}")).payload).errorType).toMatch(
    /^Runtime\.(OutOfMemory|ExitError)$/,
  );
});

test("G-12 a function that fails to start is not started for every event; one log line says so", async () => {
  const { runtime, log, text } = await runtimeOf();
  const broken = await functionOf("throw new Error('at load')", { name: "broken" });
  const good = await functionOf("export const handler = async () => 'good'", { name: "good" });
  let events = 0;
  await until(async () => {
    const { functionError, payload } = await runtime.invoke(broken, "{}");
    expect(functionError).toBe("Unhandled");
    expect(JSON.parse(payload)).toMatchObject({ errorType: "Error", errorMessage: "at load" });
    events += 1;
    return text().includes("[local] broken failed to start 5 times within 10 s, the last time with Error;");
  });
  expect(events).toBeGreaterThan(5);
  expect(log.filter(({ message }) => message.startsWith("INIT_START"))).toHaveLength(5);
  expect((await runtime.invoke(good, "{}")).payload).toBe('"good"');
});

test("an answer of more than 6 MB is refused, and the environment lives on", async () => {
  const { runtime, text } = await runtimeOf();
  const target = await functionOf(`export const handler = async (n) => "x".repeat(n);`);
  const largest = 6_291_556 - 2;
  expect((await runtime.invoke(target, String(largest))).payload).toHaveLength(largest + 2);
  const { payload, functionError } = await runtime.invoke(target, String(largest + 1));
  expect(functionError).toBe("Unhandled");
  expect(JSON.parse(payload)).toEqual({
    errorMessage: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    errorType: "Function.ResponseSizeTooLarge",
  });
  expect((await runtime.invoke(target, "2")).payload).toBe('"xx"');
  expect(text().match(/INIT_START/g)).toHaveLength(1);
});

test("a large event arrives whole", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(`export const handler = async (event) => event.length;`);
  expect((await runtime.invoke(target, JSON.stringify("ü".repeat(2_000_000)))).payload).toBe("2000000");
});

test(
  "G-14 a handler that prints 100 MB neither fills our memory nor waits for us",
  { timeout: 90_000 },
  async () => {
    const { runtime, log, text } = await runtimeOf();
    const target = await functionOf(
      `const line = "x".repeat(999);
    export const handler = async () => {
      for (let i = 0; i < 100_000; i++) console.log(line);
      return "done";
    };`,
      { timeoutSeconds: 60 },
    );
    const before = process.memoryUsage().rss;
    const startedAt = performance.now();
    expect((await runtime.invoke(target, "{}")).payload).toBe('"done"');
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
    const seconds = (performance.now() - startedAt) / 1000;
    const kept = log.reduce((bytes, { message }) => bytes + message.length, 0);
    expect(kept).toBeLessThan((2 + seconds) * 1024 * 1024);
    const missing = [...text().matchAll(/\[local\] (\d+) bytes of output are missing here/g)].reduce(
      (bytes, [, count]) => bytes + Number(count),
      0,
    );
    expect(missing + kept).toBeGreaterThan(100_000_000);
    expect(log.at(-1)?.message).toMatch(/^REPORT/);
  },
);

test("a line of 1 MB becomes several log events", async () => {
  const { runtime, log } = await runtimeOf();
  await runtime.invoke(
    await functionOf(
      `export const handler = async () => { process.stdout.write("y".repeat(700_000) + "\\n"); };`,
    ),
    "{}",
  );
  const pieces = () => log.filter(({ message }) => message.startsWith("yyy"));
  await until(() => pieces().reduce((length, { message }) => length + message.length - 1, 0) === 700_000);
  for (const { message } of pieces()) expect(message.length).toBeLessThanOrEqual(256 * 1024 + 1);
});

test("G-15 what a handler does to its own process stays there", async () => {
  const { runtime } = await runtimeOf();
  const folder = process.cwd();
  const target = await functionOf(`export const handler = async () => {
    process.env.PATH = "/nowhere";
    Object.prototype.broken = true;
    Array.prototype.map = undefined;
    process.chdir("/");
    process.title = "x";
    JSON.parse = undefined;
  };`);
  await runtime.invoke(target, "{}");
  expect(process.cwd()).toBe(folder);
  expect("broken" in {}).toBe(false);
  expect((await runtime.invoke(await functionOf("export const handler = async () => 1"), "{}")).payload).toBe(
    "1",
  );
});
