import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { run, start } from "../support/program.ts";
import { unprivileged } from "../support/other-user.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "compiled-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** A user's folder for caches, and the folder in it where what V8 compiles is kept. */
function caches(): { env: Record<string, string>; kept: string } {
  const home = folder();
  return { env: { XDG_CACHE_HOME: home }, kept: keptIn(home) };
}

const keptIn = (home: string) => join(home, "shelfshack-ws", `code-${process.version}-${process.arch}`);

/** When each kept file was written, and its content. */
const contentOf = (kept: string) =>
  readdirSync(kept).map((name) => {
    const { mtimeMs, ino } = statSync(join(kept, name));
    return { name, mtimeMs, ino, content: readFileSync(join(kept, name)).toString("base64") };
  });

/** A command that ends well by itself: it prints what it prints where nothing is kept. */
async function works(env: Record<string, string>): Promise<void> {
  const words = ["completion", "bash"];
  const [ended, plain] = await Promise.all([
    run(words, { env }),
    run(words, { env: { XDG_CACHE_HOME: "", HOME: "" } }),
  ]);
  expect(ended.code).toBe(0);
  expect(ended).toEqual(plain);
}

test("a first run keeps what was compiled, for its user alone, and the next ones use it", async () => {
  const { env, kept } = caches();
  await works(env);
  const first = contentOf(kept);
  expect(first.length).toBeGreaterThan(3);
  expect(statSync(kept).mode & 0o777).toBe(0o700);
  for (const { name } of first) expect(statSync(join(kept, name)).mode & 0o777).toBe(0o600);
  // What is not used is compiled, and kept, once more.
  await works(env);
  expect(contentOf(kept)).toEqual(first);
});

test("another command adds what it needs besides, also one that fails", async () => {
  const { env, kept } = caches();
  await works(env);
  const first = contentOf(kept);
  expect((await run(["connect", "--url", "ws://127.0.0.1:9"], { env })).code).toBe(1);
  const then = contentOf(kept);
  expect(then).toEqual(expect.arrayContaining(first));
  expect(then.length).toBeGreaterThan(first.length);
});

const damages: Readonly<Record<string, (content: Buffer) => Buffer>> = {
  "a changed byte": (content) => (content.writeUInt8(content.readUInt8(2000) ^ 1, 2000), content),
  "a missing end": (content) => content.subarray(0, content.length / 2),
  "three bytes": (content) => content.subarray(0, 3),
  "no bytes": () => Buffer.alloc(0),
  "zeros instead of an end": (content) => content.fill(0, content.length / 2),
  "the code of another file": () => Buffer.from("not of V8"),
};

test.each(Object.keys(damages))("kept code with %s is compiled anew", async (damage) => {
  const { env, kept } = caches();
  await works(env);
  const whole = contentOf(kept);
  for (const { name, content } of whole)
    writeFileSync(join(kept, name), damages[damage]?.(Buffer.from(content, "base64")) ?? "");
  await works(env);
  const again = contentOf(kept);
  expect(again.map(({ name }) => name)).toEqual(whole.map(({ name }) => name));
  for (const { content } of again) expect(Buffer.from(content, "base64").length).toBeGreaterThan(500);
  await works(env);
  expect(contentOf(kept)).toEqual(again);
});

/** What is made of a folder that leads to the kept files: then none is read there, and none written. */
const unsafe: readonly (readonly [string, (home: string) => void])[] = [
  ["a folder that others can write to", (home) => chmodSync(keptIn(home), 0o777)],
  ["a folder above that others can write to", (home) => chmodSync(join(keptIn(home), ".."), 0o770)],
  ["a home of caches where others can rename", (home) => chmodSync(home, 0o777)],
  ["a link in its place", (home) => linked(keptIn(home))],
  ["a link in the place of the folder above", (home) => linked(join(keptIn(home), ".."))],
  ["a folder of another user", (home) => given(keptIn(home))],
  ["a folder above of another user", (home) => given(join(keptIn(home), ".."))],
  ["a home of caches of another user", (home) => given(home)],
];

