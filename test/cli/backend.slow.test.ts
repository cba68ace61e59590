import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetFunctionConfigurationCommand, InvokeCommand, TagResourceCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { changeEnvironment } from "../../src/aws/lambda-function.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import { readKit } from "../../src/backend/kit.ts";
import {
  acceptsUnknownConnections,
  answersMessages,
  comparesNoPath,
  startContractBackend,
  type Flaw,
} from "../support/contract-backend.ts";
import { advised, errorCode, needsTerminal, run, start } from "../support/program.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { openTestStack } from "../support/stack.ts";

const FunctionName = "shelfshack-websocket-proxy";

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "backend-"));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

/** A backend that knows these keys. */
async function backendWith(keys: readonly string[], ...flaws: Flaw[]) {
  const backend = await startContractBackend(keys, ...flaws);
  onTestFinished(() => backend.close());
  return backend;
}

/**
 * The shipped handler deployed in front of a backend that knows its key, and the variables that point the
 * program at it.
 */
async function deployed(...flaws: Flaw[]) {
  const known = [newSigningKey()];
  const backend = await backendWith(known, ...flaws);
  const local = await openLocalAws();
  const { zip, sha256 } = await packageHandler();
  const stack = await openTestStack(local.url, {
    zip,
    zipSha256: sha256,
    backendUrl: backend.url,
    variables: { SIGNING_KEYS: known[0] ?? "" },
  });
  await stack.deploy();
  const { lambda } = stack.aws;
  return {
    known,
    backend,
    stack,
    lambda,
    env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) },
    variables: async () =>
      (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))).Environment?.Variables ?? {},
  };
}

test("init writes the kit, shows the next steps, and changes nothing the second time", async () => {
  const file = join(await folder(), "shelfshack_ws.py");
  const first = await run(["backend", "init", "--out", file]);
  expect(first.code).toBe(0);
  expect(first.stdout).toContain("from shelfshack_ws import ShelfShack");
  expect(first.stdout).toContain("app.include_router(ws.router)");
  expect(first.stdout).toContain("outputs --for backend");
  expect(first.stdout).toContain("uvicorn main:app");
  const { version } = await readKit();
  expect(first.stdout).toContain(`${file} written: kit ${version}\n`);
  expect(await readFile(file, "utf8")).toContain("class ShelfShack:");
  const second = await run(["backend", "init", "--out", file, "--json"]);
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({
    file,
    changed: false,
    version: { before: version, now: version },
  });
});

/** A program that takes connections and says nothing. */
async function silentPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
const portOf = ({ url }: { url: string }): number => Number(new URL(url).port);

async function portOfAnother(): Promise<number> {
  const accessKey = { accessKeyId: "another", secretAccessKey: "another" };
  return portOf(await openLocalAws({ accessKey, verifySignatures: true }));
}

const listeners: readonly (readonly [string, () => Promise<number>, boolean])[] = [
  ["a local AWS of this user", async () => portOf(await openLocalAws()), true],
  ["one that another has the key of", portOfAnother, false],
  ["another program that speaks HTTP", async () => portOf(await backendWith([])), false],
  ["a program that says nothing", silentPort, false],
  ["nothing", async () => 1, false],
];
test.for(listeners)(
  "init names the local AWS only where it runs: %s at its port",
  async ([, port, isLocal]) => {
    const file = join(await folder(), "shelfshack_ws.py");
    const { code, stdout } = await run(["backend", "init", "--out", file, "--json"], {
      env: { SHELFSHACK_PORT: String(await port()) },
    });
    const result = JSON.parse(stdout);
    expect([code, result.isLocal]).toEqual([0, isLocal]);
    expect(result.next[0].argv[0].includes("--local")).toBe(isLocal);
  },
);

test("init tells which version is there and which would be written", async () => {
  const file = join(await folder(), "shelfshack_ws.py");
  const { text, version } = await readKit();
  const refusalOf = async (content: string) => {
    await writeFile(file, content);
    return (await run(["backend", "init", "--out", file])).stderr;
  };
  expect(await refusalOf(text.replace(`"${version}"`, '"0.0.9"'))).toContain(
    `${file} is kit 0.0.9, this would write ${version}`,
  );
  expect(await refusalOf(`${text}# changed\n`)).toContain(`${file} is kit ${version} with changes`);
  expect(await refusalOf("mine = True\n")).toContain("names no kit version");
  await writeFile(file, '__version__ = "0.0.9"\n');
  const replaced = await run(["backend", "init", "--out", file, "--force", "--json"]);
  expect(JSON.parse(replaced.stdout)).toMatchObject({
    changed: true,
    version: { before: "0.0.9", now: version },
  });
});

