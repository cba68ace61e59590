import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { asking, chat } from "../support/chat.ts";
import { run } from "../support/program.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";
import { needsFastApi } from "../support/uvicorn.ts";
import { wholePath } from "../support/whole-path.ts";

beforeEach(needsFastApi);

/** The connection ids that the backend remembers for a booking. */
async function known({ url }: { url: string }, booking: string): Promise<string[]> {
  const answer = await fetch(`${url}/known?booking=${booking}`);
  return (await answer.json()) as string[];
}

/** A client of a booking that has got its history. */
async function client(url: string, booking: string, token: string) {
  const socket = await openSocket(asking(url, booking, token));
  expect(JSON.parse(await socket.next())).toEqual({ type: "history", booking, frames: [] });
  return { ...socket, frame: async () => JSON.parse(await socket.next()) as Record<string, unknown> };
}

test("S25 a refused token: 401, no connection is stored, and the token is in no log line", async () => {
  const { url, backend, local } = await wholePath(chat);
  expect(await refusedSocket(asking(url, "1", "bad-secret"))).toMatchObject({ status: 401 });
  expect(await known(backend, "1")).toEqual([]);
  const { code, stdout } = await run(["logs", "tail", "--no-follow"], {
    env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) },
  });
  expect(code).toBe(0);
  expect(stdout).toContain("status=401");
  expect(stdout).not.toContain("bad-secret");
});

test(
  "S26 the backend is away: handshake 502, a message gets backend_unavailable, and afterwards all is well",
  { timeout: 60_000 },
  async () => {
    const { url, backend } = await wholePath(chat);
    const ann = await client(url, "1", "ann");
    await backend.stop();
    ann.send('{"body":"1"}');
    expect(await ann.frame()).toMatchObject({ type: "error", code: "backend_unavailable" });
    expect(await refusedSocket(asking(url, "1", "ben"))).toMatchObject({ status: 502 });
    await backend.start();
    // What was remembered in memory is gone with the process: the client is told to come back with its token.
    ann.send('{"body":"2"}');
    expect(await ann.frame()).toMatchObject({ type: "error", code: "unauthorized" });
    const again = await client(url, "1", "ann");
    again.send('{"body":"3"}');
    expect(await again.frame()).toEqual({ type: "ack", text: '{"body":"3"}' });
  },
);

test("S27 a slow backend: handshake 504", { timeout: 60_000 }, async () => {
  const { url } = await wholePath(chat, { variables: { BACKEND_TIMEOUT_MS: "500" } });
  expect(await refusedSocket(asking(url, "1", "slow"))).toMatchObject({ status: 504 });
});

test("S28 S29 history on open; two clients of a booking get a message once, others none", async () => {
  const { url, backend } = await wholePath(chat);
  const [ann, ben, eve] = [
    await client(url, "1", "ann"),
    await client(url, "1", "ben"),
    await client(url, "2", "eve"),
  ];
  ann.send('{"body":"hello"}');
  expect(await ann.frame()).toEqual({ type: "ack", text: '{"body":"hello"}' });
  expect(await ben.frame()).toEqual({ type: "message", from: "ann", text: '{"body":"hello"}' });
  eve.send('{"body":"alone"}');
  expect(await eve.frame()).toEqual({ type: "ack", text: '{"body":"alone"}' });
  ben.webSocket.terminate();
  await ben.closed();
  ann.send('{"body":"still there?"}');
  expect(await ann.frame()).toEqual({ type: "ack", text: '{"body":"still there?"}' });
  await expect.poll(() => known(backend, "1")).toHaveLength(1);
});

const odd: readonly [string, string, string][] = [
  ["a string", '"hello"', '"hello"'],
  ["an array", "[1]", "[1]"],
  ["a number", "5", "5"],
  ["plain text", "hello there", '{"text":"hello there"}'],
  ["deep nesting", `${"[".repeat(2_000)}${"]".repeat(2_000)}`, `${"[".repeat(2_000)}${"]".repeat(2_000)}`],
  ["__proto__", '{"__proto__":{"polluted":1}}', '{"__proto__":{"polluted":1}}'],
  ["NUL", '{"a":"\\u0000"}', '{"a":"\\u0000"}'],
  ["half a surrogate pair", '{"a":"\\ud800"}', '{"a":"\\ud800"}'],
  ["a huge number", '{"a":1e999}', '{"a":1e999}'],
  ["odd spacing and a repeated key", '{ "a" : 1,  "a":2 }', '{ "a" : 1,  "a":2 }'],
];

