import { expect, test } from "vitest";
import type { Trace, TracePart } from "../../src/contract/trace.ts";
import { recordOf as logRecord } from "../../src/logs/record.ts";
import { membersOf } from "../../src/logs/access-log.ts";
import { knownSecrets } from "../../src/console/known-secrets.ts";
import { shownTrace } from "../../src/console/shown.ts";
import { openTraces } from "../../src/local/traces.ts";
import { checked } from "../../src/trace/checked.ts";
import { createJoiner } from "../../src/trace/join.ts";
import { partReader } from "../../src/trace/log-parts.ts";
import { hasFailed, isOfStack, isSelected, recordOf } from "../../src/trace/record.ts";
import { traceLine, traceText, waterfall } from "../../src/terminal/trace.ts";
import { paint, style, unstyled } from "../../src/terminal/style.ts";

const requestId = "UbT2aF9yIAMFkQg=";
const lambdaRequestId = "8f5a1c0e-0000-4000-8000-000000000001";
const connectionId = "UbT2acX1IAMCJpw=";
const at = Date.parse("2026-11-23T15:04:40.000Z");

const gateway: TracePart = {
  fact: "gateway",
  requestId,
  event: "message",
  connectionId,
  at,
  routeKey: "$default",
  hops: [{ hop: "gateway", startedAt: at, ms: 152, status: 200 }],
};
const written = (message: string, later = 150) =>
  partReader()(logRecord({ timestamp: at + later, stream: "s", message }));
const line = written(
  JSON.stringify({
    level: "INFO",
    event: "message",
    requestId,
    awsRequestId: lambdaRequestId,
    connectionId,
    status: 200,
    backendStatus: 200,
    attempts: 2,
    backendMs: 143,
    ms: 148,
    bytes: 48,
    sent: 2,
    gone: 1,
    failed: 0,
  }),
)!;
const report = written(
  `REPORT RequestId: ${lambdaRequestId}\tDuration: 148.55 ms\tBilled Duration: 149 ms\t` +
    "Memory Size: 256 MB\tMax Memory Used: 60 MB\tInit Duration: 210.10 ms\t\n",
)!;
const connected: TracePart = {
  fact: "line",
  requestId: "c",
  event: "connect",
  connectionId,
  booking: "7",
  type: "booking",
  hops: [],
};

function joining(options: Partial<Parameters<typeof createJoiner>[0]> = {}) {
  const given: (Trace & { amended: boolean })[] = [];
  const joiner = createJoiner({
    facts: ["gateway", "line", "report"],
    emit: (trace, amended) => given.push({ ...trace, amended }),
    ...options,
  });
  return { ...joiner, given };
}

const orders = [
  [gateway, line, report],
  [report, line, gateway],
  [report, gateway, line],
  [line, report, gateway],
];
test.each(orders)("three sources become one trace, in whatever order they tell", (...parts) => {
  const { add, given } = joining();
  add({ ...connected, isPast: true }, 0);
  for (const part of parts) add(part, 1);
  expect(given).toHaveLength(1);
  expect(recordOf(given[0]!)).toEqual({
    kind: "trace",
    at: "2026-11-23T15:04:40.000Z",
    requestId,
    lambdaRequestId,
    connectionId,
    event: "message",
    routeKey: "$default",
    type: "booking",
    booking: "7",
    attempts: 2,
    coldMs: 210.1,
    bytesIn: 48,
    sent: 2,
    gone: 1,
    failed: 0,
    ms: 152,
    problem: undefined,
    reason: undefined,
    amended: false,
    hops: [
      { hop: "gateway", startMs: 0, ms: 152, status: 200 },
      { hop: "function", startMs: 1.45, ms: 148.55, status: 200 },
      { hop: "backend", ms: 143, status: 200 },
      { hop: "deliver" },
    ],
  });
});

test("S37 the line of a message: each hop with status and time, tries, cold start, who was gone", () => {
  const { add, given } = joining();
  for (const part of [connected, gateway, line, report]) add(part, 0);
  expect(unstyled(traceLine(recordOf(given[0]!))!)).toContain(
    `message     ${connectionId}  booking 7  $default  gateway 200 152 ms  function 200 149 ms  ` +
      "backend 200 after 2 tries, 143 ms  sent 2  gone 1  cold start 210 ms",
  );
  expect(traceLine(recordOf(given[0]!, true))).toBeUndefined();
});

