import { type ChildProcess, execFile, spawn } from "node:child_process";
import {
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { FunctionToRun } from "../../src/local/runtime/contract.ts";
import { startReaper } from "../../src/local/runtime/reaper.ts";
import { functionOf, pythonOf, runtimeOf, until } from "../support/functions.ts";
import { needsOtherUser, unprivileged } from "../support/other-user.ts";

const run = promisify(execFile);
const python = await run("python3", ["--version"]).then(
  () => true,
  () => false,
);
let built: string;

/** As the package is built: one file, and the runtime clients in `local/` beside it. */
beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), "runtime-parent-"));
  const banner =
    "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  await build({
    entryPoints: ["test/support/runtime-parent.ts"],
    bundle: true,
    platform: "node",
    format: "esm",
    banner: { js: banner },
    outfile: join(built, "parent.mjs"),
    logLevel: "error",
  });
  await chmod(built, 0o755);
  await mkdir(join(built, "local"));
  for (const file of ["bootstrap.mjs", "bootstrap.py"])
    await copyFile(`src/local/runtime/${file}`, join(built, "local", file));
  return () => rm(built, { recursive: true });
});

interface Parent {
  process: ChildProcess;
  /** its temporary folder: nothing else is in there */
  folder: string;
  printed(pattern: RegExp): Promise<string>;
}

interface ParentOptions {
  path?: string | undefined;
  close?: boolean;
  /** The user that it runs as; ours when not given. */
  user?: number | undefined;
  /** Its temporary folder; a fresh one when not given. */
  folder?: string;
}

