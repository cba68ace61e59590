import { expect, test } from "vitest";
import {
  answered,
  functionArn,
  invokeUriOf,
  testGateway,
  type TestGatewayOptions,
} from "../support/test-gateway.ts";
import { openRaw, upgradeRequest } from "../support/raw-socket.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";

const target = (uri: string, type = "AWS_PROXY") => [
  { routeKey: "$connect", integration: { type, uri, timeoutMs: 29_000 } },
];
/** The URL that a long query is added to. */
const longUrl = "ws://127.0.0.1/a1b2c3d4e5/dev?t=";
const never = () => new Promise<never>(() => undefined);

const refusals: [situation: string, status: number, message: string, options: TestGatewayOptions][] = [
  ["returns status 400", 400, "Bad Request", { lambda: () => answered({ statusCode: 400 }) }],
  [
    "returns status 401 with a body",
    401,
    "Unauthorized",
    { lambda: () => answered({ statusCode: 401, body: "no" }) },
  ],
  ['returns status "403"', 403, "Forbidden", { lambda: () => answered({ statusCode: "403" }) }],
  ["returns status 302", 302, "Found", { lambda: () => answered({ statusCode: 302 }) }],
  ["returns status 500", 500, "Internal Server Error", { lambda: () => answered({ statusCode: 500 }) }],
  [
    "throws",
    502,
    "Internal server error",
    { lambda: () => ({ kind: "answered", payload: '{"errorMessage":"x"}', functionError: "Unhandled" }) },
  ],
  ["returns a malformed answer", 502, "Internal server error", { lambda: () => answered({ ok: true }) }],
  ["returns nothing", 502, "Internal server error", { lambda: () => answered(undefined) }],
  ["returns status 101", 502, "Internal server error", { lambda: () => answered({ statusCode: 101 }) }],
  ["takes too long", 504, "Endpoint request timed out", { lambda: never, integrationTimeoutMs: 20 }],
  ["may not be invoked", 500, "Internal server error", { lambda: () => ({ kind: "forbidden" }) }],
  ["does not exist", 500, "Internal server error", { lambda: () => ({ kind: "missing" }) }],
  ["has no concurrency left", 500, "Internal server error", { lambda: () => ({ kind: "throttled" }) }],
  ["is behind a plain function ARN", 500, "Internal server error", { routes: target(functionArn) }],
  [
    "is behind a stage variable that is not there",
    500,
    "Internal server error",
    { routes: target(invokeUriOf("${stageVariables.fn}")) },
  ],
  [
    "is behind an integration that is not emulated",
    500,
    "Internal server error",
    { routes: target("https://x", "HTTP_PROXY") },
  ],
  [
    "needs a signed upgrade",
    403,
    "Missing Authentication Token",
    { routes: [{ routeKey: "$connect", authorizationType: "AWS_IAM" }] },
  ],
  [
    "is behind an authorizer that is not there",
    500,
    "Internal server error",
    { routes: [{ routeKey: "$connect", authorizationType: "CUSTOM" }] },
  ],
  [
    "is throttled to a rate of 0, whatever the burst",
    429,
    "Too Many Requests",
    { stage: { throttle: () => ({ rate: 0, burst: 5 }) } },
  ],
  ["is throttled to 0", 429, "Too Many Requests", { stage: { throttle: () => ({ rate: 0, burst: 0 }) } }],
];

test.each(refusals)(
  "a connect function that %s is refused with %i %s",
  async (_situation, status, message, options) => {
    const { url } = await testGateway(options);
    const refusal = await refusedSocket(url);
    expect(refusal).toMatchObject({
      status,
      body: JSON.stringify({ message }),
      headers: { "content-type": "application/json" },
    });
    expect(refusal.headers["x-amzn-requestid"]).toMatch(/^[\w-]{15}=$/);
  },
);

test("a stage that does not exist refuses with 403", async () => {
  const { url } = await testGateway();
  expect(await refusedSocket(`${url}x`)).toMatchObject({ status: 403, body: '{"message":"Forbidden"}' });
});

test.each([{ statusCode: 200 }, { statusCode: "204" }, { headers: {} }, { statusCode: 299, headers: null }])(
  "a connect function that returns %j opens",
  async (answer) => {
    const { url } = await testGateway({ lambda: () => answered(answer) });
    expect((await openSocket(url)).webSocket.protocol).toBe("");
  },
);

