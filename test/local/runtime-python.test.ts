import { beforeEach, expect, test } from "vitest";
import { needs } from "../support/aws-clients.ts";
import { functionOf, pythonOf, runtimeOf } from "../support/functions.ts";

beforeEach((context) => needs(context, "python3", ["--version"]));

test("a Python function answers, knows its context and logs as on AWS", async () => {
  const { runtime, log } = await runtimeOf();
  const target = await pythonOf(`
import logging, os
logging.getLogger().setLevel("INFO")
def handler(event, context):
    print("hello", event["who"])
    logging.info("two\\nlines")
    return {
        "id": context.aws_request_id,
        "name": context.function_name,
        "left": context.get_remaining_time_in_millis(),
        "cwd": os.getcwd(),
        "root": os.environ["LAMBDA_TASK_ROOT"],
        "text": "ü",
    }
`);
  const { requestId, payload } = await runtime.invoke(target, '{"who":"you"}');
  const answer = JSON.parse(payload);
  expect(answer).toMatchObject({ id: requestId, name: "proxy", text: "ü", cwd: answer.root });
  expect(answer.left).toBeGreaterThan(0);
  expect(log.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^INIT_START Runtime Version: python:3\.\d+\.v\d+\t/),
    `START RequestId: ${requestId} Version: $LATEST\n`,
    "hello you\n",
    expect.stringMatching(new RegExp(`^\\[INFO\\]\\t\\d{4}-\\S+Z\\t${requestId}\\ttwo\\nlines\\n$`)),
    `END RequestId: ${requestId}\n`,
    expect.stringMatching(/^REPORT .*\tInit Duration: [\d.]+ ms\t\n$/),
  ]);
  expect((await runtime.invoke(target, '{"who":"me"}')).logTail).not.toContain("Init Duration");
});

test("a Python function in a folder that returns nothing answers null", async () => {
  const { runtime } = await runtimeOf();
  const target = await functionOf(
    { "lib/app.py": "def handler(event, context):\n    pass\n", "lib/__init__.py": "" },
    { runtime: "python3.13", handler: "lib/app.handler" },
  );
  expect((await runtime.invoke(target, "{}")).payload).toBe("null");
});

test("G-10 an exception in Python is an unhandled error of AWS's shape, in answer and log", async () => {
  const { runtime, log } = await runtimeOf();
  const target = await pythonOf(
    'class Custom(Exception):\n    pass\n\ndef handler(event, context):\n    raise Custom("boom")\n',
  );
  const { requestId, payload, functionError } = await runtime.invoke(target, "{}");
  expect(functionError).toBe("Unhandled");
  expect(JSON.parse(payload)).toEqual({
    errorMessage: "boom",
    errorType: "Custom",
    requestId,
    stackTrace: [
      expect.stringMatching(/^ {2}File ".*app\.py", line 5, in handler\n {4}raise Custom\("boom"\)\n$/),
    ],
  });
  expect(log.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(
      new RegExp(
        String.raw`^\[ERROR\] Custom: boom\nTraceback \(most recent call last\):\n` +
          String.raw`\u00a0\u00a0File ".*", line 5, in handler\n\u00a0{4}raise Custom`,
      ),
    ),
  );
});

test.each<[what: string, source: string, handler: string, expected: Record<string, unknown>]>([
  [
    "a missing import",
    "import nowhere",
    "app.handler",
    {
      errorType: "Runtime.ImportModuleError",
      errorMessage: "Unable to import module 'app': No module named 'nowhere'",
    },
  ],
  [
    "a missing file",
    "",
    "other.handler",
    {
      errorType: "Runtime.ImportModuleError",
      errorMessage: "Unable to import module 'other': No module named 'other'",
    },
  ],
  [
    "a missing handler",
    "",
    "app.handler",
    { errorType: "Runtime.HandlerNotFound", errorMessage: "Handler 'handler' missing on module 'app'" },
  ],
  ["a bad name", "", "app", { errorType: "Runtime.MalformedHandlerName" }],
  [
    "a syntax error",
    "def handler(",
    "app.handler",
    {
      errorType: "Runtime.UserCodeSyntaxError",
      errorMessage: expect.stringMatching(/^Syntax error in module 'app': /),
    },
  ],
  [
    "an error at load",
    "raise ValueError('at load')",
    "app.handler",
    { errorType: "ValueError", errorMessage: "at load", stackTrace: [expect.stringContaining("app.py")] },
  ],
])("a Python function with %s fails to start", async (_, source, handler, expected) => {
  const { runtime } = await runtimeOf();
  const { payload, functionError } = await runtime.invoke(await pythonOf(source, { handler }), "{}");
  expect(functionError).toBe("Unhandled");
  expect(JSON.parse(payload)).toMatchObject({ ...expected, requestId: "" });
});

