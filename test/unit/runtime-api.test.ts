import { request } from "node:http";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import {
  type RuntimeApi,
  type RuntimeListener,
  startRuntimeApi,
} from "../../src/local/runtime/runtime-api.ts";

const next = "/2018-06-01/runtime/invocation/next";
const event = {
  requestId: "id-1",
  payload: '{"ä":1}',
  deadlineMs: 5,
  functionArn: "arn:f",
  traceId: "Root=1",
};

async function apiOf(listener: Partial<RuntimeListener> = {}): Promise<{ api: RuntimeApi; said: string[] }> {
  const said: string[] = [];
  const api = await startRuntimeApi({
    asksForNext: () => void said.push("next"),
    responds: (requestId, body) => (said.push(`response ${requestId} ${body}`), true),
    fails: (requestId, body) => (said.push(`error ${requestId} ${body}`), true),
    failsToInit: (body) => void said.push(`init ${body}`),
    hangsUp: () => void said.push("hangs up"),
    ...listener,
  });
  onTestFinished(() => api.close());
  return { api, said };
}

interface Answer {
  status: number | undefined;
  headers: Record<string, unknown>;
  body: string;
}

function call(
  api: RuntimeApi,
  method: string,
  path: string,
  { body = "", headers = {} }: { body?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `http://${api.address}${path}`,
      { method, agent: false, headers: { "content-length": Buffer.byteLength(body), ...headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode, headers: response.headers, body: text }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

const hostOf = ({ address }: RuntimeApi) => address.split("/")[0] ?? "";
const secretOf = ({ address }: RuntimeApi) => address.split("/")[1] ?? "";

/**
 * Sends bytes as they are, in these pieces, and reads until the other side says nothing more for a while or
 * hangs up.
 */
function raw(
  api: RuntimeApi,
  pieces: (string | Buffer)[],
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ host: "127.0.0.1", port: Number(hostOf(api).split(":")[1]), noDelay: true });
    const done = () => {
      socket.destroy();
      resolve(text);
    };
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (enough(text)) done();
    });
    socket.on("error", done).on("close", done);
    for (const piece of pieces) socket.write(piece);
  });
}

test("any HTTP client gets the next event and answers it", async () => {
  const { api, said } = await apiOf({ asksForNext: () => api.deliver(event) });
  const answer = await call(api, "GET", next);
  expect(answer).toMatchObject({
    status: 200,
    body: event.payload,
    headers: {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": "id-1",
      "lambda-runtime-deadline-ms": "5",
      "lambda-runtime-invoked-function-arn": "arn:f",
      "lambda-runtime-trace-id": "Root=1",
    },
  });
  expect(
    await call(api, "POST", "/2018-06-01/runtime/invocation/id-1/response", { body: '"ü"' }),
  ).toMatchObject({
    status: 202,
    body: '{"status":"OK"}',
  });
  expect(await call(api, "POST", "/2018-06-01/runtime/invocation/id-1/error", { body: "{}" })).toMatchObject({
    status: 202,
  });
  expect(await call(api, "POST", "/2018-06-01/runtime/init/error", { body: "{}" })).toMatchObject({
    status: 202,
  });
  expect(said).toEqual(['response id-1 "ü"', "error id-1 {}", "init {}"]);
});

test("an answer and the question for the next event may come in any pieces", async () => {
  const { api, said } = await apiOf();
  const host = `Host: ${hostOf(api)}\r\n`;
  const answer = `/${secretOf(api)}/2018-06-01/runtime/invocation/id-1/response`;
  const bytes = Buffer.from(
    `POST ${answer} HTTP/1.1\r\n${host}Content-Length: 4\r\n\r\n` +
      `"ü"GET /${secretOf(api)}${next} HTTP/1.1\r\n${host}\r\n`,
  );
  for (let at = 1; at < bytes.length; at += 7) {
    const reading = raw(api, [bytes.subarray(0, at), bytes.subarray(at)], (text) => text.includes("OK"));
    expect(await reading).toContain("202 Accepted");
  }
  const responses = said.filter((text) => text.startsWith("response"));
  expect(responses.length).toBeGreaterThan(10);
  expect(new Set(responses)).toEqual(new Set(['response id-1 "ü"']));
});

test("an environment cannot answer what it was not asked", async () => {
  const { api } = await apiOf({ responds: () => false });
  expect(
    await call(api, "POST", "/2018-06-01/runtime/invocation/other/response", { body: "1" }),
  ).toMatchObject({
    status: 400,
    body: expect.stringContaining("InvalidRequestID"),
  });
});

