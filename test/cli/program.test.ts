import { openLocalAws } from "../support/local-aws.ts";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { readyTexts } from "../../src/cli/arguments.ts";
import { commandNames, commandTable } from "../../src/settings/commands.ts";
import { run, start } from "../support/program.ts";

const version: unknown = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
).version;
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

/** An address that takes calls to AWS and never answers. */
async function silentAws(): Promise<{ url: string; called: Promise<unknown> }> {
  const server: Server = createServer(() => undefined).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    called: once(server, "request"),
  };
}

test("--version prints the package's version, alone and after a command", async () => {
  expect(await run(["--version"])).toEqual({ code: 0, stdout: `${String(version)}\n`, stderr: "" });
  expect((await run(["version"])).stdout).toBe(`${String(version)}\n`);
  expect(await run(["package", "--version"])).toEqual({
    code: 0,
    stdout: `${String(version)}\n`,
    stderr: "",
  });
});

test("--help lists every command and the global options on stdout", async () => {
  const { code, stdout, stderr } = await run(["--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const name of commandNames)
    expect(stdout).toMatch(new RegExp(`^ {2}${name} +${commandTable[name].summary.slice(0, 20)}`, "m"));
  expect(stdout).toContain("--env <name>");
  expect(stdout).toContain("Exit codes: 0 done");
  expect(await run(["help"])).toEqual({ code, stdout, stderr });
});

/** The files of the built program that it loads: of each the compiled code is kept. */
async function loadedBy(args: readonly string[], env: Record<string, string> = {}): Promise<string[]> {
  const caches = folder();
  const child = spawn(process.execPath, [program, ...args], {
    stdio: "ignore",
    cwd: folder(),
    env: { ...process.env, ...env, XDG_CACHE_HOME: caches },
  });
  await once(child, "close");
  const kept = join(caches, "shelfshack-ws");
  const dist = fileURLToPath(new URL("../../dist/", import.meta.url));
  const [ofNode] = existsSync(kept) ? readdirSync(kept) : [];
  return ofNode === undefined ? [] : readdirSync(join(kept, ofNode)).map((name) => join(dist, name));
}

const isOfTheSdk = (file: string) =>
  /@smithy|@aws-sdk|SSOCredentials|X-Amz-Security-Token/.test(readFileSync(file, "utf8"));

test.each(["--version", "--help", "-h", "deploy --help", "logs --help", "logs tail -h"])(
  "%s is printed without loading the program",
  async (line) => {
    expect(await loadedBy(line.split(" "))).toEqual([]);
  },
);

test("the texts that are ready made are those that the program prints", async () => {
  const texts = JSON.parse(readFileSync(new URL("../../dist/texts.json", import.meta.url), "utf8"));
  expect(texts).toEqual(readyTexts(String(version)));
  for (const words of [["--version"], ["connect", "--help"]])
    expect((await run(["--no-color", ...words])).stdout).toBe(texts[words.join(" ")]);
});

test("package loads no SDK, and packs nothing that the build has packed", async () => {
  const loaded = await loadedBy(["package"]);
  expect(loaded.filter(isOfTheSdk)).toEqual([]);
  expect(loaded.filter((file) => file.includes("zip-writer"))).toEqual([]);
});

/**
 * What a start may load, in files and kilobytes: each is read and compiled before a first request leaves.
 * Raised for what is needed at once; all else is to be imported where it is used.
 */
function expectAtMost(loaded: readonly string[], most: { files: number; kilobytes: number }): void {
  expect(loaded.length).toBeLessThanOrEqual(most.files);
  const bytes = loaded.reduce((sum, file) => sum + statSync(file).size, 0);
  expect(bytes / 1000).toBeLessThanOrEqual(most.kilobytes);
}

test("connect --url loads no SDK, and few files at all", async () => {
  const loaded = await loadedBy(["connect", "--url", "ws://127.0.0.1:9"]);
  expect(loaded.filter(isOfTheSdk)).toEqual([]);
  expectAtMost(loaded, { files: 14, kilobytes: 230 });
});

test("a command loads the clients of the services that it calls, and no other", async () => {
  // An account with nothing in it: every call is made and answered.
  const { url } = await openLocalAws();
  // Without what calls through a proxy need.
  const direct = { ...keys, AWS_CA_BUNDLE: "", HTTPS_PROXY: "", https_proxy: "" };
  const loaded = async (words: string, kilobytes: number) => {
    const files = await loadedBy([...words.split(" "), "--endpoint-url", url], direct);
    expectAtMost(files, { files: 75, kilobytes });
    const clients = ["lambda", "apigatewayv2", "iam", "sts", "logs"];
    return clients.filter((name) => files.some((file) => new RegExp(`/${name}-\\w+\\.cjs$`).test(file)));
  };
  expect(await loaded("test", 590)).toEqual(["lambda"]);
  expect(await loaded("outputs", 565)).toEqual(["lambda", "apigatewayv2"]);
  expect(await loaded("logs tail --no-follow", 585)).toEqual(["lambda", "apigatewayv2", "logs"]);
  expect(await loaded("status", 735)).toEqual(["lambda", "apigatewayv2", "iam", "sts", "logs"]);
});

test("local loads no clients before it listens", async () => {
  // Its port is taken: it ends where it would listen.
  const { port } = new URL((await openLocalAws()).url);
  const loaded = await loadedBy(["local", "--port", port]);
  expect(loaded.filter((file) => /\/(lambda|apigatewayv2|iam|sts|logs)-\w+\.cjs$/.test(file))).toEqual([]);
  expectAtMost(loaded, { files: 52, kilobytes: 990 });
});

test.each(commandNames)("%s --help shows its options and examples", async (name) => {
  const { code, stdout } = await run([...name.split(" "), "--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain(`Usage: shelfshack-ws ${name}`);
  expect(stdout).toContain(`Examples:\n  shelfshack-ws ${name}`);
  expect(stdout).toContain("Global Options:");
  const explanations = stdout.split("\n").filter((line) => !line.startsWith("  shelfshack-ws "));
  expect(explanations.filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).not.toMatch(/README/);
});

test("F-49 help lists the options that the command makes use of, and the variables", async () => {
  const [whole, packages, connects, removal] = await Promise.all(
    [[], ["package"], ["connect"], ["destroy"]].map(async (name) => (await run([...name, "--help"])).stdout),
  );
  for (const option of ["--local", "--region", "--profile", "--endpoint-url", "--env", "--yes"])
    expect(packages).not.toContain(`  ${option}`);
  expect(packages).toContain("  --json");
  expect(connects).toContain("  --local");
  expect(connects).not.toContain("  --yes");
  expect(removal).toContain("  --yes");
  expect(connects).toMatch(/\n {2}SHELFSHACK_FUNCTION_NAME +--function-name\n/);
  expect(whole).toMatch(/\n {2}SHELFSHACK_REGION, AWS_REGION,? .*--region\n/);
  // What a command makes no use of is taken all the same.
  const folderName = folder();
  expect((await run(["package", "--local", "--yes", "--out", join(folderName, "p.zip")])).code).toBe(0);
});

test.each([
  [["connect", "--tokn=canary"]],
  [["connect", "canary-0123456789-0123456789"]],
  [["canary-0123456789-0123456789"]],
  [["package", "extra", "canary-0123456789-0123456789"]],
  [["connect", "--url", "nonsense canary-0123456789"]],
  [["connect", "--canary-0123456789-0123456789"]],
])("F-47 what may be a secret in the wrong place is not repeated: %j", async (words) => {
  for (const json of [[], ["--json"]]) {
    const { code, stdout, stderr } = await run([...words, ...json]);
    expect([code, stdout + stderr]).toEqual([2, expect.not.stringContaining("canary")]);
  }
});

test("F-26 a Node that is too old is told in one line, before anything is loaded", async () => {
  // A process of its own takes itself for another Node.
  const as = (version: string) =>
    `data:text/javascript,Object.defineProperty(process.versions,"node",{value:"${version}"})`;
  for (const [version, code] of [
    ["18.20.8", 1],
    ["20.18.3", 1],
    ["20.19.0", 0],
    ["26.0.0", 0],
  ] as const) {
    const child = spawn(process.execPath, ["--import", as(version), program, "--version"]);
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    expect((await once(child, "close"))[0]).toBe(code);
    const line = `error: this is Node ${version}, shelfshack-ws needs 20.19 or newer\n`;
    expect(said).toBe(code === 0 ? "" : line);
  }
  const { engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(engines).toEqual({ node: ">=20.19" });
});

test("F-51 every package that is bundled has the text of its license", () => {
  const licenses = readFileSync(new URL("../../dist/LICENSES.txt", import.meta.url), "utf8");
  const parts = licenses.split(`\n\n${"-".repeat(80)}\n\n`);
  expect(parts.length).toBeGreaterThan(20);
  expect(parts.filter((part) => part.length < 500).map((part) => part.split("\n")[0])).toEqual([]);
});

test("with --json a failure is one document on stdout, whatever failed", async () => {
  for (const words of [
    ["deplyo", "--json"],
    ["package", "--json", "--env", "X"],
    ["status", "--json", "--local", "--config", "/nowhere"],
  ]) {
    const { code, stdout } = await run(words);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: expect.any(String), message: expect.any(String), exitCode: code },
    });
    expect(code).toBe(2);
  }
});

test("global options are understood before and after the command's name", async () => {
  const out = join(folder(), "p.zip");
  for (const words of [
    ["--json", "--env", "dev", "package", "--out", out],
    ["package", "--out", out, "--env", "dev", "--json"],
  ]) {
    const { code, stdout } = await run(words);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ file: out });
  }
});

