import { mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { functionOf, runtimeOf, until } from "../support/functions.ts";
import { rawZipOf } from "../support/zip.ts";

/** A runtime, and the folder that it unpacks functions into. */
async function runtimeWithFolder() {
  const folder = await mkdtemp(join(tmpdir(), "runtime-unpacking-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("TMPDIR", folder);
  const { runtime } = await runtimeOf();
  vi.unstubAllEnvs();
  return { runtime, work: join(folder, (await readdir(folder))[0] ?? "") };
}

test("a zip that could not be unpacked is unpacked once the cause is gone", async () => {
  const { runtime, work } = await runtimeWithFolder();
  const target = await functionOf("export const handler = async () => 42;");
  await rename(work, `${work}-away`);
  expect(JSON.parse((await runtime.invoke(target, "{}")).payload)).toMatchObject({
    errorType: "Runtime.InvalidEntrypoint",
    errorMessage: expect.stringContaining("ENOENT"),
  });
  await rename(`${work}-away`, work);
  await until(async () => (await runtime.invoke(target, "{}")).payload === "42");
});

test("a zip whose contents do not have their checksum is not run", async () => {
  const { runtime } = await runtimeWithFolder();
  const content = "export const handler = async () => 42;";
  const whole = await functionOf("", { zip: rawZipOf([{ name: "index.mjs", content }]) });
  expect((await runtime.invoke(whole, "{}")).payload).toBe("42");
  const broken = await functionOf("", { zip: rawZipOf([{ name: "index.mjs", content, crc: 1 }]) });
  expect(JSON.parse((await runtime.invoke(broken, "{}")).payload)).toMatchObject({
    errorType: "Runtime.InvalidEntrypoint",
    errorMessage: expect.stringMatching(/could not unpack the zip: .*"index\.mjs" do not have its CRC-32$/),
  });
});

test("the files of a zip that turns out broken are removed", async () => {
  const { runtime, work } = await runtimeWithFolder();
  const zip = rawZipOf([
    { name: "index.mjs", content: "export const handler = async () => 42;" },
    { name: "broken", content: "xyz", uncompressedSize: 9, method: 8 },
  ]);
  const before = await readdir(work);
  const { payload } = await runtime.invoke(await functionOf("", { zip }), "{}");
  expect(JSON.parse(payload)).toMatchObject({
    errorMessage: expect.stringContaining("could not unpack the zip"),
  });
  expect(await readdir(work)).toEqual(before);
});