async function parentOf(
  target: FunctionToRun,
  {
    path = process.env["PATH"],
    close = false,
    user,
    folder = mkdtempSync(join(tmpdir(), "runtime-orphans-")),
  }: ParentOptions = {},
): Promise<Parent> {
  if (user !== undefined) await chown(folder, user, user);
  const input = JSON.stringify({
    target: { ...target, zip: Buffer.from(target.zip).toString("base64") },
    close,
  });
  const parent = spawn(process.execPath, [join(built, "parent.mjs"), input], {
    env: { PATH: path, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  let text = "";
  parent.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  onTestFinished(async () => {
    parent.kill("SIGKILL");
    await until(
      async () =>
        (await readdir(folder)).length === 0 || parent.exitCode !== null || parent.signalCode !== null,
    );
    await rm(folder, { recursive: true, force: true });
  });
  return {
    process: parent,
    folder,
    async printed(pattern) {
      await until(() => pattern.test(text));
      return pattern.exec(text)?.[1] ?? "";
    },
  };
}

/** Processes whose command line has this text. */
async function processesWith(text: string): Promise<number[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,args="]);
  const lines = stdout.split("\n").filter((line) => line.includes(text));
  return lines.map((line) => Number(line.trim().split(" ")[0]));
}

async function isGone(pid: string): Promise<boolean> {
  const { stdout } = await run("ps", ["-o", "stat=", "-p", pid]).catch(() => ({ stdout: "" }));
  return stdout.trim() === "" || stdout.startsWith("Z");
}

const print = "process.stdout.write(`child ${process.pid}\\n`);";

test.each<[what: string, target: () => Promise<FunctionToRun>, needsPython?: true]>([
  [
    "loops",
    () => functionOf(`export const handler = async () => { ${print} for (;;); }`, { timeoutSeconds: 60 }),
  ],
  ["loops at load", () => functionOf(`${print} for (;;);`, { timeoutSeconds: 60 })],
  [
    "sleeps",
    () =>
      functionOf(
        `export const handler = () => new Promise((resolve) => { ${print} setTimeout(resolve, 60000); })`,
        { timeoutSeconds: 60 },
      ),
  ],
  ["waits for an event", () => functionOf(`${print} export const handler = async () => 1`)],
  [
    "loops in Python",
    () =>
      pythonOf(
        `import os\ndef handler(event, context):\n    print("child", os.getpid())\n    while True: pass`,
        { timeoutSeconds: 60 },
      ),
    true,
  ],
])(
  "G-22 when we are killed, a child that %s is ended and its folder removed",
  async (_, target, needsPython) => {
    if (needsPython && !python) return;
    const parent = await parentOf(await target());
    const child = await parent.printed(/child (\d+)\n/);
    expect(await readdir(parent.folder)).toHaveLength(1);
    parent.process.kill("SIGKILL");
    await until(() => isGone(child));
    await until(async () => (await readdir(parent.folder)).length === 0);
    // The one that removed the folder ends after that.
    await until(async () => (await processesWith(parent.folder)).length === 0);
  },
);

test("G-22 what a handler has started itself ends with it", async () => {
  const parent = await parentOf(
    await functionOf(`import { spawn } from "node:child_process";
      export const handler = () => {
        const { pid } = spawn("/bin/sleep", ["60"]);
        process.stdout.write(\`child \${pid}\\n\`);
        process.exit(1);
      }`),
  );
  const grandchild = await parent.printed(/child (\d+)\n/);
  await parent.printed(/answered (.*)/);
  await until(() => isGone(grandchild));
});

/** Handlers that start a process in a session of its own, which prints its number and stays. */
const sleeper = (options: string) =>
  functionOf(`import { spawn } from "node:child_process";
    export const handler = async () => {
      const { pid } = spawn("/bin/sleep", ["600"], { detached: true, stdio: "ignore", ${options} });
      process.stdout.write(\`child \${pid}\\n\`);
    };`);
const printed = "stdio: ['ignore', 'inherit', 'ignore']";
const orphan = () =>
  functionOf(`import { spawn } from "node:child_process";
    export const handler = async () => {
      const script = 'sleep 600 & echo "child $!"';
      const shell = spawn("/bin/sh", ["-c", script], { detached: true, ${printed} });
      await new Promise((resolve) => shell.once("exit", resolve));
    };`);
const ofThread = () =>
  functionOf(`import { Worker } from "node:worker_threads";
    export const handler = () => new Promise((resolve) => {
      const code = \`const { pid } = require("child_process").spawn("/bin/sleep", ["600"],
        { detached: true, stdio: "ignore", env: {} });
        require("worker_threads").parentPort.postMessage(pid);
        setInterval(() => {}, 1000);\`;
      new Worker(code, { eval: true }).once("message", (pid) => {
        process.stdout.write(\`child \${pid}\\n\`);
        resolve();
      });
    });`);
const ofPython = () =>
  pythonOf(`import subprocess
def handler(event, context):
    child = subprocess.Popen(["/bin/sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL)
    print("child", child.pid)`);

test.for<[what: string, target: () => Promise<FunctionToRun>, how: "closed" | "killed"]>([
  ["a detached process", () => sleeper(""), "closed"],
  ["a detached process", () => sleeper(""), "killed"],
  ["a detached process with an environment of its own", () => sleeper("env: {}"), "closed"],
  ["a process whose parent has ended", orphan, "closed"],
  ["a process whose parent has ended", orphan, "killed"],
  ["a process of a thread", ofThread, "closed"],
  ["a session of Python", ofPython, "closed"],
  ["a session of Python", ofPython, "killed"],
])("F-17 %s that a handler leaves behind ends when we are %3$s", async ([, target, how], { skip }) => {
  skip(process.platform !== "linux", "only Linux tells which process has which environment");
  skip(target === ofPython && !python, "python3 is not installed");
  const parent = await parentOf(await target(), { close: how === "closed" });
  const child = await parent.printed(/child (\d+)\n/);
  await parent.printed(/answered (.*)/);
  if (how === "killed") parent.process.kill("SIGKILL");
  await until(() => isGone(child));
});

test("F-17 what a handler has detached ends with its environment, and nothing else does", async ({
  skip,
}) => {
  skip(process.platform !== "linux", "only Linux tells which process has which environment");
  const detach = `const { pid } = spawn("/bin/sleep", ["600"], { detached: true, stdio: "ignore" });
    process.stdout.write(\`child \${pid}\\n\`);`;
  const target = await functionOf(`import { spawn } from "node:child_process";
    export const handler = async (event) => { ${detach} if (event.ends) process.exit(1); return pid; };`);
  const { runtime, text } = await runtimeOf();
  const other = { ...target, arn: `${target.arn}-other`, name: "other" };
  const kept = (await runtime.invoke(other, "{}")).payload;
  await runtime.invoke(target, '{"ends":true}');
  const ended = [...text().matchAll(/child (\d+)\n/g)].map(([, pid = ""]) => pid).find((pid) => pid !== kept);
  await until(() => isGone(ended ?? ""));
  expect(await isGone(kept)).toBe(false);
  await runtime.close();
  await until(() => isGone(kept));
});

test("G-22 without a reaper a child still ends, and the next start removes the folder", async () => {
  const target = await functionOf(`${print} export const handler = async () => 1`);
  const parent = await parentOf(target);
  const child = await parent.printed(/child (\d+)\n/);
  await parent.printed(/answered 1/);
  const reapers = (await processesWith(parent.folder)).filter((pid) => pid !== Number(child));
  expect(reapers).toHaveLength(1);
  process.kill(reapers[0] ?? 0, "SIGKILL");
  parent.process.kill("SIGKILL");
  await until(() => isGone(child));
  expect(await readdir(parent.folder)).toHaveLength(1);

  const [leftover = ""] = await readdir(parent.folder);
  const next = spawn(
    process.execPath,
    [
      join(built, "parent.mjs"),
      JSON.stringify({ target: { ...target, zip: Buffer.from(target.zip).toString("base64") }, close: true }),
    ],
    {
      env: { PATH: process.env["PATH"], TMPDIR: parent.folder },
      stdio: "ignore",
    },
  );
  await new Promise((resolve) => next.once("exit", resolve));
  expect(await readdir(parent.folder)).not.toContain(leftover);
  expect(await readdir(parent.folder)).toEqual([]);
});

test("G-22 after close the process ends by itself and nothing is left", async () => {
  const parent = await parentOf(await functionOf(`export const handler = async () => "done"`), {
    close: true,
  });
  expect(await parent.printed(/answered (.*)\n/)).toBe('"done"');
  await until(() => parent.process.exitCode === 0);
  expect(await readdir(parent.folder)).toEqual([]);
});

const locking = `import fs from "node:fs";
export const handler = async () => {
  fs.mkdirSync("a/b", { recursive: true });
  fs.writeFileSync("a/b/c", "");
  fs.chmodSync("a/b", 0o555);
  fs.chmodSync("a", 0);
  ${print}
  return "done";
};`;

test.for<[string, boolean]>([
  ["closed", true],
  ["killed", false],
])(
  "G-22 a folder that a handler made unwritable is removed when we are %s",
  async ([_how, close], context) => {
    needsOtherUser(context);
    const parent = await parentOf(await functionOf(locking), { close, user: unprivileged });
    expect(await parent.printed(/answered (.*)\n/)).toBe('"done"');
    if (close) await until(() => parent.process.exitCode === 0);
    else parent.process.kill("SIGKILL");
    await until(async () => (await readdir(parent.folder)).length === 0);
  },
);

test("G-22 a leftover that a handler made unwritable is removed", async (context) => {
  needsOtherUser(context);
  const target = await functionOf(`export const handler = async () => "done"`);
  const folder = await mkdtemp(join(tmpdir(), "runtime-leftover-"));
  const path = ["shelfshack-ws-runtime-999999999-abcdef", "task-abcdef", "cache", "deep"];
  await mkdir(join(folder, ...path), { recursive: true });
  for (let depth = path.length; depth > 0; depth -= 1) {
    const made = join(folder, ...path.slice(0, depth));
    if (unprivileged !== undefined) await chown(made, unprivileged, unprivileged);
    if (depth > 2) await chmod(made, depth === path.length ? 0 : 0o500);
  }
  const parent = await parentOf(target, { close: true, user: unprivileged, folder });
  await until(() => parent.process.exitCode === 0);
  expect(await readdir(folder)).toEqual([]);
});

test("a leftover that cannot be removed is reported and left", async (context) => {
  needsOtherUser(context);
  context.skip(
    unprivileged === undefined,
    "only root can make a file that the user of the test cannot remove",
  );
  const target = await functionOf(`export const handler = async () => "done"`);
  const folder = await mkdtemp(join(tmpdir(), "runtime-leftover-"));
  const leftover = join(folder, "shelfshack-ws-runtime-999999999-abcdef");
  await mkdir(join(leftover, "of-another", "user"), { recursive: true });
  for (const path of [folder, leftover]) await chown(path, unprivileged ?? 0, unprivileged ?? 0);
  const parent = await parentOf(target, { close: true, user: unprivileged, folder });
  expect(await parent.printed(/answered (.*)\n/)).toBe('"done"');
  expect(
    await parent.printed(
      /(\[local\] the folder \S+) which an earlier local AWS has left, cannot be removed: /,
    ),
  ).toContain(leftover);
  await until(() => parent.process.exitCode === 0);
  expect(await readdir(folder)).toEqual(["shelfshack-ws-runtime-999999999-abcdef"]);
});

test("what marks a function's processes is no argument of what looks for them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "reaper-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [heard, grep] = [join(folder, "heard"), join(folder, "grep")];
  await writeFile(grep, `#!/bin/sh\n{ echo "$@"; cat; } > ${heard}\n`, { mode: 0o755 });
  const reaper = await startReaper(join(folder, "none"), { PATH: `${folder}:${process.env["PATH"]}` });
  const mark = "m".repeat(32);
  reaper.release({ pid: 999_999_999, mark });
  await reaper.close();
  const [words, ...input] = (await readFile(heard, "utf8")).split("\n");
  expect(words).toMatch(/^-lsF -f - \/proc\//);
  expect([words?.includes(mark), input]).toEqual([false, [mark, ""]]);
});

test("only folders of ours whose process is gone are removed", async () => {
  const dead = join(tmpdir(), "shelfshack-ws-runtime-999999999-abcdef");
  const alive = join(tmpdir(), `shelfshack-ws-runtime-${process.pid}-abcdef`);
  const other = join(tmpdir(), "shelfshack-ws-runtime-999999999-");
  const link = join(tmpdir(), "shelfshack-ws-runtime-999999998-abcdef");
  onTestFinished(async () => {
    for (const path of [dead, alive, other, link]) await rm(path, { recursive: true, force: true });
  });
  for (const path of [dead, alive, other]) await mkdir(path);
  await symlink(alive, link);
  const { runtime } = await runtimeOf();
  await runtime.close();
  await expect(stat(dead)).rejects.toThrow("ENOENT");
  for (const path of [alive, other, link]) await stat(path);
});

test("a Python function without python3 says what is missing", async () => {
  const parent = await parentOf(await pythonOf("def handler(event, context): pass"), {
    path: "/nowhere",
    close: true,
  });
  expect(JSON.parse(await parent.printed(/answered (.*)\n/))).toMatchObject({
    errorType: "Runtime.InvalidEntrypoint",
    errorMessage: expect.stringContaining("python3 was not found on the PATH"),
  });
});
