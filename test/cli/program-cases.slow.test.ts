import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startLocalAws } from "../../src/local/server.ts";
import { settingNames, settingTable } from "../../src/settings/table.ts";
import { advised, needsTerminal, run } from "../support/program.ts";

const program = new URL("../../bin/shelfshack-ws.js", import.meta.url).pathname;
const keys = {
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "canary-secret",
  AWS_REGION: "us-east-1",
};
const escape = String.fromCharCode(27);

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "cli-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** How each option that names a file or folder is called; `named` is one that cannot be read, or written. */
const naming: Readonly<Record<string, (named: string) => string[]>> = {
  "--config": (named) => ["status", "--config", named],
  "--out": (named) => ["package", "--out", named],
  "--source": (named) => ["package", "--source", named],
  "--zip": (named) => ["plan", "--zip", named],
  "--state": (named) => ["local", "--port", "0", "--state", named],
  "--script": (named) => ["connect", "--url", "ws://127.0.0.1:9", "--script", named],
  "--event": (named) => ["test", "--event", named],
  "--report": (named) => ["bench", "--url", "ws://127.0.0.1:9", "--report", named],
  "--from": (named) => ["cost", "--from", named],
};

test("each option that names a file or folder has a line that is tried", () => {
  const options = settingNames.flatMap((name) => {
    const { flag = "" } = settingTable[name];
    return /<(file|folder)>/.test(flag) ? (flag.split(" ")[0] ?? "") : [];
  });
  expect([...new Set(options)].toSorted()).toEqual(Object.keys(naming).toSorted());
});

/** What can neither be read nor made, or would be waited for. */
const unusable: Readonly<Record<string, (place: string) => string>> = {
  "below a file": (place) => {
    writeFileSync(join(place, "file"), "");
    return join(place, "file", "x.py");
  },
  "a link to itself": (place) => {
    symlinkSync("circle.py", join(place, "circle.py"));
    return join(place, "circle.py");
  },
  "a pipe": (place) => {
    execFileSync("mkfifo", [join(place, "pipe.py")]);
    return join(place, "pipe.py");
  },
};

test.each(Object.entries(unusable))(
  "what an option names and is %s is wrong usage, whatever the option",
  async (_what, make) => {
    const named = make(folder());
    for (const words of [
      ...Object.values(naming).map((line) => line(named)),
      ["backend", "init", "--out", named],
      ["init", "--yes", "--config", named],
    ]) {
      const { code, stdout } = await run([...words, "--json"], { env: keys });
      expect([words, code, JSON.parse(stdout)]).toMatchObject([words, 2, { error: { exitCode: 2 } }]);
      expect(stdout).toContain(JSON.stringify(named).slice(1, -1));
    }
  },
);

test("help fits the width of the terminal, and --force is described for each command", async (context) => {
  const shown = async (words: string[]) => (await run([...words, "--help"])).stdout.replaceAll(/\s+/g, " ");
  expect(await shown(["backend", "init"])).toContain("--force overwrite the file without asking -h");
  expect(await shown(["backend", "keys"])).toContain(
    "--force finish the rotation without asking the backend ",
  );
  needsTerminal(context);
  for (const columns of [60, 72]) {
    const { stdout } = await run(["connect", "--help"], { columns });
    const lines = stdout.split("\r\n").filter((line) => !line.startsWith("  shelfshack-ws "));
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
  }
});

