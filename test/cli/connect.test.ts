import { expect, onTestFinished, test } from "vitest";
import type { WebSocket } from "ws";
import { startDemoBackend } from "../../src/backend/demo.ts";
import { startLocalAws } from "../../src/local/server.ts";
import { safe } from "../../src/terminal/safe.ts";
import { deadAddress, refusingServer, silentServer, webSocketServer } from "../support/handshake-server.ts";
import { errorCode, needsTerminal, run, start } from "../support/program.ts";

const ack = (socket: WebSocket) =>
  socket.on("message", (payload: Buffer) =>
    socket.send(`{"type":"ack","of":${JSON.stringify(payload.toString())}}`),
  );
const echoServer = () => webSocketServer(ack);
const lines = (text: string) => text.trimEnd().split("\n");
const documents = (text: string) => lines(text).map((line) => JSON.parse(line) as Record<string, unknown>);

test("F-11 a frame that is none ends with 1, and with whose fault it is", async () => {
  const url = await webSocketServer((_socket, _url, connection) => {
    connection.write(Buffer.from([0x83, 0x00]));
  });
  const args = ["connect", "--url", url, "--send", "x"];
  const [told, json] = [await run(args), await run([...args, "--json"])];
  const last = JSON.parse(json.stdout.trim().split("\n").at(-1)!);
  expect([json.code, last]).toMatchObject([
    1,
    { ended: "frame-broken", close: { code: 1002, isOurs: true } },
  ]);
  expect(told.stdout + told.stderr).toContain("closed by us with 1002, because of what the peer sent: ");
});

test("F-50 S18 an answer that is expected ends the run at once with 0, whatever stdin is", async () => {
  const url = await echoServer();
  const args = [
    "connect",
    "--url",
    url,
    "--send",
    '{"body":"hi"}',
    "--expect",
    '{"type":"ack"}',
    "--timeout",
    "20",
  ];
  const results = await Promise.all([run(args), run(args, { input: "" }), start(args).ended]);
  for (const { code, stdout, stderr } of results) {
    expect(code).toBe(0);
    // In a pipe stdout has what was received, as it came, and everything else is aside.
    expect(stdout).toBe('{"type":"ack","of":"{\\"body\\":\\"hi\\"}"}\n');
    expect(stderr).toMatch(/open in \d+ ms: ws:/);
    expect(stderr).toMatch(/→ 13 B {2}\{"body":"hi"\}/);
    expect(stderr).toContain('✓ {"type":"ack"}');
  }
});

test("S20 a refused handshake: exit code 1, status, escaped body and request id", async () => {
  const forbidden = await run([
    "connect",
    "--url",
    await refusingServer(403, '{"message":"\u001b]0;owned\u0007\u202e"}', { "x-amzn-requestid": "r-1" }),
  ]);
  expect(forbidden.code).toBe(1);
  expect(forbidden.stderr).toContain(
    "HTTP 403, the stage does not exist or has no deployment, or the handler or its backend refused " +
      'this client (answer {"message":"\\x1b]0;owned\\x07\\u202e"}; request id r-1)',
  );
  expect(forbidden.stdout).toBe("");
  expect(forbidden.stderr).not.toContain("shelfshack-ws");
  const failed = await run(["connect", "--json", "--url", await refusingServer(500, "")]);
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout)).toMatchObject({
    error: { code: "handshake-500" },
  });
});

test("S20 refused, unknown host and no answer to the upgrade exit with 1, each with its code", async () => {
  const errorOf = async (...words: string[]) => {
    const { code, stdout } = await run(["connect", "--json", "--url", ...words]);
    expect(code).toBe(1);
    return (JSON.parse(stdout) as { error: object }).error;
  };
  const [refused, unknown, silent] = await Promise.all([
    errorOf(await deadAddress()),
    errorOf("ws://no-such-host.invalid/dev"),
    errorOf(await silentServer(), "--timeout", "0.3"),
  ]);
  expect(refused).toMatchObject({ code: "connection-refused", phase: "connect" });
  expect(unknown).toMatchObject({ code: expect.stringMatching(/^(host-not-found|name-server-failed)$/) });
  expect(silent).toMatchObject({ code: "timed-out", phase: "http" });
});

