import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { unzip } from "../../src/files/unzip.ts";
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
  await unzip(
    rawZipOf([
      { name: "bin/", mode: 0o040755 },
      { name: "bin/run", content: "x", mode: 0o100755 },
      { name: "empty" },
    ]),
    inside,
  );
  expect((await stat(join(inside, "bin/run"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(inside, "empty"))).size).toBe(0);
});

const link = 0o120777;
const device = 0o020666;
const many = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `f${index}` }));

test.each<[what: string, why: RegExp, entries: RawEntry[], claimed?: number]>([
  ["a parent folder", /relative path/, [{ name: "../evil" }]],
  ["parent folders further in", /relative path/, [{ name: "a/../../evil" }]],
  ["a parent folder at the end", /relative path/, [{ name: "a/.." }]],
  ["an absolute name", /absolute path/, [{ name: "/tmp/evil" }]],
  ["two slashes", /absolute path/, [{ name: "//evil" }]],
  ["a drive letter", /invalid characters/, [{ name: "C:\\evil" }]],
  ["a drive letter with a slash", /absolute path/, [{ name: "C:/evil" }]],
  ["backslashes", /invalid characters/, [{ name: "..\\evil" }]],
  ["a share", /invalid characters/, [{ name: "\\\\host\\evil" }]],
  ["a link", /"link" is a symbolic link/, [{ name: "link", content: "/etc", mode: link }]],
  [
    "a file behind a link",
    /"link" is a symbolic link/,
    [
      { name: "link", content: "..", mode: link },
      { name: "link/evil", content: "x" },
    ],
  ],
  ["a device", /"tty" is neither a file nor a folder/, [{ name: "tty", mode: device }]],
  [
    "a name twice",
    /"a" is there twice/,
    [{ name: "a", content: "1" }, { name: "b" }, { name: "a", content: "2" }],
  ],
  [
    "a file that is a folder as well",
    /"a" is a file and a folder/,
    [{ name: "a/b/c" }, { name: "a" }, { name: "a-b" }],
  ],
  [
    "a file that is an empty folder as well",
    /"a\/b" is a file and a folder/,
    [{ name: "a/b/" }, { name: "a/b" }],
  ],
  ["an empty part", /empty or relative part/, [{ name: "a//b" }]],
  ["a dot", /empty or relative part/, [{ name: "./a" }]],
  ["a control character", /control character/, [{ name: "a\u0000b" }]],
  ["a line feed", /control character/, [{ name: "a\nb" }]],
  ["an encrypted entry", /"a" is encrypted/, [{ name: "a", content: "x", flags: 1, method: 8 }]],
  [
    "10 GB of zeros",
    /^the zip unpacks to more than 262144000 bytes$/,
    [{ name: "a", content: "x", uncompressedSize: 0xfffffffe, method: 8 }],
  ],
  [
    "many files of 100 MB",
    /^the zip unpacks to more than 262144000 bytes$/,
    [
      { name: "a", uncompressedSize: 1e8, method: 8 },
      { name: "b", uncompressedSize: 1e8, method: 8 },
      { name: "c", uncompressedSize: 1e8, method: 8 },
    ],
  ],
  ["10,001 entries", /^the zip has 10001 entries, more than 10000$/, many(10_001)],
  ["more entries than there are", /^could not read the zip/, many(2), 9],
])("G-21 %s is refused, and nothing is written", async (_, why, entries, claimed) => {
  const { outside, inside } = await folders();
  await expect(unzip(rawZipOf(entries, claimed), inside)).rejects.toThrow(why);
  expect([await readdir(outside), await readdir(inside)]).toEqual([[basename(inside)], []]);
});

test("a size that is not true is refused when it shows", async () => {
  const { inside } = await folders();
  await expect(
    unzip(rawZipOf([{ name: "a", content: "xyz", uncompressedSize: 1, method: 8 }]), inside),
  ).rejects.toThrow(/^could not unpack the zip: /);
});

test("what is refused for its list is refused before anything is written", async () => {
  const { inside } = await folders();
  await expect(
    unzip(rawZipOf([{ name: "good", content: "x" }, { name: "../evil" }]), inside),
  ).rejects.toThrow("../evil");
  expect(await readdir(inside)).toEqual([]);
});

test("bytes that are no zip are refused", async () => {
  const { inside } = await folders();
  for (const bytes of [
    Buffer.from("not a zip"),
    new Uint8Array(),
    (await zipOf({ a: "a" })).subarray(0, 40),
  ]) {
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