test("everything of a client that tests the stage is marked, and so is the test event", () => {
  const { add, given } = joining();
  add({ ...gateway, event: "connect", requestId: "c", test: true, isPast: true }, 0);
  for (const part of [connected, gateway, line, report]) add(part, 0);
  expect(given).toMatchObject([{ requestId, booking: "7", test: true }]);
  expect(unstyled(traceLine(recordOf(given[0]!))!)).toContain("a test of shelfshack-ws");
  const event = joining({ facts: ["line"] });
  event.add({ ...connected, connectionId: "test-connection-123" }, 0);
  event.add({ ...connected, requestId: "d" }, 0);
  expect(event.given.map(({ test }) => test)).toEqual([true, undefined]);
});

test("what is missing is waited for three seconds, and a late part amends what was given", () => {
  const { add, settle, given } = joining();
  add(line, 0);
  settle(2_999);
  expect(given).toEqual([]);
  settle(3_000);
  expect(given).toMatchObject([{ requestId, amended: false }]);
  expect(recordOf(given[0]!).hops.map(({ hop }) => hop)).toEqual(["function", "backend", "deliver"]);
  add(gateway, 4_000);
  expect(given[1]).toMatchObject({ amended: true, routeKey: "$default" });
  settle(60_000);
  expect(given).toHaveLength(2);
});

test("where nothing is followed each is given once, in its last form, by its time", () => {
  const { add, settle, end, given } = joining({ isOrdered: true });
  for (const part of [gateway, line, report]) add(part, 0);
  add({ ...gateway, requestId: "push", at: at + 5, isAll: true }, 0);
  add({ ...line, requestId: "of the log", lambdaRequestId: "l2", at: at - 5, hops: [] }, 1);
  settle(60_000);
  add({ ...gateway, routeKey: "late" }, 60_001);
  expect(given).toEqual([]);
  end();
  expect(given).toMatchObject([
    { requestId: "of the log", amended: false },
    { requestId, routeKey: "late", coldMs: 210.1, amended: false },
    { requestId: "push", amended: false },
  ]);
});

test("no more traces wait than that; the oldest is given on first, none is lost", () => {
  const { add, end, given } = joining({ mostOpen: 2 });
  for (const id of ["a", "b", "c"]) add({ ...gateway, requestId: id }, 0);
  expect(given.map((trace) => trace.requestId)).toEqual(["a"]);
  end();
  expect(given.map((trace) => trace.requestId)).toEqual(["a", "b", "c"]);
});

test("a connect and the frames that follow it have one request id and are two traces", () => {
  const { add, given } = joining();
  add({ ...line, event: "initial", lambdaRequestId: "l2" }, 0);
  add({ ...gateway, event: "connect" }, 0);
  add({ ...report, lambdaRequestId: "l2" }, 0);
  expect(given.map(({ event }) => event)).toEqual(["initial"]);
});

test("a function that timed out has no line; Lambda's word for it is the problem that is seen", () => {
  const { add, end, given } = joining({ facts: ["line", "report"] });
  add(written(`REPORT RequestId: l\tDuration: 3000.00 ms\tStatus: timeout\t\n`)!, 0);
  end();
  const record = recordOf(given[0]!);
  expect([record.requestId, hasFailed(record)]).toEqual([undefined, true]);
  expect(traceLine(record)).toContain("function timeout 3.0 s");
});

test("Lambda's REPORT as JSON says the same, and other lines say nothing", () => {
  const json = {
    time: "2026-11-23T15:04:40.000Z",
    type: "platform.report",
    record: { requestId: "l", status: "success", metrics: { durationMs: 3, initDurationMs: 9 } },
  };
  expect(written(JSON.stringify(json))).toMatchObject({
    fact: "report",
    lambdaRequestId: "l",
    coldMs: 9,
    hops: [{ hop: "function", ms: 3, status: undefined }],
  });
  for (const other of ["hello", `{"event":"load"}`, `{"event":"message"}`, "START RequestId: l Version: 1"])
    expect(written(other)).toBeUndefined();
});

const trace = recordOf({ at, connectionId, event: "message", requestId, hops: [], booking: "7" });
test.each([
  [{ connection: connectionId }, true],
  [{ connection: "other" }, false],
  [{ booking: "7" }, true],
  [{ booking: "8" }, false],
  [{ errors: true }, false],
  [{ slow: 1 }, false],
])("%j selects it: %s", (selection, wanted) => {
  expect(isSelected(trace, { errors: false, ...selection })).toBe(wanted);
});

