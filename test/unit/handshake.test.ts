import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { addressOf } from "../../src/client/address.ts";
import { closeCodes, explainClose, explainFrame } from "../../src/client/frames.ts";
import { HandshakeError, explainHandshake } from "../../src/client/handshake.ts";
import { openSession } from "../../src/client/session.ts";
import { redactUrl } from "../../src/settings/redact.ts";
import { createQueue } from "../support/queue.ts";
import {
  deadAddress,
  refusingServer,
  selfSignedServer,
  silentServer,
  tcpServer,
  webSocketServer,
} from "../support/handshake-server.ts";

/** How opening that address fails. */
async function failure(url: string, timeoutMs = 5_000): Promise<HandshakeError> {
  const error: unknown = await openSession(new URL(url), { timeoutMs }).then(
    () => "it was opened",
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof HandshakeError)) throw new Error(`expected a HandshakeError, got ${String(error)}`);
  return error;
}

test("S20 a refused handshake says the status, what the server said, and no secret", async () => {
  const url = await refusingServer(403, '{"message": "Not\\n here"}', { "x-amzn-RequestId": "req-1" });
  const error = await failure(`${url}/dev?token=secret`);
  expect(error.code).toBe("handshake-403");
  expect(error.failure).toMatchObject({ kind: "status", status: 403, requestId: "req-1" });
  expect(error.message).toContain("HTTP 403, the stage does not exist");
  expect(error.message).toContain('(answer {"message": "Not\\n here"}; request id req-1)');
  expect(error.message).not.toContain("secret");
});

test.each([
  ["an opcode that is none", [0x83, 0x00], 1002],
  ["a reserved bit", [0xc1, 0x00], 1002],
  ["a masked frame", [0x81, 0x80, 0, 0, 0, 0], 1002],
  ["a ping in fragments", [0x09, 0x00], 1002],
  ["a continuation of nothing", [0x80, 0x00], 1002],
  ["text that is not UTF-8", [0x81, 0x02, 0xc3, 0x28], 1007],
  ["a message over the limit", [0x81, 0x7f, 0, 0, 0, 0, 0x02, 0, 0, 0], 1009],
])("F-11 %s: this side closes, and says why", async (_what, bytes, code) => {
  const url = await webSocketServer((_socket, _url, connection) => {
    connection.write(Buffer.from(bytes));
  });
  const session = await openSession(new URL(url), { timeoutMs: 5_000 });
  expect(await session.closed).toMatchObject({ code, isOurs: true, error: expect.any(String) });
});

test("F-11 an http address is shown as the WebSocket's", () => {
  expect(() => addressOf("https://abc123.execute-api.us-east-1.amazonaws.com/dev", {})).toThrow(
    expect.objectContaining({
      code: "url-invalid",
      hint: "the same address for a WebSocket: wss://abc123.execute-api.us-east-1.amazonaws.com/dev",
    }),
  );
});

test("S20 a redirect is named without the secrets of its target and not followed", async () => {
  const error = await failure(
    await refusingServer(302, "", { location: "https://user:pw@elsewhere.example/login?code=secret" }),
  );
  expect(error.message).toContain("leads to https://***@elsewhere.example/login?code=***");
});

