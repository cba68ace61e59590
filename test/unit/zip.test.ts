import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { fromBuffer, type ZipFile } from "yauzl";
import { assetUrl } from "../../src/artifact/assets.ts";
import { builtZipName, packageHandler, requireHandler, zipFiles } from "../../src/artifact/zip.ts";
import type { CliError } from "../../src/errors/error.ts";
import { run } from "../support/program.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "package-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** The entries of a zip as a reader that is not ours sees them. */
async function entriesOf(zip: Uint8Array) {
  const file = await promisify<Buffer, { lazyEntries: boolean }, ZipFile>(fromBuffer)(Buffer.from(zip), {
    lazyEntries: true,
  });
  const entries: { name: string; mode: number; method: number; date: string }[] = [];
  file.on("entry", (entry) => {
    const { fileName: name, externalFileAttributes, compressionMethod: method } = entry;
    entries.push({
      name,
      mode: (externalFileAttributes >>> 16) & 0o7777,
      method,
      date: entry.getLastModDate({ timezone: "UTC" }).toISOString(),
    });
    file.readEntry();
  });
  const ended = new Promise((settle, fail) => file.on("end", settle).on("error", fail));
  file.readEntry();
  await ended;
  return entries;
}

test("C-11 files in any order: names sorted, modes and times fixed, compressed", async () => {
  const one = await zipFiles(
    new Map([
      ["b.mjs", Buffer.from("b")],
      ["a/c.mjs", Buffer.from("c")],
    ]),
  );
  const other = await zipFiles(
    new Map([
      ["a/c.mjs", Buffer.from("c")],
      ["b.mjs", Buffer.from("b")],
    ]),
  );
  expect(one.sha256).toBe(other.sha256);
  expect(one.entries).toEqual([
    { name: "a/c.mjs", bytes: 1 },
    { name: "b.mjs", bytes: 1 },
  ]);
  expect(await entriesOf(one.zip)).toEqual(
    ["a/c.mjs", "b.mjs"].map((name) => ({ name, mode: 0o644, method: 8, date: "1980-01-01T00:00:00.000Z" })),
  );
});

test("S8 package makes the same bytes in any time zone and umask, and Lambda's SHA-256", async () => {
  const hashes = await Promise.all(
    ["UTC", "Pacific/Auckland", "America/Los_Angeles"].map(async (TZ) => {
      const file = join(folder(), "p.zip");
      const { code, stdout } = await run(["package", "--out", file, "--json"], { env: { TZ } });
      expect(code).toBe(0);
      const bytes = readFileSync(file);
      const sha256 = createHash("sha256").update(bytes).digest("base64");
      expect(JSON.parse(stdout)).toEqual({
        schemaVersion: 1,
        kind: "result",
        next: [expect.objectContaining({ argv: [["deploy", "--backend-url", "URL"]] })],
        file,
        bytes: bytes.length,
        entries: [{ name: "index.mjs", bytes: expect.any(Number) }],
        sha256,
      });
      return sha256;
    }),
  );
  expect(new Set([...hashes, (await packageHandler()).sha256]).size).toBe(1);
});

test("what is shipped is the zip that the build made: its code, at most 10 KB", async () => {
  const code = readFileSync(assetUrl("handler/index.mjs"));
  const built = readFileSync(assetUrl(`handler/${builtZipName(code)}`));
  const { zip, entries } = await packageHandler();
  expect(built.equals(zip)).toBe(true);
  expect(zip).toEqual((await zipFiles(new Map([["index.mjs", code]]))).zip);
  expect(zip.length).toBeLessThanOrEqual(10 * 1024);
  expect(entries).toEqual([{ name: "index.mjs", bytes: code.length }]);
});

test("a handler that is not in the zip is refused with the files that are", () => {
  const entries = [
    { name: "index.mjs", bytes: 1 },
    { name: "lib/app.py", bytes: 1 },
  ];
  const nodejs = { runtime: "nodejs24.x" };
  const python = { runtime: "python3.13" };
  expect(requireHandler({ handler: "index.handler", ...nodejs }, entries)).toBeUndefined();
  expect(requireHandler({ handler: "lib/app.main", ...python }, entries)).toBeUndefined();
  const missing = [
    {
      handler: "lambda_function.lambda_handler",
      ...nodejs,
      looked: "lambda_function.mjs, lambda_function.js, lambda_function.cjs",
    },
    { handler: "index.mjs.handler", ...nodejs, looked: "index.mjs.mjs, index.mjs.js, index.mjs.cjs" },
    { handler: "index.handler", ...python, looked: "index.py" },
  ];
  for (const { looked, ...wanted } of missing) {
    try {
      requireHandler(wanted, entries);
      expect.unreachable();
    } catch (error) {
      const { message, hint, exitCode } = error as CliError;
      expect(message).toBe(
        `the handler "${wanted.handler}" is not in the zip: ${wanted.runtime} looks for ${looked}`,
      );
      expect(hint).toBe(
        "the zip holds index.mjs, lib/app.py; it runs with --handler index.handler and a nodejs runtime",
      );
      expect(exitCode).toBe(2);
    }
  }
});

test("S9 package --handler names the files that it found and writes nothing", async () => {
  const file = join(folder(), "p.zip");
  const { code, stdout, stderr } = await run([
    "package",
    "--out",
    file,
    "--handler",
    "lambda_function.lambda_handler",
  ]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("index.mjs");
  expect(() => readFileSync(file)).toThrow("ENOENT");
});
