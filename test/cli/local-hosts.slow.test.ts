import { request as ask, type RequestOptions } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { placesFor } from "../../src/local/listening.ts";
import { errorCode, run, start } from "../support/program.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";

/** A `local` that is ready. */
async function startLocal(...args: string[]) {
  const local = start(["local", "--port", "0", "--json", ...args], { input: null });
  const said = await local.says(/"kind":"ready".*\n/);
  const ready = said.split("\n").find((line) => line.includes('"kind":"ready"')) ?? "";
  const { port, url, otherUrls } = JSON.parse(ready) as { port: number; url: string; otherUrls: string[] };
  const stop = async () => {
    local.signal("SIGTERM");
    const { stderr } = await local.ended;
    return stderr.split("\n").filter((line) => line.startsWith("warning: "));
  };
  return { port, url, otherUrls, stop };
}

async function answerOf(options: RequestOptions): Promise<{ status: number | undefined; body: string }> {
  const request = ask(options).end();
  const response = await new Promise<NodeJS.ReadableStream & { statusCode?: number }>((resolve, reject) =>
    request.on("response", resolve).on("error", reject),
  );
  return { status: response.statusCode, body: await text(response) };
}

/** A signature in form, for any service. */
const signed = (service: string) => ({
  authorization:
    `AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/${service}/aws4_request, ` +
    `SignedHeaders=host, Signature=${"0".repeat(64)}`,
});
const functions = "/2015-03-31/functions";

test(
  "F-39 each name and page that is refused is one line with the option that lets it in, and that does",
  { timeout: 60_000 },
  async () => {
    const container = {
      path: functions,
      headers: { host: "host.docker.internal:4566", ...signed("lambda") },
    };
    const pages = ["http://192.168.1.5:5173", "http://my-mac.local:3000", "null", "capacitor://localhost"];
    const client = "?booking_id=1&token=demo";

    const strict = await startLocal();
    for (const path of [functions, "/other"]) {
      const { status, body } = await answerOf({ port: strict.port, ...container, path });
      expect([status, body]).toEqual([
        403,
        expect.stringContaining("`local --allow-host host.docker.internal` allows it"),
      ]);
    }
    for (const origin of [...pages, ...pages]) {
      const refused = await refusedSocket(strict.url + client, { origin });
      expect([refused.status, refused.body]).toEqual([
        403,
        expect.stringContaining("does not serve pages of"),
      ]);
    }
    const lines = await strict.stop();
    expect(lines.map((line) => /--allow-host (\S+)`/.exec(line)?.[1])).toEqual([
      "host.docker.internal",
      "192.168.1.5",
      "my-mac.local",
      undefined,
      "capacitor://localhost",
    ]);

    const names = ["host.docker.internal", "192.168.1.5", "my-mac.local", "null", "capacitor://localhost"];
    const lenient = await startLocal(...names.flatMap((name) => ["--allow-host", name]));
    expect((await answerOf({ port: lenient.port, ...container })).status).toBe(200);
    for (const origin of pages) (await openSocket(lenient.url + client, { origin })).close();
    expect(lenient.otherUrls).toEqual(
      names.slice(0, 3).map((name) => lenient.url.replace("127.0.0.1", name)),
    );
    expect(await lenient.stop()).toEqual([]);
  },
);

test("F-39 made-up names fill neither the output nor a line", { timeout: 60_000 }, async () => {
  const local = await startLocal();
  const made = Array.from({ length: 120 }, (_, count) => `${"x".repeat(500)}.${count}.example`);
  for (const [count, name] of made.entries())
    await answerOf({ port: local.port, headers: { host: count % 2 === 0 ? name : name.slice(490) } });
  const lines = await local.stop();
  expect(lines.length).toBeLessThanOrEqual(50);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(500);
});

test("F-39 another address to listen at is served beside loopback", { timeout: 60_000 }, async () => {
  const local = await startLocal("--listen", "127.0.0.2");
  const [other = ""] = local.otherUrls;
  expect(other).toBe(local.url.replace("127.0.0.1", "127.0.0.2"));
  for (const url of [local.url, other]) (await openSocket(`${url}?booking_id=1&token=demo`)).close();
  const page = { origin: "http://127.0.0.2:5173" };
  (await openSocket(`${other}?booking_id=1&token=demo`, page)).close();
  expect(await local.stop()).toEqual([]);
});

test("G-20 F-39 an address that this machine has not, and what is none, are refused", async () => {
  const foreign = await run(["local", "--port", "0", "--listen", "203.0.113.7", "--json"]);
  expect([foreign.code, errorCode(foreign)]).toEqual([2, "address-unusable"]);
  for (const words of [
    ["--listen", "localhost"],
    ["--allow-host", "a b"],
    ["--allow-host", "http://x/y"],
  ]) {
    const refused = await run(["local", "--port", "0", ...words, "--json"]);
    expect([refused.code, errorCode(refused)]).toEqual([2, "value-invalid"]);
  }
});

test("G-20 F-39 where it listens: on loopback always, elsewhere only when it is told to", () => {
  const listed = (address?: string) => placesFor(address).map(({ host }) => host);
  expect(listed()).toEqual(["127.0.0.1", "::1"]);
  expect(listed("127.0.0.1")).toEqual(["127.0.0.1", "::1"]);
  expect(listed("::1")).toEqual(["127.0.0.1", "::1"]);
  expect(listed("192.168.1.5")).toEqual(["127.0.0.1", "::1", "192.168.1.5"]);
  expect(listed("0.0.0.0")).toEqual(["0.0.0.0", "::1"]);
  expect(listed("::")).toEqual(["0.0.0.0", "::"]);
});

/** An address of this machine that is not loopback, from which a loopback one can be reached. */
async function ownAddress(port: number): Promise<string | undefined> {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  for (const { address, family, internal } of addresses) {
    if (internal || family !== "IPv4") continue;
    const reaches = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", localAddress: address });
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (reaches) return address;
  }
  return undefined;
}

test(
  "F-39 a client by another interface may open WebSockets; its calls are judged as all others",
  { timeout: 60_000 },
  async ({ skip }) => {
    const local = await startLocal("--verify-signatures");
    const localAddress = await ownAddress(local.port);
    if (localAddress === undefined) return skip("no address of this machine but loopback reaches 127.0.0.1");
    const socket = await openSocket(`${local.url}?booking_id=1&token=demo`, { localAddress });
    socket.send("hi");
    await socket.next();
    const from = { port: local.port, host: "127.0.0.1", localAddress };
    const push = { ...from, method: "POST", path: `${new URL(local.url).pathname}/@connections/abc=` };
    for (const call of [
      { ...from, path: functions, headers: signed("lambda") },
      { ...from, path: functions },
      { ...push, headers: signed("execute-api") },
      push,
    ])
      expect((await answerOf(call)).status).toBe(403);
    await local.stop();
  },
);
