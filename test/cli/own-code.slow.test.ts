import {
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { filesIn } from "../../src/artifact/zip-writer.ts";
import { commandNames, commandTable } from "../../src/settings/commands.ts";
import { needs } from "../support/aws-clients.ts";
import { startBackendStub } from "../support/backend-stub.ts";
import { unseenIn } from "../support/documents.ts";
import { mutating, openLocalAws, pointedAt, type AwsForTest } from "../support/local-aws.ts";
import { errorCode, run, start } from "../support/program.ts";
import { zipOf } from "../support/zip.ts";

/** A folder with these files, removed with the test. */
function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "own-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const echo = `import { randomUUID } from "node:crypto";
export const handler = async ({ requestContext: { routeKey }, body }) =>
  routeKey === "$connect" ? { statusCode: 200 } : { statusCode: 200, body: body + randomUUID() };`;

test("S9 an own handler is deployed without a backend, tested as what it is, and compared", async () => {
  const local = await openLocalAws();
  const source = folderWith({ "app.mjs": echo, "README.md": "" });
  const folder = folderWith({
    "shelfshack-ws.config.json": JSON.stringify({ source, handler: "app.handler" }),
  });
  const options = { env: pointedAt(local.url), cwd: folder };
  const json = async (...args: string[]) => {
    const { code: exit, stdout } = await run([...args, "--json"], options);
    return { exit, ...(JSON.parse(stdout) as object) };
  };
  expect(await json("deploy", "--strict")).toMatchObject({
    exit: 0,
    changed: true,
    test: {
      passed: true,
      checks: [
        { id: "invocation", outcome: "passed", code: null },
        { id: "reached", outcome: "skipped", code: null },
        { id: "accepted", outcome: "passed", code: null },
        { id: "push", outcome: "skipped", code: null, evidence: expect.stringMatching(/your own handler/) },
        { id: "handshake", outcome: "passed", code: null },
        { id: "message", outcome: "skipped", code: null },
      ],
    },
    unproven: [],
  });
  const before = mutating(local).length;
  expect(await json("deploy")).toMatchObject({ exit: 0, changed: false });
  expect(mutating(local)).toHaveLength(before);
  expect(await json("status")).toMatchObject({ exit: 0, upToDate: true });
  expect(await json("test")).toMatchObject({ exit: 0, passed: true, code: "own-accepted" });
  expect(await json("doctor")).toMatchObject({ exit: 0, healthy: true });

  writeFileSync(join(source, "app.mjs"), `${echo}\n// changed`);
  const { checks } = (await json("doctor")) as unknown as { checks: { id: string; code: string | null }[] };
  expect(checks.find(({ id }) => id === "code")?.code).toBe("code-other");
  expect(await json("plan", "--exit-code")).toMatchObject({ exit: 3 });

  // What cannot be loaded is found before the first call.
  writeFileSync(join(source, "app.mjs"), 'import "not-there";\nexport const handler = () => 1;');
  const calls = local.calls.length;
  const broken = await run(["deploy", "--json"], options);
  expect([broken.code, errorCode(broken)]).toEqual([2, "handler-not-loadable"]);
  expect(local.calls).toHaveLength(calls);
});

test("a handshake that own code refused is not told as a backend's refusal", async () => {
  const local = await openLocalAws();
  const env = { ...pointedAt(local.url), SHELFSHACK_TEST: "false" };
  const source = folderWith({
    "app.mjs": `export const handler = async ({ queryStringParameters: { type } }) =>
      ({ statusCode: Number(type.slice(1)) });`,
  });
  expect((await run(["deploy", "--source", source, "--handler", "app.handler"], { env })).code).toBe(0);
  const load = ["--connections", "1", "--rate", "1", "--duration", "1s"];
  const client = ["--token", "t", "--json", "--type"];
  const refused = await Promise.all([
    run(["bench", ...load, ...client, "s401"], { env }),
    ...[400, 401, 403, 404, 409, 429, 504].map((status) =>
      run(["connect", "--booking", "1", ...client, `s${status}`], { env }),
    ),
  ]);
  for (const { code, stdout, stderr } of refused) {
    expect([code, stdout]).toEqual([1, expect.stringContaining("your handler")]);
    expect(stdout + stderr).not.toMatch(/backend|signing key/);
  }
  const shipped = ["deploy", "--backend-url", "http://127.0.0.1:9", "--replace-code"];
  expect((await run(shipped, { env })).code).toBe(0);
  const { stdout } = await run(["connect", "--booking", "1", "--json"], { env });
  expect(stdout).toContain("the backend requires a token");
});

