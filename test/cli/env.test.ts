import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  GetFunctionConfigurationCommand,
  TagResourceCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { packageHandler } from "../../src/artifact/zip.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import { checkedVariables } from "../../src/settings/value-types.ts";
import { acceptsUnknownConnections, startContractBackend } from "../support/contract-backend.ts";
import { openFaultProxy, type Call } from "../support/fault-proxy.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { errorCode, needsTerminal, run, start } from "../support/program.ts";
import { openTestStack } from "../support/stack.ts";

const FunctionName = "shelfshack-websocket-proxy";
/** Nothing listens there. */
const unreachable = "http://127.0.0.1:9";

/** The deployed handler with another tool's variable, and two backends that know its key. */
async function deployed() {
  const key = newSigningKey();
  const backends = await Promise.all(
    [1, 2].map(() => startContractBackend([key], acceptsUnknownConnections)),
  );
  const local = await openLocalAws();
  onTestFinished(async () => void (await Promise.all(backends.map((backend) => backend.close()))));
  const { zip, sha256 } = await packageHandler();
  const stack = await openTestStack(local.url, {
    zip,
    zipSha256: sha256,
    backendUrl: backends[0]?.url,
    variables: { SIGNING_KEYS: key, FOO: "canary-foo" },
  });
  await stack.deploy();
  const { lambda } = stack.aws;
  const found = async () => await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const variables = async () => (await found()).Environment?.Variables ?? {};
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) };
  return { local, lambda, found, variables, env, url: backends[0]?.url ?? "", other: backends[1]?.url ?? "" };
}

test("env lists the names, without what may be secret", async () => {
  const { env, url } = await deployed();
  const { code, stdout, stderr } = await run(["env", "list", "--debug"], { env });
  expect(code).toBe(0);
  expect(stdout).toContain(`BACKEND_URL           ${url}`);
  expect(stdout).toMatch(/FOO +\*\*\*/);
  expect(stdout).toMatch(/4 variables, \d+ of 4096 bytes/);
  expect(stdout + stderr).not.toMatch(/canary|whsec_/);
});

test("env set changes one variable, shows old and new, and asks the new backend first", async () => {
  const { env, url, other, variables } = await deployed();
  const before = await variables();
  const { code, stdout } = await run(["env", "set", `BACKEND_URL=${other}/`], { env });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining(`BACKEND_URL: ${url} → ${other}\n`),
  });
  expect(stdout).toContain("as asked from this machine");
  expect(await variables()).toEqual({ ...before, BACKEND_URL: other });
  const again = await run(["env", "set", `BACKEND_URL=${other}`, "FOO=canary-foo", "--json"], { env });
  expect(JSON.parse(again.stdout)).toMatchObject({ changed: false, changes: [], probe: null });
});

test("a backend that does not answer is not written, unless with --no-probe", async () => {
  const { env, found, variables } = await deployed();
  const { RevisionId } = await found();
  const refused = await run(["env", "set", `BACKEND_URL=${unreachable}`, "--json"], { env });
  expect([refused.code, errorCode(refused)]).toEqual([1, "backend-unusable"]);
  expect((await found()).RevisionId).toBe(RevisionId);
  const written = await run(["env", "set", `BACKEND_URL=${unreachable}`, "--no-probe"], { env });
  expect([written.code, (await variables())["BACKEND_URL"]]).toEqual([0, unreachable]);
});

test("what another tool claims while the new backend is asked is not written to", async () => {
  const { env, lambda, found, variables, url } = await deployed();
  const { FunctionArn: Resource } = await found();
  const claiming = createServer((_request, response) => {
    const Tags = { ManagedBy: "terraform" };
    void lambda.send(new TagResourceCommand({ Resource, Tags })).then(() => response.end("{}"));
  });
  await once(claiming.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void claiming.close());
  const { port } = claiming.address() as AddressInfo;
  const refused = await run(["env", "set", `BACKEND_URL=http://127.0.0.1:${port}`, "--json"], { env });
  expect([refused.code, errorCode(refused)]).toEqual([4, "not-ours"]);
  expect(await variables()).toMatchObject({ BACKEND_URL: url });
});

test("env unset removes what it names, and keeps what the function needs", async () => {
  const { env, variables } = await deployed();
  const { FOO: _foo, ...others } = await variables();
  const { stdout } = await run(["env", "unset", "FOO", "NONE", "--json"], { env });
  expect(JSON.parse(stdout)).toMatchObject({
    changed: true,
    changes: [{ name: "FOO", from: "***", to: null }],
  });
  for (const name of ["BACKEND_URL", "API_GATEWAY_ENDPOINT", "SIGNING_KEYS"]) {
    const refused = await run(["env", "unset", name, "--json"], { env });
    expect([refused.code, errorCode(refused)]).toEqual([2, "variable-needed"]);
  }
  expect(await variables()).toEqual(others);
});

