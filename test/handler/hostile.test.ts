import fc from "fast-check";
import { expect, test } from "vitest";
import { createLog } from "../../handler/log.ts";
import { member, pieces } from "../../handler/json.ts";
import { connectEvent, connectionId, disconnectEvent, messageEvent } from "../support/golden-events.ts";
import { anyMemberGivesStatus, anyTextArrives, expected, isJson, lone } from "../support/hostile-input.ts";
import { contextWith, loadHandler, testHandler } from "../support/test-handler.ts";

const deep = "[".repeat(65_000) + "]".repeat(65_000);

/** Client texts that have broken handlers. */
const corpus = [
  '"hello"',
  "[1]",
  "5",
  "null",
  "true",
  "-0",
  "1e999",
  "plain text",
  "",
  " ",
  "\ufeff{}",
  "NaN",
  "{",
  "{}",
  '{"a":1,"a":2}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"action":"$connect","requestContext":{"eventType":"CONNECT"}}',
  '{"shelfshackInitial":{}}',
  '{"a":"\u0000"}',
  '{"a":"\\u0000"}',
  "\u0000",
  "\u001b]52;c;eA==\u0007",
  lone,
  `{"a":"${lone}"}`,
  `{"a":"\\ud800${lone}x\udfff"}`,
  `\udc00${lone}`,
  "😀",
  '"'.repeat(1_000),
  "\\".repeat(1_001),
  "\u0001".repeat(1_000),
  "\u2028\u2029\u202e",
  "x".repeat(131_072),
  `"${"x".repeat(131_070)}"`,
  '"'.repeat(131_072),
  deep.slice(0, 65_000),
  deep,
  '{"a":'.repeat(20_000) + "1" + "}".repeat(20_000),
];

test("S30 H-23 every odd text reaches the backend as it is", async () => {
  const { handler, backend } = await testHandler();
  for (const text of corpus) {
    expect(await handler(messageEvent(text), contextWith())).toEqual({ statusCode: 200 });
    const got = backend.requests.at(-1)!;
    const sent = got.text.slice(got.text.indexOf('"message":') + '"message":'.length, -1);
    if (!/\p{Surrogate}/u.test(text) && isJson(text)) expect(sent === text).toBe(true);
    else expect(JSON.parse(sent)).toEqual(expected(text));
    backend.requests.length = 0;
  }
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("H-23 any text reaches the backend as the same value", () => anyTextArrives(200));

test("the pieces of a JSON text are its elements and members", () => {
  const blank = fc.constantFrom("", " ", "\n\t ");
  const value = fc.json({ stringUnit: "binary" });
  fc.assert(
    fc.property(fc.array(fc.tuple(blank, value)), (elements) => {
      const text = `[${elements.map(([space, element]) => space + element + space).join(",")}]`;
      expect(pieces(text)).toEqual(elements.map(([, element]) => element));
    }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: "binary" }), blank, value), { minLength: 1 }),
      (members) => {
        const texts = members.map(
          ([key, space, element]) => JSON.stringify(key) + space + ":" + space + element,
        );
        const text = `{${texts.join(",")}}`;
        for (const [key] of members)
          expect(member(text, key)).toBe(members.findLast(([other]) => other === key)![2]);
      },
    ),
  );
});

function deliveryOf(frames: unknown[]) {
  const endpoint = "https://abc123.execute-api.us-east-1.amazonaws.com/dev";
  return { shelfshackInitial: { connectionId, requestId: "r", endpoint, frames } };
}

