import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { run, start } from "../support/program.ts";

/** A folder for temporary files of this test's alone. */
async function ownFolder() {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-demo-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { env: { TMPDIR: folder }, left: () => readdir(folder) };
}

test(
  "S35 demo: every step, one client's message at the other, and nothing is left",
  { timeout: 60_000 },
  async () => {
    const { env, left } = await ownFolder();
    const { code, stdout } = await run(["demo"], { env });
    expect(code).toBe(0);
    for (const command of ["deploy", "test", "logs tail", "destroy"])
      expect(stdout).toContain(`$ shelfshack-ws ${command}`);
    expect(stdout).toContain("14 created");
    expect(stdout).not.toMatch(/^\+ created/m);
    expect(stdout).toMatch(/Ben ← .*is the cabin still free/);
    expect(stdout).toContain("no changes; code up to date");
    expect(stdout).toContain("4 removed");
    expect(stdout).not.toContain("next: ");
    expect(stdout).not.toMatch(/^ +$/m);
    expect(await left()).toEqual([]);
  },
);

test("S35 demo --json: one document per line, the last one is the result", { timeout: 60_000 }, async () => {
  const { code, stdout } = await run(["demo", "--json"]);
  const documents = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(code).toBe(0);
  expect(stdout).toContain("\\n+ created  Role ");
  expect(documents.filter(({ kind, text }) => kind === "output" && text === "")).toEqual([]);
  expect(documents.at(-1)).toMatchObject({
    secondDeployChanged: false,
    removed: 4,
    delivered: { ms: expect.any(Number) },
  });
});

test("S35 demo: Ctrl-C in the middle leaves nothing behind", { timeout: 60_000 }, async () => {
  const { env, left } = await ownFolder();
  const demo = start(["demo"], { input: null, env });
  await demo.says("waiting for IAM");
  demo.signal("SIGINT");
  expect((await demo.ended).code).toBe(130);
  expect(await left()).toEqual([]);
});