test("S18 silence is exit code 3 with what was expected, the nearest frame and all frames", async () => {
  const url = await webSocketServer((socket) => {
    socket.send("noise");
    socket.send('{"type":"nack","id":5}');
  });
  const { code, stdout, stderr } = await run([
    "connect",
    "--url",
    url,
    "--expect",
    '{"type":"ack","id":5}',
    "--expect",
    "~^never$",
    "--timeout",
    "0.5",
  ]);
  expect([code, stdout]).toEqual([3, 'noise\n{"type":"nack","id":5}\n']);
  expect(stderr).toContain('✗ {"type":"ack","id":5}\n  nearest: ');
  expect(stderr).toContain('$.type: expected "ack", got "nack"');
  expect(stderr).toContain("✗ ~^never$\n  no similar frame");
});

test("S18 an early close exits with 3 where a frame is expected, 1 after an error, else 0", async () => {
  const closing = (code: number, reason = "") => webSocketServer((socket) => socket.close(code, reason));
  const expecting = await run(["connect", "--url", await closing(1000), "--expect", "~x", "--timeout", "20"]);
  expect([expecting.code, expecting.stderr]).toEqual([
    3,
    expect.stringContaining("closed by the peer with 1000"),
  ]);
  const broken = await run([
    "connect",
    "--url",
    await closing(1011, "\u001b[2Jno\nforged"),
    "--timeout",
    "20",
  ]);
  expect([broken.code, broken.stderr]).toEqual([
    1,
    expect.stringContaining('1011: the server met an error of its own; reason "\\u001b[2Jno\\nforged"'),
  ]);
  const cut = await run([
    "connect",
    "--url",
    await webSocketServer((socket) => socket.terminate()),
    "--timeout",
    "20",
  ]);
  expect([cut.code, cut.stderr]).toEqual([1, expect.stringContaining("1006")]);
  const left = await run(["connect", "--url", await closing(1001), "--timeout", "20"]);
  expect([left.code, left.stderr]).toEqual([0, expect.stringContaining("10 minutes")]);
});

test("S18 several expectations are met in any order", async () => {
  const url = await webSocketServer((socket) => {
    socket.send('{"n":2}');
    socket.send('{"n":1}');
  });
  const { code, stdout } = await run([
    "connect",
    "--url",
    url,
    "--expect",
    '{"n":1}',
    "--expect",
    '{"n":2}',
    "--timeout",
    "20",
    "--json",
  ]);
  expect(code).toBe(0);
  expect(documents(stdout).at(-1)).toMatchObject({
    checked: true,
    ended: "met",
    expectations: [{ met: true }, { met: true }],
  });
});

test("S18 each line of a piped stdin is sent; a run that checked nothing says so", async () => {
  const { code, stdout, stderr } = await run(["connect", "--url", await echoServer()], {
    input: '{"a":1}\r\n\nlast',
  });
  expect(code).toBe(0);
  expect(lines(stdout)).toHaveLength(2);
  expect(
    lines(stderr)
      .filter((line) => line.includes("→"))
      .map((line) => line.split("B  ")[1]),
  ).toEqual(['{"a":1}', "last"]);
  expect(stderr).toContain("2 sent, 2 received");
  expect(stderr).toContain("no expectations given");
});

test("S18 with --json every frame is one line and the result the last one", async () => {
  const { code, stdout, stderr } = await run([
    "connect",
    "--url",
    await echoServer(),
    "--send",
    "hi",
    "--expect",
    "~hi",
    "--json",
    "--timeout",
    "20",
  ]);
  expect(code).toBe(0);
  expect(documents(stdout)).toMatchObject([
    { direction: "sent", bytes: 2, text: "hi" },
    { direction: "received", text: '{"type":"ack","of":"hi"}' },
    {
      url: expect.stringContaining("ws://127.0.0.1"),
      interactive: false,
      ended: "met",
      sent: 1,
      received: 1,
      close: { code: 1000 },
    },
  ]);
  expect(stderr).not.toContain("\u001b");
});