test("init shows how to check the backend: with the keys and a token", async () => {
  // At the usual port a developer's own local AWS may run.
  const file = join(await folder(), "shelfshack_ws.py");
  const { stdout } = await run(["backend", "init", "--out", file], { env: { SHELFSHACK_PORT: "1" } });
  expect(stdout).toContain(`: set -a && . ./backend.env && set +a && ${advised} backend check `);
  expect(stdout).toMatch(/ --token \S+\n$/);
});

test("init writes Python files only", async () => {
  const file = join(await folder(), "x.txt");
  const refused = await run(["backend", "init", "--out", file]);
  expect(refused).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining(`${file}: it does not end with .py`),
  });
  await expect(readFile(file)).rejects.toThrow("ENOENT");
});

test("init never overwrites another file without being asked to", async () => {
  const file = join(await folder(), "shelfshack_ws.py");
  await writeFile(file, "mine = True\n");
  const refused = await run(["backend", "init", "--out", file]);
  expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--force") });
  expect(await readFile(file, "utf8")).toBe("mine = True\n");
  expect(await run(["backend", "init", "--out", file, "--force"])).toMatchObject({ code: 0 });
  expect(await readFile(file, "utf8")).toContain("class ShelfShack:");
});

test("init asks a person, and only a yes overwrites", async (context) => {
  needsTerminal(context);
  const file = join(await folder(), "shelfshack_ws.py");
  await writeFile(file, "mine = True\n");
  const asked = start(["backend", "init", "--out", file], { columns: 200 });
  await asked.says("overwrite it?");
  asked.type("no\n");
  expect((await asked.ended).code).toBe(4);
  expect(await readFile(file, "utf8")).toBe("mine = True\n");
});

test("C-05 keys show tells how many and which, and the keys only when asked for them", async () => {
  const { env, known } = await deployed();
  const shown = await run(["backend", "keys", "show", "--debug"], { env });
  expect(shown).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /signs with 1 key, not changed since \d+ \w{3} \d{4}, \d\d:\d\d UTC\n {2}newest {2}[0-9a-f]{12}\n$/,
    ),
  });
  expect(shown.stdout + shown.stderr).not.toContain("whsec_");
  const asked = await run(["backend", "keys", "show", "--show-keys", "--json"], { env });
  expect(JSON.parse(asked.stdout)).toMatchObject({ changed: false, keys: [{ key: known[0] }] });
});

test("--finish without a rotation in progress changes nothing", async () => {
  const { env, known, variables } = await deployed();
  const { code, stdout } = await run(["backend", "keys", "rotate", "--finish"], { env });
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^no rotation in progress: \S+ signs with 1 key, /),
  });
  expect((await variables())["SIGNING_KEYS"]).toBe(known[0]);
  const json = await run(["backend", "keys", "rotate", "--finish", "--json"], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({ action: "finish", changed: false });
});

test("H-32 a rotation under a stream of messages: none is rejected, no step can come too early", async () => {
  const { env, known, backend, lambda, variables } = await deployed(
    answersMessages(() => ({ body: "{}" })),
    acceptsUnknownConnections,
  );
  const before = known[0] ?? "";
  const stream = messages(lambda);

  const rotated = await run(["backend", "keys", "rotate"], { env });
  expect(rotated).toMatchObject({ code: 0, stdout: expect.stringContaining("signs with 2 keys") });
  const [fresh = "", old] = (await variables())["SIGNING_KEYS"]?.split(",") ?? [];
  expect(old).toBe(before);

  const again = await run(["backend", "keys", "rotate", "--json"], { env });
  expect([again.code, errorCode(again)]).toEqual([4, "rotation-unfinished"]);
  const early = await run(["backend", "keys", "rotate", "--finish", "--json"], { env });
  expect([early.code, errorCode(early)]).toEqual([4, "new-key-refused"]);
  expect((await variables())["SIGNING_KEYS"]).toBe(`${fresh},${before}`);

  const refusedBefore = backend.statuses.filter((status) => status === 401).length;
  known.unshift(fresh);
  const finished = await run(["backend", "keys", "rotate", "--finish"], { env });
  expect(finished).toMatchObject({ code: 0, stdout: expect.stringContaining("signs with 1 key") });
  expect((await variables())["SIGNING_KEYS"]).toBe(fresh);
  known.pop();

  const { sent, failures } = await stream.stop();
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(50);
  // The one refusal is the proof that was asked for too early.
  expect(refusedBefore).toBe(1);
  expect(backend.statuses.filter((status) => status === 401)).toHaveLength(refusedBefore);
  for (const { stdout, stderr } of [rotated, again, early, finished])
    expect(stdout + stderr).not.toContain("whsec_");
}, 60_000);