test.each([
  [["set", "AWS_REGION=x"], "value-invalid"],
  [["set", "API_GATEWAY_ENDPOINT=https://x"], "value-invalid"],
  [["set", "A B=canary"], "value-invalid"],
  [["set", "canary-in-the-wrong-place"], "value-invalid"],
  [["set", "FOO", "AWS_REGION"], "value-invalid"],
  [["set", "FOO", "A=canary"], "value-invalid"],
  [["set", "FOO", "FOP", "BAR=canary"], "argument-unexpected"],
  [["set", "BACKEND_URL=ftp://user:canary@host"], "value-invalid"],
  [["set", "BACKEND_URL=canary-of-a-long-token"], "value-invalid"],
  [["set", "whsec_canary-of-a-long-key="], "value-invalid"],
  [["set", "BACKEND_TIMEOUT_MS=canary"], "value-invalid"],
  [["set", `LONG=${"canary".repeat(700)}`], "variables-too-large"],
  [["set"], "value-missing"],
  [["list", "canary"], "argument-unexpected"],
  [["canary"], "command-unknown"],
])("%j is refused before any call", async (words, expected) => {
  const env = { AWS_ENDPOINT_URL: unreachable, AWS_REGION: "us-east-1" };
  const ended = await run(["env", ...words, "--json"], { env });
  expect([ended.code, errorCode(ended)]).toEqual([2, expected]);
  if (words[0] === "set") expect(ended.stdout + ended.stderr).not.toContain("canary");
});

const stdins: readonly [what: string, input: string | null, expected: string][] = [
  ["nothing", "", "value-missing"],
  ["a line feed alone", "\n", "value-missing"],
  ["no stdin at all", null, "value-missing"],
  ["more than fits", "canary".repeat(700), "value-invalid"],
  ["what the handler cannot read", "canary\n", "value-invalid"],
];
test.each(stdins)("a value from stdin is refused before any call: %s", async (_what, input, expected) => {
  const env = { AWS_ENDPOINT_URL: unreachable, AWS_REGION: "us-east-1" };
  const ended = await run(["env", "set", "LOG_LEVEL", "--json"], { env, input });
  expect([ended.code, errorCode(ended)]).toEqual([2, expected]);
  expect(ended.stdout + ended.stderr).not.toContain("canary");
});

/** What each variable with a rule of its own refuses, typed or piped by mistake. */
const pasted: readonly [name: string, value: string][] = [
  ["BACKEND_URL", "canary"],
  ["BACKEND_URL", "https://canary:canary@host"],
  ["BACKEND_URL", "https://host/canary?x"],
  ["BACKEND_URL", "http://canary.example.com"],
  ["SIGNING_KEYS", "canary"],
  ["REGISTER_PATH", "canary"],
  ["MESSAGE_PATH", "canary"],
  ["DISCONNECT_PATH", "canary"],
  ["BACKEND_TIMEOUT_MS", "canary"],
  ["LOG_LEVEL", "canary"],
];
test.each(pasted)("%s: a wrong value that came unseen is in no error: %s", async (name, value) => {
  const env = { AWS_ENDPOINT_URL: unreachable, AWS_REGION: "us-east-1" };
  const ended = await run(["env", "set", name, "--env", "prod", "--debug"], { env, input: value });
  const isPlainHttp = value.startsWith("http:");
  expect([ended.code, ended.stdout]).toEqual([isPlainHttp ? 4 : 2, ""]);
  expect(ended.stderr).toContain(name);
  expect(ended.stderr).not.toContain("canary");
});

test("every variable that the handler reads has a wrong value above", () => {
  expect([...new Set(pasted.map(([name]) => name))].toSorted()).toEqual(checkedVariables.toSorted());
});

test("on a terminal a value that was typed unseen is in no error", async (context) => {
  needsTerminal(context);
  const { env, variables } = await deployed();
  const before = await variables();
  for (const value of ["canary", `${unreachable}/canary`]) {
    const asked = start(["env", "set", "BACKEND_URL", "--debug"], { env, columns: 80 });
    await asked.says("BACKEND_URL (hidden): ");
    asked.type(`${value}\r`);
    const { code, stdout, stderr } = await asked.ended;
    expect(code).toBe(value === "canary" ? 2 : 1);
    expect(stdout + stderr).not.toContain("canary");
  }
  expect(await variables()).toEqual(before);
});

