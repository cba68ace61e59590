import { GetFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import type { CheckLine } from "../../src/verify/examine.ts";
import { demoBackend, fileWith } from "../support/given.ts";
import { errorCode, run, start } from "../support/program.ts";
import { mutating, openLocalAws, pointedAt } from "../support/local-aws.ts";
import { completeStack, inventory, nothing, openTestStack } from "../support/stack.ts";

const backendUrl = ["--backend-url", "http://127.0.0.1:9"];

test("S1 S2 S32 deploy as JSON: one document with the smoke test; the second is empty", async () => {
  const local = await openLocalAws();
  const env = { ...pointedAt(local.url), CI: "1" };
  const backend = await demoBackend();
  const first = await run(["deploy", ...backend, "--json", "--yes"], { env });
  expect(first.code).toBe(0);
  const result = JSON.parse(first.stdout);
  expect(result).toMatchObject({
    changed: true,
    url: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/\w+\/dev$/),
    frontend: { VITE_WS_API_ENDPOINT: result.url },
    test: { passed: true, fault: null },
  });
  const { checks } = result.test as { checks: CheckLine[] };
  expect(checks.map(({ id, outcome, code, evidence }) => [id, outcome, code, evidence])).toEqual([
    ["invocation", "passed", null, expect.stringMatching(/^it answered in \d+ ms$/)],
    ["reached", "passed", null, expect.any(String)],
    ["accepted", "passed", null, expect.any(String)],
    ["push", "passed", null, expect.any(String)],
    ["handshake", "passed", null, expect.stringMatching(/^open in \d+ ms$/)],
    ["message", "passed", null, expect.any(String)],
  ]);
  expect(first.stdout + first.stderr).not.toContain("\u001b[");
  const before = mutating(local).length;
  const second = await run(["deploy", ...backend, "--json", "--yes"], { env });
  expect(JSON.parse(second.stdout)).toMatchObject({ changed: false, test: null });
  expect(mutating(local)).toHaveLength(before);
});

test("S3 plan on an empty account writes nothing: exit 0, with --exit-code 3", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const { code, stdout } = await run(["plan", ...backendUrl], { env });
  expect(code).toBe(0);
  expect(stdout).toContain("14 to create");
  expect((await run(["plan", ...backendUrl, "--exit-code"], { env })).code).toBe(3);
  expect(mutating(local)).toEqual([]);
});

test("F-32 what writes says first where: account, region, profile, address and stack", async () => {
  const local = await openLocalAws();
  const env = {
    ...local.environment,
    AWS_PROFILE: "shop",
    AWS_CONFIG_FILE: await fileWith("[profile shop]\naws_access_key_id=AKIDTEST\naws_secret_access_key=x\n"),
  };
  const where = {
    account: "000000000000",
    region: "us-east-1",
    profile: "shop",
    endpointUrl: local.url,
    stack: "shelfshack-websocket-proxy",
  };
  const line =
    "account 000000000000, region us-east-1, profile shop, " +
    `at ${local.url}, stack shelfshack-websocket-proxy\n`;
  const planned = await run(["plan", ...backendUrl], { env });
  expect(planned.stdout.startsWith(line)).toBe(true);
  for (const args of [
    ["deploy", ...backendUrl, "--no-test"],
    ["backend", "keys", "rotate"],
    ["destroy", "--yes"],
  ]) {
    const { code, stdout, stderr } = await run(args, { env });
    expect([code, stderr.startsWith(line), (stdout + stderr).split(line)]).toMatchObject([
      0,
      true,
      { length: 2 },
    ]);
  }
  for (const args of [["plan", ...backendUrl], ["status"], ["deploy", ...backendUrl, "--no-test"]]) {
    const { stdout } = await run([...args, "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject(where);
  }
  const last = await run(["destroy", "--yes", "--json"], { env });
  expect(JSON.parse(last.stdout)).toMatchObject(where);
});

test("F-26 plan and deploy without a backend keep the function's, or refuse with 2", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const commands = [["plan"], ["deploy", "--dry-run"], ["deploy", "--no-test"]];
  for (const command of commands) {
    const without = await run([...command, "--json"], { env });
    expect([without.code, errorCode(without)]).toEqual([2, "no-backend-url"]);
  }
  expect(mutating(local)).toEqual([]);
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  for (const command of commands) {
    const { code, stdout, stderr } = await run([...command, "--memory", "512", "--json"], {
      env,
    });
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      { changed: true, backendUrl: "http://127.0.0.1:9" },
    ]);
    expect(stderr).toContain("backend http://127.0.0.1:9, which the deployed function has");
  }
});

