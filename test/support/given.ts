import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { startDemoBackend } from "../../src/backend/demo.ts";

/** The option that names a demo backend, which runs until the test ends. */
export async function demoBackend() {
  const backend = await startDemoBackend();
  onTestFinished(() => backend.close());
  return ["--backend-url", backend.url];
}

/** A file with this text, removed with the test. */
export async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "file-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "file.json"), text);
  return join(folder, "file.json");
}