/** What each command that reads code says of own code that was deployed and is not named any more. */
const unnamed: Readonly<Record<string, { words?: string[]; code: number; says: object }>> = {
  plan: { code: 4, says: { refused: { code: "own-code-replaced" } } },
  deploy: { words: ["--backend-url", "http://127.0.0.1:9"], code: 4, says: {} },
  status: { words: ["--function-timeout", "5"], code: 0, says: { upToDate: true, codeCompared: false } },
  doctor: { code: 0, says: { healthy: true, steps: ["function"], leftOut: [] } },
  export: { words: ["terraform"], code: 0, says: { text: expect.stringContaining('"app.handler"') } },
  test: { code: 0, says: { passed: true, code: "own-accepted" } },
};
/** They make what is not there yet. */
const madeAnew = ["package", "local"];

/** What a deploy of some steps says of the code: own code that stays, and not what it would ship. */
async function expectOwnHash(env: Record<string, string>): Promise<void> {
  const { stdout } = await run(["releases", "--json"], { env });
  const own = { bytes: null, sha256: JSON.parse(stdout).releases[0].sha256 };
  for (const [steps, code] of [
    ["env", own],
    ["function,routes", own],
    ["role", own],
  ] as const)
    for (const dry of [["--dry-run"], []]) {
      const words = ["deploy", "--only", steps, "--backend-url", "http://127.0.0.1:9", ...dry, "--json"];
      const said = await run(words, { env });
      expect([words, said.code, JSON.parse(said.stdout).code]).toEqual([words, 0, code]);
    }
}

async function expectUnnamed(env: Record<string, string>): Promise<void> {
  const readers = commandNames.filter((name) => commandTable[name].reads.includes("source"));
  expect([...Object.keys(unnamed), ...madeAnew].toSorted()).toEqual(readers.toSorted());
  await Promise.all(
    Object.entries(unnamed).map(async ([command, { words = [], code, says }]) => {
      const said = await run([command, ...words, "--json"], { env });
      expect([command, said.code, JSON.parse(said.stdout)]).toMatchObject([command, code, says]);
    }),
  );
  // Steps beside the code neither need it nor ask a backend as the shipped handler would.
  const written = await run(["deploy", "--only", "env", "--backend-url", "http://127.0.0.1:9", "--json"], {
    env: { ...env, SHELFSHACK_TEST: "true" },
  });
  expect(JSON.parse(written.stdout)).toMatchObject({ changed: true, probe: null, unproven: [] });
  await expectOwnHash(env);
  expect((await run(["env", "set", "BACKEND_URL=http://127.0.0.1:8"], { env })).code).toBe(0);
  expect((await run(["env", "unset", "BACKEND_URL"], { env })).code).toBe(0);
  // No question of our contract tells who knows the new key.
  expect((await run(["backend", "keys", "rotate"], { env })).code).toBe(0);
  const finished = await run(["backend", "keys", "rotate", "--finish", "--json"], { env });
  expect([finished.code, errorCode(finished)]).toEqual([4, "new-key-refused"]);
}

test("own code is replaced by the shipped handler only where that is asked for", async () => {
  const local = await openLocalAws();
  const env = { ...pointedAt(local.url), SHELFSHACK_TEST: "false" };
  const named = ["--source", folderWith({ "app.mjs": echo }), "--handler", "app.handler"];
  const own = ["deploy", ...named, "--function-timeout", "5", "--json"];
  await run(own, { env });
  await expectUnnamed(env);
  const before = mutating(local).length;
  const shipped = ["deploy", "--backend-url", "http://127.0.0.1:9", "--json"];
  for (const words of [shipped, [...shipped, "--dry-run"]]) {
    const refused = await run(words, { env });
    expect([refused.code, errorCode(refused)]).toEqual([4, "own-code-replaced"]);
  }
  const planned = await run(["plan", "--exit-code", "--json"], { env });
  expect(planned.code).toBe(4);
  expect(JSON.parse(planned.stdout)).toMatchObject({
    changed: true,
    refused: {
      code: "own-code-replaced",
      argv: [["deploy", "--source", "FOLDER", "--handler", "app.handler", "--local"], expect.anything()],
    },
  });
  expect(mutating(local)).toHaveLength(before);
  expect((await run([...shipped, "--replace-code"], { env })).code).toBe(0);
  // After a rollback what serves counts, and not what it took the place of.
  expect((await run(["rollback"], { env })).code).toBe(0);
  const tested = await run(["test", "--json"], { env });
  expect(JSON.parse(tested.stdout)).toMatchObject({ passed: true, code: "own-accepted" });
  const { stderr } = await run(own, { env });
  expect(stderr).toContain("your own code takes the place of the shipped handler");
  // A stage whose tags alone differ serves the routes of today.
  const status = await run(["status", ...own.slice(1), "--tag", "team=x"], { env });
  const { resources } = JSON.parse(status.stdout);
  expect(resources.find(({ id }: { id: string }) => id === "Stage")).toMatchObject({ state: "differs" });
});