const stack = { functionName: "f", region: "r", stage: "dev", apiId: "a" };
test.each([
  ["an event of its stage", { apiId: "a", stage: "dev", functionName: "f", region: "r" }, true],
  ["a refused handshake, which reached no function", { apiId: "a", stage: "dev" }, true],
  ["an event of another stage of its function", { apiId: "a", stage: "b", functionName: "f" }, false],
  ["one of the log", { functionName: "f" }, true],
  ["one of a function of that name in another region", { functionName: "f", region: "s" }, false],
  ["one of another function", { functionName: "g", region: "r" }, false],
])("a trace of a stack: %s", (_, about, wanted) => {
  expect(isOfStack({ ...trace, ...about }, stack)).toBe(wanted);
});

test("a client that was gone is no error, a frame that was refused is one", () => {
  const withFrame = (status: number) => ({ ...trace, hops: [{ hop: "deliver", to: "x", status } as const] });
  expect([410, 403].map((status) => hasFailed(withFrame(status)))).toEqual([false, true]);
  expect(isSelected(withFrame(200), { connection: "x", errors: false })).toBe(true);
});

const refused = { hop: "deliver", to: "x", ms: 1, status: 403 } as const;
const ran = { hop: "function", ms: 36 } as const;
test.each([
  ["an invocation", { event: undefined, hops: [ran, refused] }, "function 36 ms  @connections 403"],
  ["a message", { failed: 2, hops: [ran, refused, refused] }, "failed 2  @connections 403"],
  ["one of the log", { failed: 2, reason: "2 x ECONNRESET", hops: [ran] }, "failed 2  2 x ECONNRESET"],
])("%s says why its frames failed", (_, told, words) => {
  expect(unstyled(traceLine({ ...trace, ...told })!)).toContain(words);
});

test.each([
  [80, false],
  [200, true],
  [Infinity, true],
])("a line of %d columns has what `trace ID` takes: %s", (width, has) => {
  const text = unstyled(traceLine({ ...trace, hops: [ran, ran] }, width)!);
  expect(text.includes(`request ${requestId}`)).toBe(has);
});

test.each([40, 80, 200])(
  "a line fits %d columns, its pieces whole, coloured, and nothing of its marks",
  (width) => {
    const { add, given } = joining();
    const booking = "0123456789".repeat(11);
    for (const part of [{ ...connected, booking }, gateway, line, report]) add(part, 0);
    const failed = { ...recordOf(given[0]!), problem: "backend_timeout" };
    const lines = paint(traceLine(failed, width)!).split("\n");
    // A long name is copied as one.
    expect(lines.filter((text) => text.length > width && text.trim() !== booking)).toEqual([]);
    for (const piece of ["$default", "gateway 200 152 ms", "cold start 210 ms", "backend_timeout"])
      expect(lines.some((text) => text.includes(piece))).toBe(true);
    expect(lines.join("\n")).not.toMatch(/\\ufdd/);
    expect(traceLine(failed, width)).toContain(style.red("backend_timeout"));
  },
);

test.each([40, 80, 200])("a waterfall fits %d columns", (width) => {
  const { add, given } = joining();
  for (const part of [gateway, line, report]) add(part, 0);
  const lines = unstyled(waterfall(recordOf(given[0]!), width)).split("\n");
  expect(lines.filter((text) => text.length > width)).toEqual([]);
  // Where a hop began that no source has told is drawn lighter.
  expect(lines.some((text) => text.includes("░"))).toBe(width >= 80);
});

test("S38 an unknown id: what was looked through, since when", () => {
  const nothing = { requestId: "x", trace: null, sources: ["the log"], since: "2026", traces: null };
  expect(traceText(nothing)).toContain("nothing is known of x; looked through the log, since 2026");
});

test.each([
  ['{"id":"$context.requestId","s":"$context.status"}', { requestId: "id", status: "s" }],
  ['{"id":"$context.requestId","ms":$context.integrationLatency}', { requestId: "id", ms: "ms" }],
  ["$context.requestId $context.status", undefined],
  ['{"s":"$context.status"}', undefined],
])("the format %s of an access log is read as %j", (format, members) => {
  expect(membersOf(format)).toEqual(members);
});