/** Invokes the function with one message after another, four at a time, until it is stopped. */
function messages(lambda: { send(command: InvokeCommand): Promise<{ Payload?: Uint8Array }> }) {
  let isOver = false;
  let sent = 0;
  const failures: string[] = [];
  const lane = async () => {
    while (!isOver) {
      const answer = await lambda.send(
        new InvokeCommand({ FunctionName, Payload: Buffer.from(messageEvent(`m${++sent}`)) }),
      );
      const text = Buffer.from(answer.Payload ?? []).toString();
      if (!text.includes('"statusCode":200')) failures.push(text);
    }
  };
  const lanes = [lane(), lane(), lane(), lane()];
  return {
    async stop() {
      isOver = true;
      await Promise.all(lanes);
      return { sent, failures };
    },
  };
}

const messageEvent = (messageId: string) =>
  JSON.stringify({
    requestContext: {
      routeKey: "$default",
      eventType: "MESSAGE",
      messageId,
      requestId: messageId,
      connectionId: "TestConnection=",
      domainName: "127.0.0.1",
      stage: "dev",
    },
    body: '{"type":"message"}',
    isBase64Encoded: false,
  });

test("doctor tells of a backend without the new key, and so does a forced end", async () => {
  const { env, known, variables } = await deployed(acceptsUnknownConnections);
  const eachKey = async () => {
    const { checks } = JSON.parse((await run(["doctor", "--json"], { env })).stdout);
    return checks.find(({ id }: { id: string }) => id === "each-key");
  };
  expect(await eachKey()).toBeUndefined();
  await run(["backend", "keys", "rotate"], { env });
  expect(await eachKey()).toMatchObject({ outcome: "warning", code: "keys-unknown" });
  const [fresh = ""] = (await variables())["SIGNING_KEYS"]?.split(",") ?? [];
  known.unshift(fresh);
  expect(await eachKey()).toMatchObject({ outcome: "passed" });
  known.shift();
  const forced = await run(["backend", "keys", "rotate", "--finish", "--force"], { env });
  expect(forced.code).toBe(0);
  expect(forced.stderr).toMatch(
    /^warning: http\S+ does not accept the only key .*401.*refuses every client/m,
  );
  expect(forced.stderr).toContain("outputs --for backend --out backend.env");
  expect(forced.stdout + forced.stderr).not.toContain("whsec_");
}, 60_000);

test("a deploy in the middle of a rotation keeps both keys", async () => {
  const { env, stack, variables } = await deployed();
  await run(["backend", "keys", "rotate"], { env });
  const { SIGNING_KEYS } = await variables();
  await changeEnvironment(stack.aws, FunctionName, {
    change: (present) => ({ ...present, BACKEND_URL: "https://changed.example.com" }),
  });
  const changes = await stack.deploy();
  expect(changes.filter(({ action }) => action !== "none").map(({ resource }) => resource.id)).toEqual([
    "Function",
  ]);
  expect(SIGNING_KEYS?.split(",")).toHaveLength(2);
  expect((await variables())["SIGNING_KEYS"]).toBe(SIGNING_KEYS);
});

test("S6 two who change the environment at the same moment both find their change in it", async () => {
  const { stack, variables } = await deployed();
  const add = (name: string) =>
    changeEnvironment(stack.aws, FunctionName, { change: (present) => ({ ...present, [name]: "1" }) });
  const before = await variables();
  await Promise.all([add("ONE"), add("TWO")]);
  expect(await variables()).toEqual({ ...before, ONE: "1", TWO: "1" });
});