test("stdout carries the result alone: details and settings go to stderr, secrets nowhere", async () => {
  const out = join(folder(), "p.zip");
  const { code, stdout, stderr } = await run(["package", "--out", out, "--json", "--debug"], {
    env: { ...keys, SHELFSHACK_TOKEN: "canary-token" },
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ file: out });
  expect(stderr).toContain('region = "us-east-1" (AWS_REGION)');
  expect(stderr).toContain("token = *** (SHELFSHACK_TOKEN)");
  expect(stdout + stderr).not.toContain("canary");
});

test("a stack trace is shown with --debug only, and the SDK's advice about Node never", async () => {
  const words = ["status", "--local", "--debug"];
  const env = { SHELFSHACK_PORT: "9", AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "" };
  expect((await run(words, { env })).stderr).toMatch(/^\| +at /m);
  const { stderr } = await run(words.slice(0, 2), { env });
  expect(stderr).not.toMatch(/^\|? +at |NodeVersionSupportWarning/m);
});

test("F-04 package replaces its own zip, and nothing else", async () => {
  const place = folder();
  const out = join(place, "p.zip");
  const packed = async () => JSON.parse((await run(["package", "--out", out, "--json"])).stdout);
  expect(await packed()).toMatchObject({ file: out });
  expect(await packed()).toMatchObject({ file: out });
  writeFileSync(out, "export PATH=/bin");
  expect(await packed()).toMatchObject({ error: { code: "file-kept", exitCode: 4 } });
  expect(readFileSync(out, "utf8")).toBe("export PATH=/bin");
  rmSync(out);
  symlinkSync(join(place, "none"), out);
  expect(await packed()).toMatchObject({ error: { code: "file-unusable", exitCode: 2 } });
  expect(readdirSync(place)).toEqual(["p.zip"]);
  // What names the place is what a person corrects.
  const below = join(out, "x.zip");
  for (const [words, env, name] of [
    [["package", "--out", below], {}, "--out"],
    [["package"], { SHELFSHACK_OUT: below }, "SHELFSHACK_OUT"],
    [["local", "--port", "0", "--verify-signatures"], { XDG_STATE_HOME: place }, "XDG_STATE_HOME"],
  ] as const) {
    if (name === "XDG_STATE_HOME") writeFileSync(join(place, "shelfshack-ws"), "");
    const { code, stdout } = await run([...words, "--json"], { env });
    const { error } = JSON.parse(stdout);
    expect([code, error.code, error.hint]).toEqual([
      2,
      "file-unusable",
      expect.stringContaining(`${name} names it: `),
    ]);
  }
});