test.each([
  ["a duration without end", '{"event":"message","requestId":"a","ms":1e300}'],
  ["a negative one", '{"event":"message","requestId":"a","ms":-5}'],
  ["a report of 400 digits", `REPORT RequestId: a\tDuration: ${"9".repeat(400)} ms\tBilled Duration: 1 ms\t`],
  ["counts that are none", '{"event":"message","requestId":"a","sent":1e400,"bytes":-1,"attempts":"x"}'],
])("a line of the log with %s is a trace without it", (_, message) => {
  const part = written(message);
  const record = recordOf({ ...part!, at: part?.at ?? at });
  expect(new Date(record.at).getTime()).toBeGreaterThanOrEqual(at);
  expect(record.hops[0]?.ms).toBe(undefined);
  expect(record.sent).toBe(undefined);
});

test("an error's name and message are short, without known secrets, and end with no part of one", () => {
  const token = "an-opaque-token-0123456789";
  const known = knownSecrets();
  known.add(token);
  const reasons = [`no ${token}`, `{"token":"${"q".repeat(1_960)}"} ${token}`, `${"x".repeat(990)}/${token}`];
  for (const told of [...reasons, `a${" \n".repeat(2_000)}b`, "N".repeat(200_000)]) {
    const given = { fact: "report", lambdaRequestId: "l", hops: [], problem: told, reason: told };
    const { problem, reason } = checked(given, known.masked)!;
    expect(problem).toBe(reason);
    expect(problem!.length).toBeLessThanOrEqual(1_000);
    expect(problem).not.toContain(token.slice(0, 8));
    const record = { ...trace, type: told, booking: told, problem: told, reason: told };
    expect(JSON.stringify(shownTrace(record, known))).not.toContain(token.slice(0, 8));
  }
});

test("an id that could end a filter pattern is none", () => {
  const odd = { event: "message", requestId: "a", awsRequestId: 'x" ?"y' };
  expect(written(JSON.stringify(odd))).toMatchObject({ requestId: "a", lambdaRequestId: undefined });
});

test.each([[{}], [{ kind: "trace" }], [{ kind: "trace", fact: "gateway", hops: [{ hop: "elsewhere" }] }]])(
  "%j of another program at the port is no part of a trace",
  (given) => {
    expect(checked(given)).toBe(undefined);
  },
);

test("what the local AWS keeps of traces is bounded by its size, frames counted", () => {
  const traces = openTraces();
  const delivery = {
    kind: "delivery",
    apiId: "a",
    stage: "dev",
    connectionId,
    requestId,
    at: 2,
    ms: 1,
    status: 200,
    bytes: 10,
  } as const;
  for (let run = 0; run < 400; run += 1) {
    const accessKeyId = `key-${run}`;
    traces.environment(accessKeyId);
    for (let frame = 0; frame < 1_000; frame += 1) traces.seen({ ...delivery, accessKeyId });
    traces.ran({
      functionName: "f",
      region: "r",
      requestId: lambdaRequestId,
      accessKeyId,
      startedAt: 1,
      ms: 5,
    });
  }
  expect(traces.kept().length).toBeGreaterThan(10);
  expect(JSON.stringify(traces.kept()).length).toBeLessThan(8_000_000);
});

test("a frame of a function's environment is a hop of its event, one of another caller a push", () => {
  const traces = openTraces();
  const of = {
    kind: "delivery",
    apiId: "a",
    stage: "dev",
    connectionId,
    requestId,
    ms: 1,
    bytes: 10,
  } as const;
  traces.environment("of a function");
  traces.seen({ ...of, accessKeyId: "of a function", at: 2, status: 200 });
  traces.seen({ ...of, accessKeyId: "of the backend", at: 3, status: 410 });
  traces.seen({ ...of, accessKeyId: "", at: 4, status: 403, problem: "ForbiddenException" });
  traces.ran({
    functionName: "f",
    region: "r",
    requestId: lambdaRequestId,
    accessKeyId: "of a function",
    startedAt: 1,
    ms: 5,
    status: "error\tError Type: X",
    failure: { type: "X", message: "RequestId: l Error: no" },
  });
  const [gone, refused, run] = traces.kept().map((item) => checked(item));
  expect(run?.hops).toMatchObject([
    { hop: "function", status: "error" },
    { hop: "deliver", to: connectionId, status: 200 },
  ]);
  expect(run).toMatchObject({ functionName: "f", region: "r", problem: "X", reason: "no" });
  const ofApi = { apiId: "a", stage: "dev" };
  expect(gone).toMatchObject({ event: "push", ...ofApi, requestId, connectionId, gone: 1, isAll: true });
  expect(refused).toMatchObject({ event: "push", failed: 1, problem: "ForbiddenException" });
  const { add, given } = joining();
  for (const part of [connected, gone!, { ...refused!, requestId: "another" }]) add(part, 0);
  const lines = given.map((one) => unstyled(traceLine(recordOf(one))!));
  expect(lines[0]).toContain(`push        ${connectionId}  booking 7  @connections 410 1 ms  gone 1`);
  expect(lines[1]).toContain("@connections 403 1 ms  failed 1  ForbiddenException");
  expect(given.map((one) => hasFailed(recordOf(one)))).toEqual([false, true]);
});

