import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { unzip } from "../../src/local/runtime/unzip.ts";
import { type RawEntry, rawZipOf, zipOf } from "../support/zip.ts";

async function folders(): Promise<{ outside: string; inside: string }> {
  const outside = await mkdtemp(join(tmpdir(), "unzip-test-"));
  onTestFinished(() => rm(outside, { recursive: true }));
  return { outside, inside: await mkdtemp(join(outside, "inside-")) };
}

test("a zip is unpacked with its folders, private to us", async () => {
  const { inside } = await folders();
  await unzip(await zipOf({ "index.mjs": "export {}", "lib/deep/a.txt": "a", "umlaut-ä.txt": "ä" }), inside);
  expect(await readFile(join(inside, "lib/deep/a.txt"), "utf8")).toBe("a");
  expect(await readFile(join(inside, "umlaut-ä.txt"), "utf8")).toBe("ä");
  expect((await stat(join(inside, "index.mjs"))).mode & 0o777).toBe(0o600);
});

test("an executable file stays executable, and folders of the zip are made", async () => {
  const { inside } = await folders();
  await unzip(rawZipOf([{ name: "bin/", mode: 0o040755 }, { name: "bin/run", content: "x", mode: 0o100755 }, { name: "empty" }]), inside);
  expect((await stat(join(inside, "bin/run"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(inside, "empty"))).size).toBe(0);
});

const link = 0o120777;
const device = 0o020666;
const many = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `f${index}` }));

test.each<[what: string, entries: RawEntry[], claimed?: number]>([
  ["a parent folder", [{ name: "../evil" }]],
  ["parent folders further in", [{ name: "a/../../evil" }]],
  ["a parent folder at the end", [{ name: "a/.." }]],
  ["an absolute name", [{ name: "/tmp/evil" }]],
  ["two slashes", [{ name: "//evil" }]],
  ["a drive letter", [{ name: "C:\\evil" }]],
  ["a drive letter with a slash", [{ name: "C:/evil" }]],
  ["backslashes", [{ name: "..\\evil" }]],
  ["a share", [{ name: "\\\\host\\evil" }]],
  ["a link", [{ name: "link", content: "/etc", mode: link }]],
  [
    "a file behind a link",
    [
      { name: "link", content: "..", mode: link },
      { name: "link/evil", content: "x" },
    ],
  ],
  ["a device", [{ name: "tty", mode: device }]],
  [
    "a name twice",
    [
      { name: "a", content: "1" },
      { name: "a", content: "2" },
    ],
  ],
  [
    "a file that is a folder as well",
    [
      { name: "a", content: "1" },
      { name: "a/b", content: "2" },
    ],
  ],
  ["an empty part", [{ name: "a//b" }]],
  ["a dot", [{ name: "./a" }]],
  ["a control character", [{ name: "a\u0000b" }]],
  ["a line feed", [{ name: "a\nb" }]],
  ["an encrypted entry", [{ name: "a", content: "x", flags: 1 }]],
  ["10 GB of zeros", [{ name: "a", content: "x", uncompressedSize: 0xfffffffe }]],
  ["a size that is not true", [{ name: "a", content: "xyz", uncompressedSize: 1 }]],
  [
    "many files of 100 MB",
    [
      { name: "a", uncompressedSize: 1e8 },
      { name: "b", uncompressedSize: 1e8 },
      { name: "c", uncompressedSize: 1e8 },
    ],
  ],
  ["10,001 entries", many(10_001)],
  ["more entries than there are", many(2), 9],
])("G-21 %s is refused, and nothing is written outside", async (_, entries, claimed) => {
  const { outside, inside } = await folders();
  await expect(unzip(rawZipOf(entries, claimed), inside)).rejects.toThrow(/zip/);
  expect(await readdir(outside)).toHaveLength(1);
});

test("what is refused for its list is refused before anything is written", async () => {
  const { inside } = await folders();
  await expect(unzip(rawZipOf([{ name: "good", content: "x" }, { name: "../evil" }]), inside)).rejects.toThrow("../evil");
  expect(await readdir(inside)).toEqual([]);
});

test("bytes that are no zip are refused", async () => {
  const { inside } = await folders();
  for (const bytes of [Buffer.from("not a zip"), new Uint8Array(), (await zipOf({ a: "a" })).subarray(0, 40)]) {
    await expect(unzip(bytes, inside)).rejects.toThrow("could not read the zip");
  }
});

test("10,000 entries are not too many", async () => {
  const { inside } = await folders();
  await expect(unzip(rawZipOf([...many(9999), { name: "../evil" }]), inside)).rejects.toThrow("../evil");
});

test("some hundred files are all written", async () => {
  const { inside } = await folders();
  await unzip(rawZipOf(many(300)), inside);
  expect(await readdir(inside)).toHaveLength(300);
});
