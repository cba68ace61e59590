import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findAbove, readTrusted } from "../../src/files/read.ts";
import { appendTo, createFile, firstBytes, replaceFile, SECRET } from "../../src/files/write.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "files-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** Every way to write, to the same kinds of places. */
const writers: Readonly<Record<string, (file: string) => Promise<void>>> = {
  replaceFile: (file) => replaceFile(file, "new"),
  "replaceFile, secret": (file) => replaceFile(file, "new", SECRET),
  createFile: (file) => createFile(file, "new"),
  appendTo: (file) => appendTo(file, "new"),
};
/** What a file must not be written through, made at a path; `target` exists and must stay as it is. */
const traps: Readonly<Record<string, (file: string, target: string) => void>> = {
  link: (file, target) => symlinkSync(target, file),
  "dangling link": (file, target) => symlinkSync(`${target}.none`, file),
  "link loop": (file) => symlinkSync(file, file),
  pipe: (file) => void execFileSync("mkfifo", [file]),
  "link to a device": (file) => symlinkSync("/dev/null", file),
  folder: (file) => mkdirSync(file),
};

test.each(
  Object.keys(writers).flatMap((writer) => Object.keys(traps).map((trap) => [writer, trap] as const)),
)("F-04 %s writes nothing through a %s", async (writer, trap) => {
  const place = folder();
  const target = join(place, "target");
  const file = join(place, "file");
  writeFileSync(target, "before");
  traps[trap]?.(file, target);
  const before = lstatSync(file).ino;
  await expect(writers[writer]?.(file)).rejects.toMatchObject({
    code: expect.stringMatching(/^(file-unusable|EEXIST)$/),
  });
  expect(readFileSync(target, "utf8")).toBe("before");
  expect(lstatSync(file).ino).toBe(before);
  expect(readdirSync(place).toSorted()).toEqual(["file", "target"]);
});

test("F-04 a file is replaced as a whole and keeps its mode, a secret one is its owner's alone", async () => {
  const file = join(folder(), "file");
  await replaceFile(file, "one");
  chmodSync(file, 0o640);
  await replaceFile(file, "two");
  expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["two", 0o640]);
  await replaceFile(file, "three", SECRET);
  expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["three", 0o600]);
  await appendTo(file, "!");
  expect(Buffer.from((await firstBytes(file, 4)) ?? []).toString()).toBe("thre");
  expect(readFileSync(file, "utf8")).toBe("three!");
  expect(await firstBytes(`${file}.none`, 4)).toBe(undefined);
});

const bytesOf = (file: string, most = 10) => {
  const reading = readTrusted(file, most);
  return "bytes" in reading ? reading.bytes.toString() : `${reading.because}: ${reading.fault}`;
};

test("F-01 a file is read when this user alone can have written it", ({ skip }) => {
  const place = folder();
  const file = join(place, "file");
  writeFileSync(file, "0123456789");
  const link = join(place, "link");
  symlinkSync(file, link);
  expect([bytesOf(file), bytesOf(link)]).toEqual(["0123456789", "0123456789"]);
  chmodSync(file, 0o666);
  expect([bytesOf(file), bytesOf(link)]).toEqual(Array(2).fill("untrusted: every user may write it"));
  chmodSync(file, 0o644);
  skip(process.getuid?.() !== 0, "only root can give files to others");
  lchownSync(link, 12_345, 0);
  expect([bytesOf(file), bytesOf(link)]).toEqual([
    "0123456789",
    "untrusted: it belongs to another user (uid 12345)",
  ]);
  lchownSync(link, 0, 0);
  chownSync(file, 0, 12_345);
  chmodSync(file, 0o664);
  expect(bytesOf(link)).toBe("untrusted: its group may write it (gid 12345)");
  chownSync(file, 12_345, 0);
  chmodSync(file, 0o600);
  expect([bytesOf(file), bytesOf(link)]).toEqual(
    Array(2).fill("untrusted: it belongs to another user (uid 12345)"),
  );
});

test("F-01 what is no regular file, or too large, is neither read nor waited for", () => {
  const place = folder();
  const at = (name: string) => join(place, name);
  for (const [name, make] of Object.entries(traps)) make(at(name), at("target"));
  symlinkSync("/dev/zero", at("endless"));
  writeFileSync(at("large"), "01234567890");
  const fault = (name: string) => bytesOf(at(name)).replace("unusable: ", "");
  expect(fault("pipe")).toBe("it is no regular file");
  expect(fault("endless")).toBe("it is no regular file");
  expect(fault("folder")).toBe("it is no regular file");
  expect(fault("link loop")).toBe("ELOOP");
  expect(fault("dangling link")).toBe("ENOENT");
  expect(fault("large")).toBe("it is larger than 10 bytes");
  expect(bytesOf(`/proc/${process.pid}/status`, 1_000_000)).toContain("Pid:");
});

test("a file is found above, and a link to nowhere is not passed over", () => {
  const place = folder();
  const below = join(place, "a", "b");
  mkdirSync(below, { recursive: true });
  writeFileSync(join(place, "name"), "");
  expect(findAbove(below, "name")).toBe(join(place, "name"));
  mkdirSync(join(below, "name"));
  expect(findAbove(below, "name")).toBe(join(place, "name"));
  symlinkSync("nowhere", join(place, "a", "name"));
  expect(findAbove(below, "name")).toBe(join(place, "a", "name"));
  expect(existsSync(join(place, "nowhere"))).toBe(false);
});