test.each<[what: string, body: string, expected: Record<string, unknown>]>([
  [
    "exits",
    "import sys; sys.exit(4)",
    { errorType: "Runtime.ExitError", errorMessage: expect.stringContaining("exit status 4") },
  ],
  [
    "answers what is no JSON",
    "return {1, 2}",
    {
      errorType: "Runtime.MarshalError",
      errorMessage: "Unable to marshal response: Object of type set is not JSON serializable",
    },
  ],
  [
    "loops",
    "while True: pass",
    {
      errorType: "Sandbox.Timedout",
      errorMessage: expect.stringContaining("Task timed out after 1.00 seconds"),
    },
  ],
  [
    "fills its memory",
    "kept = [bytes([1]) * 4_000_000 for _ in range(100)]\n    while True: pass",
    { errorType: "Runtime.OutOfMemory" },
  ],
])("G-10 G-11 G-13 a Python handler that %s is an unhandled error", async (_, body, expected) => {
  const { runtime } = await runtimeOf();
  const target = await pythonOf(
    `def handler(event, context):\n    if event.get("good"): return "good"\n    ${body}\n`,
    {
      timeoutSeconds: 1,
      memoryMb: 128,
    },
  );
  expect(JSON.parse((await runtime.invoke(target, "{}")).payload)).toMatchObject(expected);
  expect((await runtime.invoke(target, '{"good":true}')).payload).toBe('"good"');
});

test.each<[what: string, answer: string, runtime: string, payload: string]>([
  ["a Decimal", "{'n': Decimal('12.340'), 't': '1.5'}", "python3.12", '{"n": 12.340, "t": "1.5"}'],
  ["a Decimal that is no number", "[Decimal('NaN')]", "python3.12", "[NaN]"],
  ["bytes within", "{'b': b'raw'}", "python3.12", '{"b": "raw"}'],
  ["bytes alone", "b'{\"raw\":1}'", "python3.12", '{"raw":1}'],
  ["more than ASCII in Python 3.12", "'\u00fc'", "python3.12", '"\u00fc"'],
  ["more than ASCII in Python 3.11", "'\u00fc'", "python3.11", '"\\u00fc"'],
])("a Python function answers %s as on AWS", async (_, answer, runtimeName, expected) => {
  const { runtime } = await runtimeOf();
  const source = `from decimal import Decimal\ndef handler(event, context):\n    return ${answer}\n`;
  const target = await pythonOf(source, { runtime: runtimeName });
  expect(await runtime.invoke(target, "{}")).toMatchObject({ payload: expected });
});

test("a Python function has an empty identity, and an error of 3.8 names no request", async () => {
  const { runtime } = await runtimeOf();
  const source = `
def handler(event, context):
    if event.get("fail"): raise Exception("boom")
    return [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id,
            context.client_context, context.tenant_id]
`;
  const old = await pythonOf(source, { runtime: "python3.8" });
  expect((await runtime.invoke(old, "{}")).payload).toBe("[null, null, null, null]");
  const { payload } = await runtime.invoke(old, '{"fail":true}');
  expect(JSON.parse(payload)).not.toHaveProperty("requestId");
  expect(JSON.parse(payload)).toMatchObject({ errorType: "Exception", errorMessage: "boom" });
});