test("S11 the keys of a function that another tool manages are not rotated", async () => {
  const { env, lambda, variables } = await deployed();
  const before = await variables();
  const Resource = `arn:aws:lambda:us-east-1:000000000000:function:${FunctionName}`;
  await lambda.send(new TagResourceCommand({ Resource, Tags: { ManagedBy: "terraform" } }));
  const refused = await run(["backend", "keys", "rotate", "--json"], { env });
  expect([refused.code, errorCode(refused)]).toEqual([4, "not-ours"]);
  expect(await variables()).toEqual(before);
});

test.each([
  [["frob"], "command-unknown"],
  [["show", "--finish"], "options-contradict"],
])("backend keys %j is wrong usage", async (args, code) => {
  const refused = await run(["backend", "keys", ...args, "--json"]);
  expect([refused.code, errorCode(refused)]).toEqual([2, code]);
});

test("check runs against the deployed function's backend with the function's keys", async () => {
  const { env, known, backend } = await deployed();
  const { code, stdout, stderr } = await run(["backend", "check"], {
    env: { ...env, SHELFSHACK_TOKEN: "good" },
  });
  expect(code).toBe(0);
  expect(stdout).toContain(`${backend.url}, signed with the key of the deployed function`);
  expect(stdout).toMatch(
    /\n50 passed, 0 failed, 0 warnings, 1 skipped\n\nnext: .* connect --booking 1 --local\n$/,
  );
  expect(stdout + stderr).not.toContain(known[0]);
  expect(stdout + stderr).not.toContain("good\n");
  expect(backend.connected).toEqual(new Set());
});

test.each([
  ["nothing", [], {}, 0],
  ["--strict", ["--strict"], {}, 3],
  ["CI", [], { CI: "true" }, 3],
  ["Azure Pipelines", [], { TF_BUILD: "True" }, 3],
  ["--no-strict in CI", ["--no-strict"], { CI: "true" }, 0],
  ["a variable against CI", [], { CI: "true", SHELFSHACK_STRICT: "false" }, 0],
])(
  "F-28 what could not be checked for lack of keys and token: with %s",
  async (_what, options, env, code) => {
    const backend = await backendWith([newSigningKey()]);
    const common = ["backend", "check", "--backend-url", backend.url, "--region", "us-east-1"];
    const ended = await run([...common, "--json", ...options], { env });
    const { failed, unproven } = JSON.parse(ended.stdout);
    expect([ended.code, failed]).toEqual([code, 0]);
    expect(unproven).toMatchObject(
      [
        ["keys", "entry"],
        ["keys", "handshakes"],
        ["keys", "signatures"],
        ["keys", "messages"],
        ["keys", "endings"],
      ].map(([missing, topic]) => ({ code: missing, what: expect.stringMatching(`^${topic} \\(`) })),
    );
  },
);

test("F-28 with keys and a token everything is proven, also with --strict", async () => {
  const { env } = await deployed();
  const { code, stdout } = await run(["backend", "check", "--strict", "--json"], {
    env: { ...env, SHELFSHACK_TOKEN: "good", CI: "true" },
  });
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { failed: 0, unproven: [] }]);
});

