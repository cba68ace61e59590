import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, type TestContext } from "vitest";
import { webSocketServer } from "../support/handshake-server.ts";
import { needsTerminal, start } from "../support/program.ts";

/** The program on a terminal, at a server that answers each frame with its number. */
async function conversation(context: TestContext, { words = [] as string[], state = "" } = {}) {
  needsTerminal(context);
  const home = mkdtempSync(join(tmpdir(), "shelfshack-ws-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const frames: string[] = [];
  const closed: number[] = [];
  const url = await webSocketServer((socket) => {
    socket.on("message", (payload: Buffer) => socket.send(`got ${frames.push(payload.toString())}`));
    socket.on("close", (code) => closed.push(code));
  });
  const env = { XDG_STATE_HOME: state || home };
  const running = start(["connect", "--url", url, "--no-color", ...words], { columns: 80, env });
  await running.says("> ");
  const type = (line: string) => running.type(`${line}\r`);
  const history = join(home, "shelfshack-ws", "connect-history");
  return { running, type, frames, closed, home, history };
}

test("commands begin with a slash, a message that does with two", async (context) => {
  const { running, type, frames, closed } = await conversation(context);
  type("/help");
  await running.says("/send-file FILE");
  type("/nope 1");
  await running.says(/there is no command \/nope: \/help lists them, and \/\/nope 1\s+is sent/);
  type("//nope");
  await running.says("got 1");
  type("/ping");
  await running.says(/pong after [\d.]+ ms/);
  type("/reconnect");
  await running.says("open again in");
  type("after");
  await running.says("got 2");
  type("/close 1006");
  await running.says("/close takes 1000 or a code from 3000 to 4999");
  type("/close 4001");
  const { code, stdout } = await running.ended;
  expect([code, frames]).toEqual([0, ["/nope", "after"]]);
  await expect.poll(() => closed).toEqual([1000, 4001]);
  expect(stdout).toContain("2 sent, 2 received");
});

test("/send-file sends a file as one message, or says why not", async (context) => {
  const { running, type, frames, home } = await conversation(context);
  const file = join(home, "note.json");
  writeFileSync(file, '\ufeff{\n  "a": 1\n}\n');
  writeFileSync(join(home, "binary"), Buffer.from([0xff, 0xfe]));
  type(`/send-file ${file}`);
  await running.says("got 1");
  type(`/send-file ${join(home, "binary")}`);
  await running.says(/no\s+text\s+in\s+UTF-8/);
  type(`/send-file ${join(home, "missing")}`);
  await running.says("ENOENT");
  type("/send-file");
  await running.says("needs the name of a file");
  type("/quit");
  expect((await running.ended).code).toBe(0);
  expect(frames).toEqual(['{\n  "a": 1\n}']);
});

test("F-24 what is pasted over lines is no command, and no empty line ends it", async (context) => {
  const { running, frames } = await conversation(context);
  await running.says("\u001b[?2004h");
  const pretty = '{\n  "a": 1,\n\n  "b": 2\n}';
  running.type(`\u001b[200~/quit\r${pretty.replaceAll("\n", "\r")}\u001b[201~\r`);
  await running.says("got 2");
  running.type("\u0004");
  const { code, stdout } = await running.ended;
  expect([code, frames]).toEqual([0, ["/quit", pretty]]);
  expect(stdout.lastIndexOf("\u001b[?2004l")).toBeGreaterThan(stdout.lastIndexOf("\u001b[?2004h"));
});

test("a command leaves unfinished JSON as it is, and the way out of it is told once", async (context) => {
  const { running, type, frames } = await conversation(context);
  type('{"a":1,');
  await running.says(/this JSON has no end yet: go on, or press\s+Ctrl-C/);
  type("/help");
  await running.says("/send-file FILE");
  type("/hepl");
  await running.says("there is no command /hepl");
  type('"b":2}');
  await running.says("got 1");
  type("{");
  type("//x");
  await running.says("got 3");
  type('{"c":');
  type("/quit");
  const { code, stdout } = await running.ended;
  expect([code, frames]).toEqual([0, ['{"a":1,\n"b":2}', "{", "/x"]]);
  expect(stdout.split("this JSON has no end yet")).toHaveLength(2);
  expect(stdout).toContain("the last message was not sent");
});

test("Ctrl-C drops unfinished JSON and stays; a second one ends", async (context) => {
  const { running, type, frames } = await conversation(context);
  type('{"a":1,');
  running.type('"half');
  running.type("\u0003");
  await running.says("the unfinished message was dropped");
  type("after");
  await running.says("got 1");
  type("{");
  running.type("\u0003\u0003");
  const { code } = await running.ended;
  expect([code, frames]).toEqual([130, ["after"]]);
});

test("what was typed is there the next time, but nothing that may be secret", async (context) => {
  const secret = ["--token", "s3same", "--header", "X-Team: teamword"];
  const first = await conversation(context, { words: secret });
  for (const line of [
    "hello",
    " with a blank before it",
    '{"password":"x"}',
    "it is s3same",
    "of teamword",
    "x".repeat(2_001),
    '{\r  "a": 1\r}',
    "//slash",
  ])
    first.type(line);
  await first.running.says("got 8");
  first.type("/quit");
  await first.running.ended;
  expect(readFileSync(first.history, "utf8")).toBe('hello\n{ "a": 1 }\n//slash\n/quit\n');
  expect(lstatSync(first.history).mode & 0o777).toBe(0o600);
  const again = await conversation(context, { state: first.home });
  again.running.type("\u001b[A\u001b[A\u001b[A\r");
  await again.running.says("got 1");
  again.running.type("\u0004");
  await again.running.ended;
  expect(again.frames).toEqual(['{ "a": 1 }']);
});

test("F-04 where others may write the state folder, nothing is kept and that is said", async (context) => {
  const state = mkdtempSync(join(tmpdir(), "shelfshack-ws-"));
  onTestFinished(() => rmSync(state, { recursive: true, force: true }));
  const folder = join(state, "shelfshack-ws");
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const { running, type } = await conversation(context, { state });
  await running.says("what is typed is not kept: ");
  type("hello");
  await running.says("got 1");
  running.type("\u0004");
  expect((await running.ended).code).toBe(0);
  expect(() => lstatSync(join(folder, "connect-history"))).toThrow("ENOENT");
});