test.each([
  ["no $connect route", { routes: ["$default"] }],
  [
    "a $connect route without target",
    { routes: [{ routeKey: "$connect", integration: undefined as never }] },
  ],
] as [string, TestGatewayOptions][])(
  "a stage with %s accepts every client and calls no function",
  async (_, options) => {
    const { url, calls } = await testGateway(options);
    await openSocket(url);
    expect(calls.all).toEqual([]);
  },
);

test("the request id of a refusal is the one that the function saw", async () => {
  const api = await testGateway({ lambda: () => answered({ statusCode: 401 }) });
  const { headers } = await refusedSocket(api.url);
  const { requestContext } = await api.event("CONNECT");
  expect(headers["x-amzn-requestid"]).toBe(requestContext.requestId);
});

test("the function is called for its route, and the upgrade waits for it", async () => {
  let accept = () => {};
  const accepted = new Promise<void>((resolve) => (accept = resolve));
  const api = await testGateway({
    stage: { stageVariables: { fn: `${functionArn}:live` } },
    routes: target(invokeUriOf("${stageVariables.fn}")),
    lambda: () => accepted.then(() => answered({ statusCode: 200 })),
  });
  const raw = await openRaw(api.port);
  raw.write(upgradeRequest("/a1b2c3d4e5/dev?token=t"));
  const call = await api.calls.next();
  const early = await Promise.race([
    raw.head(),
    new Promise((resolve) => setImmediate(resolve, "still waiting")),
  ]);
  accept();
  expect(early).toBe("still waiting");
  expect(await raw.head()).toMatch(/^HTTP\/1.1 101 /);
  expect(call).toMatchObject({
    functionArn: `${functionArn}:live`,
    sourceArn: "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/dev/$connect",
    account: "123456789012",
    event: { queryStringParameters: { token: "t" }, stageVariables: { fn: `${functionArn}:live` } },
  });
});

test("G-26 nothing that the client says about itself becomes a fact", async () => {
  const api = await testGateway();
  const headers = {
    "x-forwarded-for": "6.6.6.6",
    "x-forwarded-proto": "https",
    requestContext: '{"connectionId":"fake"}',
    "x-custom-Name": "1",
  };
  await openSocket(`${api.url}?requestContext=fake`, { headers });
  const event = await api.event("CONNECT");
  expect(event.headers).toMatchObject({
    "X-Forwarded-For": "6.6.6.6, 127.0.0.1",
    "X-Forwarded-Proto": "http",
    "x-custom-Name": "1",
  });
  expect(Object.keys(event.headers ?? {}).map((name) => name.toLowerCase())).not.toContain("upgrade");
  expect(event.requestContext).toMatchObject({
    domainName: `a1b2c3d4e5.execute-api.localhost:${api.port}`,
    identity: { sourceIp: "127.0.0.1" },
  });
  expect(event.requestContext.connectionId).not.toBe("fake");
});

test("the subprotocol is the one that the function returns", async () => {
  const api = await testGateway({
    lambda: () =>
      answered({ statusCode: 200, headers: { "sec-websocket-protocol": "shelf.v1", "X-Other": "1" } }),
  });
  const socket = await openSocket(api.url, { protocols: ["other", "shelf.v1"] });
  expect(socket.webSocket.protocol).toBe("shelf.v1");
  expect((await api.event("CONNECT")).headers).toMatchObject({
    "Sec-WebSocket-Protocol": "other,shelf.v1",
  });
});

test("the subprotocol may also come among the multi-value headers", async () => {
  const { url } = await testGateway({
    lambda: () => answered({ multiValueHeaders: { "Sec-WebSocket-Protocol": ["shelf.v1"] } }),
  });
  expect((await openSocket(url, { protocols: ["shelf.v1"] })).webSocket.protocol).toBe("shelf.v1");
});

test("a client that offers subprotocols gets none that the function did not return", async () => {
  const { url } = await testGateway();
  await expect(openSocket(url, { protocols: ["shelf.v1"] })).rejects.toThrow("Server sent no subprotocol");
});

test("a subprotocol that would break the response is a malformed answer", async () => {
  const { url } = await testGateway({
    lambda: () => answered({ headers: { "Sec-WebSocket-Protocol": "a\r\nX-Evil: 1" } }),
  });
  expect(await refusedSocket(url)).toMatchObject({ status: 502 });
});