test("S20 a body without an end is cut, and one that stops early does not delay the client", async () => {
  const endless = await failure(
    await tcpServer((socket) => {
      socket.write(`HTTP/1.1 403 Forbidden\r\ncontent-length: 100000000\r\n\r\n${"x".repeat(100_000)}`);
    }),
  );
  expect(endless.failure).toMatchObject({ kind: "status", status: 403, body: "x".repeat(4096) });
  expect(endless.message.length).toBeLessThan(1_000);
  const halting = await failure(
    await tcpServer((socket) => socket.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\nhalf")),
    300,
  );
  expect(halting.failure).toMatchObject({ kind: "status", status: 403, body: "half" });
});

test("S20 refused, unknown host, TLS, silence and other protocols have codes of their own", async () => {
  const codeOf = async (url: string, timeoutMs?: number) => (await failure(url, timeoutMs)).code;
  const refused = await failure(await deadAddress());
  expect(refused).toMatchObject({
    code: "connection-refused",
    phase: "connect",
    failure: { kind: "network", code: "ECONNREFUSED" },
  });
  expect(explainHandshake(refused.failure, new URL("ws://127.0.0.1:4566/a/dev"), "local").code).toBe(
    "local-aws-not-running",
  );
  expect(await codeOf("ws://no-such-host.invalid/dev")).toMatch(/^(host-not-found|name-server-failed)$/);
  expect(await codeOf(await selfSignedServer())).toBe("certificate-invalid");
  expect(await codeOf((await refusingServer(403)).replace("ws:", "wss:"))).toBe("tls-failed");

  const silent = await failure(await silentServer(), 200);
  expect(silent).toMatchObject({ code: "timed-out", phase: "http" });
  expect(silent.failure).toEqual({ kind: "timeout", phase: "http", afterMs: 200 });
  expect(silent.message).toContain("connected, but there was no answer within 0.2 s");
  const silentTls = await failure((await silentServer()).replace("ws:", "wss:"), 200);
  expect(silentTls).toMatchObject({ code: "timed-out", phase: "tls" });

  expect(await codeOf(await tcpServer((socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n")))).toBe(
    "not-websocket",
  );
  expect(await codeOf(await tcpServer((socket) => socket.end()))).toBe("connection-reset");
  const wrongAccept = await tcpServer((socket) =>
    socket.write(
      "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n" +
        "sec-websocket-accept: no\r\n\r\n",
    ),
  );
  expect(await codeOf(wrongAccept)).toBe("not-websocket");
});

test("an aborted signal ends the handshake with its reason", async () => {
  const abort = new AbortController();
  const opening = openSession(new URL(await silentServer()), { timeoutMs: 5_000, signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(opening).rejects.toThrow("enough");
});

test("S21 close codes and API Gateway's own frames are explained, those of an application are not", () => {
  const [aws, local] = [
    new URL("wss://abc.execute-api.us-east-1.amazonaws.com/dev"),
    new URL("ws://127.0.0.1:4566/abc/dev"),
  ];
  for (const [code, meaning] of Object.entries(closeCodes))
    expect(explainClose(Number(code), aws)).toBe(meaning);
  expect(explainClose(4001, aws)).toBeUndefined();
  expect(explainClose(1001, aws)).toMatch(/2 hours old$/);
  expect(explainClose(1001, local)).toMatch(/2 hours old, or the local AWS stopped$/);
  const gatewayFrame = (message: string) =>
    `{"message": "${message}", "connectionId":"UbT2acX1IAMCJpw=", "requestId":"UbT2nH5bIAMFSnA="}`;
  expect(explainFrame(gatewayFrame("Internal server error"))?.code).toBe("frame-internal-error");
  expect(explainFrame(gatewayFrame("Limit Exceeded"))?.code).toBe("frame-throttled");
  expect(explainFrame(gatewayFrame("constructor"))).toBeUndefined();
  expect(explainFrame('{"message":"Forbidden"}')).toBeUndefined();
  expect(explainFrame("{not json")).toBeUndefined();
});

test("C-04 the address holds the subscription percent-encoded and is shown without secrets", () => {
  const address = addressOf("wss://api.example.com/v1?extra=x#part", {
    booking: "1 &2",
    type: "chat",
    token: "a+b/c=é",
  });
  expect(address.href).toBe(
    "wss://api.example.com/v1?extra=x&booking_id=1%20%262&type=chat&token=a%2Bb%2Fc%3D%C3%A9",
  );
  expect(redactUrl(address.href)).toBe(
    "wss://api.example.com/v1?extra=***&booking_id=1%20%262&type=chat&token=***",
  );
  expect(redactUrl("ws://user:pw@h/")).toBe("ws://***@h/");
  for (const base of ["https://user:pw@api.example.com/?token=secret", "not a url?token=secret"]) {
    expect(() => addressOf(base, {})).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.not.stringMatching(/secret|pw/) }),
    );
  }
});

/** The payload sizes of the masked frames that a client wrote. */
function frameSizes(written: Buffer): number[] {
  const sizes: number[] = [];
  for (let at = 0; at + 6 <= written.length;) {
    const short = written.readUInt8(at + 1) & 0x7f;
    const size =
      short === 126
        ? written.readUInt16BE(at + 2)
        : short === 127
          ? Number(written.readBigUInt64BE(at + 2))
          : short;
    sizes.push(size);
    at += 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + 4 + size;
  }
  return sizes;
}

test("a long message leaves in fragments of at most 32 KB, wherever its characters end", async () => {
  const chunks: Buffer[] = [];
  const messages = createQueue<string>();
  const url = await webSocketServer((socket, _url, connection) => {
    connection.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("message", (payload: Buffer) => messages.put(payload.toString()));
  });
  const session = await openSession(new URL(url), { timeoutMs: 5_000 });
  const text = "é".repeat(65_536);
  expect(await session.send(text)).toMatchObject({ direction: "sent", bytes: 131_072 });
  expect(await messages.next()).toBe(text);
  expect(frameSizes(Buffer.concat(chunks))).toEqual([32_000, 32_000, 32_000, 32_000, 3_072]);
  expect(await session.close()).toMatchObject({ code: 1000 });
  expect(await session.send("late")).toBeUndefined();
});

test("keep-alive messages go out while it is quiet, and binary frames come as base64", async () => {
  const messages = createQueue<string>();
  const url = await webSocketServer((socket) => {
    socket.send(Buffer.from([0, 1, 2]));
    socket.on("message", (payload: Buffer) => messages.put(payload.toString()));
  });
  const kept = createQueue<string | undefined>();
  const session = await openSession(new URL(url), {
    timeoutMs: 5_000,
    keepaliveMs: 20,
    onKeepalive: ({ text }) => kept.put(text),
  });
  expect([await messages.next(), await messages.next()]).toEqual(['{"type":"ping"}', '{"type":"ping"}']);
  expect(await kept.next()).toBe('{"type":"ping"}');
  const { value } = (await session.frames[Symbol.asyncIterator]().next()) as { value: unknown };
  expect(value).toMatchObject({ direction: "received", bytes: 3, base64: "AAEC" });
  await session.close();
});

test("headers, subprotocols and an origin go with the handshake, and the one chosen is known", async () => {
  const requests = createQueue<string>();
  const url = await tcpServer((socket, request) => {
    requests.put(request);
    const key = /^sec-websocket-key: (.*)$/im.exec(request)?.[1] ?? "";
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    const chosen = /protocol: two/i.test(request) ? "Sec-WebSocket-Protocol: two\r\n" : "";
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n`,
    );
  });
  const open = (subprotocols: string[]) =>
    openSession(new URL(url), {
      timeoutMs: 5_000,
      request: { headers: { "X-Team": "blue" }, subprotocols, origin: "https://app.example.com" },
    });
  const session = await open(["two", "one", "two"]);
  expect(session.subprotocol).toBe("two");
  const request = await requests.next();
  for (const line of ["X-Team: blue", "Origin: https://app.example.com", "Sec-WebSocket-Protocol: two,one"])
    expect(request).toContain(`${line}\r\n`);
  await expect(open(["one"])).rejects.toMatchObject({ code: "subprotocol-refused" });
});

test("a peer that never sends a close frame is disconnected", async () => {
  const url = await webSocketServer((socket) => socket.pause());
  const session = await openSession(new URL(url), { timeoutMs: 5_000 });
  const startedAt = performance.now();
  expect(await session.close()).toMatchObject({ code: 1006 });
  expect(performance.now() - startedAt).toBeLessThan(4_000);
});