test("own code that was taken back gives way to the shipped handler, and stays a release", async () => {
  const local = await openLocalAws();
  const env = { ...pointedAt(local.url), SHELFSHACK_TEST: "false" };
  const shipped = ["deploy", "--backend-url", "http://127.0.0.1:9"];
  const own = ["deploy", "--source", folderWith({ "app.mjs": echo }), "--handler", "app.handler"];
  await run(shipped, { env });
  await run(own, { env });
  await run(["rollback"], { env });
  const { next } = JSON.parse((await run(["releases", "--json"], { env })).stdout);
  expect(next).toMatchObject([{ argv: [["deploy", "--local"]] }]);
  const taken = await run(["deploy"], { env });
  expect(taken).toMatchObject({ code: 0, stderr: expect.stringMatching(/took back, stays as release 2$/m) });
  const { releases, serves } = JSON.parse((await run(["releases", "--json"], { env })).stdout);
  expect(serves).toBe("3");
  expect(releases).toMatchObject([{ number: "3" }, { number: "2", takenBack: true }, { number: "1" }]);
  expect(releases[0].sha256).toBe(releases[2].sha256);
  expect((await run(["rollback", "--to", "2"], { env })).code).toBe(0);
  // What no release has would be lost.
  await run(own, { env });
  await run(["rollback", "--to", "3"], { env });
  const ZipFile = await zipOf({ "app.mjs": `${echo}// by hand` });
  await local.lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  const lost = await run([...shipped, "--json"], { env });
  expect([lost.code, errorCode(lost)]).toEqual([4, "own-code-replaced"]);
  const { error } = JSON.parse(lost.stdout);
  expect(error.message).toMatch(
    /written last with your own code, .* \(release 3 with the shipped .* serves\)/,
  );
  expect(error.argv.map(([, option]: string[]) => option)).toEqual(["--source", "--replace-code"]);
});

const FunctionName = "shelfshack-websocket-proxy";

/** What befalls own code that is not named, one after the other, and what `doctor --fix` makes of it. */
const fates: readonly [fate: string, bring: (local: AwsForTest) => Promise<unknown>, fixed: object][] = [
  [
    "a setting is changed by hand",
    ({ lambda }) => lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 5 })),
    { repaired: ["function"], leftOut: [], steps: [] },
  ],
  [
    "so is the code, which is not to be served",
    async ({ lambda }) => {
      const ZipFile = await zipOf({ "app.mjs": 'import "by-hand";' });
      await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
    },
    { repaired: [], leftOut: ["function"], steps: [] },
  ],
  [
    "it is served all the same",
    async ({ lambda }) => {
      const { Version: FunctionVersion } = await lambda.send(new PublishVersionCommand({ FunctionName }));
      await lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion }));
    },
    { repaired: [], leftOut: [], healthy: false, cause: "handler-not-loadable" },
  ],
  [
    "it is taken back",
    ({ url }) => run(["rollback"], { env: pointedAt(url) }),
    { repaired: [], leftOut: [], steps: [] },
  ],
];

/** The words of every command in a result. */
const advisedIn = (result: unknown): string[][] =>
  typeof result !== "object" || result === null
    ? []
    : Object.entries(result).flatMap(([key, member]) => (key === "argv" ? member : advisedIn(member)));