test.each([
  ["nothing", undefined],
  ["null", null],
  ["an empty object", {}],
  ["a text", "x"],
  ["an SQS event", { Records: [{ messageId: "1", body: "{}" }] }],
  [
    "a REST event",
    { resource: "/x", path: "/x", httpMethod: "GET", requestContext: { requestId: "1", stage: "dev" } },
  ],
  [
    "an HTTP API event",
    { version: "2.0", routeKey: "$default", requestContext: { routeKey: "$default", http: {} } },
  ],
  ["an unknown event type", messageEvent("{}", { eventType: "PING" })],
  ["an event type of another type", messageEvent("{}", { eventType: ["MESSAGE"] })],
  ["an event type of every object", messageEvent("{}", { eventType: "constructor" })],
  ["a body of another type", { ...messageEvent("{}"), body: 5 }],
  ["a body of 6 MB", messageEvent("x".repeat(6_000_000))],
  ["a query of another type", { ...connectEvent(), queryStringParameters: { token: ["x"] } }],
  ["a route of another type", messageEvent("{}", { eventType: undefined, routeKey: { toString: 1 } })],
  ["an unnamed connection", messageEvent("{}", { connectionId: undefined })],
  ["a connection with a line break", messageEvent("{}", { connectionId: "a\r\nx: y" })],
  ["a connection with a path", messageEvent("{}", { connectionId: "../admin" })],
  ["a connection of 129 characters", messageEvent("{}", { connectionId: "x".repeat(129) })],
  [
    "a forged delivery",
    {
      shelfshackInitial: {
        connectionId: "../x",
        requestId: "r",
        endpoint: "https://evil.example",
        frames: [],
      },
    },
  ],
  ["a delivery with a frame of another type", deliveryOf(["1", 1])],
  ["a delivery with a frame without a text", deliveryOf(["1", { toString: 1 }])],
  ["a delivery with a list as a frame", deliveryOf([[{ toString: null }]])],
  ["a proof of nothing", { shelfshackProof: null }],
  ["a proof of another type", { shelfshackProof: [connectionId] }],
  ["a proof for a path", { shelfshackProof: { connectionId: "../x" } }],
])("H-22 H-27 %s is 400 and is not sent to the backend", async (_title, event) => {
  const { handler, backend, lines } = await testHandler();
  expect(await handler(event, contextWith())).toEqual({ statusCode: 400 });
  expect(backend.requests).toEqual([]);
  expect(lines).toEqual([{ level: "WARN", event: "malformed", status: 400, code: "malformed_event" }]);
});

test("H-22 with any member of an event replaced, the result is a status", () => anyMemberGivesStatus(200));

test("H-22 with any member of an event of its own replaced, the result is 200 or 400", async () => {
  const { handler, lines } = await testHandler();
  const junk = fc.anything({
    maxDepth: 3,
    withNullPrototype: true,
    key: fc.oneof(fc.constantFrom("toString", "valueOf", "toJSON", "length"), fc.string()),
  });
  const { shelfshackInitial: members } = deliveryOf([]);
  const kind = fc.constantFrom("shelfshackInitial", "shelfshackProof");
  await fc.assert(
    fc.asyncProperty(kind, fc.constantFrom(...Object.keys(members)), junk, async (name, member, value) => {
      const event = { [name]: { ...members, [member]: value } };
      expect([200, 400]).toContain((await handler(event, contextWith())).statusCode);
    }),
    { numRuns: 1_000 },
  );
  expect(lines.filter(({ event }) => event === "crash")).toEqual([]);
});

test("trusts the request context only, never the body", async () => {
  const { handler, backend } = await testHandler();
  await handler(messageEvent('{"action":"$connect"}', { routeKey: "$default" }), contextWith());
  expect(backend.requests[0]!.path).toBe("/api/ws/message");
});

test("H-25 H-35 no log line contains what a client sent, or a control character", async () => {
  const hostile = "canary\r\n\u001b[2J\u009b31m\u202e\u2028";
  const { handler, backend, raw } = await testHandler();
  backend.answer = () => ({ detail: hostile, deliver: hostile });
  await handler(
    connectEvent({ booking_id: hostile, token: `${hostile}%00`, x: hostile }, { "user-agent": hostile }),
    contextWith(),
  );
  await handler(messageEvent(hostile, { messageId: hostile, requestId: hostile }), contextWith());
  await handler(disconnectEvent({ disconnectReason: hostile }), contextWith());
  await handler({ requestContext: hostile }, contextWith());
  expect(raw).toHaveLength(4);
  expect(raw.join("")).not.toContain("canary");
  expect(backend.requests[0]!.path).toBe("/api/ws/register");
  const written: string[] = [];
  createLog("DEBUG", (line) => written.push(line))("INFO", {
    event: "message",
    route: `\u0000${hostile}\u007f${lone}`,
  });
  expect(written[0]).toMatch(/^[\u0020-\u007e]+\n$/);
  expect(JSON.parse(written[0]!)).toMatchObject({ route: `\u0000${hostile}\u007f${lone}` });
});

test("a log writes its own level and above, and no member that is not allowed", () => {
  expect(loadHandler({ LOG_LEVEL: "error" }).lines).toMatchObject([
    { level: "ERROR", reason: "BACKEND_URL is not set" },
  ]);
  const written: string[] = [];
  const log = createLog("WARN", (line) => written.push(line));
  log("INFO", { event: "message" });
  const unlisted = { event: "message", token: "t", body: "b", connectionId };
  log("WARN", unlisted);
  expect(written).toEqual([`{"level":"WARN","event":"message","connectionId":"${connectionId}"}\n`]);
});