function linked(place: string): void {
  renameSync(place, `${place}.moved`);
  symlinkSync(`${place}.moved`, place);
}
const given = (place: string): void => chownSync(place, unprivileged ?? 0, unprivileged ?? 0);

test.for(unsafe)("%s: nothing there is used, written or removed", async ([what, make], context) => {
  context.skip(
    what.endsWith("another user") && unprivileged === undefined,
    "only root can give a folder away",
  );
  const { env, kept } = caches();
  await works(env);
  const names = readdirSync(kept);
  for (const name of names) writeFileSync(join(kept, name), "not of V8");
  writeFileSync(join(kept, "thesis.txt"), "");
  const old = Date.now() / 1000 - 400 * 24 * 60 * 60;
  for (const name of readdirSync(kept)) utimesSync(join(kept, name), old, old);
  const before = contentOf(kept);
  make(env["XDG_CACHE_HOME"] ?? "");
  await works(env);
  expect(contentOf(kept)).toEqual(before);
});

test.each([
  ["no home folder", () => ({ XDG_CACHE_HOME: "", HOME: "" })],
  ["a file in the place of the folder", () => ({ XDG_CACHE_HOME: fileNamed("shelfshack-ws") })],
  ["a folder that takes none", () => ({ XDG_CACHE_HOME: "/proc" })],
  ["a folder that is not there, in one that is not", () => ({ XDG_CACHE_HOME: join(folder(), "a/b") })],
])("with %s the program runs, and says nothing of it", async (_place, env) => {
  await works(env());
});

function fileNamed(name: string): string {
  const made = folder();
  writeFileSync(join(made, name), "");
  return made;
}

test("in a folder that all write to, as /tmp, the user's own is used", async () => {
  const { env, kept } = caches();
  chmodSync(env["XDG_CACHE_HOME"] ?? "", 0o1777);
  await works(env);
  expect(readdirSync(kept).length).toBeGreaterThan(3);
});

test("a file of the program that was changed runs as it is now", async () => {
  const { env } = caches();
  const place = folder();
  for (const part of ["bin", "dist"])
    cpSync(fileURLToPath(new URL(`../../${part}`, import.meta.url)), join(place, part), { recursive: true });
  const program = join(place, "bin/shelfshack-ws.js");
  const script = async () => (await run(["completion", "bash"], { env, program })).stdout;
  const before = await script();
  const dist = join(place, "dist");
  for (const name of readdirSync(dist).filter((file) => file.endsWith(".cjs"))) {
    const code = readFileSync(join(dist, name), "latin1");
    writeFileSync(join(dist, name), code.replaceAll("COMPREPLY", "CHANGED__"));
  }
  expect(before).toContain("COMPREPLY");
  expect(await script()).toBe(before.replaceAll("COMPREPLY", "CHANGED__"));
});

test("what has not been kept anew for a month goes", async () => {
  const { env, kept } = caches();
  await works(env);
  const [day, now] = [24 * 60 * 60, Date.now() / 1000];
  for (const [name, days] of [
    ["of-old.cjs", 31],
    ["of-late.cjs", 29],
    ["of-others.txt", 31],
  ] as const) {
    writeFileSync(join(kept, name), "");
    utimesSync(join(kept, name), now - days * day, now - days * day);
  }
  await run(["connect", "--url", "ws://127.0.0.1:9"], { env });
  const names = readdirSync(kept);
  expect(names).toEqual(expect.arrayContaining(["of-late.cjs", "of-others.txt"]));
  expect(names).not.toContain("of-old.cjs");
});

test("a run that lasts keeps what it has compiled while it runs", async () => {
  const { env, kept } = caches();
  const silent = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void silent.close());
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const running = start(["connect", "--url", `ws://127.0.0.1:${port}`, "--timeout", "60"], { env });
  await expect
    .poll(() => existsSync(kept) && readdirSync(kept).length, { timeout: 20_000, interval: 50 })
    .toBeGreaterThan(3);
  // What it writes it writes in one go: it ends when that is whole.
  running.signal("SIGINT");
  await running.ended;
  const first = contentOf(kept);
  await run(["connect", "--url", "ws://127.0.0.1:9"], { env });
  expect(contentOf(kept)).toEqual(expect.arrayContaining(first));
});
