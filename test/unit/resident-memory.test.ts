import { expect, test } from "vitest";
import { memoryFromProc, memoryFromPs } from "../../src/local/runtime/resident-memory.ts";

const gone = 999_999_999;

test.each([
  ["/proc", memoryFromProc, process.platform === "linux"],
  ["ps", memoryFromPs, true],
])("the memory of processes is read from %s, without those that are gone", async (_, memoryOf, here) => {
  if (!here) return;
  const memory = await memoryOf([process.pid, gone]);
  expect([...memory.keys()]).toEqual([process.pid]);
  expect(memory.get(process.pid)).toBeGreaterThan(20 * 1024 * 1024);
  expect(memory.get(process.pid)).toBeLessThan(4 * 1024 * 1024 * 1024);
  expect((await memoryOf([gone])).size).toBe(0);
});