test("S30 odd frames reach the backend as they were sent, and nothing breaks", async () => {
  const { url } = await wholePath(chat);
  const ann = await client(url, "1", "ann");
  for (const [what, sent, arrived] of odd) {
    ann.send(sent);
    expect(await ann.frame(), what).toEqual({ type: "ack", text: arrived });
  }
  const large = JSON.stringify({ body: "x".repeat(30_000) });
  ann.send(large);
  expect(await ann.frame()).toEqual({ type: "ack", text: large });
});

test("S31 an answer over 128 KB: payload_too_large, and the connection stays", async () => {
  const { url } = await wholePath(chat);
  const ann = await client(url, "1", "ann");
  ann.send('{"want":"big"}');
  expect(await ann.frame()).toMatchObject({ type: "error", code: "payload_too_large" });
  ann.send('{"body":"on"}');
  expect(await ann.frame()).toMatchObject({ type: "ack" });
});

test("an unsigned request to the backend gets 401, with any body", async () => {
  const { backend } = await wholePath(chat);
  const body = JSON.stringify({
    v: 1,
    path: "/api/ws/register",
    event: "connect",
    connection_id: "A=",
    type: "booking",
    booking_id: "1",
    token: "ann",
  });
  for (const path of ["register", "message", "disconnect"]) {
    const answer = await fetch(`${backend.url}/api/ws/${path}`, {
      method: "POST",
      body,
      headers: { "x-connection-id": "A=", "content-type": "application/json" },
    });
    expect([answer.status, await answer.json()]).toEqual([401, { detail: "unauthorized" }]);
  }
});

test("backend check passes against the kit", async () => {
  const { local } = await wholePath(chat);
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  const { code, stdout } = await run(["backend", "check", "--token", "ann", "--json"], { env });
  const failed = JSON.parse(stdout).checks.filter(({ outcome }: { outcome: string }) => outcome === "failed");
  expect(failed).toEqual([]);
  expect(code).toBe(0);
});

test(
  "F-17 the example runs no file of the current folder and gets neither credentials nor token",
  { timeout: 60_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-folder-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const trap = `open(${JSON.stringify(join(folder, "ran"))}, "a").write(__name__)\n`;
    for (const name of ["uvicorn", "click", "main", "fastapi"])
      await writeFile(join(folder, `${name}.py`), trap);
    const { code, stdout } = await run(["demo", "--backend", "fastapi"], {
      cwd: folder,
      env: {
        PATH: process.env["PATH"] ?? "",
        PYTHONSTARTUP: join(folder, "main.py"),
        PYTHONPATH: folder,
        SHELFSHACK_TOKEN: "secret",
      },
    });
    expect({ code, ran: existsSync(join(folder, "ran")) }).toEqual({ code: 0, ran: false });
    expect(stdout).toMatch(/Ben ← .*"from":"Ann"/);
  },
);

test(
  "F-21 outputs --for backend --local: with what it prints the backend pushes by itself",
  { timeout: 60_000 },
  async () => {
    const { url, local, backend } = await wholePath(chat);
    const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
    const { stdout } = await run(["outputs", "--for", "backend"], { env });
    const printed = stdout.trim().split("\n");
    const variables = Object.fromEntries(printed.map((line) => line.split(/=(.*)/s).slice(0, 2)));
    const ann = await client(url, "1", "ann");
    const answer = await fetch(`${backend.url}/push`, { method: "POST", body: JSON.stringify(variables) });
    expect(await answer.json()).toMatchObject({ sent: [expect.any(String)], failed: [], reasons: [] });
    expect(await ann.frame()).toEqual({ type: "pushed" });
  },
);

test(
  "demo --backend fastapi: the example under uvicorn, and nothing is left",
  { timeout: 60_000 },
  async () => {
    const { code, stdout } = await run(["demo", "--backend", "fastapi"], {
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Ben ← .*"from":"Ann".*is the cabin still free/);
  },
);