test("what is advised for own code that was not named is taken as it is printed", async () => {
  const local = await openLocalAws();
  const env = { ...pointedAt(local.url), SHELFSHACK_TEST: "false" };
  const source = folderWith({ "app.mjs": echo });
  await run(["deploy", "--source", source, "--handler", "app.handler"], { env });
  const places: Record<string, string> = { FOLDER: source, URL: "http://127.0.0.1:9" };
  const taken = new Set(["connect --booking ID --token TOKEN --local", "rollback --local"]);
  const take = async (line: string) => {
    taken.add(line);
    // What writes is tried dry: each fate is to meet what the one before has left.
    const words = line.split(" ").filter((word) => word !== "--fix");
    const dry = words[0] === "deploy" ? ["--dry-run"] : [];
    const { code, stderr } = await run([...words.map((word) => places[word] ?? word), ...dry], { env });
    expect([0, 3], `${line}: ${stderr}`).toContain(code);
  };
  for (const [fate, bring, fixed] of fates) {
    await bring(local);
    const told = ["status", "doctor", "releases"].map((word) => run([word, "--json"], { env }));
    const lines = (await Promise.all(told)).flatMap(({ stdout }) => advisedIn(JSON.parse(stdout)));
    const untried = [...new Set(lines.map((words) => words.join(" ")))].filter((line) => !taken.has(line));
    await Promise.all(untried.map(take));
    const { stdout } = await run(["doctor", "--fix", "--json"], { env });
    expect([fate, JSON.parse(stdout)]).toMatchObject([fate, fixed]);
  }
  expect([...taken].filter((line) => line.includes("FOLDER"))).not.toEqual([]);
});

test("deploy --watch deploys each change of the code, or says why not; older releases stay", async () => {
  const local = await openLocalAws();
  const source = folderWith({ "app.mjs": echo });
  const options = { env: { ...pointedAt(local.url), SHELFSHACK_TEST: "false" } };
  const code = ["--source", source, "--handler", "app.handler"];
  const watching = start(["deploy", "--watch", "--json", ...code], { ...options, input: null });
  await watching.says('"kind":"watching"');
  const write = async (text: string, said: RegExp) => {
    writeFileSync(join(source, "app.mjs"), text);
    await watching.says(said);
  };
  await write(`${echo}// 2`, /"kind":"round".*"changed":true.*"release":"2"/);
  await write('import "not-there";', /"kind":"round".*"code":"handler-not-loadable"/);
  await write(`${echo}// 3`, /"kind":"round".*"changed":true.*"release":"3"/);
  await write(`${echo}// 4`, /"kind":"round".*"changed":true.*"release":"4"/);
  watching.signal("SIGINT");
  const { code: exit, stdout, stderr } = await watching.ended;
  expect(exit).toBe(130);
  expect(stderr).not.toContain("error");
  const items = stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  expect(items.map(({ kind }) => kind)).toEqual(["watching", ...Array(4).fill("round"), "result"]);
  expect(items.at(-1)).toMatchObject({ changed: true, rounds: 4 });
  // The hint of what does not load has no command, and all else is loaded; what a deploy says of itself
  // json.slow sees.
  const ofWatching = /^(round|watching(?!\.deployed\.))/;
  expect(unseenIn("deploy", items).filter((path) => ofWatching.test(path))).toEqual([
    "round.unchecked",
    "round.error.argv",
  ]);
  const { releases } = JSON.parse((await run(["releases", "--json"], options)).stdout);
  expect(releases.map(({ number }: { number: string }) => number)).toEqual(["4", "3", "1"]);

  // A strict run does not begin with what is not proven.
  writeFileSync(join(source, "app.mjs"), "export const handler = async () => ({ statusCode: 401 });");
  const strict = await run(["deploy", "--watch", "--strict", "--json", ...code], {
    env: pointedAt(local.url),
  });
  expect(strict.code).toBe(3);
  expect(JSON.parse(strict.stdout)).toMatchObject({ rounds: null, unproven: [{ code: "own-refused" }] });
});

test.each([
  ["what ships with us", []],
  ["a dry run", ["--source", "/", "--dry-run"]],
  ["steps", ["--source", "/", "--only", "function"]],
])("deploy --watch refuses %s before any call", async (_what, words) => {
  const local = await openLocalAws();
  const ended = await run(["deploy", "--watch", "--json", ...words], { env: pointedAt(local.url) });
  expect([ended.code, errorCode(ended)]).toEqual([2, "options-contradict"]);
  expect(local.calls).toEqual([]);
});