test.each<[what: string, method: string, path: string, headers: Record<string, string>, status: number]>([
  ["a page of a browser", "GET", next, { origin: "http://127.0.0.1:5173" }, 403],
  ["a page's image", "GET", next, { "sec-fetch-site": "cross-site" }, 403],
  ["a name bound to 127.0.0.1", "GET", next, { host: "evil.example" }, 403],
  ["another port", "GET", next, { host: "127.0.0.1:1" }, 403],
  ["a page that answers", "POST", "/2018-06-01/runtime/invocation/id-1/response", { origin: "null" }, 403],
  ["an unknown call", "GET", "/2018-06-01/runtime/other", {}, 404],
  ["another version", "POST", "/2000-01-01/runtime/invocation/id-1/response", {}, 404],
  ["an unknown verb", "POST", "/2018-06-01/runtime/invocation/id-1/other", {}, 404],
  ["a DELETE", "DELETE", next, {}, 404],
])("G-19 %s is refused", async (_, method, path, headers, status) => {
  const { api, said } = await apiOf();
  expect((await call(api, method, path, { headers })).status).toBe(status);
  expect(said).toEqual([]);
});

test.each<[what: string, base: (secret: string) => string]>([
  ["no secret", () => ""],
  ["another secret", (secret) => `/${"x".repeat(secret.length)}`],
  ["another secret in characters of several bytes", (secret) => `/${"ü".repeat(secret.length)}`],
  ["a part of the secret", (secret) => `/${secret.slice(1)}`],
  ["the secret and more", (secret) => `/${secret}x`],
  ["the secret in the query", (secret) => `?${secret}`],
])("F-03 with %s a call is refused, whatever it asks for", async (_, base) => {
  const { api, said } = await apiOf();
  const refused = async (method: string, path: string) =>
    (
      await raw(
        api,
        [`${method} ${base(secretOf(api))}${path} HTTP/1.1\r\nHost: ${hostOf(api)}\r\n\r\n`],
        (text) => text.endsWith("}"),
      )
    ).slice(9, 12);
  expect(secretOf(api)).toMatch(/^[\w-]{32}$/);
  expect([
    await refused("GET", next),
    await refused("POST", "/2018-06-01/runtime/invocation/id-1/response"),
    await refused("POST", "/2018-06-01/runtime/init/error"),
    await refused("GET", "/"),
  ]).toEqual([expect.stringMatching(/40[34]/), ...Array(3).fill(expect.stringMatching(/40[34]/))]);
  expect(said).toEqual([]);
});

test("only one may ask at a time, and hanging up while asking is noticed", async () => {
  let asked: () => void = () => undefined;
  let hungUp: () => void = () => undefined;
  const asking = new Promise<void>((resolve) => (asked = resolve));
  const hangingUp = new Promise<void>((resolve) => (hungUp = resolve));
  const { api } = await apiOf({ asksForNext: asked, hangsUp: hungUp });
  const first = request(`http://${api.address}${next}`, { agent: false }).on("error", () => undefined);
  first.end();
  await asking;
  expect(await call(api, "GET", next)).toMatchObject({
    status: 403,
    body: expect.stringContaining("InvalidStateTransition"),
  });
  expect(api.isWaiting()).toBe(true);
  first.destroy();
  await hangingUp;
  expect(api.isWaiting()).toBe(false);
});

test("a client that waits for 100 Continue gets it", async () => {
  const { api } = await apiOf();
  const head =
    `POST /${secretOf(api)}/2018-06-01/runtime/init/error HTTP/1.1\r\nHost: ${hostOf(api)}\r\n` +
    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  expect(await raw(api, [head, "{}"], (text) => text.includes("202"))).toMatch(
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 Accepted\r\n/,
  );
});

test("a body that is larger than Lambda passes on is not kept", async () => {
  const bodies: unknown[] = [];
  const { api } = await apiOf({ responds: (_, body) => bodies.push(body) > 0 });
  expect(
    (await call(api, "POST", "/2018-06-01/runtime/invocation/id-1/response", { body: "x".repeat(6_291_557) }))
      .status,
  ).toBe(413);
  expect(bodies).toEqual([undefined]);
});

test.each([
  ["no HTTP", "hello\r\n\r\n"],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\n"],
  ["a chunked body", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a length that is no number", "POST / HTTP/1.1\r\nContent-Length: 1e3\r\n\r\n"],
  ["a negative length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"],
  ["a header without a name", "GET / HTTP/1.1\r\n: x\r\n\r\n"],
  ["a head without end", `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}`],
])("%s gets 400 and the end of the connection", async (_, bytes) => {
  const { api } = await apiOf();
  expect(await raw(api, [bytes])).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
});
