import { expect, test } from "vitest";
import {
  connectEvent,
  disconnectEvent,
  domainNameOf,
  isConnectionId,
  messageEvent,
  newConnectionId,
  newMessageId,
  newRequestId,
  type Peer,
} from "../../src/local/gateway/events.ts";

const now = Date.UTC(2026, 10, 3, 5, 4, 40, 123);
const domainName = "a1b2c3d4e5.execute-api.localhost:4566";
const peer: Peer = {
  connectionId: "UbT2acX1IAMCJpw=",
  apiId: "a1b2c3d4e5",
  stage: "dev",
  connectedAt: now - 1,
  domainName,
  sourceIp: "127.0.0.1",
  userAgent: "shelf/1.0",
};
const common = {
  extendedRequestId: "UbT2aF9yIAMFkQg=",
  requestTime: "03/Nov/2026:05:04:40 +0000",
  messageDirection: "IN",
  stage: "dev",
  connectedAt: now - 1,
  requestTimeEpoch: now,
  identity: { userAgent: "shelf/1.0", sourceIp: "127.0.0.1" },
  requestId: "UbT2aF9yIAMFkQg=",
  domainName,
  connectionId: "UbT2acX1IAMCJpw=",
  apiId: "a1b2c3d4e5",
};
const requestId = common.requestId;

function connecting(url: string, rawHeaders: string[], stageVariables: Record<string, string> = {}) {
  return connectEvent(peer, { upgrade: { url, rawHeaders, port: 4566 }, requestId, stageVariables, now });
}

test("ids are 11 bytes in base64url with a pad, and say what they are ids of", () => {
  for (const [id, kind] of [
    [newConnectionId("us-east-1"), 2],
    [newMessageId("UbT2acX1IAMCJpw="), 2],
    [newRequestId("UbT2acX1IAMCJpw="), 5],
  ] as const) {
    expect(id).toMatch(/^[\w-]{15}=$/);
    expect(Buffer.from(id, "base64url")).toHaveLength(11);
    expect(Buffer.from(id, "base64url")[8]).toBe(kind);
  }
  const many = Array.from({ length: 10_000 }, () => newMessageId("UbT2acX1IAMCJpw="));
  expect(new Set(many).size).toBe(10_000);
});

/** What an id says of time and place, and how it ends. */
function partsOf(id: string) {
  const bytes = Buffer.from(id, "base64url");
  return {
    ticks: bytes.readUInt32BE(0),
    place: bytes.readUInt16BE(6) & 0x7fff,
    end: bytes.readUInt16BE(9),
  };
}

test("ids carry time and place, and a message's ends as its connection's (AWS.md 1.1)", () => {
  const before = Math.floor(Date.now() / 25) >>> 0;
  const connectionId = newConnectionId("us-east-1");
  const [connection, message] = [partsOf(connectionId), partsOf(newMessageId(connectionId))];
  expect(connection.ticks - before).toBeLessThan(400);
  expect(connection.ticks).toBeGreaterThanOrEqual(before);
  expect([connection.place, partsOf(newConnectionId("ap-northeast-1")).place]).toEqual([0x2003, 0x2917]);
  expect(message).toMatchObject({ place: connection.place, end: connection.end });
  expect(partsOf(newRequestId(connectionId)).place).toBe(0x2003);
  expect(message.ticks).toBeGreaterThanOrEqual(connection.ticks);
  // Ids that AWS gave out, of one connection and a message of it.
  expect(partsOf("UbT2acX1IAMCJpw=").place).toBe(0x2003);
});

test.each([
  ["UbT2acX1IAMCJpw=", true],
  ["R1kmxc2VNjMCFIA=", true],
  ["UbT2acX1IAMCJpw", false],
  ["UbT2acX1IAMCJp+=", false],
  ["", false],
  ["UbT2acX1IAMCJpw=\n", false],
])("the connection id %j has a valid form: %s", (id, valid) => {
  expect(isConnectionId(id)).toBe(valid);
});

test("$connect", () => {
  const raw = [
    "host",
    "127.0.0.1:4566",
    "Connection",
    "Upgrade",
    "upgrade",
    "websocket",
    "sec-websocket-key",
    "abc",
    "HeaderAuth1",
    "x",
    "x-api-key",
    "k",
  ];
  const event = connecting("/a1b2c3d4e5/dev?token=abc", [...raw, "X-Amzn-Trace-Id", "Root=1-2-3"], {
    backend: "blue",
  });
  const headers = {
    HeaderAuth1: "x",
    Host: "127.0.0.1:4566",
    "Sec-WebSocket-Key": "abc",
    "X-Amzn-Trace-Id": "Root=1-2-3",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Port": "4566",
    "X-Forwarded-Proto": "http",
    "x-api-key": "k",
  };
  expect(event).toEqual({
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: { token: "abc" },
    multiValueQueryStringParameters: { token: ["abc"] },
    stageVariables: { backend: "blue" },
    requestContext: { routeKey: "$connect", eventType: "CONNECT", ...common },
    isBase64Encoded: false,
  });
});

