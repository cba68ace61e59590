import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openLineHistory } from "../../src/files/line-history.ts";
import { mayHoldSecret } from "../../src/terminal/secrets.ts";

/** A state folder, and where its history is. */
function home() {
  const path = mkdtempSync(join(tmpdir(), "history-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const folder = join(path, "shelfshack-ws");
  return { path, folder, file: join(folder, "connect-history") };
}

test("lines are kept for their owner's eyes, each once, with those of another run", async () => {
  const { path, folder, file } = home();
  const [one, other] = [await openLineHistory(path), await openLineHistory(path)];
  await one.add([]);
  expect(() => lstatSync(folder)).toThrow("ENOENT");
  await one.add(["a", "b"]);
  await other.add(["c", "a"]);
  expect(readFileSync(file, "utf8")).toBe("b\nc\na\n");
  expect([lstatSync(folder).mode & 0o777, lstatSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
  expect((await openLineHistory(path)).lines).toEqual(["b", "c", "a"]);
});

test("the oldest lines give way, by number and by size", async () => {
  const { path } = home();
  const history = await openLineHistory(path);
  await history.add(Array.from({ length: 600 }, (_, index) => `line ${index}`));
  const { lines } = await openLineHistory(path);
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([500, "line 100", "line 599"]);
  await history.add(Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(2_000, "x")));
  const bytes = lstatSync(join(path, "shelfshack-ws", "connect-history")).size;
  expect(bytes).toBeLessThanOrEqual(128 * 1024);
  expect((await openLineHistory(path)).lines.at(-1)).toMatch(/^99x/);
});

test("F-04 a folder or file that is a link, or that others may write, keeps no history", async () => {
  const linked = home();
  symlinkSync(linked.path, linked.folder);
  await expect(openLineHistory(linked.path)).rejects.toMatchObject({ code: "state-untrusted" });
  const open = home();
  mkdirSync(open.folder);
  chmodSync(open.folder, 0o777);
  await expect(openLineHistory(open.path)).rejects.toMatchObject({ code: "state-untrusted" });
  const trap = home();
  const history = await openLineHistory(trap.path);
  mkdirSync(trap.folder, { mode: 0o700 });
  const target = join(trap.path, "target");
  writeFileSync(target, "before");
  symlinkSync(target, trap.file);
  await expect(history.add(["a"])).rejects.toMatchObject({ code: "file-unusable" });
  await expect(openLineHistory(trap.path)).rejects.toMatchObject({ code: "file-unusable" });
  expect(readFileSync(target, "utf8")).toBe("before");
});

test.each([
  '{"token":"x"}',
  '{"user":{"api_key":"x"}}',
  "Authorization: Basic eDp5",
  "password=x",
  "/send-file secrets.json",
  "hunter2 is the known one",
  '{"id":"eyJhbGciOiJIUzI1NiJ9.e30.x"}',
  "AKIAIOSFODNN7EXAMPLE",
  "whsec_abc",
  "ghp_abc",
  '{"v":"3f8a9c0d1e2b4f5a6c7d8e9f0a1b2c3d"}',
])("%s may hold a secret", (text) => {
  expect(mayHoldSecret(text, ["hunter2", "5"])).toBe(true);
});

test.each([
  '{"type":"message","body":"see you at eight"}',
  '{"booking":"7f1c1a52-9a44-4a4c-8d3e-2f4d7f6f9f11","n":5}',
  "/close 4001",
  "a-long-name-of-words-without-any-digit",
])("%s holds none", (text) => {
  expect(mayHoldSecret(text, ["hunter2", "5"])).toBe(false);
});