test("no extension is negotiated", async () => {
  const { url } = await testGateway();
  expect((await openSocket(url, { perMessageDeflate: true })).webSocket.extensions).toBe("");
});

test("a route response on $connect makes its body the first frame", async () => {
  const routes = [{ routeKey: "$connect", twoWay: true }];
  const { url } = await testGateway({
    routes,
    lambda: () => answered({ statusCode: 200, body: "welcome" }),
  });
  expect(await (await openSocket(url)).next()).toBe("welcome");
});

const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`h${index}`, "1"]));
test.each([
  ["no key", 400, { "Sec-WebSocket-Key": undefined }],
  ["a short key", 400, { "Sec-WebSocket-Key": "abc" }],
  ["a key that is no base64", 400, { "Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!==" }],
  ["another upgrade", 400, { Upgrade: "h2c" }],
  ["version 8", 426, { "Sec-WebSocket-Version": "8" }],
  ["no version", 426, { "Sec-WebSocket-Version": undefined }],
  ["HTTP/1.0", 426, { request: "GET /a1b2c3d4e5/dev HTTP/1.0" }],
  ["POST", 405, { request: "POST /a1b2c3d4e5/dev HTTP/1.1" }],
  ["8 KB in one header", 431, { "X-Long": "x".repeat(8_192) }],
  ["1,000 headers", 431, many],
  [
    "4,097 characters of URL",
    414,
    {
      request: `GET /a1b2c3d4e5/dev?t=${"x".repeat(4_097 - longUrl.length)} HTTP/1.1`,
    },
  ],
] as [string, number, Record<string, string | undefined>][])(
  "G-07 an upgrade request with %s is refused with %i",
  async (_, status, headers) => {
    const api = await testGateway();
    const raw = await openRaw(api.port);
    raw.write(upgradeRequest("/a1b2c3d4e5/dev", headers));
    expect(await raw.head()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(api.calls.all).toEqual([]);
  },
);

test("a URL of 4,096 characters is accepted", async () => {
  const { port } = await testGateway();
  const raw = await openRaw(port);
  raw.write(
    upgradeRequest(`/a1b2c3d4e5/dev?t=${"x".repeat(4_096 - "ws://127.0.0.1/a1b2c3d4e5/dev?t=".length)}`),
  );
  expect(await raw.head()).toMatch(/^HTTP\/1.1 101 /);
});

test("G-07 no more than 1,000 handshakes are pending", async () => {
  let refuse = () => {};
  const refused = new Promise<void>((resolve) => (refuse = resolve));
  const api = await testGateway({ lambda: () => refused.then(() => answered({ statusCode: 403 })) });
  const all = await Promise.all(Array.from({ length: 1_001 }, () => openRaw(api.port)));
  for (const raw of all) raw.write(upgradeRequest("/a1b2c3d4e5/dev"));
  expect(await Promise.race(all.map((raw) => raw.head()))).toMatch(/^HTTP\/1.1 429 /);
  expect(api.calls.all).toHaveLength(1_000);
  refuse();
});

test.each([{ reset: true }, { reset: false }])(
  "G-09 a client that leaves during its handshake (%j) is announced as gone when it was accepted",
  async (how) => {
    let accept = () => {};
    const accepted = new Promise<void>((resolve) => (accept = resolve));
    const api = await testGateway({ lambda: () => accepted.then(() => answered({ statusCode: 200 })) });
    const raw = await openRaw(api.port);
    raw.write(upgradeRequest("/a1b2c3d4e5/dev"));
    const { requestContext } = await api.event("CONNECT");
    raw.cut(how);
    accept();
    const gone = await api.event("DISCONNECT");
    expect(gone.requestContext).toMatchObject({
      connectionId: requestContext.connectionId,
      disconnectStatusCode: 1006,
    });
  },
);

test("a failed integration is reported with its reason", async () => {
  const api = await testGateway({ lambda: () => answered({ ok: true }) });
  await refusedSocket(api.url);
  const { requestContext } = await api.event("CONNECT");
  expect(await api.failures.next()).toEqual({
    apiId: "a1b2c3d4e5",
    stage: "dev",
    routeKey: "$connect",
    connectionId: requestContext.connectionId,
    requestId: requestContext.requestId,
    message: 'malformed Lambda proxy response: {"ok":true}',
  });
});
