import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished, type TestContext } from "vitest";
import { unlikeSchema } from "./documents.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const built = `${root}bin/shelfshack-ws.js`;

/** How advice starts the built program, where `run` and `start` do. */
export const advised = `node ${built.slice(1)}`;

/** The built program as a process that has ended. */
export interface Ended {
  /** The exit code, or null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The built program as a process that runs. */
export interface Running {
  /** Writes to its stdin, or ends that. */
  type(text: string): void;
  endInput(): void;
  signal(name: NodeJS.Signals): void;
  /** Resolves when stdout and stderr together hold the text or match the pattern. */
  says(wanted: string | RegExp): Promise<string>;
  ended: Promise<Ended>;
}

export interface RunOptions {
  env?: Record<string, string>;
  /**
   * Everything that stdin holds; null for a stdin that is closed from the start; absent for one that stays
   * open and silent.
   */
  input?: string | null;
  /** Runs it in a pseudo terminal of this many columns. */
  columns?: number;
  /** An open file for its stdout. */
  stdout?: number;
  /** The current folder. */
  cwd?: string;
  /** Another installation than the one in this clone. */
  program?: string;
  /** Another user, which root can start it as. */
  user?: number | undefined;
}

/** Nothing of the developer's own environment but what a process needs. */
const environment = {
  PATH: process.env["PATH"] ?? "",
  HOME: "/nonexistent",
  // What V8 compiles of the program is kept, as for a user; what else is kept there has tests of its own.
  XDG_CACHE_HOME: `${root}node_modules/.cache`,
  TERM: "xterm",
  TZ: "UTC",
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
};

const hasTerminal = existsSync("/dev/ptmx") && spawnSync("python3", ["-c", "import pty"]).status === 0;

/**
 * Skips the test where no process can be given a pseudo terminal, and fails it where Python is required
 * (`REQUIRE_BACKEND=1`).
 */
export function needsTerminal({ skip }: TestContext): void {
  const missing = "a pseudo terminal is needed: /dev/ptmx, and python3 with its module pty";
  if (!hasTerminal && process.env["REQUIRE_BACKEND"] === "1") throw new Error(missing);
  skip(!hasTerminal, missing);
}

/** The command that gives the program a terminal: Python's pty, as Node has none. */
const inTerminal = (program: string, args: readonly string[], columns: number): [string, string[]] => {
  const shell = `stty cols ${columns} rows 24; exec "$@"`;
  return [
    "python3",
    [
      "-c",
      "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
      "sh",
      "-c",
      shell,
      "sh",
      process.execPath,
      program,
      ...args,
    ],
  ];
};

/** Starts the built program; it is ended with the test. */
export function start(
  args: readonly string[],
  { env = {}, input, columns, stdout, cwd = "/", program = built, user }: RunOptions = {},
): Running {
  const [command, words] =
    columns === undefined ? [process.execPath, [program, ...args]] : inTerminal(program, args, columns);
  // A home of its own, made where it is written to.
  const home = join(tmpdir(), `shelfshack-ws-home-${randomUUID()}`);
  const child = spawn(command, words, {
    cwd,
    env: { ...environment, XDG_STATE_HOME: home, ...env },
    stdio: [input === null ? "ignore" : "pipe", stdout ?? "pipe", "pipe"],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  const heard = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      heard[name] += text;
      for (const check of waiting) check();
    });
  }
  child.stdin?.on("error", () => child.stdin?.destroy());
  if (typeof input === "string") child.stdin?.end(input);
  const closed = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, ...heard })));
  // What every test runs with --json is what the package's schemas say.
  const ended = closed.then((end) => {
    const faults = columns === undefined ? unlikeSchema(args, end.stdout) : [];
    if (faults.length > 0) throw new Error(faults.join("\n"));
    return end;
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await closed;
    await rm(home, { recursive: true, force: true });
  });
  const says = (wanted: string | RegExp) =>
    new Promise<string>((resolve, reject) => {
      const check = () => {
        const text = heard.stdout + heard.stderr;
        if (typeof wanted === "string" ? !text.includes(wanted) : !wanted.test(text)) return;
        waiting.delete(check);
        resolve(text);
      };
      waiting.add(check);
      check();
      void closed.then(() =>
        reject(new Error(`ended without saying ${String(wanted)}:\n${heard.stdout}${heard.stderr}`)),
      );
    });
  return {
    type: (text) => void child.stdin?.write(text),
    endInput: () => void child.stdin?.end(),
    signal: (name) => void child.kill(name),
    says,
    ended,
  };
}

/** The code of the error in an output with `--json`. */
export const errorCode = ({ stdout }: Ended): unknown => JSON.parse(stdout).error?.code;

/** Runs the built program to its end. */
export const run = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  start(args, { input: null, ...options }).ended;
