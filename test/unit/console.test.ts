import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Store } from "../../src/console/page/store.ts";
import { knownSecrets } from "../../src/console/known-secrets.ts";
import { redacted } from "../../src/logs/redact.ts";
import { createRing } from "../../src/console/ring.ts";
import { stream } from "../../src/console/stream.ts";
import { secretsIn } from "../../src/local/gateway/handshake-secrets.ts";

test.each([
  ['{"body":"x","token":"abc"}', '{"body":"x","token":"***"}'],
  ['{"accessToken": "a\\"b", "n": 1}', '{"accessToken": "***", "n": 1}'],
  ['{"Authorization":"Bearer abc', '{"Authorization":"***"'],
  [String.raw`{"inner":"{\"password\":\"p\"}"}`, String.raw`{"inner":"{\"password\":\"***\"}"}`],
  ["Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "Bearer ***"],
  ["SIGNING_KEYS is whsec_a2V5", "SIGNING_KEYS is ***"],
  ["GET /dev?booking_id=1&token=abc HTTP", "GET /dev?booking_id=1&token=*** HTTP"],
  ["AWS_SESSION_TOKEN=abc/+= next", "AWS_SESSION_TOKEN=*** next"],
  ["Bearer abc123def456", "Bearer ***"],
  ['{"x-auth-token":"abc","X-Api-Key":"abc"}', '{"x-auth-token":"***","X-Api-Key":"***"}'],
  ['{"cookie":"sid=abc","private_key":"abc"}', '{"cookie":"***","private_key":"***"}'],
  ['{"Sec-WebSocket-Protocol":"abc"}', '{"Sec-WebSocket-Protocol":"***"}'],
  ['{"token":12345,"n":1}', '{"token":"***","n":1}'],
  ['{"tokens":["abc","def"],"n":1}', '{"tokens":"***","n":1}'],
  ['{"credentials":{"user":"a","key":"abc"},"n":1}', '{"credentials":"***","n":1}'],
  [String.raw`{"inner":"{\"token\":12345}"}`, String.raw`{"inner":"{\"token\":\"***\"}"}`],
  ["/dev?type=feed&X-Amz-Signature=abc&api_key=abc", "/dev?type=feed&X-Amz-Signature=***&api_key=***"],
  ['{"body":"my token is lost"}', '{"body":"my token is lost"}'],
  ['{"key":"room 7","monkey":1,"tokens":null}', '{"key":"room 7","monkey":1,"tokens":null}'],
  ["the bearer of good news", "the bearer of good news"],
  ['{"text":"password:","x":"y"}', '{"text":"password:","x":"y"}'],
  ['{"AWS_SECRET_ACCESS_KEY":"abc"}', '{"AWS_SECRET_ACCESS_KEY":"***"}'],
  [
    String.raw`{"inner":"{\"token\":\"a\\\"b\",\"n\":1}"}`,
    String.raw`{"inner":"{\"token\":\"***\",\"n\":1}"}`,
  ],
  [String.raw`"\"{\\\"token\\\":\\\"abc\\\"}\""`, String.raw`"\"{\\\"token\\\":\\\"***\\\"}\""`],
  ["hello token=abc booking=1", "hello token=*** booking=1"],
  ['hello token="a b" booking=1', 'hello token="***" booking=1'],
  ["{ type: 'hello', token: 'abc' }", "{ type: 'hello', token: \"***\" }"],
  ["Authorization: Bearer abc123", "Authorization: Bearer ***"],
  ["%7B%22token%22%3A%22a%2Bb%22%7D", "%7B%22token%22%3A%22***%22%7D"],
  ["token%3DeyJhbGciOiJIUzI1NiJ9.e30.c2ln", "token%3D***"],
  [String.raw`line\neyJhbGciOiJkaXIifQ..aXY.dGV4dA.dGFn`, String.raw`line\n***`],
])("the console shows %s as %s", (text, shown) => {
  expect(redacted(text)).toBe(shown);
});

test("a known secret is masked wherever it stands, as it is, in a URL and in JSON", () => {
  const known = knownSecrets();
  for (const secret of ['s3cret "quoted"/+', "tok%2Fen%3D%3D1", "tok%2Fen", "short"]) known.add(secret);
  const { masked } = known;
  expect(masked('it says: s3cret "quoted"/+.')).toBe("it says: ***.");
  expect(masked(JSON.stringify({ text: 's3cret "quoted"/+' }))).toBe('{"text":"***"}');
  expect(masked(`?a=${encodeURIComponent('s3cret "quoted"/+')}&b`)).toBe("?a=***&b");
  // The longest of those that begin alike; what was sent encoded is also known as it is.
  expect(masked("tok/en==1tok/en==1 tok%2Fen, short, s3cret")).toBe("****** ***, short, s3cret");
  expect(masked("")).toBe("");
  for (let n = 0; n < 20_000; n++) known.add(`another-secret-${n}`);
  expect(masked("tok/en==1, another-secret-19999")).toBe("tok/en==1, ***");
});

test("signed tokens that begin alike are told apart; a text made to look like many is cut off", () => {
  const { add, masked } = knownSecrets();
  const header = "of-the-same-header.";
  for (let n = 0; n < 10_000; n++) add(`${header}${n}`);
  expect(masked(`${header}12 ${header}9999, ${header}x`)).toBe(`*** ***, ${header}x`);
  for (let n = 8; n < 4_000; n++) add(`${"a".repeat(n)}b`);
  expect(masked(`of ${"a".repeat(8_192)}`)).toMatch(/^of a{1,200}\*{3}$/);
});

test("the secrets of a handshake: in query, headers and subprotocol, and nothing else", () => {
  const url = "/dev?booking_id=1&type=feed&token=abc%2B1&lang=en-GB-oxendict&api_key=k1";
  const headers = { Host: "localhost:4566", "Sec-WebSocket-Key": "dGhlIHNhbXBsZQ==", "User-Agent": "x/1" };
  const secret = {
    Authorization: "Bearer abc123",
    "Sec-WebSocket-Protocol": "v1.chat, base64url.bearer.xyz9",
    Cookie: "session_id=c00kie; lang=english",
  };
  const rawHeaders = Object.entries({ ...headers, ...secret }).flat();
  expect(secretsIn({ url, rawHeaders })).toEqual([
    "abc%2B1",
    "k1",
    "abc123",
    "v1.chat",
    "base64url.bearer.xyz9",
    "c00kie",
  ]);
});

test("a ring keeps the newest up to its size, and says what made room", () => {
  const dropped: number[] = [];
  const ring = createRing<number>(10_000, (item) => dropped.push(item));
  for (let item = 0; item < 1_000; item++) ring.add(item, 936);
  // Each costs 64 bytes more than its text.
  expect([...ring.items()]).toEqual([990, 991, 992, 993, 994, 995, 996, 997, 998, 999]);
  expect(dropped).toHaveLength(990);
  ring.add(1_000, 20_000);
  expect([...ring.items()]).toEqual([]);
  ring.add(1_001, 1);
  ring.clear();
  ring.add(1_002, 1);
  expect([...ring.items()]).toEqual([1_002]);
});

test("a page that is told too much gets the newest, how much it lacks, and what is open", async () => {
  const items = Array.from({ length: 60_000 }, (_, index) => JSON.stringify({ index, text: "x".repeat(80) }));
  const hub = {
    join(page: (json: string) => void) {
      for (const item of items) page(item);
      return () => undefined;
    },
    opened: () => ['{"kind":"opened"}'],
    isFull: () => false,
    replay: () => "done" as const,
    close: () => undefined,
  };
  const server = createServer((_request, response) => stream(hub, response)).listen(0, "127.0.0.1");
  onTestFinished(() => server.close().closeAllConnections());
  await once(server, "listening");
  const { body } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const newest = `{"index":${items.length - 1},`;
  const got = await eventsUntil(body as ReadableStream<Uint8Array>, newest);
  const [told, opened, ...rest] = got as [{ kind: string; items: number }, object, ...{ index: number }[]];
  expect(opened).toEqual({ kind: "opened" });
  expect(told).toEqual({ kind: "omitted", items: items.length - rest.length });
  expect(rest.at(-1)?.index).toBe(items.length - 1);
  expect(rest[0]?.index).toBe(told.items);
  expect(JSON.stringify(rest).length).toBeLessThan(4 * 1_024 * 1_024);
});

/** The items of all events up to the one with this text. */
async function eventsUntil(body: ReadableStream<Uint8Array>, last: string): Promise<unknown[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(last) && text.endsWith("\n\n")) break;
  }
  return [...text.matchAll(/^data: (.*)$/gm)].flatMap(([, event]) => JSON.parse(event!) as unknown[]);
}