test("C-01 C-03 hostile frames cannot steer the terminal nor pass for records", async () => {
  const hostile = [
    "\u001b[2J\u001b]52;c;x\u0007",
    "\u009b31m\u0090q\u009c",
    "\u202egnp.exe\u2066",
    "a\r\nb\n12:00:00.000 ← 1 B  forged",
    "\u200b\ufeff\u{e0041}",
    "\u0000\u0008\u007f",
  ];
  const url = await webSocketServer((socket) => {
    for (const text of hostile) socket.send(text);
    socket.send(Buffer.from([0x1b, 0x5b]));
    socket.send("end");
  });
  const plain = await run(["connect", "--url", url, "--expect", "~^end$", "--timeout", "20"]);
  const json = await run(["connect", "--url", url, "--expect", "~^end$", "--timeout", "20", "--json"]);
  for (const { code, stdout } of [plain, json]) {
    expect(code).toBe(0);
    expect(stdout).toBe(safe(stdout));
  }
  expect(plain.stdout).toContain("\na\\nb\\n12:00:00.000 ← 1 B  forged\n");
  expect(plain.stdout).toContain("(binary) G1s=");
  expect(
    documents(json.stdout)
      .slice(0, hostile.length)
      .map(({ text }) => text),
  ).toEqual(hostile);
});

test("S21 frames of API Gateway are explained below them", async () => {
  const url = await webSocketServer((socket) =>
    socket.send(
      '{"message": "Internal server error", ' +
        '"connectionId":"UbT2acX1IAMCJpw=", "requestId":"UbT2nH5bIAMFSnA="}',
    ),
  );
  const { stderr } = await run(["connect", "--url", url, "--expect", "~Internal", "--timeout", "20"]);
  expect(stderr).toContain("\n  the function failed, timed out or may not be invoked\n");
});

test("C-04 the token comes from a variable or stdin, is sent percent-encoded and never shown", async () => {
  const asked: string[] = [];
  const url = await webSocketServer((socket, path) => {
    asked.push(path);
    ack(socket);
  });
  const args = ["connect", "--url", url, "--booking", "1", "--expect", "~ack", "--timeout", "20", "--debug"];
  const byVariable = await run([...args, "--send", "x"], { env: { SHELFSHACK_TOKEN: "s3cr3t+/=" } });
  const byStdin = await run([...args, "--token-stdin"], { input: "s3cr3t+/=\nframe after the token\n" });
  expect(asked).toEqual(Array(2).fill("/?booking_id=1&type=booking&token=s3cr3t%2B%2F%3D"));
  for (const { code, stdout, stderr } of [byVariable, byStdin]) {
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain("s3cr3t");
    expect(stderr).toContain("token=***");
  }
  expect(byStdin.stderr).toContain("frame after the token");
  const none = await run([...args, "--token-stdin", "--json"], { input: "" });
  expect([none.code, errorCode(none)]).toEqual([2, "token-missing"]);
});

test("mistakes in the arguments are exit code 2 before anything is opened", async () => {
  for (const args of [
    ["--expect", "{nope"],
    ["--expect", "~("],
    ["--url", "https://example.com"],
    ["--url", "nonsense"],
  ]) {
    const refused = await run(["connect", "--url", "ws://127.0.0.1:1", ...args, "--json"]);
    expect([refused.code, errorCode(refused)]).toEqual([2, expect.stringMatching(/-invalid$/)]);
  }
});

test("a message or URL that API Gateway does not take is warned of first", async () => {
  const args = ["connect", "--url", await echoServer(), "--expect", "~ack", "--timeout", "20"];
  const { code, stderr } = await run(args, { input: "x".repeat(131_073) });
  expect(code).toBe(0);
  const long = await run(["connect", "--url", await refusingServer(414), "--token", "t".repeat(4_096)]);
  expect(long.stderr).toMatch(/^warning: the URL has 41\d\d characters; API Gateway takes 4096\n/);
  expect(stderr).toContain("this message has 131073 bytes; API Gateway closes the connection (1009)");
});

