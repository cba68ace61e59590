import { CreateApiCommand, GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { DeleteLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetFunctionConfigurationCommand, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startBackendStub, type StubAnswer } from "../support/backend-stub.ts";
import { demoBackend, fileWith } from "../support/given.ts";
import { errorCode, needsTerminal, run, start } from "../support/program.ts";
import { mutating, openLocalAws, pointedAt } from "../support/local-aws.ts";
import { inventory, nothing, openTestStack } from "../support/stack.ts";

const backendUrl = ["--backend-url", "http://127.0.0.1:9"];

test("S32 in GitHub Actions a deploy adds to the step's summary, an error is an annotation", async () => {
  const local = await openLocalAws();
  const folder = await mkdtemp(join(tmpdir(), "summary-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "summary.md");
  const env = { ...pointedAt(local.url), CI: "true", GITHUB_ACTIONS: "true", GITHUB_STEP_SUMMARY: file };
  expect((await run(["deploy", ...backendUrl, "--no-test", "--json"], { env })).code).toBe(0);
  const summary = await readFile(file, "utf8");
  expect(summary).toMatch(/^### shelfshack-ws deploy\n\n```\naccount 0{12}, .*\n\+ created  Role /);
  expect(summary).toMatch(/\n14 created\n\nws:[^]*\n```\n$/);
  expect(summary).not.toContain("whsec_");
  const { stdout, stderr } = await run(["deploy", "--env", "other", "--json"], { env });
  expect(JSON.parse(stdout)).toMatchObject({ error: { exitCode: 2 } });
  expect(stderr).toMatch(/^::error title=shelfshack-ws::no backend URL is set%0Apass --backend-url .*$/m);
});

test("F-32 S15 destroy lists what will go before it asks, two APIs each by its id", async (context) => {
  needsTerminal(context);
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  const { apigatewayv2 } = (await openTestStack(local.url)).aws;
  const { Items: [first] = [] } = await apigatewayv2.send(new GetApisCommand({}));
  const { Name, Tags = {}, RouteSelectionExpression, ApiId: oldest = "" } = first ?? {};
  const second = { Name, ProtocolType: "WEBSOCKET" as const, RouteSelectionExpression, Tags };
  const { ApiId = "" } = await apigatewayv2.send(new CreateApiCommand(second));
  const before = mutating(local).length;
  const asking = start(["destroy", "--no-color"], { env, columns: 200 });
  const said = (await asking.says("type its name")).replaceAll("\r", "");
  expect(said).toMatch(/account 0{12}, region us-east-1, at \S+, stack \S+\n- Function /);
  for (const id of [oldest, ApiId]) expect(said).toMatch(new RegExp(`^- Api +\\S+ +${id}$`, "m"));
  asking.type("no\r");
  expect((await asking.ended).code).toBe(4);
  expect(mutating(local)).toHaveLength(before);
  const { code, stdout } = await run(["destroy", "--yes", "--json"], { env });
  const { removed } = JSON.parse(stdout) as { removed: { id: string; physicalId: string }[] };
  expect(code).toBe(0);
  expect(removed.map(({ id }) => id).toSorted()).toEqual(["Api", "Api", "Function", "LogGroup", "Role"]);
  const apis = removed.filter(({ id }) => id === "Api");
  expect(apis.map(({ physicalId }) => physicalId).toSorted()).toEqual([oldest, ApiId].toSorted());
});

test("F-26 more variables than Lambda takes are refused, before any call or before any write", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const configured = async (bytes: number) => {
    const variables = { FOO: "x".repeat(bytes), BAR: "ä" };
    return { ...env, SHELFSHACK_CONFIG: await fileWith(JSON.stringify({ variables })) };
  };
  const refused = async (command: string, bytes: number) => {
    const { code, stdout } = await run([command, ...backendUrl, "--json"], { env: await configured(bytes) });
    return [code, JSON.parse(stdout).error] as const;
  };
  for (const command of ["plan", "deploy"])
    expect(await refused(command, 4_060)).toEqual([
      2,
      {
        code: "variables-too-large",
        message: expect.stringMatching(/ are 4116 bytes of JSON; Lambda takes 4096$/),
        hint: "shorten or remove some; the largest ones: FOO (4069), BACKEND_URL (35), BAR (11)",
        exitCode: 2,
      },
    ]);
  expect(local.calls).toEqual([]);
  // With the key and the address that a deploy would add it is too much.
  for (const command of ["plan", "deploy"])
    expect(await refused(command, 3_950)).toMatchObject([2, { code: "variables-too-large" }]);
  expect(mutating(local)).toEqual([]);
  expect((await run(["deploy", ...backendUrl, "--no-test"], { env: await configured(3_000) })).code).toBe(0);
  // What others have set counts too.
  const { aws } = await openTestStack(local.url);
  const FunctionName = "shelfshack-websocket-proxy";
  const { Environment } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, OTHERS: "y".repeat(500) };
  await aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  const before = mutating(local).length;
  expect(await refused("deploy", 3_600)).toMatchObject([2, { code: "variables-too-large" }]);
  expect(mutating(local)).toHaveLength(before);
});

/** A backend that answers every request so. */
async function answering(answer: StubAnswer): Promise<string[]> {
  const backend = await startBackendStub(() => answer);
  onTestFinished(() => backend.close());
  return ["--backend-url", backend.url];
}
const answered =
  (status: number, words: string): StubAnswer =>
  (response) =>
    void response.writeHead(status, { "content-type": "text/plain" }).end(words);
const unprocessable = answered(422, "booking: field required");
const foreignHost = answered(400, "Invalid host header");

/** What the progress says of it. */
const said: Readonly<Record<string, string>> = {
  "backend-unreachable": "the function does not reach the backend",
  "keys-unknown": "the backend does not have the function's keys yet",
  "backend-endpoint-missing": "the backend lacks an endpoint",
  "backend-fields-refused": "the backend expects other fields",
  "backend-host-refused": "the backend takes other host names only",
  "token-refused": "the backend refused the test's token",
};

/** What is not proven then. */
const REACHED = "the function reaches the backend";
const ACCEPTED = "a client is accepted through the function";

test.each([
  ["backend-unreachable", REACHED, async () => backendUrl, ["backend check"]],
  ["keys-unknown", ACCEPTED, () => answering(401), ["outputs --for backend --out backend.env", "test"]],
  ["backend-endpoint-missing", ACCEPTED, () => answering(404), ["backend check"]],
  ["backend-fields-refused", ACCEPTED, () => answering(unprocessable), ["backend check"]],
  ["backend-host-refused", ACCEPTED, () => answering(foreignHost), ["backend check"]],
  [
    "token-refused",
    ACCEPTED,
    async () => {
      const stub = await startBackendStub(({ path }) => (path.endsWith("register") ? 401 : {}));
      onTestFinished(() => stub.close());
      return ["--backend-url", stub.url];
    },
    ["test --token-stdin"],
  ],
])(
  "F-31 F-28 a deploy that finds %s: its next step, 0 without and 3 with --strict",
  async (code, what, given, next) => {
    const local = await openLocalAws();
    const env = { ...pointedAt(local.url), GITHUB_ACTIONS: "true" };
    const address = await given();
    const lax = await run(["deploy", ...address, "--no-strict", "--json"], { env });
    const result = JSON.parse(lax.stdout);
    expect([lax.code, result]).toMatchObject([
      0,
      {
        test: { passed: false, fault: null },
        unproven: [{ code, what, why: expect.any(String), fix: expect.any(String) }],
        next: next.map((words) => ({ argv: [[...words.split(" "), "--local"]] })),
        backend: { argv: [["outputs", "--for", "backend", "--out", "backend.env", "--local"]] },
      },
    ]);
    expect(lax.stderr).toContain(`! test event and a real WebSocket incomplete (${said[code]})`);
    const { unproven } = result as { unproven: { why: string }[] };
    expect(lax.stderr).toContain(`\n::warning title=shelfshack-ws::not proven: ${what}: ${unproven[0]?.why}`);
    const strict = await run(["deploy", ...address, "--memory", "512"], { env });
    expect(strict.code).toBe(3);
    expect(strict.stdout).toContain(`\nnot proven: ${what} (exit code 3: --strict)\n`);
    expect(strict.stdout).toMatch(
      /^for the backend's environment:\n {2}\S.* outputs --for backend --out backend\.env --local$/m,
    );
    expect(strict.stderr).toContain(`\n::error title=shelfshack-ws::not proven: ${what}: `);
  },
);

test("F-33 S5 a new address alone is asked first; with --strict only a proven one is written", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const backend = await startBackendStub();
  onTestFinished(() => backend.close());
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  const only = (url: string, ...options: string[]) =>
    run(["deploy", "--only", "env", "--backend-url", url, "--json", ...options], { env });
  const before = mutating(local).length;
  const refused = await only("http://127.0.0.1:8", "--strict");
  expect([refused.code, errorCode(refused)]).toEqual([3, "backend-unproven"]);
  expect(mutating(local)).toHaveLength(before);
  const proven = await only(backend.url, "--strict");
  expect([proven.code, JSON.parse(proven.stdout)]).toMatchObject([
    0,
    { changed: true, backendUrl: backend.url, probe: { code: "reached" }, unproven: [] },
  ]);
  expect(backend.requests.map(({ path }) => path)).toEqual(["/api/ws/disconnect"]);
  expect(backend.requests[0]!.headers["webhook-signature"]).toMatch(/^v1,/);
  const again = await only(backend.url, "--strict");
  expect(JSON.parse(again.stdout)).toMatchObject({ changed: false, probe: null });
  const warned = await only("http://127.0.0.1:8");
  expect([warned.code, JSON.parse(warned.stdout)]).toMatchObject([
    0,
    {
      changed: true,
      probe: { code: "backend-unreachable" },
      unproven: [{ code: "backend-unreachable" }],
      next: [{ argv: [["backend", "check", "--local"]] }],
    },
  ]);
  expect(warned.stderr).toMatch(
    /^warning: http:\/\/127.0.0.1:8 is not proven, .*; it is written all the same$/m,
  );
  const unasked = await only("http://127.0.0.1:7", "--strict", "--no-test");
  expect([unasked.code, JSON.parse(unasked.stdout)]).toMatchObject([0, { changed: true, probe: null }]);
});

test("the smoke test reports which token it sent, and the next command sends one too", async () => {
  const backend = await demoBackend();
  const deploy = async (options: string[], input?: string) => {
    const local = await openLocalAws();
    return await run(["deploy", ...backend, ...options], { env: pointedAt(local.url), input: input ?? null });
  };
  const without = await deploy([]);
  expect(without.stdout).toContain(
    "the backend accepted the event (no token was given, a made-up one was sent)\n",
  );
  expect(without.stdout).toMatch(/^next: .*shelfshack-ws.js connect --booking 1 --token TOKEN --local$/m);
  const piped = await deploy(["--token-stdin"], "demo-ann\n");
  expect(piped.stdout).toContain("  the backend accepted the event\n");
  expect(piped.stdout).toMatch(/^next: .*shelfshack-ws.js connect --booking 1 --token-stdin --local$/m);
  expect(piped.stdout + piped.stderr).not.toContain("demo-ann");
  const none = await deploy(["--token-stdin", "--json"]);
  expect([none.code, errorCode(none)]).toEqual([2, "token-missing"]);
});

test("the deploy fails where variables are invalid: the handler accepts no client", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  const { aws } = await openTestStack(local.url);
  const FunctionName = "shelfshack-websocket-proxy";
  const { Environment } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, MESSAGE_PATH: "no-slash" };
  await aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  const { code, stdout, stderr } = await run(["deploy", "--backend-url", "http://127.0.0.1:8"], {
    env: { ...env, GITHUB_ACTIONS: "true" },
  });
  expect(code).toBe(3);
  expect(stderr).toMatch(
    /^::error title=shelfshack-ws::the smoke test failed: the handler's configuration is invalid%0Anext: /m,
  );
  expect(stdout).toMatch(/✗ {2}the handler runs +the handler's configuration is invalid/);
  expect(stdout).toMatch(/^next: .*shelfshack-ws.js doctor --local --backend-url \S+$/m);
  expect((await run(["logs", "tail", "--errors", "--no-follow"], { env })).stdout).toContain(
    "MESSAGE_PATH has to be a path",
  );
  expect(stderr).toContain("✗ test event and a real WebSocket: the smoke test failed");
});

test("S14 where the function exists, status advises the steps that fix the rest, and they do", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  expect((await run(["status"], { env })).stdout).toMatch(
    /^next: .*shelfshack-ws.js deploy --local --backend-url URL$/m,
  );
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  const { aws } = await openTestStack(local.url);
  const FunctionName = "shelfshack-websocket-proxy";
  await aws.logs.send(new DeleteLogGroupCommand({ logGroupName: `/aws/lambda/${FunctionName}` }));
  const { Environment } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const Variables = { ...Environment?.Variables, API_GATEWAY_ENDPOINT: "https://elsewhere.example/dev" };
  await aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
  const { stdout } = await run(["status"], { env });
  const [, advice = ""] =
    /^not completely deployed\n\nnext: .*shelfshack-ws.js (deploy .*)$/m.exec(stdout) ?? [];
  expect(advice).toBe("deploy --only logs,endpoint --local");
  expect((await run(advice.split(" "), { env })).code).toBe(0);
  expect((await run(["status"], { env })).code).toBe(0);
});

test.each([{ handler: "app.handler" }, { runtime: "python3.13" }])(
  "a config with %j, which the zip has no file for, stops what uploads code and nothing else",
  async (config) => {
    const local = await openLocalAws();
    const folder = await mkdtemp(join(tmpdir(), "config-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, "shelfshack-ws.config.json");
    await writeFile(file, JSON.stringify(config));
    const plain = pointedAt(local.url);
    expect((await run(["deploy", ...backendUrl, "--no-test"], { env: plain })).code).toBe(0);
    const env = { ...plain, SHELFSHACK_CONFIG: file };
    await Promise.all(
      [["plan", ...backendUrl], ["deploy", ...backendUrl], ["package"]].map(async (args) => {
        const refused = await run([...args, "--json"], { env });
        expect([refused.code, errorCode(refused)]).toEqual([2, "handler-missing"]);
      }),
    );
    const status = await run(["status", "--json"], { env });
    expect([status.code, JSON.parse(status.stdout)]).toMatchObject([0, { upToDate: true }]);
    expect(status.stderr).toContain("warning: the code is not compared: ");
    const keys = await run(["backend", "keys", "show", "--json"], { env });
    expect([keys.code, JSON.parse(keys.stdout).keys]).toMatchObject([0, [{}]]);
    expect((await run(["destroy", "--yes"], { env })).code).toBe(0);
    expect(await inventory((await openTestStack(local.url)).aws)).toEqual(nothing);
  },
  60_000,
);

test("destroy, status and backend keys refuse another account than the one that is set", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  expect((await run(["deploy", ...backendUrl, "--no-test"], { env })).code).toBe(0);
  const before = mutating(local).length;
  for (const args of [["destroy", "--yes"], ["status"], ["backend", "keys", "rotate"]]) {
    const { code, stdout } = await run([...args, "--account", "123456789012", "--json"], { env });
    expect([code, JSON.parse(stdout).error?.code]).toEqual([4, "account-other"]);
  }
  expect(mutating(local)).toHaveLength(before);
});

test.each([
  [["deploy", "--backend-url", "api.example.com"], "value-invalid"],
  [["deploy", "--only", "rolle", ...backendUrl], "value-invalid"],
  [["deploy", "--env", "../x", ...backendUrl], "value-invalid"],
])("%j is refused with 2 before any call", async (args, expected) => {
  const local = await openLocalAws();
  const refused = await run([...args, "--json"], { env: pointedAt(local.url) });
  expect([refused.code, errorCode(refused)]).toEqual([2, expected]);
  expect(local.calls).toEqual([]);
});

test("a step alone needs what it stands on, and says which step to run first", async () => {
  const local = await openLocalAws();
  const refused = await run(["deploy", "--only", "routes", "--json"], { env: pointedAt(local.url) });
  const { error } = JSON.parse(refused.stdout);
  expect([refused.code, error.code]).toEqual([1, "step-needs-missing"]);
  expect(error.argv).toEqual([["deploy", "--only", "api,integration", "--local"]]);
});

test("steps alone count only what they compare, and the URL is shown when there is a stage", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const some = await run(["deploy", "--only", "role,logs,api,policy"], { env });
  expect(some.code).toBe(0);
  expect(some.stdout).toMatch(/\n4 created, 10 not compared\n\nnext: .* status --local\n$/);
  expect((await run(["status"], { env })).stdout).not.toContain("ws://");
  expect(JSON.parse((await run(["status", "--json"], { env })).stdout)).toMatchObject({ url: null });
  const rest = await run(["deploy", ...backendUrl, "--no-test"], { env });
  expect(rest.stdout).toContain("10 created, 4 unchanged\n\nws://");
  const one = JSON.parse((await run(["deploy", "--only", "role", "--json"], { env })).stdout);
  expect(one.url).toMatch(/^ws:/);
  expect(one.resources.filter(({ compared }: { compared: boolean }) => compared)).toMatchObject([
    { id: "Role", action: "none" },
  ]);
});

test("plain http to a public address: a warning in dev, exit 4 in prod", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const address = ["--backend-url", "http://203.0.113.9:8000"];
  const dev = await run(["plan", ...address], { env });
  expect([dev.code, dev.stderr]).toEqual([
    0,
    expect.stringMatching(/^warning: .* is plain http to a public/),
  ]);
  const prod = await run(["plan", "--env", "prod", ...address, "--json"], { env });
  expect([prod.code, errorCode(prod)]).toEqual([4, "plain-http"]);
  expect((await run(["plan", "--env", "prod", "--allow-http", ...address], { env })).code).toBe(0);
});

test("the same stack in another region is refused, with the region that has it", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  expect((await run(["deploy", ...backendUrl, "--no-test"], { env })).code).toBe(0);
  const { code, stderr } = await run(["deploy", ...backendUrl, "--region", "eu-west-1"], { env });
  expect([code, stderr]).toEqual([4, expect.stringContaining("pass --region us-east-1 to work on it")]);
  expect(stderr).not.toMatch(/^\||delete/m);
});

test("S15 destroy finds what was deployed under names of its own by the function's name alone", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const names = ["--function-name", "f1", "--api-name", "my api", "--role-name", "r1", "--stage", "v1"];
  expect((await run(["deploy", ...backendUrl, "--no-test", ...names], { env })).code).toBe(0);
  const { code, stdout } = await run(["destroy", "--function-name", "f1", "--yes", "--json"], { env });
  expect(code).toBe(0);
  expect(
    (JSON.parse(stdout) as { removed: { id: string }[] }).removed.map(({ id }) => id).toSorted(),
  ).toEqual(["Api", "Function", "LogGroup", "Role"]);
  expect(await inventory((await openTestStack(local.url)).aws)).toEqual(nothing);
});