test.each([
  [["deplyo"], "command-unknown", "did you mean deploy?"],
  [["logs"], "command-missing", "shelfshack-ws.js logs --help"],
  [["logs", "tial"], "command-unknown", "did you mean logs tail?"],
  [["tail"], "command-unknown", "did you mean logs tail?"],
  [["connections", "sned", "AB12=", "hi you"], "command-unknown", "connections send AB12= 'hi you'"],
  [["env", "sett", "A=canary"], "command-unknown", "env set A"],
  [["env", "set", "AWS_REGION=x"], "value-invalid", undefined],
  [["bench", "--threshold", "p99<1"], "value-invalid", undefined],
  [["backend", "kyes"], "command-unknown", "did you mean backend keys?"],
  [["backend", "nope", "--help"], "command-unknown", "shelfshack-ws.js backend --help"],
  [["help", "logs", "tial"], "command-unknown", "did you mean logs tail?"],
  [["connect", "wss://example.com/dev?token=t"], "argument-unexpected", "pass the address with --url"],
  [["deploy", "https://example.com"], "argument-unexpected", "with --backend-url"],
  [["deploy", "--timeout", "60"], "option-unknown", "did you mean --function-timeout?"],
  [["connect", "--port", "4711"], "option-unknown", "set SHELFSHACK_PORT and pass --local"],
  [["connect", "-H", "A: b"], "option-unknown", "did you mean --header?"],
  [["status", "--booking", "1"], "option-unknown", "shelfshack-ws.js connect --help"],
  [["package", "--ouf=x"], "option-unknown", "did you mean --out?"],
  [["package", "--regoin", "x"], "option-unknown", "did you mean --region?"],
  [["help", "deplyo"], "command-unknown", "did you mean deploy?"],
  [["deplyo", "--help"], "command-unknown", "did you mean deploy?"],
  [["deploy", "--code-only", "--only", "api"], "options-contradict", "leave --only out"],
  [["env", "lst"], "command-unknown", "shelfshack-ws.js env list"],
  [["env", "frobnicate"], "command-unknown", "shelfshack-ws.js env --help"],
  [["backend", "keys", "shw"], "command-unknown", "shelfshack-ws.js backend keys show"],
  [["connections", "gte", "ID"], "command-unknown", "shelfshack-ws.js connections get"],
  [["completion", "bsh"], "command-unknown", "shelfshack-ws.js completion bash"],
  [["-v"], "option-unknown", "did you mean --version?"],
  [["package", "--out"], "value-missing", "shelfshack-ws.js package --help"],
  [["package", "extra"], "argument-unexpected", "shelfshack-ws.js package --help"],
  [[], "command-missing", "shelfshack-ws.js --help"],
  [["package", "--env", "Dev"], "value-invalid", undefined],
  [["connect", "--timeout", "soon"], "value-invalid", undefined],
])(
  "wrong usage %j is exit code 2, with a code of its own and what was probably meant",
  async (words, code, hint) => {
    const { error } = JSON.parse((await run([...words, "--json"])).stdout);
    expect(error).toMatchObject({ code, exitCode: 2 });
    if (hint !== undefined) expect(error.hint).toContain(hint);
    const { stdout, stderr } = await run(words);
    expect(stdout).toBe("");
    expect(stderr.split("\n")[0]).toBe(`error: ${error.message}`);
    expect(stderr).not.toMatch(/^\| +at /m);
  },
);

test("C-04 the password of an address is shown neither with --debug nor when it is refused", async () => {
  const accepted = await run([
    "package",
    "--out",
    join(folder(), "p.zip"),
    "--endpoint-url",
    "http://op:canary@127.0.0.1:9",
    "--debug",
  ]);
  expect(accepted).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('endpointUrl = "http://***@127.0.0.1:9" (--endpoint-url)'),
  });
  for (const url of ["https://bob:p@canary@h", "https://bob:pa/canary@h", "https://h/?token=canary"]) {
    const { code, stderr } = await run(["plan", "--backend-url", url]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.not.stringContaining("canary") });
  }
  const both = await run(["status", "--local", "--endpoint-url", "http://op:canary@127.0.0.1:9"]);
  expect(both).toMatchObject({ code: 2, stderr: expect.not.stringContaining("canary") });
});

