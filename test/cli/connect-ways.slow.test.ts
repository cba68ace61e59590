import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connectProxy } from "../support/connect-proxy.ts";
import { refusingServer, selfSignedServer, webSocketServer } from "../support/handshake-server.ts";
import { certificate } from "../support/self-signed.ts";
import { errorCode, run, start } from "../support/program.ts";

const documents = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A server that is not ours: what one sends, all get. */
async function room(): Promise<string> {
  const members = new Set<{ send(text: string): void }>();
  return await webSocketServer((socket) => {
    members.add(socket);
    socket.on("close", () => members.delete(socket));
    socket.on("message", (payload: Buffer) => {
      for (const one of members) one.send(payload.toString());
    });
  });
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "shelfshack-ws-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("a handshake that is to be refused: 0 for that status, 3 for another or none", async () => {
  const refused = ["connect", "--url", await refusingServer(401), "--json", "--expect-status"];
  const [met, other] = await Promise.all([run([...refused, "401"]), run([...refused, "403"])]);
  expect([met.code, JSON.parse(met.stdout)]).toMatchObject([0, { mode: "refusal", status: 401 }]);
  expect([other.code, JSON.parse(other.stdout)]).toMatchObject([3, { status: 401, expectedStatus: 403 }]);
  const open = await run(["connect", "--url", await room(), "--expect-status", "401"]);
  expect([open.code, open.stdout + open.stderr]).toEqual([3, expect.stringContaining("was accepted")]);
});

test("S19 with --clients one sends and all others must receive", async () => {
  const args = ["connect", "--url", await room(), "--clients", "3", "--send", '{"a":1}', "--json"];
  const met = await run([...args, "--expect", '{"a":1}']);
  expect([met.code, documents(met.stdout).at(-1)]).toMatchObject([
    0,
    { mode: "clients", clients: 3, deliveries: [{ client: 2 }, { client: 3 }] },
  ]);
  expect(documents(met.stdout)).toContainEqual(
    expect.objectContaining({ kind: "frame", as: "1", direction: "sent", text: '{"a":1}' }),
  );
  const missed = await run([...args, "--expect", '{"a":2}', "--timeout", "0.3"]);
  expect([missed.code, documents(missed.stdout).at(-1)]).toMatchObject([
    3,
    {
      deliveries: [
        { client: 2, ms: null },
        { client: 3, ms: null },
      ],
    },
  ]);
});

test("S19 what a backend gives new clients is not the message of another one", async () => {
  const server = async (again: number | undefined) =>
    await webSocketServer((socket) => {
      const greet = () => socket.send("welcome");
      const timer = again === undefined ? setTimeout(greet, 200) : setInterval(greet, again);
      socket.on("close", () => clearTimeout(timer));
    });
  const share = async (again?: number) => {
    const args = ["connect", "--url", await server(again), "--clients", "2", "--send", "x", "--json"];
    return await run([...args, "--timeout", "0.3"]);
  };
  const [once, always] = await Promise.all([share(), share(100)]);
  expect([once.code, documents(once.stdout).at(-1)]).toMatchObject([
    3,
    { deliveries: [{ client: 2, ms: null }] },
  ]);
  expect([always.code, documents(always.stdout).at(-1)]).toMatchObject([
    2,
    { error: { code: "value-missing" } },
  ]);
});

test("S52 a script from a file: 0 when all is met, 3 at a step that is not, 2 when wrong", async () => {
  const file = join(await folder(), "chat.jsonl");
  const url = await room();
  let allowed = true;
  const play = async (...steps: object[]) => {
    await writeFile(file, steps.map((step) => JSON.stringify(step)).join("\n"));
    const args = ["connect", "--url", url, "--script", file, "--json"];
    return await run(allowed ? [...args, "--script-env", "ANN_TOKEN"] : args, {
      env: { ANN_TOKEN: "s3cr3t" },
    });
  };
  const ann = { as: "ann", open: { booking: "1", token: "$ANN_TOKEN" } };
  const met = await play(ann, { as: "ann", send: "hi" }, { as: "ann", expect: "~hi" });
  expect([met.code, documents(met.stdout).at(-1)]).toMatchObject([0, { mode: "script", total: 3 }]);
  const unmet = await play(ann, { as: "ann", expect: { a: 1 }, within: 0.1 }, { as: "ann", send: "hi" });
  expect([unmet.code, documents(unmet.stdout).at(-1)]).toMatchObject([
    3,
    { total: 3, steps: [{ met: true }, { met: false, failure: { reason: "no-such-frame" } }] },
  ]);
  const wrong = await play(ann, { as: "ann", sent: "hi" });
  expect([wrong.code, errorCode(wrong)]).toEqual([2, "script-invalid"]);
  allowed = false;
  const forbidden = await play(ann, { as: "ann", send: "hi" });
  expect([forbidden.code, errorCode(forbidden)]).toEqual([2, "script-invalid"]);
  for (const { stdout, stderr } of [met, unmet, wrong, forbidden])
    expect(stdout + stderr).not.toContain("s3cr3t");
  const missing = await run(["connect", "--url", url, "--script", `${file}.missing`, "--json"]);
  expect([missing.code, errorCode(missing)]).toEqual([2, "script-invalid"]);
});

