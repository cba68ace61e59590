import fc from "fast-check";
import { expect, test } from "vitest";
import { knownSecrets } from "../../src/console/known-secrets.ts";
import { shownLine } from "../../src/console/shown.ts";
import { readLine, recordOf } from "../../src/logs/record.ts";
import { recordLine } from "../../src/terminal/log-line.ts";
import { localGateway } from "../../src/trace/local-gateway.ts";
import { partReader } from "../../src/trace/log-parts.ts";

const time = "2026-11-29T00:00:00.000Z";
const id = "82e5fd2a-4890-454f-a560-7b02d6800745";
const metrics = {
  durationMs: 3,
  billedDurationMs: 4,
  memorySizeMB: 128,
  maxMemoryUsedMB: 36,
  initDurationMs: 9,
};
const record = { requestId: id, version: "1", runtimeVersion: "n", status: "error", errorType: "X", metrics };

/** All that is done with a line: as text of a screen, of the console, of JSON, and as a part of a trace. */
function readInAllWays(message: string): void {
  const read = recordOf({ timestamp: 1, stream: "s", message });
  recordLine(read, 80);
  shownLine(read, "f", knownSecrets());
  JSON.stringify([read, partReader()(read)]);
}

/** How a text comes into a log: as the whole line, behind what a runtime writes, and within it. */
const waysOf = (text: string): string[] => [
  text,
  `${time}\t${id}\tINFO\t${text}`,
  `[INFO]\t${time}\t${id}\t${text}`,
  `${time}\t${id}\tERROR\tInvoke Error \t${text}`,
  JSON.stringify({ timestamp: time, level: "INFO", requestId: id, message: text }),
  `{"timestamp":"${time}","level":"INFO","requestId":"${id}","message":${text}}`,
];

/** As JSON has them; the first one cannot be made a text. */
const wrong = [
  '{"toString":1,"valueOf":1}',
  '"abc"',
  "{}",
  "[]",
  "null",
  "true",
  "-5",
  "1e400",
  '"\\t: \\n"',
];
const types = ["initStart", "initReport", "initRuntimeDone", "start", "runtimeDone", "report", "fault"];
const members = ["time", "record", "metrics", ...Object.keys(record), ...Object.keys(metrics)];

test.each([...types, "constructor", "__proto__", "toString", "__defineGetter__"])(
  "platform.%s with any member of a wrong type is read without what is wrong",
  (type) => {
    const right = JSON.stringify({ time, type: `platform.${type}`, record });
    for (const member of members)
      for (const value of wrong) {
        const mark = '"here"';
        const text = JSON.stringify(JSON.parse(right), (name, given: unknown) =>
          name === member ? "here" : given,
        ).replace(mark, value);
        for (const message of waysOf(text)) readInAllWays(message);
        const { origin, text: said } = readLine(text);
        if (origin !== "function") expect(said).not.toMatch(/undefined|NaN|Infinity|object|-5|abc (ms|MB)/);
      }
  },
);

test.each(types)("platform.%s is Lambda's only as a whole line of its three members", (type) => {
  const platform = { time, type: `platform.${type}`, record };
  const [whole = "", ...within] = waysOf(JSON.stringify(platform));
  expect(readLine(whole).origin).not.toBe("function");
  const { time: _time, ...withoutTime } = platform;
  const others = [withoutTime, { ...platform, body: "x" }, { ...platform, record: [record] }];
  for (const message of [...within, ...others.map((other) => JSON.stringify(other))])
    expect(readLine(message).origin).toBe("function");
});

const names = ["type", "level", "message", "errorType", "stack", "stackTrace", "event", "code", "requestId"];
const line = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.jsonValue(),
    fc.constantFrom("error", "message", "rejected", { toString: 1, valueOf: 1 }),
    fc.dictionary(
      fc.constantFrom(...names, "record", "metrics", "backendStatus", "connectionId", "toString", "msg"),
      tie("value"),
    ),
  ),
})).value;

test("no JSON in a line of a log makes its reader throw", () => {
  fc.assert(
    fc.property(line, (value) => {
      for (const message of waysOf(JSON.stringify(value))) readInAllWays(message);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["lists", `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`],
  ["objects", `${'{"message":'.repeat(20_000)}1${"}".repeat(20_000)}`],
])("JSON of more %s than can be written again is a text", (_, text) => {
  for (const message of waysOf(text)) readInAllWays(message);
  expect(readLine(text)).toMatchObject({ origin: "function", text });
});

test("what another program at the port says is a line of a log, or is left out", async () => {
  const right = {
    kind: "log",
    timestamp: 1,
    stream: "s",
    message: `REPORT RequestId: ${id}\tDuration: 3 ms`,
  };
  const items = ["timestamp", "stream", "message", "kind", "group"].flatMap((name) =>
    [{ toString: 1 }, null, -1, 1e300, [], undefined].map((value) => ({ ...right, [name]: value })),
  );
  const odd = [null, [], "x", { kind: "omitted", items: { toString: 1 } }, ...items, right];
  const lines = (async function* () {
    for (const item of odd) yield JSON.stringify(item);
  })();
  const parts = [];
  for await (const part of localGateway(lines, () => {}).follow({
    since: 0,
    follow: false,
    needsBookings: false,
  }))
    parts.push(part);
  expect(parts.at(-1)).toMatchObject({ lambdaRequestId: id });
});