test("package loads own code without this user's credentials; what may be missing here warns", async () => {
  const loads = join(folderWith({}), "loads");
  const code = (last: string) => `
    import { appendFileSync } from "node:fs";
    appendFileSync(${JSON.stringify(loads)}, "x");
    const { AWS_ACCESS_KEY_ID, SHELFSHACK_TOKEN, TABLE } = process.env;
    if (AWS_ACCESS_KEY_ID === "AKIDOFTHEUSER" || SHELFSHACK_TOKEN) throw new Error("seen");
    ${last}
    export const handler = () => 1;`;
  const source = folderWith({ "index.mjs": code('if (!TABLE) throw new Error("TABLE is not set");') });
  mkdirSync(join(source, "out"));
  const out = join(source, "out", "p.zip");
  const keys = { AWS_ACCESS_KEY_ID: "AKIDOFTHEUSER", AWS_SECRET_ACCESS_KEY: "s", SHELFSHACK_TOKEN: "t" };
  const env = { ...keys, XDG_CACHE_HOME: folderWith({}) };
  const pack = async (...more: string[]) => {
    const result = await run(["package", "--source", source, "--out", out, "--json", ...more], { env });
    return { ...result, loads: readFileSync(loads, "utf8").length };
  };
  const first = await pack();
  expect(first).toMatchObject({ code: 0, loads: 1 });
  expect(first.stderr).toContain("TABLE is not set");
  // The zip that is written is no part of the code. What does not load is tried again.
  const again = await pack();
  expect(JSON.parse(again.stdout).sha256).toBe(JSON.parse(first.stdout).sha256);
  expect(again.loads).toBe(2);
  // What loads is not, as long as it is run in the same way.
  writeFileSync(join(source, "index.mjs"), code(""));
  expect(await pack()).toMatchObject({ code: 0, stderr: "", loads: 3 });
  expect(await pack()).toMatchObject({ code: 0, stderr: "", loads: 3 });
  expect(await pack("--runtime", "nodejs22.x")).toMatchObject({ code: 0, loads: 4 });
});

test("Python that this machine does not have: another one checks the syntax", async (context) => {
  needs(context, "python3", ["-c", "import sys; assert sys.version_info >= (3, 10)"]);
  const source = folderWith({ "app.py": "def handler(event, context): return 1" });
  const how = ["--source", source, "--runtime", "python3.9", "--handler", "app.handler"];
  const out = join(folderWith({}), "p.zip");
  const pack = () => run(["package", ...how, "--out", out, "--json"], { env: { HOME: source } });
  const good = await pack();
  expect([good.code, good.stderr]).toEqual([
    0,
    expect.stringMatching(/no python3\.9 here; its syntax was checked/),
  ]);
  // Of a file that the handler may never import it is said, and no more.
  writeFileSync(join(source, "ancient.py"), 'print "for Python 2"');
  const beside = await pack();
  expect([beside.code, beside.stderr]).toEqual([0, expect.stringContaining("ancient.py, line 1")]);
  // What a later Python alone takes is a fault too.
  writeFileSync(join(source, "app.py"), "def handler(event, context):\n  match event:\n    case 1: pass");
  const bad = await pack();
  expect([bad.code, errorCode(bad)]).toEqual([2, "handler-not-loadable"]);
});

test("a project's esbuild gets no credentials either, and one that all may write is not run", async () => {
  const source = folderWith({ "index.ts": "" });
  const installed = join(source, "node_modules", "esbuild");
  mkdirSync(installed, { recursive: true });
  writeFileSync(
    join(installed, "index.js"),
    `exports.build = async () => {
      const told = JSON.stringify(Object.keys(process.env));
      return { outputFiles: [{ contents: Buffer.from("exports.handler = () => 1; // " + told) }] };
    };`,
  );
  const out = join(folderWith({}), "p.zip");
  const env = { AWS_ACCESS_KEY_ID: "AKIDOFTHEUSER", AWS_SECRET_ACCESS_KEY: "s" };
  const pack = () => run(["package", "--source", source, "--out", out, "--json"], { env });
  expect((await pack()).code).toBe(0);
  const { deflated } = filesIn(readFileSync(out)).get("index.cjs")!;
  const bundle = inflateRawSync(deflated).toString();
  expect(bundle).toContain('"PATH"');
  expect(bundle).not.toContain("AWS_SECRET_ACCESS_KEY");
  chmodSync(installed, 0o777);
  const refused = await pack();
  expect([refused.code, errorCode(refused)]).toEqual([2, "bundler-untrusted"]);
});

