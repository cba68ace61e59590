import { mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { contentChanges } from "../../src/artifact/watch.ts";

test("F-38 a folder is watched by its path: whatever becomes of that, its content is seen", async () => {
  const place = await mkdtemp(join(tmpdir(), "shelfshack-ws-watched-"));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  const folder = join(place, "a/b/c");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "file"), "0");
  const begun = join(place, "begun");
  await mkdir(begun);
  const over = new AbortController();
  const changes = contentChanges(() => [folder, begun], over.signal);
  // It is read after the other: once a change of it is seen, the other's first state is known.
  expect(await afterSome((n) => writeFile(join(begun, "file"), `${n}`), changes.next())).toEqual([begun]);
  const changeOfFolder = async () => {
    for (;;) {
      const { value, done } = await changes.next();
      const seen: readonly string[] = value ?? [];
      if (done || seen.includes(folder)) return { value: seen.filter((one) => one !== begun), done };
    }
  };
  let next = changeOfFolder();
  const goings: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true }),
    () => rm(join(place, "a"), { recursive: true }),
    () => rename(join(place, "a"), join(place, "moved")),
    () => rename(join(place, "a/b"), join(place, "a/moved")),
    () => Promise.resolve(),
  ];
  for (const [round, goes] of goings.entries()) {
    await goes();
    for (const part of ["a", "a/b", "a/b/c"])
      await mkdir(join(place, part)).catch((error: NodeJS.ErrnoException) =>
        expect(error.code).toBe("EEXIST"),
      );
    await writeFile(join(folder, "file"), `${round + 1}`);
    expect(await next).toEqual({ value: [folder], done: false });
    next = changeOfFolder();
  }
  over.abort();
  expect((await next).done).toBe(true);
});

/** What is seen after one of several changes: the first may be there before the watching begins. */
async function afterSome(
  change: (n: number) => Promise<void>,
  next: Promise<IteratorResult<string[]>>,
): Promise<string[]> {
  let seen: string[] | undefined;
  void next.then(({ value }) => (seen = value));
  let n = 1;
  const changed = async () => {
    if (seen === undefined) await change(n++);
    return seen;
  };
  await expect.poll(changed, { timeout: 20_000 }).toBeDefined();
  return seen ?? [];
}

test("F-38 a file that is too large to be read hides no change, also none of its own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-watched-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const large = join(folder, "dump.pyc");
  await writeFile(large, "");
  // It takes no place on the disk.
  await truncate(large, 3 * 1024 ** 3);
  const over = new AbortController();
  const changes = contentChanges(() => [folder], over.signal);
  const changed = [
    (n: number) => writeFile(join(folder, "index.mjs"), `${n}`),
    (n: number) => truncate(large, 3 * 1024 ** 3 + n),
  ];
  for (const change of changed) expect(await afterSome(change, changes.next())).toEqual([folder]);
  const next = changes.next();
  over.abort();
  expect((await next).done).toBe(true);
});

test("F-38 a folder whose way is barred is watched from above, until it can be read", async () => {
  const place = await mkdtemp(join(tmpdir(), "shelfshack-ws-watched-"));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  const folder = join(place, "a");
  // A link to itself bars the way for root too.
  await symlink(folder, folder);
  const over = new AbortController();
  const changes = contentChanges(() => [folder], over.signal);
  const next = changes.next();
  await rm(folder);
  await mkdir(folder);
  expect(await afterSome((n) => writeFile(join(folder, "file"), `${n}`), next)).toEqual([folder]);
  const last = changes.next();
  over.abort();
  expect((await last).done).toBe(true);
});