test("a variable without a value has it from stdin, whole but for the last line feed", async () => {
  const { env, variables } = await deployed();
  const before = await variables();
  const lines = "-----BEGIN canary-----\n= ü $(id)\n-----END-----\n";
  const args = ["env", "set", "LOG_LEVEL=DEBUG", "PEM", "--debug"];
  const { code, stdout, stderr } = await run(args, { env, input: `${lines}\n` });
  expect(code).toBe(0);
  expect(stdout).toContain("LOG_LEVEL: added, ***\nPEM: added, ***\n");
  expect(stdout + stderr).not.toContain("canary");
  expect(await variables()).toEqual({ ...before, LOG_LEVEL: "DEBUG", PEM: lines });
});

test("on a terminal the value of a variable is asked for unseen, and Ctrl-C gives none", async (context) => {
  needsTerminal(context);
  const { env, lambda, found, variables } = await deployed();
  const before = await variables();
  const left = start(["env", "set", "SECRET"], { env, columns: 80 });
  await left.says("SECRET (hidden): ");
  left.type("half\u0003");
  expect((await left.ended).code).toBe(130);
  expect(await variables()).toEqual(before);
  const asked = start(["env", "set", "SECRET"], { env, columns: 80 });
  await asked.says("SECRET (hidden): ");
  asked.type(" canary \r");
  expect(await asked.ended).toMatchObject({ code: 0, stdout: expect.not.stringContaining("canary") });
  expect(await variables()).toEqual({ ...before, SECRET: " canary " });
  // It asks for no secret that is refused then.
  const { FunctionArn: Resource } = await found();
  await lambda.send(new TagResourceCommand({ Resource, Tags: { ManagedBy: "terraform" } }));
  const refused = await start(["env", "set", "SECRET"], { env, columns: 80 }).ended;
  expect(refused).toMatchObject({ code: 4, stdout: expect.not.stringContaining("(hidden)") });
});

test.each([
  [["set", "A=canary"], 'env set: "A": expected a variable\'s name'],
  [["set", "BACKEND_URL=htps://new.example"], 'BACKEND_URL is "htps://new.example": expected a URL'],
  [["set", "LOG_LEVEL=canary"], "env set: LOG_LEVEL: expected one of DEBUG"],
  [["lst"], 'unknown action "env lst"'],
])("%j: the error shows the name, and the value where it is an address", async (words, message) => {
  const { stderr } = await run(["env", ...words], { env: {} });
  expect(stderr).toContain(message);
  expect(stderr).not.toMatch(/canary|\*\*\*/);
});

test("in words a variable is added, changed or removed; a name that is not there is a warning", async () => {
  const { env } = await deployed();
  const added = await run(["env", "set", "LOG_LEVEL=DEBUG", "FOO=canary-2"], { env });
  expect(added.stdout).toContain("FOO: changed\nLOG_LEVEL: added, ***\n");
  const removed = await run(["env", "unset", "LOG_LEVEL", "FOP"], { env });
  expect(removed.stdout).toContain("LOG_LEVEL: removed, was ***\n");
  expect([removed.code, removed.stderr]).toEqual([
    0,
    expect.stringContaining("warning: there is no variable FOP\n  did you mean FOO?\n"),
  ]);
});

test("what all variables together are too large for is not written", async () => {
  const { env, variables } = await deployed();
  const before = await variables();
  const large = await run(["env", "set", `LONG=${"x".repeat(3_960)}`, "--json"], { env });
  expect([large.code, errorCode(large)]).toEqual([2, "variables-too-large"]);
  expect(await variables()).toEqual(before);
});

test("a variable that another one writes between reading and writing is not lost", async () => {
  const { local, lambda, variables } = await deployed();
  const before = await variables();
  let others = 0;
  const write = () =>
    lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName,
        Environment: { Variables: { ...before, OTHER: String(++others) } },
      }),
    );
  const isWrite = ({ operation }: Call) => /PUT .*configuration$/.test(operation);
  const proxy = await openFaultProxy(local, (call) =>
    isWrite(call) && others === 0 ? { before: write } : undefined,
  );
  const env = {
    AWS_ENDPOINT_URL: proxy.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "x",
    AWS_SECRET_ACCESS_KEY: "x",
  };
  const { code } = await run(["env", "set", "MINE=1"], { env });
  expect(code).toBe(0);
  expect(await variables()).toEqual({ ...before, OTHER: "1", MINE: "1" });
  expect(proxy.calls.filter(isWrite)).toHaveLength(2);
});

test("env changes no function of another stack; it lists its variables", async () => {
  const { env, lambda, found, variables } = await deployed();
  const before = await variables();
  const { FunctionArn: Resource } = await found();
  await lambda.send(new TagResourceCommand({ Resource, Tags: { ManagedBy: "terraform" } }));
  const refused = await run(["env", "set", "MINE=1", "--json"], { env });
  expect([refused.code, errorCode(refused)]).toEqual([4, "not-ours"]);
  expect(await variables()).toEqual(before);
  expect((await run(["env"], { env })).code).toBe(0);
});