test("messages stand by their time, also those that are told of late or amended", () => {
  const store = new Store();
  const take = (requestId: string, second: number) =>
    store.take({
      kind: "trace",
      event: "message",
      requestId,
      at: `2026-11-23T15:04:0${second}.000Z`,
      hops: [],
    });
  const { messages } = store.views;
  const order = () =>
    [messages.entries, messages.visible].map((list) => list.map(({ shown }) => String(shown.at)[18]));
  for (const second of [3, 1, 5, 2]) take(`of ${second}`, second);
  expect(order()).toEqual([
    ["1", "2", "3", "5"],
    ["1", "2", "3", "5"],
  ]);
  take("of 5", 0);
  expect(order()).toEqual([
    ["0", "1", "2", "3"],
    ["0", "1", "2", "3"],
  ]);
});

test("the rows of one stack, of each view, also those that were told before it was known", () => {
  const store = new Store();
  const at = "2026-11-23T15:04:00.000Z";
  const message = (requestId: string, about: object) =>
    store.take({ kind: "trace", event: "message", requestId, at, hops: [], ...about });
  const said = (functionName: string) =>
    store.take({ kind: "log", at, level: "INFO", text: functionName, functionName });
  const frame = (connectionId: string) =>
    store.take({ kind: "frame", connectionId, at: 1, direction: "in", bytes: 1, text: connectionId });
  const rows = () => Object.values(store.views).map(({ visible }) => visible.length);
  said("f");
  for (const [name, apiId] of [
    ["f", "a"],
    ["g", "b"],
  ] as const) {
    const address = { apiId, stage: "dev", sourceIp: "::1" };
    store.take({ kind: "opened", connectionId: `of ${name}`, at: 1, ...address });
    frame(`of ${name}`);
    message(`to ${name}`, { apiId, stage: "dev", functionName: name, connectionId: `of ${name}` });
  }
  said("g");
  // It told of no stage, and anyone may ask for one.
  message("of another time", { functionName: "f" });
  message("refused", { apiId: "none", stage: "none" });
  expect([...store.stacks.names]).toEqual([
    ["a/dev", "f"],
    ["b/dev", "g"],
  ]);
  expect(rows()).toEqual([4, 2, 2, 2]);
  store.choose("a/dev");
  expect(rows()).toEqual([2, 1, 1, 1]);
  said("h");
  message("to h", { apiId: "a", stage: "dev", functionName: "h" });
  expect(rows()).toEqual([3, 1, 2, 1]);
  store.filter("of another");
  expect(rows()).toEqual([1, 0, 0, 0]);
  store.choose(undefined);
  store.filter("");
  expect(rows()).toEqual([5, 2, 3, 2]);
});

test("the page knows 10,000 connections, and forgets them when they close", () => {
  const store = new Store();
  const ids = Array.from({ length: 10_000 }, (_, index) => `connection ${index}`);
  for (const connectionId of ids)
    store.take({ kind: "opened", connectionId, apiId: "a", stage: "dev", at: 0, sourceIp: "127.0.0.1" });
  expect(store.views.connections.entries).toHaveLength(10_000);
  expect(ids.every((id) => store.isOpen(id))).toBe(true);
  store.filter("9");
  for (const connectionId of ids.slice(1))
    store.take({ kind: "closed", connectionId, at: 0, code: 1000, reason: "" });
  expect(store.views.connections.visible).toEqual([]);
  store.filter("");
  expect(store.views.connections.visible).toHaveLength(1);
  expect([store.isOpen(ids[0]), store.isOpen(ids[1])]).toEqual([true, false]);
});
