import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { run, start } from "../support/program.ts";

const ours = async () => (await readdir(tmpdir())).filter((name) => name.includes("shelfshack"));

test("S35 demo: every step, one client's message at the other, and nothing is left", { timeout: 60_000 }, async () => {
  const before = await ours();
  const { code, stdout } = await run(["demo"]);
  expect(code).toBe(0);
  for (const command of ["deploy", "test", "logs tail", "destroy"]) expect(stdout).toContain(`$ shelfshack-ws ${command}`);
  expect(stdout).toContain("12 created");
  expect(stdout).toMatch(/Ben ← .*is the cabin still free/);
  expect(stdout).toContain("no changes; code up to date");
  expect(stdout).toContain("4 removed");
  expect(await ours()).toEqual(before);
});

test("S35 demo --json: one document per line, the last one is the result", { timeout: 60_000 }, async () => {
  const { code, stdout } = await run(["demo", "--json"]);
  const documents = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(code).toBe(0);
  expect(documents.at(-1)).toMatchObject({ secondDeployChanged: false, removed: 4, delivered: { ms: expect.any(Number) } });
});

test("S35 demo: Ctrl-C in the middle leaves nothing behind", { timeout: 60_000 }, async () => {
  const before = await ours();
  const demo = start(["demo"], { input: null });
  await demo.says("waiting for IAM");
  demo.signal("SIGINT");
  expect((await demo.ended).code).toBe(130);
  expect(await ours()).toEqual(before);
});
