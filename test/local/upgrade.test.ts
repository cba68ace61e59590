import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { openLocalAws } from "../support/local-aws.ts";
import { openRaw } from "../support/raw-socket.ts";

const signed =
  "Authorization: AWS4-HMAC-SHA256 Credential=A/20261123/us-east-1/logs/aws4_request, " +
  `SignedHeaders=host, Signature=${"0".repeat(64)}\r\n`;
const offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";

/** One call as curl --http2 and Java's HttpClient send the first on a connection. */
const call = (port: number, { headers = "", close = false, host = `127.0.0.1:${port}` } = {}) => {
  const body = '{"logGroupName":"offered"}';
  const target = "X-Amz-Target: Logs_20140328.CreateLogGroup\r\nContent-Type: application/x-amz-json-1.1\r\n";
  const length = `Content-Length: ${body.length}\r\n${close ? "Connection: close\r\n" : ""}`;
  return { head: `POST / HTTP/1.1\r\nHost: ${host}\r\n${signed}${target}${length}${headers}\r\n`, body };
};

test("an offer of HTTP/2 is ignored: the request is answered, and the connection stays open", async () => {
  const { port, calls } = await openLocalAws();
  const raw = await openRaw(port);
  const { head, body } = call(port, { headers: offer });
  raw.write(head);
  raw.write(body);
  expect(await raw.head()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  const again = call(port, { close: true });
  raw.write(again.head + again.body);
  expect((await raw.rest()).toString()).toMatch(
    /^\{\}HTTP\/1\.1 400 Bad Request\r\n[\s\S]*ResourceAlreadyExistsException/,
  );
  expect(calls.map(({ operation, status }) => [operation, status])).toEqual([
    ["CreateLogGroup", 200],
    ["CreateLogGroup", 400],
  ]);
});

test("G-17 an offer from another Host is refused, and close does not wait for its connection", async () => {
  const { port, calls, close } = await openLocalAws();
  const raw = await openRaw(port);
  const { head, body } = call(port, { headers: offer, host: "evil.example" });
  raw.write(head + body);
  expect(await raw.head()).toMatch(/^HTTP\/1\.1 403 /);
  const kept = await openRaw(port);
  const allowed = call(port, { headers: offer });
  kept.write(allowed.head + allowed.body);
  expect(await kept.head()).toMatch(/^HTTP\/1\.1 200 /);
  expect(calls).toHaveLength(1);
  await close();
});

test("offers on one connection that is kept leave nothing behind", async () => {
  const { port } = await openLocalAws();
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on("warning", warned);
  onTestFinished(() => void process.off("warning", warned));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const lines = call(port, { headers: offer }).head.trim().split("\r\n").slice(1);
  const headers = Object.fromEntries(lines.map((line) => line.split(": ")));
  const ask = async () => {
    const asked = request({ port, host: "127.0.0.1", agent, method: "POST", headers }).end(call(port).body);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    await once(answer.resume(), "close");
    return { status: answer.statusCode, kept: asked.reusedSocket };
  };
  await ask();
  for (let more = 0; more < 12; more++) expect(await ask()).toEqual({ status: 400, kept: true });
  expect(warnings).toEqual([]);
});