const thrown = {
  errorType: "TypeError",
  errorMessage: "no\u001b[2J token eyJhbGciOiJub25lIn0.x",
  stack: ["TypeError: no"],
};
const ended = `REPORT RequestId: l\tDuration: 3.00 ms\t`;
const lost = (type: string) => `${ended}Status: error\tError Type: ${type}\t`;
const inNode = (kind: string, id = "l") =>
  `2026-11-23T15:04:40.000Z\t${id}\tERROR\t${kind} \t${JSON.stringify(thrown)}`;
const inPython = "[ERROR] app.Wrong: a b\nTraceback (most recent call last):\n  File x";
const asJson = JSON.stringify({ level: "ERROR", errorType: "Handled", errorMessage: "said", stackTrace: [] });
const start = "START RequestId: l Version: 1";
test.each([
  ["Node's error", [start, inNode("Invoke Error"), ended], "TypeError", "no\u001b[2J token ***"],
  ["Python's", [start, inPython, ended], "app.Wrong", "a b"],
  [
    "a time-out",
    [start, `2026-11-23T15:04:40.000Z ${lambdaRequestId} Task timed out after 3.00 seconds`, ended],
    "Sandbox.Timedout",
    "Task timed out after 3.00 seconds",
  ],
  [
    "a process that ended",
    [start, "RequestId: l Error: Runtime exited\nRuntime.ExitError\n", lost("x")],
    "Runtime.ExitError",
    "Runtime exited",
  ],
  [
    "a module that is missing",
    [inNode("Uncaught Exception", "undefined"), start, lost("x")],
    "TypeError",
    "no\u001b[2J token ***",
  ],
  [
    "an environment that was lost without a word",
    [start, lost("Runtime.OutOfMemory")],
    "Runtime.OutOfMemory",
    undefined,
  ],
  ["what it has logged itself", [start, asJson, ended], undefined, undefined],
  ["what it has logged itself, and then failed", [start, asJson, lost("x")], "Handled", "said"],
  [
    "the start of an environment that was tried again",
    [inNode("Uncaught Exception"), start, ended],
    undefined,
    undefined,
  ],
  ["an event before", [start, inPython, ended, start, ended], undefined, undefined],
])("a REPORT tells why its event failed: %s", (_, lines, problem, reason) => {
  const read = partReader();
  const parts = lines.map((message) => read(logRecord({ timestamp: at, stream: "s", message })));
  expect([parts.at(-1)?.problem, parts.at(-1)?.reason]).toEqual([problem, reason]);
  // What the function says is better known than what API Gateway says of it.
  const { add, end, given } = joining({ facts: [] });
  for (const part of [parts.at(-1)!, { ...gateway, lambdaRequestId: "l", problem: "integration_function" }])
    add(part, 0);
  end();
  expect(given.at(-1)).toMatchObject({ problem: problem ?? "integration_function" });
});

test.each([
  [{ code: "rejected", backendStatus: 401 }, "the backend refused it with 401"],
  [{ code: "rejected", backendStatus: 200 }, "the backend answered 200 without success"],
  [{ code: "no_token" }, "the client sent no token"],
  [{ code: "backend_unavailable", reason: "ECONNREFUSED" }, "ECONNREFUSED"],
])("the line of an event that was refused, %j, says why", (fields, why) => {
  const part = written(JSON.stringify({ event: "connect", requestId: "a", status: 401, ...fields }))!;
  const record = recordOf({ ...part, at });
  expect(record.reason).toContain(why);
  expect(unstyled(traceLine(record)!)).toContain(why);
});