test("what plan, deploy --dry-run and status advise has the options that made the difference", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  const { stdout } = await run(["status", "--memory", "512", "--json"], { env });
  const [advised = []] = JSON.parse(stdout).next[0].argv;
  expect(advised).toEqual(["deploy", "--only", "function", "--local", "--memory", "512"]);
  expect(JSON.parse((await run([...advised, "--json"], { env })).stdout)).toMatchObject({ changed: true });
});

test("a backend that is not reachable is reported, and the deploy succeeds", async () => {
  const local = await openLocalAws();
  const { code, stdout, stderr } = await run(["deploy", ...backendUrl], { env: pointedAt(local.url) });
  expect(code).toBe(0);
  expect(stdout).toMatch(/✗ {2}the function reaches the backend +the backend could not be reached/);
  expect(stdout).toMatch(/^next: .*shelfshack-ws.js backend check --local$/m);
  expect(stderr).toContain(
    "! test event and a real WebSocket incomplete (the function does not reach the backend)",
  );
  expect(stderr).not.toContain("✓ test event");
});

test("S14 status: 3 while nothing is there, 0 when all is well, 3 with what differs", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  expect((await run(["status"], { env })).code).toBe(3);
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  expect((await run(["status"], { env })).stdout).toMatch(/\nup to date\n\nnext: .* doctor --local\n$/);
  expect((await run(["deploy", "--only", "env", "--backend-url", "http://127.0.0.1:8"], { env })).code).toBe(
    0,
  );
  const { code, stdout } = await run(["status", ...backendUrl], { env });
  expect(code).toBe(3);
  expect(stdout).toContain("Environment.BACKEND_URL: http://127.0.0.1:8, should be http://127.0.0.1:9");
});

test("S15 destroy asks for the name: not without a terminal, and not another one", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  await run(["deploy", ...backendUrl, "--no-test"], { env });
  const unasked = await run(["destroy", "--json"], { env });
  expect([unasked.code, errorCode(unasked)]).toEqual([2, "confirmation-needed"]);
  expect(unasked.stderr).toMatch(/will be deleted: confirmation needed, .*\n {2}pass --yes to skip/);
  expect(unasked.stderr).toMatch(/^account .*\n- /);
  expect(unasked.stderr).toContain("- Function  shelfshack-websocket-proxy\n");
  const { aws } = await openTestStack(local.url);
  expect(await inventory(aws)).toEqual(completeStack);
  expect((await run(["destroy", "--yes", "--json"], { env })).code).toBe(0);
  expect(await inventory(aws)).toEqual(nothing);
  expect(JSON.parse((await run(["destroy", "--yes", "--json"], { env })).stdout)).toMatchObject({
    changed: false,
  });
});

test("the signing key is never shown, and stays the same", async () => {
  const local = await openLocalAws();
  const env = pointedAt(local.url);
  const said: string[] = [];
  for (const args of [
    ["plan"],
    ["deploy", "--no-test"],
    ["deploy", "--debug"],
    ["status", "--json"],
    ["plan", "--json"],
  ]) {
    const { stdout, stderr } = await run([...args, ...backendUrl], { env });
    said.push(stdout, stderr);
  }
  const { aws } = await openTestStack(local.url);
  const { Environment } = await aws.lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: "shelfshack-websocket-proxy" }),
  );
  expect(Environment?.Variables?.SIGNING_KEYS).toMatch(/^whsec_/);
  expect(said.join("")).not.toContain("whsec_");
});

test("D-29 Ctrl-C during a deploy: the running call finishes, exit 130, the next run continues", async () => {
  const local = await openLocalAws({ roleDelayMs: 60_000 });
  const env = pointedAt(local.url);
  const running = start(["deploy", ...backendUrl, "--json"], { env, input: null });
  await running.says("waiting for IAM");
  running.signal("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  expect(code).toBe(130);
  expect(JSON.parse(stdout)).toMatchObject({
    error: {
      code: "interrupted",
      hint: expect.stringMatching(/^done in this run: Role, .*; run the same command again/),
      exitCode: 130,
    },
  });
  expect(stderr).toContain("press Ctrl-C again to stop at once");
  expect((await run(["plan", ...backendUrl, "--exit-code"], { env })).code).toBe(3);
});