test("options that contradict each other are exit code 2 before anything is opened", async () => {
  for (const words of [
    ["--script", "x", "--send", "y"],
    ["--script-env", "ANN_TOKEN"],
    ["--expect-status", "401", "--expect", "~x"],
    ["--clients", "2"],
    ["--clients", "2", "--send", "x", "--send", "y"],
    ["--clients", "2", "--send", "x", "--reconnect"],
  ]) {
    const refused = await run(["connect", "--url", "ws://127.0.0.1:1", ...words, "--json"]);
    expect([words, refused.code, errorCode(refused)]).toEqual([words, 2, "options-contradict"]);
  }
});

test("--reconnect opens it again after a pause, and Ctrl-C ends it", async () => {
  let connections = 0;
  const url = await webSocketServer((socket) => {
    connections += 1;
    if (connections === 1) socket.close(1012);
    else socket.send("second");
  });
  const running = start(["connect", "--url", url, "--reconnect"], { input: null });
  await running.says("second");
  running.signal("SIGINT");
  const { code, stderr } = await running.ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/warning: closed with 1012; opening it again in \d+ ms\nopen again in \d+ ms/);
});

test("S45 through a proxy, by option or variable, unless NO_PROXY has the host", async () => {
  const url = await room();
  const proxy = await connectProxy({ target: url });
  const withLogin = proxy.url.replace("//", "//me:s3cr3t@");
  const args = ["connect", "--send", "x", "--expect", "~x", "--timeout", "20", "--json"];
  const byOption = await run([...args, "--url", url, "--proxy", withLogin, "--debug"]);
  expect([byOption.code, documents(byOption.stdout).at(-1)]).toMatchObject([
    0,
    { phases: { proxy: expect.any(Number), http: expect.any(Number) } },
  ]);
  expect(byOption.stdout + byOption.stderr).not.toContain("s3cr3t");
  const elsewhere = ["--url", "ws://ws.example.test:80/dev"];
  const byVariable = await run([...args, ...elsewhere], { env: { HTTP_PROXY: withLogin } });
  expect(byVariable.code).toBe(0);
  const authorization = `Basic ${Buffer.from("me:s3cr3t").toString("base64")}`;
  expect(proxy.asked).toEqual([
    { host: new URL(url).host, authorization },
    { host: "ws.example.test:80", authorization },
  ]);
  // This machine, and what NO_PROXY has, is reached directly.
  const here = await run([...args, "--url", url], { env: { HTTP_PROXY: proxy.url } });
  expect(here.code).toBe(0);
  const past = await run([...args, ...elsewhere], {
    env: { HTTP_PROXY: proxy.url, NO_PROXY: ".example.test" },
  });
  expect([past.code, errorCode(past)]).toEqual([
    1,
    expect.stringMatching(/^(host-not-found|name-server-failed)$/),
  ]);
  expect(proxy.asked).toHaveLength(2);
});

test("S45 a proxy that refuses, wants a login or is not there is named as the proxy", async () => {
  const errorBehind = async (proxy: string) => {
    const args = ["connect", "--url", "wss://ws.example.test/dev", "--json"];
    const { code, stdout } = await run(args, { env: { HTTPS_PROXY: proxy } });
    expect(code).toBe(1);
    return (JSON.parse(stdout) as { error: object }).error;
  };
  const [refused, login] = await Promise.all([connectProxy({ status: 403 }), connectProxy({ status: 407 })]);
  expect(await errorBehind(refused.url)).toMatchObject({ code: "proxy-refused" });
  expect(await errorBehind(login.url)).toMatchObject({
    code: "proxy-login-needed",
    message: expect.stringContaining(`the proxy ${new URL(login.url).host} requires authentication`),
  });
  expect(await errorBehind("http://127.0.0.1:1")).toMatchObject({
    code: "connection-refused",
    hint: expect.stringContaining("HTTPS_PROXY"),
  });
});

test("S45 AWS_CA_BUNDLE makes a private authority's certificate valid", async () => {
  const file = join(await folder(), "ca.pem");
  await writeFile(file, certificate, { mode: 0o600 });
  const url = (await selfSignedServer()).replace("127.0.0.1", "localhost");
  const codeWith = async (bundle: string) =>
    errorCode(
      await run(["connect", "--url", url, "--timeout", "5", "--json"], { env: { AWS_CA_BUNDLE: bundle } }),
    );
  expect(await codeWith("")).toBe("certificate-invalid");
  // It speaks TLS and no WebSocket: that is found out behind a certificate that is valid.
  expect(await codeWith(file)).not.toBe("certificate-invalid");
  expect(await codeWith(`${file}.missing`)).toBe("file-unusable");
});
