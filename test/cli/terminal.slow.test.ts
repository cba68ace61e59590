import { expect, onTestFinished, test } from "vitest";
import { startLocalAws } from "../../src/local/server.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { needsTerminal, run, start } from "../support/program.ts";
import { screenOf } from "../support/screen.ts";

const escape = String.fromCharCode(27);

/** A local AWS that lets the role wait a moment, and the variables that point the program at it. */
async function localAws() {
  const aws = await startLocalAws({ port: 0, roleDelayMs: 800 });
  onTestFinished(() => aws.close());
  return {
    SHELFSHACK_LOCAL: "true",
    SHELFSHACK_PORT: String(aws.port),
    SHELFSHACK_TEST: "false",
    SHELFSHACK_BACKEND_URL: "http://127.0.0.1:9",
  };
}

test.for([40, 80, 200])(
  "deploy on a terminal of %i columns shows a spinner and ends with each step once",
  async (columns, context) => {
    needsTerminal(context);
    const env = await localAws();
    const { code, stdout } = await run(["deploy"], { env, columns });
    expect(code).toBe(0);
    expect(stdout).toContain(`${escape}[?25l`);
    expect(stdout).toContain("waiting for IAM");
    const left = screenOf(stdout).join("\n");
    expect(left).not.toContain("waiting for IAM");
    expect(left.match(/(✓|created)\s+Role\s/g)).toHaveLength(1);
    expect(stdout.slice(stdout.lastIndexOf(`${escape}[?25`))).toContain(`${escape}[?25h`);
  },
);

test("deploy without a terminal prints plain lines on stderr and only the result on stdout", async () => {
  const env = await localAws();
  const { code, stdout, stderr } = await run(["deploy", "--json"], { env });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ changed: true });
  expect(stderr).toContain("✓ Role ");
  expect(stderr).toMatch(/^ {2}waiting for IAM.*, 0 s of 180 s$/m);
  expect(stdout + stderr).not.toContain(escape);
});

test("F-49 a deploy in a log lists what it did once", async () => {
  const env = await localAws();
  const { code, stdout, stderr } = await run(["deploy"], { env });
  expect(code).toBe(0);
  expect((stdout + stderr).match(/^. ?(created +)?Role /gm)).toEqual(["+ created  Role "]);
  expect(stderr).toMatch(/^ {2}waiting for IAM/m);
});

/** A command, or a word that is longer than a line: neither is broken. */
const isCopied = (line: string) => line.includes("shelfshack-ws.js") || !/\S\s+\S/.test(line);

test("F-49 log lines hang below their beginning, or where it is narrow below their head", async (context) => {
  needsTerminal(context);
  const env = await localAws();
  await run(["deploy", "--no-test"], { env });
  await run(["test"], { env });
  const linesAt = async (columns: number) => {
    const { stdout } = await run(["logs", "tail", "--no-follow", "--no-color", "--quiet"], { env, columns });
    return screenOf(stdout);
  };
  const wide = await linesAt(80);
  expect(wide.filter((line) => line.length > 80)).toEqual([]);
  expect(wide.filter((line) => /^ {20}\S/.test(line)).length).toBeGreaterThan(0);
  const narrow = await linesAt(40);
  // The id of a request is copied as one.
  expect(narrow.filter((line) => line.length > 40 && !isCopied(line))).toEqual([]);
  expect(
    narrow.filter((line) => /^\d\d:\d\d:\d\d\.\d{3} (INFO|WARN|ERROR) ?$/.test(line)).length,
  ).toBeGreaterThan(0);
  const { stdout } = await run(["logs", "tail", "--no-follow"], { env });
  const words = stdout.split(/\s+/).filter((word) => word.length <= 38);
  expect(words.filter((word) => !narrow.some((line) => line.includes(word)))).toEqual([]);
});

test.for([40, 80])(
  "at %i columns no word of our own is broken",
  { timeout: 60_000 },
  async (columns, context) => {
    needsTerminal(context);
    const env = await localAws();
    await run(["deploy"], { env });
    for (const words of [["status", "--memory", "512"], ["deploy", "--dry-run"], ["deplyo"]]) {
      const [shown, piped] = await Promise.all([run(words, { env, columns }), run(words, { env })]);
      const lines = screenOf(shown.stdout);
      expect(lines.filter((line) => line.length > columns && !isCopied(line))).toEqual([]);
      // Of a machine that is slow it is said who is asked: on a terminal by a spinner, which leaves nothing.
      const isOfSlowness = (line: string) => line === "  asking the local AWS";
      const said = (piped.stdout + piped.stderr).split("\n");
      const wordsIn = (of: readonly string[]) =>
        of.flatMap((line) => line.split(/\s+/)).filter((word) => word.length <= columns - 12);
      const left = wordsIn(said.filter((line) => !isOfSlowness(line)));
      expect(left.filter((word) => !lines.some((line) => line.includes(word)))).toEqual([]);
      expect(lines.filter((line) => line.includes("asking the local AWS"))).toEqual([]);
    }
  },
);

test("who is asked is on the screen as long as it is silent, and not after that", async (context) => {
  needsTerminal(context);
  const { SHELFSHACK_PORT: port, ...env } = await localAws();
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const url = `http://127.0.0.1:${port}`;
  const proxy = await openFaultProxy({ url }, () => ({ before: () => answered }));
  const asked = start(["releases"], {
    env: { ...env, SHELFSHACK_PORT: new URL(proxy.url).port },
    columns: 80,
  });
  const meanwhile = await asked.says("asking the local AWS");
  expect(screenOf(meanwhile).at(-1)).toMatch(/^. asking the local AWS$/);
  answer();
  const { code, stdout } = await asked.ended;
  expect(code).toBe(1);
  expect(screenOf(stdout)[0]).toMatch(/^error: there is no function /);
});

test("S15 destroy asks for the name: only that deletes; Ctrl-D and Ctrl-C do not", async (context) => {
  needsTerminal(context);
  const env = await localAws();
  await run(["deploy"], { env });
  const answered = async (typed: string) => {
    const running = start(["destroy"], { env, columns: 80 });
    const name =
      /the stack (\S+) will/.exec(await running.says(/the stack \S+ will be deleted; .*:/))?.[1] ?? "";
    running.type(typed.replace("NAME", name));
    return await running.ended;
  };
  expect((await answered("something else\r")).code).toBe(4);
  expect((await answered("\x04")).code).toBe(130);
  expect((await answered("\x03")).code).toBe(130);
  const { code, stdout } = await answered("NAME\r");
  expect([code, stdout.match(/account 0{12},/g), stdout.match(/^- Function /gm)]).toEqual([
    0,
    ["account 000000000000,"],
    ["- Function "],
  ]);
  expect(stdout).toContain("removed");
});