test("Ctrl-C ends a scripted run with exit code 130 and a close frame", async () => {
  let closed = (_code: number) => {};
  const closing = new Promise<number>((resolve) => (closed = resolve));
  const url = await webSocketServer((socket) => socket.on("close", (code) => closed(code)));
  const running = start(["connect", "--url", url, "--expect", "~x", "--timeout", "60"]);
  await running.says("open in");
  running.signal("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toMatch(/^open in .*\n0 sent, 0 received\n✗ ~x\n {2}no similar frame\n$/);
  expect(await closing).toBe(1000);
});

test("S17 typed lines are sent, a frame keeps the half-typed line, Ctrl-D exits with 0", async (context) => {
  needsTerminal(context);
  let push = (_text: string) => {};
  const url = await webSocketServer((socket) => {
    push = (text) => socket.send(text);
    ack(socket);
  });
  const running = start(["connect", "--url", url, "--no-color"], { columns: 40 });
  await running.says(/Ctrl-D\s+closes/);
  await running.says("> ");
  running.type("hello\r");
  await running.says('{"type":"ack","of":"hello"}');
  const halfTyped = "日本語 and so much more that it fills two rows";
  running.type(halfTyped);
  await running.says("two rows");
  push("a frame in between");
  // Up one row, column one, erased, the frame, then the prompt with the same words again.
  await running.says("\u001b[1A\u001b[1G\u001b[0J");
  await running.says(`← 18 B  a frame in between\r\n\u001b[1G\u001b[0J> ${halfTyped}`);
  running.type("\u0015\u0004");
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(stdout).toContain("1 sent, 2 received");
  expect(stdout).not.toContain("no expectations given");
});

test("F-48 connect asks for a token that is needed, where a person can answer", async (context) => {
  needsTerminal(context);
  const local = await startLocalAws({ port: 0 });
  const backend = await startDemoBackend();
  onTestFinished(async () => {
    await Promise.all([backend.close(), local.close()]);
  });
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  await run(["deploy", "--no-test", "--backend-url", backend.url], { env });
  const args = ["connect", "--booking", "1", "--send", "hello", "--expect", "~ack", "--no-color"];
  const asked = start(args, { env, columns: 80 });
  await asked.says("token (hidden): ");
  asked.type("demo\r");
  expect(await asked.ended).toMatchObject({ code: 0, stdout: expect.not.stringContaining("demo") });
  // Without a terminal, and for a type that needs none, nothing is asked.
  const unasked = await run([...args, "--json"], { env });
  expect([unasked.code, errorCode(unasked)]).toEqual([1, "handshake-401-no-token"]);
});

test("F-48 headers, an origin, a subprotocol are options; malformed ones are refused unshown", async () => {
  const url = await webSocketServer(ack);
  const options = ["--header", "X-Team: blue", "--origin", "https://a.example", "--subprotocol", "one"];
  const args = ["connect", "--url", url, "--send", "x", "--expect", "~x", "--timeout", "20", "--json"];
  const { code, stdout } = await run([...args, ...options]);
  expect(code).toBe(0);
  expect(documents(stdout).at(-1)).toMatchObject({ subprotocol: "one" });
  for (const wrong of ["no colon", "A b: c", "X: canary\nY: d"]) {
    const refused = await run(["connect", "--url", url, "--header", wrong, "--json"]);
    expect([refused.code, errorCode(refused)]).toEqual([2, "value-invalid"]);
    expect(refused.stdout + refused.stderr).not.toContain("canary");
  }
});

test("S17 --token-stdin on a terminal asks for the hidden token, then for lines", async (context) => {
  needsTerminal(context);
  const asked: string[] = [];
  const url = await webSocketServer((socket, path) => {
    asked.push(path);
    ack(socket);
  });
  const running = start(["connect", "--url", url, "--token-stdin", "--no-color"], { columns: 80 });
  await running.says("token (hidden): ");
  running.type("s3cr3t\r");
  await running.says("> ");
  running.type("hello\r");
  await running.says('{"type":"ack","of":"hello"}');
  running.type("\u0004");
  const { code, stdout } = await running.ended;
  expect({ code, asked }).toEqual({ code: 0, asked: ["/?type=booking&token=s3cr3t"] });
  expect(stdout).toContain("1 sent, 1 received");
  expect(stdout).not.toContain("s3cr3t");
});

test("S17 Ctrl-C where the token is asked for is exit code 130", async (context) => {
  needsTerminal(context);
  const running = start(["connect", "--url", await echoServer(), "--token-stdin"], { columns: 80 });
  await running.says("token (hidden): ");
  running.type("half\u0003");
  expect(await running.ended).toMatchObject({ code: 130, stdout: expect.not.stringContaining("error") });
});

test("S17 Ctrl-C in the line editor is exit code 130", async (context) => {
  needsTerminal(context);
  const running = start(["connect", "--url", await echoServer()], { columns: 80 });
  await running.says("> ");
  running.type("half\u0003");
  const { code, stdout } = await running.ended;
  expect(code).toBe(130);
  expect(stdout).toContain("0 sent, 0 received");
  expect(stdout).not.toMatch(/interrupted|press Ctrl-C/);
});

const pretty = '{\n  "type": "note",\n\n  "tags": [\n    "a",\n    "}"\n  ]\n}';

test("F-24 pretty JSON that is piped in is one frame; what does not end is sent with a hint", async () => {
  const url = await echoServer();
  const sentBy = async (input: string) => {
    const { code, stdout, stderr } = await run(["connect", "--url", url, "--json"], { input });
    expect(code).toBe(0);
    const sent = documents(stdout).filter(({ direction }) => direction === "sent");
    const hints = lines(stderr).filter((line) => line.startsWith("warning: "));
    return [sent.map(({ text }) => text), hints.map((line) => line.includes("sent as it is"))];
  };
  expect(await sentBy(`\ufeff${pretty}\n${pretty}\nhello\n`)).toEqual([[pretty, pretty, "hello"], []]);
  expect(await sentBy('{"a":1}\n{"type": "broken')).toEqual([['{"a":1}', '{"type": "broken'], [true]]);
  expect(await sentBy('{\n  "a": 1,\n')).toEqual([['{\n  "a": 1,'], [true]]);
  const given = await run(["connect", "--url", url, "--send", '{"type": "broken', "--expect", "~ack"]);
  expect(given.stderr).toContain("warning: this message begins like JSON and is no valid JSON; it is sent");
});

test("F-24 pretty JSON pasted or typed is one frame, an empty line sends what there is", async (context) => {
  needsTerminal(context);
  const got: string[] = [];
  const url = await webSocketServer((socket) =>
    socket.on("message", (payload: Buffer) => socket.send(`got ${got.push(payload.toString())}`)),
  );
  const running = start(["connect", "--url", url, "--no-color"], { columns: 80 });
  await running.says("> ");
  const lineByLine = pretty.replace("\n\n", "\n").replaceAll("\n", "\r");
  running.type(`${lineByLine}\r`);
  await running.says("got 1");
  running.type(`\u001b[200~${lineByLine}\u001b[201~\r`);
  await running.says("got 2");
  running.type("{\r");
  await running.says("... ");
  running.type('"half": 1\r\r');
  await running.says("got 3");
  running.type("[1,\r");
  await running.says(/got 3[^]*\.\.\. /);
  running.type("\u0004");
  const { code, stdout } = await running.ended;
  expect(code).toBe(0);
  expect(got).toEqual([pretty.replace("\n\n", "\n"), pretty.replace("\n\n", "\n"), '{\n"half": 1']);
  expect(stdout).toContain("warning: this message is JSON without its end; it is sent as it is");
  expect(stdout).toContain("warning: the last message was not sent: it has no end");
  expect(stdout).toContain("3 sent, 3 received");
});
