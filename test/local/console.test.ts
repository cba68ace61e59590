import { request } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { openConsole } from "../../src/console/serve.ts";
import { startLocalAws, type LocalAwsOptions } from "../../src/local/server.ts";
import { createQueue } from "../support/queue.ts";

async function page(options: LocalAwsOptions = {}) {
  const local = await startLocalAws(options);
  const next = createQueue<string>();
  const { url, close } = openConsole({ local, secrets: [], onNextAddress: (address) => next.put(address) });
  onTestFinished(async () => {
    close();
    await local.close();
  });
  const origin = new URL(url).origin;
  /** A request as the page makes it, unless it is given other headers, or none with undefined. */
  const post = (
    path: string,
    given: Record<string, string | undefined> = {},
    body: object = {},
    signal: AbortSignal | null = null,
  ) => {
    const headers = { origin, "x-shelfshack-console": "", "content-type": "application/json", ...given };
    const kept = Object.entries(headers).filter(
      (header): header is [string, string] => header[1] !== undefined,
    );
    const init = { method: "POST", headers: kept, body: JSON.stringify(body), signal };
    return fetch(`${origin}/_console/${path}`, init);
  };
  const session = async (body: object = {}) => {
    const answer = await post("session", {}, body);
    return { status: answer.status, ...((await answer.json()) as { session?: string }) };
  };
  return { url, origin, next, post, session };
}

test("the console's files hold nothing secret, run nothing inline and are framed by no page", async () => {
  const { url, origin } = await page();
  for (const file of ["", "page.js", "page.css"]) {
    const answer = await fetch(`${origin}/_console/${file}`);
    expect(answer.status).toBe(200);
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    await answer.arrayBuffer();
  }
  expect(url).toBe(`${origin}/_console/`);
});

test.each<[string, Record<string, string | undefined>]>([
  ["of another origin", { origin: "http://evil.example" }],
  ["of another port", { origin: "http://127.0.0.1:1" }],
  ["without an origin", { origin: undefined }],
  ["without the header that makes it no simple request", { "x-shelfshack-console": undefined }],
])("what a page %s asks for is refused", async (_what, headers) => {
  const { post, session } = await page();
  const { session: good = "" } = await session();
  for (const path of ["session", "stream", "action"]) {
    const answer = await post(path, { "x-shelfshack-console": good, ...headers });
    expect(answer.status, path).toBe(403);
  }
});

test("under a name that is not this machine's nothing is served, its files neither", async () => {
  const { origin } = await page();
  const host = "evil.example";
  const headers = { host, origin: `http://${host}`, "x-shelfshack-console": "" };
  const status = (method: string, path: string) =>
    new Promise((resolve, reject) =>
      request(`${origin}/_console/${path}`, { method, headers, agent: false })
        .on("response", (answer) => resolve(answer.resume().statusCode))
        .on("error", reject)
        .end(),
    );
  for (const path of ["session", "stream", "action"]) expect(await status("POST", path), path).toBe(403);
  for (const path of ["", "page.js"]) expect(await status("GET", path), path).toBe(403);
});

test("without a session nothing is told and nothing done; a GET does neither", async () => {
  const { origin, post, session } = await page();
  for (const path of ["stream", "action"]) {
    expect((await post(path, { "x-shelfshack-console": "made up" })).status).toBe(401);
    expect((await fetch(`${origin}/_console/${path}`)).status).toBe(403);
  }
  const { session: good = "" } = await session();
  const act = async (body: object) => (await post("action", { "x-shelfshack-console": good }, body)).status;
  const why = async (body: object) =>
    ((await (await post("action", { "x-shelfshack-console": good }, body)).json()) as { reason: string })
      .reason;
  expect(await why({ action: "send", connectionId: "x", text: "y" })).toBe("gone");
  expect(await why({ action: "replay", requestId: "x" })).toBe("forgotten");
  expect(await why({ action: "send", connectionId: "x", text: "y".repeat(900_000) })).toBe("too-large");
  expect(await act({ action: "toString" })).toBe(400);
  expect(await act({ action: "send", connectionId: "x" })).toBe(400);
  expect(await act({ action: "send", connectionId: "x", text: "y".repeat(131_073) })).toBe(413);
  expect(await act({ action: "send", connectionId: "x", text: "y" })).toBe(410);
  expect(await act({ action: "close", connectionId: "x" })).toBe(410);
  expect(await act({ action: "replay", requestId: "x" })).toBe(410);
  expect(await act({ action: "replay", requestId: "x", text: { toString: 1 } })).toBe(410);
  // In JSON this is twice as long.
  expect(await act({ action: "send", connectionId: "x", text: '"'.repeat(131_072) })).toBe(410);
});

test("where users cannot be told apart, the key of the printed address is good for one page", async () => {
  const { url, origin, next, session } = await page({ verifySignatures: true });
  const keyIn = (address: string) => new URLSearchParams(new URL(address).hash.slice(1)).get("key");
  expect((await session()).status).toBe(401);
  expect((await session({ key: "made up" })).status).toBe(401);
  expect((await session({ key: keyIn(url) })).status).toBe(200);
  expect((await session({ key: keyIn(url) })).status).toBe(401);
  const again = await next.next();
  expect(again.startsWith(`${origin}/_console/#key=`)).toBe(true);
  expect((await session({ key: keyIn(again) })).status).toBe(200);
});

test("the fifth page is told that there are too many, and is served when one has closed", async () => {
  const { post, session } = await page();
  const { session: good = "" } = await session();
  const streams: AbortController[] = [];
  const streamed = async () => {
    const leaving = new AbortController();
    const answer = await post("stream", { "x-shelfshack-console": good }, {}, leaving.signal);
    if (answer.ok) streams.push(leaving);
    return answer;
  };
  while (streams.length < 4) await streamed();
  const refused = await streamed();
  expect([refused.status, await refused.json()]).toEqual([503, { status: 503, reason: "too-many-pages" }]);
  streams[0]?.abort();
  await expect.poll(async () => (await streamed()).status).toBe(200);
  // However many sessions are opened, one that has a stream stays; the one that was used last goes last.
  const { session: last } = await session();
  for (let count = 0; count < 63; count++) await session();
  const status = async (of = "") => (await post("action", { "x-shelfshack-console": of }, {})).status;
  expect([await status(good), await status(last)]).toEqual([400, 401]);
  for (const leaving of streams) leaving.abort();
});

test("under an API's name every path is the API's: a stage may be called as the console is", async () => {
  const { origin } = await page();
  const { port } = new URL(origin);
  const answered = (host: string) =>
    new Promise((resolve, reject) =>
      request(`${origin}/_console/`, { headers: { host: `${host}:${port}` }, agent: false })
        .on("response", (answer) => resolve(answer.resume().statusCode))
        .on("error", reject)
        .end(),
    );
  expect([await answered("localhost"), await answered("a1b2c3.execute-api.localhost")]).toEqual([200, 403]);
});
