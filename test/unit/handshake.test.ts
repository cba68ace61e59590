import { expect, test } from "vitest";
import { addressOf } from "../../src/client/address.ts";
import { HandshakeError, explainClose, explainFrame, explainHandshake } from "../../src/client/handshake.ts";
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

test.each([
  [400, "booking is missing", "--booking"],
  [401, "rejected the token, or it does not know the function's signing keys", "shelfshack-ws backend check"],
  [403, "stage does not exist", "shelfshack-ws status"],
  [404, "knows no such booking", "--booking"],
  [429, "throttled", "try again"],
  [500, "may not invoke the function", "deploy --only permission"],
  [502, "handler failed or could not reach the backend", "shelfshack-ws test"],
  [504, "did not answer in time", "shelfshack-ws test"],
  [301, "redirect", "status"],
  [200, "no WebSocket", "status"],
  [418, "API Gateway does not give", "status"],
])("S20 a handshake refused with %i says what it means and what to do", async (status, meaning, command) => {
  const url = await refusingServer(status, '{"message": "Not\\n here"}', { "x-amzn-RequestId": "req-1" });
  const error = await failure(`${url}/dev?token=secret`);
  expect(error.message).toContain(`HTTP ${status}`);
  expect(error.message).toContain(meaning);
  expect(error.message).toContain('{"message": "Not\\n here"}');
  expect(error.message).toContain("request id req-1");
  expect(error.message).not.toContain("secret");
  expect(error.hint).toContain(command);
  expect(error.exitCode).toBe(1);
  expect(error.failure).toMatchObject({ kind: "status", status, requestId: "req-1" });
});

test("S20 a 401 without a token says that none was sent", async () => {
  const error = await failure(`${await refusingServer(401, "")}/dev?booking_id=1`);
  expect(error.message).toContain("HTTP 401, no token was sent, and the backend lets nobody in without one");
  expect(error.hint).toContain("SHELFSHACK_TOKEN");
});

test("S20 a redirect is named without the secrets of its target and not followed", async () => {
  const error = await failure(
    await refusingServer(302, "", { location: "https://user:pw@elsewhere.example/login?code=secret" }),
  );
  expect(error.message).toContain("leads to https://***@elsewhere.example/login?code=***");
});

test("S20 a body without an end is cut, and one that stops in the middle does not hold the client", async () => {
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

test("S20 refused, unknown host, TLS, silence and strangers' protocols are told apart", async () => {
  const refused = await failure(await deadAddress());
  expect(refused.failure).toMatchObject({ kind: "network", code: "ECONNREFUSED" });
  expect(refused.message).toMatch(/nothing listens on 127\.0\.0\.1:\d+/);
  expect(explainHandshake(refused.failure, new URL("ws://127.0.0.1:4566/a/dev"), "local").hint).toContain(
    "shelfshack-ws local",
  );
  expect(refused.hint).not.toContain("shelfshack-ws local");

  const unknown = await failure("ws://no-such-host.invalid/dev");
  expect(unknown.message).toMatch(/unknown host no-such-host\.invalid|name server/);

  const selfSigned = await failure(await selfSignedServer());
  expect(selfSigned.message).toContain("certificate");
  expect(selfSigned.hint).toContain("NODE_EXTRA_CA_CERTS");

  const noTls = await failure((await refusingServer(403)).replace("ws:", "wss:"));
  expect(noTls.hint).toContain("ws:// instead of wss://");

  const silent = await failure(await silentServer(), 200);
  expect(silent.failure).toEqual({ kind: "timeout", phase: "upgrade", afterMs: 200 });
  expect(silent.message).toContain("the upgrade was never answered within 0.2 s");

  const silentTls = await failure((await silentServer()).replace("ws:", "wss:"), 200);
  expect(silentTls.failure).toMatchObject({ kind: "timeout", phase: "tls" });

  const notHttp = await failure(await tcpServer((socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n")));
  expect(notHttp.failure).toMatchObject({ kind: "protocol" });

  const hangsUp = await failure(await tcpServer((socket) => socket.end()));
  expect(hangsUp.message).toContain("closed the connection without an answer");

  const wrongAccept = await failure(
    await tcpServer((socket) =>
      socket.write(
        "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: no\r\n\r\n",
      ),
    ),
  );
  expect(wrongAccept.message).toContain("is not a WebSocket server");
});

test("S20 every kind of network trouble has its words", () => {
  const address = new URL("wss://abc.execute-api.us-east-1.amazonaws.com/dev");
  const explain = (code: string) =>
    explainHandshake({ kind: "network", phase: "connect", code, detail: "some detail" }, address).meaning;
  expect(explain("EAI_AGAIN")).toContain("name server");
  expect(explain("EHOSTUNREACH")).toContain("cannot be reached");
  expect(explain("CERT_HAS_EXPIRED")).toContain("certificate");
  expect(explain("ERR_TLS_CERT_ALTNAME_INVALID")).toContain("certificate");
  expect(explain("EWEIRD")).toContain("some detail");
  for (const phase of ["lookup", "connect", "tls", "upgrade"] as const) {
    expect(explainHandshake({ kind: "timeout", phase, afterMs: 1_000 }, address).hint).not.toBe("");
  }
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
  for (const code of [1001, 1003, 1006, 1009, 1011]) expect(explainClose(code, aws)).toBeTruthy();
  expect(explainClose(4001, aws)).toBeUndefined();
  expect(explainClose(1001, aws)).toMatch(/2 hours old$/);
  expect(explainClose(1001, local)).toMatch(/2 hours old, or the local AWS stopped$/);
  const gatewayFrame = (message: string) =>
    `{"message": "${message}", "connectionId":"UbT2acX1IAMCJpw=", "requestId":"UbT2nH5bIAMFSnA="}`;
  expect(explainFrame(gatewayFrame("Internal server error"))).toContain("logs tail --errors");
  expect(explainFrame(gatewayFrame("Forbidden"))).toContain("deploy --only routes");
  expect(explainFrame(gatewayFrame("Endpoint request timed out"))).toContain("29 s");
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

test("a peer that never says goodbye is cut off", async () => {
  const url = await webSocketServer((socket) => socket.pause());
  const session = await openSession(new URL(url), { timeoutMs: 5_000 });
  const startedAt = performance.now();
  expect(await session.close()).toMatchObject({ code: 1006 });
  expect(performance.now() - startedAt).toBeLessThan(4_000);
});