test("F-01 a config file in another folder is named on stderr", async () => {
  const place = folder();
  const file = join(place, "c.json");
  writeFileSync(file, "{}");
  const { code, stderr } = await run(["package", "--out", join(place, "p.zip"), "--config", file]);
  expect(code).toBe(0);
  expect(stderr.split("\n")).toEqual([
    `settings come from ${file}`,
    expect.stringMatching(/^next: \S.* deploy --config \S+ --backend-url URL$/),
    "",
  ]);
});

test("a config file that is not valid is one line with the key's path and what was expected", async () => {
  const file = join(folder(), "c.json");
  writeFileSync(file, '{"memroy": 1}');
  const { code, stderr } = await run(["package", "--config", file]);
  expect(code).toBe(2);
  expect(stderr).toBe(`error: ${file}: unknown key "memroy", did you mean "memory"?\n`);
});

test("C-01 text from outside reaches the terminal as visible escapes, in text and in JSON", async () => {
  const hostile = `/nowhere/${escape}[31m\u202e\u009b2J`;
  for (const words of [
    ["package", "--out", hostile],
    ["package", "--out", hostile, "--json"],
    [hostile],
    ["package", `--${hostile}`],
  ]) {
    const { stdout, stderr } = await run(words, { env: { FORCE_COLOR: "0" } });
    for (const character of "\u001b\u009b\u202e") expect(stdout + stderr).not.toContain(character);
    expect(stdout + stderr).toMatch(/\\u001b|\\x1b/);
  }
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "D-29 the first %s is reported, the second ends the process, with exit code 130",
  async (signal) => {
    const { url, called } = await silentAws();
    const running = start(["status", "--endpoint-url", url], { env: keys });
    await called;
    running.signal(signal);
    await running.says("press Ctrl-C again to stop at once");
    running.signal(signal);
    expect((await running.ended).code).toBe(130);
  },
);

test("D-29 an interrupted command ends with exit code 130, with --json as a document", async () => {
  const running = start(["local", "--port", "0", "--json"], {});
  await running.says('"url"');
  running.signal("SIGINT");
  const { code, stdout } = await running.ended;
  expect(code).toBe(130);
  expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toEqual({
    schemaVersion: 1,
    kind: "result",
    redeploys: 0,
    next: [],
  });
});

test.each([
  // How long the program still loads then differs: it may have begun to read when the signal is sent on.
  ["is loaded", 1, "error: interrupted by SIGINT"],
  ["has just been loaded", 2, "error: interrupted by SIGINT: nothing was begun\n"],
])("D-29 Ctrl-C while the program %s has its last words", async (_when, listener, words) => {
  const place = folder();
  const hook = join(place, "hook.cjs");
  // The signal comes as soon as anything listens to it: first what starts the program, then the program.
  writeFileSync(
    hook,
    `let left = ${listener};
    process.on("newListener", function listen(event) {
      if (event !== "SIGINT" || --left > 0) return;
      process.off("newListener", listen);
      queueMicrotask(() => process.emit("SIGINT", "SIGINT"));
    });`,
  );
  const env = { ...keys, NODE_OPTIONS: `--require ${hook}` };
  const { code, stdout, stderr } = await run(["deploy", "--backend-url", "https://a.example", "--json"], {
    env,
  });
  expect([code, JSON.parse(stdout).error.code]).toEqual([130, "interrupted"]);
  expect(stderr).toContain(words);
});

test("a clone that is not built says so in one line", async () => {
  const clone = folder();
  mkdirSync(join(clone, "bin"));
  for (const file of ["bin/shelfshack-ws.js", "bin/package.json", "package.json"])
    copyFileSync(new URL(`../../${file}`, import.meta.url), join(clone, file));
  expect(await run(["status"], { program: join(clone, "bin/shelfshack-ws.js") })).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: this clone is not built yet: run npm run ready\n",
  });
});

test("without a terminal nothing is asked: exit code 2 and the option to use", async () => {
  const { code, stderr } = await run(["init"], { input: null });
  expect(code).toBe(2);
  expect(stderr).toBe(
    "error: the backend's URL, such as https://api.example.com: an answer is needed, " +
      "but no interactive terminal\n  pass --yes with the options to skip the question\n",
  );
});