test("S34 no credentials, no region, an unknown profile, no local AWS: one line and what helps", async () => {
  const told = async (words: string[], env: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await run(["status", ...words], {
      env: { AWS_CONFIG_FILE: "/nowhere", AWS_SHARED_CREDENTIALS_FILE: "/nowhere", ...env },
    });
    expect(stdout).toBe("");
    expect(stderr.trimEnd().split("\n")).toHaveLength(2);
    return `${String(code)} ${stderr}`;
  };
  expect(await told(["--region", "us-east-1"])).toMatch(
    /^2 error: no AWS credentials were found\n {2}.*aws configure/,
  );
  expect(await told([], { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" })).toMatch(
    /^2 error: no AWS region is set\n {2}.*--region us-east-1/,
  );
  expect(await told(["--region", "us-east-1", "--profile", "nope"])).toMatch(
    /^2 error: AWS profile "nope" was not found/,
  );
  expect(await told(["--local"], { SHELFSHACK_PORT: "9" })).toMatch(
    /^1 error: no local AWS at 127\.0\.0\.1:9\n {2}.*shelfshack-ws.js local/,
  );
});

test.each<[string, string[], Record<string, string>]>([
  ["an option", ["--endpoint-url", "http://nowhere.invalid:99"], {}],
  ["a variable", [], { AWS_ENDPOINT_URL: "http://nowhere.invalid:99" }],
  [
    "a service's own variable",
    [],
    { AWS_ENDPOINT_URL_STS: "http://nowhere.invalid:99", AWS_ENDPOINT_URL: "http://127.0.0.1:9" },
  ],
])(
  "C-08 another address than AWS's own is announced in the first line, when it is set by %s",
  async (_where, words, env) => {
    const { stderr } = await run(["status", ...words], { env: { ...keys, ...env } });
    expect(stderr.split("\n")[0]).toBe(
      "warning: AWS calls, signed with your credentials, go to http://nowhere.invalid:99",
    );
  },
);

test("C-08 the address of a profile is used, and announced", async () => {
  const home = folder();
  writeFileSync(
    join(home, "config"),
    "[profile elsewhere]\nregion = us-east-1\nendpoint_url = http://nowhere.invalid:99\n" +
      "aws_access_key_id = a\naws_secret_access_key = b\n",
  );
  const { stderr } = await run(["status", "--profile", "elsewhere"], {
    env: { AWS_CONFIG_FILE: join(home, "config") },
  });
  expect(stderr.split("\n")[0]).toBe(
    "warning: AWS calls, signed with your credentials, go to http://nowhere.invalid:99",
  );
});

test("advice names the stack that the options chose, as far as its command takes them", async () => {
  const port = { SHELFSHACK_PORT: "9" };
  const local = await run(["status", "--local", "--region", "eu-west-1"], { env: port });
  expect(local.stderr).toContain(`start it in another terminal: ${advised} local --port 9\n`);
  const byNpx = await run(["status", "--local"], { env: { ...port, npm_command: "exec" } });
  expect(byNpx.stderr).toContain(
    "start it in another terminal: npx --no-install shelfshack-ws local --port 9\n",
  );
  const names = ["--function-name", "f", "--api-name", "the api", "--stage", "s"];
  const aws = await startLocalAws({ port: 0 });
  onTestFinished(() => aws.close());
  const absent = await run(["outputs", "--local", "--region", "eu-west-1", ...names, "--json"], {
    env: { SHELFSHACK_PORT: String(aws.port) },
  });
  expect(JSON.parse(absent.stdout)).toMatchObject({
    error: {
      code: "not-deployed",
      argv: [["deploy", "--local", "--region", "eu-west-1", ...names, "--backend-url", "URL"]],
    },
  });
});

test("no escape sequence is written where nothing is a terminal; FORCE_COLOR asks for them", async () => {
  expect((await run(["deplyo"])).stderr).not.toContain(escape);
  expect((await run(["deplyo"], { env: { FORCE_COLOR: "1" } })).stderr).toContain(
    `${escape}[31merror:${escape}[39m`,
  );
  expect((await run(["deplyo", "--no-color"], { env: { FORCE_COLOR: "1" } })).stderr).not.toContain(escape);
});

test("a terminal gets colours, but not with NO_COLOR, CI or --no-color", async (context) => {
  needsTerminal(context);
  const shown = async (words: string[], env: Record<string, string> = {}) =>
    (await run(words, { env, columns: 80 })).stdout;
  expect(await shown(["deplyo"])).toContain(`${escape}[31m`);
  expect(await shown(["deplyo"], { NO_COLOR: "1" })).not.toContain(escape);
  expect(await shown(["deplyo"], { CI: "true" })).not.toContain(escape);
  expect(await shown(["deplyo", "--no-color"])).not.toContain(escape);
});

test("a terminal that reports no columns holds nothing up", async (context) => {
  needsTerminal(context);
  expect((await run(["status", "--local"], { env: { SHELFSHACK_PORT: "9" }, columns: 0 })).code).toBe(1);
});

test("with --json on a terminal the error is there once, as the document", async (context) => {
  needsTerminal(context);
  const { code, stdout } = await run(["package", "--json", "--env", "X"], { columns: 80 });
  expect(code).toBe(2);
  expect(stdout.match(/--env is/g)).toHaveLength(1);
  expect(JSON.parse(stdout)).toMatchObject({ error: { exitCode: 2 } });
});

test("a reader that leaves early ends the command quietly", async () => {
  const child = spawn(process.execPath, [program, "local", "--port", "0", "--quiet"], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: "/",
    env: { ...process.env, XDG_STATE_HOME: folder() },
  });
  let heard = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (heard += text));
  child.stdout.destroy();
  const [code] = (await once(child, "close")) as [number];
  expect(heard).toBe("");
  expect([0, 130]).toContain(code);
});

test("F-11 a variable that leads to a closed port is named", async () => {
  const env = { ...keys, AWS_REGION: "us-east-1", AWS_ENDPOINT_URL: "http://127.0.0.1:9" };
  const { stdout } = await run(["outputs", "--json"], { env });
  expect(JSON.parse(stdout)).toMatchObject({
    error: {
      code: "connection-refused",
      hint: expect.stringContaining("AWS_ENDPOINT_URL names this address"),
    },
  });
});