test("a message", () => {
  const event = messageEvent(peer, {
    routeKey: "join",
    requestId,
    body: '{"action":\n"join"}',
    stageVariables: {},
    now,
  });
  expect(event).toEqual({
    requestContext: {
      routeKey: "join",
      messageId: expect.stringMatching(/^[\w-]{15}=$/),
      eventType: "MESSAGE",
      ...common,
    },
    body: '{"action":\n"join"}',
    isBase64Encoded: false,
  });
  const withVariables = messageEvent(peer, {
    routeKey: "join",
    requestId,
    body: "",
    stageVariables: { backend: "blue" },
    now,
  });
  expect(withVariables).toMatchObject({ stageVariables: { backend: "blue" }, body: "" });
});

test("$disconnect", () => {
  const reason = "Client-side close frame status not set";
  expect(disconnectEvent(peer, { requestId, code: 1005, reason, now })).toEqual({
    headers: { Host: domainName, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "" },
    multiValueHeaders: { Host: [domainName], "x-api-key": [""], "X-Forwarded-For": [""], "x-restapi": [""] },
    requestContext: {
      routeKey: "$disconnect",
      disconnectStatusCode: 1005,
      eventType: "DISCONNECT",
      disconnectReason: reason,
      ...common,
    },
    isBase64Encoded: false,
  });
});

test("the identity of a client without User-Agent has only an address", () => {
  const { userAgent: _, ...silent } = peer;
  const event = messageEvent(silent, { routeKey: "$default", requestId, body: "", stageVariables: {}, now });
  expect(event.requestContext.identity).toEqual({ sourceIp: "127.0.0.1" });
});

test.each(["/a1b2c3d4e5/dev", "/a1b2c3d4e5/dev?", "/a1b2c3d4e5/dev/"])(
  "without a query in %s there are no query keys",
  (url) => {
    expect(Object.keys(connecting(url, []))).toEqual([
      "headers",
      "multiValueHeaders",
      "requestContext",
      "isBase64Encoded",
    ]);
  },
);

test("what came several times is there once with its last value, and as a list with all", () => {
  const event = connecting("/x?a=1&b=%C3%A9+%2B&a=2&c", [
    "X-Tag",
    "1",
    "x-tag",
    "2",
    "Cookie",
    "a=1",
    "cookie",
    "b=2",
  ]);
  expect(event).toMatchObject({
    queryStringParameters: { a: "2", b: "é +", c: "" },
    multiValueQueryStringParameters: { a: ["1", "2"], b: ["é +"], c: [""] },
    multiValueHeaders: { "X-Tag": ["1", "2"], Cookie: ["a=1", "b=2"] },
  });
  expect(event.headers["X-Tag"]).toBe("2");
});

test("names that JavaScript has plans for are names like others", () => {
  const event = connecting("/x?__proto__=q", ["__proto__", "h", "constructor", "c"]);
  expect(JSON.parse(JSON.stringify(event.headers))).toMatchObject(
    JSON.parse('{"__proto__":"h","constructor":"c"}'),
  );
  expect(JSON.stringify(event)).toContain('"queryStringParameters":{"__proto__":"q"}');
});

test("G-26 a chain of proxies is passed on, but nothing else that the client says of itself", () => {
  const event = connecting("/x", [
    "x-forwarded-for",
    "203.0.113.7, 10.0.0.1",
    "x-forwarded-proto",
    "https",
    "X-Forwarded-Port",
    "443",
  ]);
  expect(event.headers).toMatchObject({
    "X-Forwarded-For": "203.0.113.7, 10.0.0.1, 127.0.0.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "4566",
  });
  expect(event.requestContext.identity.sourceIp).toBe("127.0.0.1");
});

test("without a trace id of the client's one is made up", () => {
  expect(connecting("/x", []).headers["X-Amzn-Trace-Id"]).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
});

test.each([
  ["127.0.0.1:4566", "a1b2c3d4e5.execute-api.localhost:4566"],
  [undefined, "a1b2c3d4e5.execute-api.localhost:4566"],
  ["a1b2c3d4e5.execute-api.localhost:80", "a1b2c3d4e5.execute-api.localhost:80"],
  ["A1B2C3D4E5.execute-api.localhost", "a1b2c3d4e5.execute-api.localhost"],
  ["a1b2c3d4e5.execute-api.us-east-1.amazonaws.com", "a1b2c3d4e5.execute-api.localhost:4566"],
])("a client that asked %s gets the address %s", (host, expected) => {
  expect(domainNameOf("a1b2c3d4e5", host, "127.0.0.1:4566")).toBe(expected);
});