test("an esbuild that is broken is told from one that is not installed", async () => {
  const broken = {
    "{": "Error parsing",
    '{"exports": {"./other": "./other.js"}}': 'No "exports" main',
    '{"main": "lib/gone.js"}': "lib/gone.js",
  };
  for (const [manifest, says] of Object.entries(broken)) {
    const source = folderWith({ "index.ts": echo });
    const pack = () => run(["package", "--source", source, "--out", join(source, "p.zip"), "--json"]);
    const missing = await pack();
    expect([missing.code, missing.stdout]).toEqual([2, expect.stringContaining("is not installed")]);
    mkdirSync(join(source, "node_modules/esbuild"), { recursive: true });
    writeFileSync(join(source, "node_modules/esbuild/package.json"), manifest);
    const { code, stdout } = await pack();
    const { message } = JSON.parse(stdout).error as { message: string };
    expect([code, message]).toEqual([2, expect.stringContaining("cannot be loaded")]);
    expect(message).toContain(says);
  }
});

/** A folder with the wheel of a package `tiny`, which needs no index of packages. */
async function wheels(): Promise<string> {
  const folder = folderWith({});
  const info = "tiny-1.0.dist-info";
  const wheel = await zipOf({
    "tiny.py": "ONE = 1",
    [`${info}/METADATA`]: "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    [`${info}/WHEEL`]: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${info}/RECORD`]: `tiny.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
  });
  writeFileSync(join(folder, "tiny-1.0-py3-none-any.whl"), wheel);
  return folder;
}

test("S9 requirements are installed once, as wheels, outside of the source folder", async (context) => {
  needs(context, "python3", ["-m", "pip", "--version"]);
  const found = await wheels();
  const source = folderWith({
    "lambda_function.py": "import tiny\ndef lambda_handler(event, context): ...",
    "requirements.txt": `--no-index\ntiny==1.0\n`,
  });
  // What pip starts to describe this machine may write into the home folder.
  const env = { XDG_CACHE_HOME: folderWith({}), HOME: folderWith({}), PIP_FIND_LINKS: found };
  const out = join(folderWith({}), "p.zip");
  const how = ["--source", source, "--runtime", "python3.12", "--handler", "lambda_function.lambda_handler"];
  // Nothing of the current folder is taken for a part of pip.
  const cwd = folderWith({ "pip.py": "raise SystemExit(0)", "runpy.py": "raise SystemExit(0)" });
  const pack = (more = {}) =>
    run(["package", ...how, "--out", out, "--json"], { env: { ...env, ...more }, cwd });
  const first = await pack();
  const { entries, sha256 } = JSON.parse(first.stdout) as { entries: { name: string }[]; sha256: string };
  expect(entries.map(({ name }) => name)).toEqual([
    "lambda_function.py",
    "requirements.txt",
    "tiny-1.0.dist-info/METADATA",
    "tiny-1.0.dist-info/WHEEL",
    "tiny.py",
  ]);
  expect(readdirSync(source).toSorted()).toEqual(["lambda_function.py", "requirements.txt"]);
  // Without the wheel, what was kept counts.
  rmSync(join(found, "tiny-1.0-py3-none-any.whl"));
  expect(JSON.parse((await pack()).stdout)).toMatchObject({ sha256 });
  // It does not where pip is told otherwise, as it would be by another index.
  const missing = await pack({ PIP_PREFER_BINARY: "1" });
  expect([missing.code, errorCode(missing)]).toEqual([2, "wheel-missing"]);
  writeFileSync(join(source, "requirements.txt"), "tiny==2.0");
  const index = await startBackendStub(() => 401);
  onTestFinished(() => index.close());
  const password = "s3cret%21Word";
  const url = index.url.replace("//", `//ann:${password}@`);
  const refused = await pack({ PIP_INDEX_URL: `${url}/simple` });
  expect([refused.code, errorCode(refused)]).toEqual([1, "pip-failed"]);
  expect(refused.stdout + refused.stderr).toContain("401 Client Error");
  expect(refused.stdout + refused.stderr).not.toMatch(/s3cret/);
});