test("a failed check has why and fix, and exit code 3, also as JSON", async () => {
  const key = newSigningKey();
  const backend = await backendWith([key], comparesNoPath);
  const env = { SIGNING_KEYS: key, SHELFSHACK_TOKEN: "good" };
  const args = ["backend", "check", "--backend-url", backend.url];
  const [told, json] = [await run(args, { env }), await run([...args, "--json"], { env })];
  expect(told.code).toBe(3);
  expect(told.stdout).toMatch(/✗ {2}a request signed for another path is rejected .*answered 204\n/);
  expect(told.stdout).toMatch(/\n +why: .*\n +fix: compare the body's path/);
  expect(json.code).toBe(3);
  const document = JSON.parse(json.stdout) as { checks: { id: string; outcome: string }[] };
  expect(document).toMatchObject({
    backendUrl: backend.url,
    keys: { from: "the environment", count: 1 },
    kit: null,
    failed: 1,
    missing: [],
  });
  expect(document.checks.find(({ id }) => id === "path-swapped")).toMatchObject({
    topic: "signatures",
    evidence: "answered 204",
    means: expect.any(String),
    fix: expect.any(String),
  });
  expect(document.checks.filter(({ outcome }) => outcome === "failed").map(({ id }) => id)).toEqual([
    "path-swapped",
  ]);
  expect(json.stdout + json.stderr + told.stdout + told.stderr).not.toContain(key);
});

test("check without keys and without AWS skips the signature", async () => {
  const backend = await backendWith([]);
  const { code, stdout, stderr } = await run(
    ["backend", "check", "--backend-url", backend.url, "--region", "us-east-1"],
    {
      env: { SHELFSHACK_TOKEN: "good" },
    },
  );
  expect(code).toBe(0);
  expect(stderr).toContain("no signing key");
  expect(stdout).toContain("unsigned: no signing key");
  expect(stdout).toMatch(/- {2}signatures +skipped: \d+ checks, no signing key/);
  const all = await run(
    ["backend", "check", "--verbose", "--backend-url", backend.url, "--region", "us-east-1"],
    { env: { SHELFSHACK_TOKEN: "good" } },
  );
  expect(all.stdout).toMatch(/- {2}an unsigned request is rejected at register +skipped: no signing key/);
  expect(all.stdout.split("\n").length).toBeGreaterThan(50);
  expect(stdout.split("\n").length).toBeLessThan(20);
});

test("check lists what it skipped for want of keys and a token, and what to pass", async () => {
  const keys = [newSigningKey()];
  const backend = await backendWith(keys);
  const args = ["backend", "check", "--backend-url", backend.url, "--region", "us-east-1"];
  const neither = await run(args);
  expect(neither.code).toBe(0);
  expect(neither.stdout).toContain(
    [
      "skipped: entry (1 of 7), handshakes (3 of 3), signatures (19 of 19), messages (19 of 19), " +
        "endings (3 of 3), because there is no signing key and no token was given",
      `  SIGNING_KEYS is in the file that this writes: ${advised} outputs --for backend ` +
        "--out backend.env --region us-east-1",
      "  pass --token (or --token-stdin) with a token that the backend accepts\n",
    ].join("\n"),
  );
  const withoutToken = await run(args, { env: { SIGNING_KEYS: keys.join() } });
  expect(withoutToken.code).toBe(0);
  expect(withoutToken.stdout).toMatch(
    new RegExp(
      "\\nskipped: handshakes .*, messages .*, because no token was given\\n {2}pass --token.*\\n" +
        "\\nnext: .* plan --backend-url \\S+ --region us-east-1\\n$",
    ),
  );
  expect(withoutToken.stdout).not.toMatch(/✓ {2}.* as a message is handled/);
  const json = await run([...args, "--json"], { env: { SIGNING_KEYS: keys.join() } });
  expect(JSON.parse(json.stdout)).toMatchObject({ missing: ["token"] });
});

test("check shows no tick for a backend that cannot be reached", async () => {
  const env = { SIGNING_KEYS: newSigningKey(), SHELFSHACK_TOKEN: "good" };
  const { code, stdout, stderr } = await run(["backend", "check", "--backend-url", "http://127.0.0.1:1"], {
    env,
  });
  expect(code).toBe(3);
  expect(stderr).toMatch(/✗ could not check http:\/\/127\.0\.0\.1:1: no answer: .*ECONNREFUSED/);
  expect(stdout + stderr).not.toContain("✓");
  expect(stdout).not.toContain("skipped: entry");
});

test("C-01 what a hostile backend answers does not steer the terminal", async () => {
  const hostile = '{"\\u001b]0;owned\\u0007":1,"deliver":[]}';
  const backend = await backendWith(
    [],
    answersMessages(() => ({ body: hostile })),
  );
  const { stdout } = await run(["backend", "check", "--backend-url", backend.url, "--region", "us-east-1"], {
    env: { SHELFSHACK_TOKEN: "good" },
  });
  expect(stdout).toContain("beside \\x1b]0;owned\\x07");
  expect(stdout).not.toContain("\u001b]");
});

test("check without any backend is wrong usage", async () => {
  const local = await openLocalAws();
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  expect(await run(["backend", "check"], { env })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--backend-url"),
  });
});
