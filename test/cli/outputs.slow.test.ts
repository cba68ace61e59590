import { chmod, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { AmplifyClient, CreateAppCommand, GetAppCommand } from "@aws-sdk/client-amplify";
import { DeleteStageCommand, GetApisCommand, TagResourceCommand } from "@aws-sdk/client-apigatewayv2";
import { GetFunctionConfigurationCommand, UpdateFunctionConfigurationCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { errorCode, run, start } from "../support/program.ts";
import { mutating, openLocalAws } from "../support/local-aws.ts";
import { openTestStack, serveNewest } from "../support/stack.ts";

/** A deployed stack, the variables that point the program at it, and what AWS says of it. */
async function deployed() {
  const local = await openLocalAws();
  const { aws, deploy } = await openTestStack(local.url);
  await deploy();
  const [api] = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  const { Environment } = await aws.lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: "shelfshack-websocket-proxy" }),
  );
  return {
    aws,
    endpointUrl: local.url,
    mutating: () => mutating(local).map(({ operation }) => operation),
    apiId: api?.ApiId ?? "",
    url: `${api?.ApiEndpoint}/dev`,
    endpoint: `${api?.ApiEndpoint?.replace(/^ws/, "http")}/dev`,
    arn: "arn:aws:lambda:us-east-1:000000000000:function:shelfshack-websocket-proxy",
    keys: Environment?.Variables?.["SIGNING_KEYS"] ?? "",
    env: { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(local.port) },
  };
}

test("S33 each of those who need values gets exactly the lines that it needs", async () => {
  const { env, apiId, url, endpoint, arn, keys } = await deployed();
  const [frontend, backend, terraform, github] = await Promise.all(
    ["frontend", "backend", "terraform", "github"].map((whom) => run(["outputs", "--for", whom], { env })),
  );
  expect(frontend).toMatchObject({ code: 0, stdout: `VITE_WS_API_ENDPOINT=${url}\n` });
  expect(backend).toMatchObject({
    code: 0,
    stdout: [
      `WEBSOCKET_API_ENDPOINT=${endpoint}`,
      `SIGNING_KEYS=${keys}`,
      "AWS_ACCESS_KEY_ID=local",
      "AWS_SECRET_ACCESS_KEY=local",
      "AWS_DEFAULT_REGION=us-east-1\n",
    ].join("\n"),
  });
  const lines = [
    `websocket_api_id = "${apiId}"`,
    `websocket_api_endpoint = "${endpoint}"`,
    `websocket_lambda_function_arn = "${arn}"`,
  ];
  expect(terraform).toMatchObject({ code: 0, stdout: `${lines.join("\n")}\n` });
  expect(github).toMatchObject({ code: 0, stdout: expect.stringContaining(`websocket_url=${url}\n`) });
  expect(keys).toMatch(/^whsec_/);
});

test("S33 for GitHub the lines are added to the file that it names", async () => {
  const { env, url } = await deployed();
  const folder = await mkdtemp(join(tmpdir(), "outputs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "output");
  await writeFile(file, "earlier=1\n");
  const { code, stdout } = await run(["outputs", "--for", "github"], {
    env: { ...env, GITHUB_OUTPUT: file },
  });
  expect({ code, stdout: stdout.includes(file) }).toEqual({ code: 0, stdout: true });
  expect(await readFile(file, "utf8")).toMatch(
    new RegExp(`^earlier=1\nwebsocket_url=${url}\n(websocket_\\w+=\\S+\n){4}$`),
  );
});

test("C-05 the keys are printed for the backend alone", async () => {
  const { env, keys } = await deployed();
  for (const args of [
    [],
    ["--json"],
    ["--for", "github"],
    ["--for", "github", "--json"],
    ["--for", "terraform"],
    ["--for", "frontend"],
    ["--debug"],
  ]) {
    const { code, stdout, stderr } = await run(["outputs", ...args], { env });
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(keys.slice(6, 30));
    expect(stdout + stderr).not.toContain("whsec_");
  }
  const { stdout } = await run(["outputs", "--for", "backend", "--json"], { env });
  expect(JSON.parse(stdout)).toMatchObject({ values: { SIGNING_KEYS: keys } });
});

test("in GitHub Actions the run's log is told to leave the keys out, before they are printed", async () => {
  const { env, keys } = await deployed();
  const inActions = { ...env, GITHUB_ACTIONS: "true" };
  const masksIn = ({ stderr }: { stderr: string }) =>
    [...stderr.matchAll(/^::add-mask::(.*)$/gm)].map(([, secret]) => secret);
  expect(masksIn(await run(["outputs", "--for", "backend"], { env: inActions }))).toContain(keys);
  expect(masksIn(await run(["outputs", "--for", "backend"], { env }))).toEqual([]);
  expect(masksIn(await run(["outputs"], { env: inActions }))).toEqual([]);
});

test("where the stack or a part is missing, the error names the command that fixes it", async () => {
  const { env, aws, apiId } = await deployed();
  const other = await run(["outputs", "--env", "other", "--for", "frontend"], { env });
  expect(other).toMatchObject({ code: 1, stdout: "" });
  expect(other.stderr).toContain(
    "no API shelfshack-other-websocket-api, no stage other, no function shelfshack-other-websocket-proxy",
  );
  expect(other.stderr).toMatch(
    /run: SHELFSHACK_PORT=\d+ node .*shelfshack-ws.js deploy --local --env other --backend-url URL\n/,
  );
  await aws.apigatewayv2.send(new DeleteStageCommand({ ApiId: apiId, StageName: "dev" }));
  const staged = await run(["outputs", "--json"], { env });
  expect([staged.code, errorCode(staged)]).toEqual([1, "not-deployed"]);
});

test("S11 a stack that another tool has taken over can still be looked up", async () => {
  const { env, aws, apiId, url } = await deployed();
  const ResourceArn = `arn:aws:apigateway:us-east-1::/apis/${apiId}`;
  await aws.apigatewayv2.send(new TagResourceCommand({ ResourceArn, Tags: { ManagedBy: "terraform" } }));
  expect(await run(["outputs", "--for", "frontend"], { env })).toMatchObject({
    code: 0,
    stdout: `VITE_WS_API_ENDPOINT=${url}\n`,
  });
});

test("keys that go to a file which others may read are warned of", async () => {
  const { env } = await deployed();
  const folder = await mkdtemp(join(tmpdir(), "outputs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const into = async (mode: number) => {
    const file = await open(join(folder, String(mode)), "w", mode);
    await file.chmod(mode);
    const child = start(["outputs", "--for", "backend"], { env, stdout: file.fd });
    const { code, stderr } = await child.ended;
    await file.close();
    expect(code).toBe(0);
    return stderr;
  };
  expect(await into(0o644)).toMatch(/^warning: the signing keys go to a file that other users/);
  expect(await into(0o600)).toBe("");
});

test("--out writes a file as a whole, for its owner alone, and nothing of the keys elsewhere", async () => {
  const { env, keys } = await deployed();
  const folder = await mkdtemp(join(tmpdir(), "outputs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "backend.env");
  const write = (...words: string[]) => run(["outputs", "--out", file, ...words], { env });
  const printed = (await run(["outputs", "--for", "backend"], { env })).stdout;
  // Also over one that others could read, and in CI.
  for (const before of [undefined, "", "SIGNING_KEYS=old\n"]) {
    if (before !== undefined) await writeFile(file, before);
    if (before !== undefined) await chmod(file, 0o644);
    const { code, stdout, stderr } = await run(["outputs", "--for", "backend", "--out", file], {
      env: { ...env, GITHUB_ACTIONS: "true" },
    });
    expect([code, stdout]).toEqual([0, expect.stringContaining(`SIGNING_KEYS, AWS_ACCESS_KEY_ID`)]);
    expect(stdout + stderr).not.toContain(keys.slice(0, 12));
    expect([await readFile(file, "utf8"), (await stat(file)).mode & 0o777]).toEqual([printed, 0o600]);
  }
  const told = await write("--for", "backend", "--json");
  expect(JSON.parse(told.stdout)).toMatchObject({ file, values: { SIGNING_KEYS: "***" } });
  expect(JSON.parse(told.stdout).next[0].argv).toEqual([["test", "--local"]]);

  // What it has written itself it writes again, for each that reads a file; never another's.
  for (const audience of ["frontend", "terraform", "dotenv", "backend"]) {
    await rm(file);
    for (const _time of ["anew", "over its own"])
      expect([audience, (await write("--for", audience)).code]).toEqual([audience, 0]);
    const other = audience === "terraform" ? "frontend" : "terraform";
    expect([other, (await write("--for", other)).code]).toEqual([other, 4]);
  }

  // A command that fails empties nothing.
  expect((await write("--for", "backend", "--env", "other")).code).toBe(1);
  expect(await readFile(file, "utf8")).toBe(printed);
  for (const words of [[], ["--for", "github"]]) {
    const refused = await write(...words, "--json");
    expect([refused.code, errorCode(refused)]).toEqual([2, "options-contradict"]);
  }
  await writeFile(file, `DATABASE_URL=x\n${printed}`);
  const kept = await write("--for", "backend", "--json");
  expect([kept.code, errorCode(kept)]).toEqual([4, "file-kept"]);
  await rm(file);
  await symlink(join(folder, "elsewhere"), file);
  const link = await write("--for", "backend", "--json");
  expect([link.code, errorCode(link)]).toEqual([2, "file-unusable"]);
  expect(await readdir(folder)).toEqual(["backend.env"]);
});

test("--out leaves a file with a line that the audience is not given", async () => {
  const { env, endpointUrl } = await deployed();
  const folder = await mkdtemp(join(tmpdir(), "outputs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "prod.env");
  const local = (await run(["outputs", "--for", "backend"], { env })).stdout;
  const credentials = (id: string) =>
    `AWS_ACCESS_KEY_ID=${id}\nAWS_SECRET_ACCESS_KEY=mine\nAWS_DEFAULT_REGION=eu-west-1\n`;
  const contents: readonly [text: string, audience: string][] = [
    [credentials("AKIAIOSFODNN7EXAMPLE"), "backend"],
    [`${local}${credentials("AKIAIOSFODNN7EXAMPLE")}`, "backend"],
    [`${local}AWS_ACCESS_KEY_ID = AKIAIOSFODNN7EXAMPLE\n`, "backend"],
    ["AWS_SECRET_ACCESS_KEY=mine\n", "backend"],
    ["AWS_DEFAULT_REGION=eu-west-1\n", "backend"],
    [`${local}AWS_SESSION_TOKEN=mine\n`, "backend"],
    [credentials("local"), "frontend"],
    [credentials("local"), "dotenv"],
    ["VITE_WS_SENTRY_DSN=mine\n", "frontend"],
    ["WEBSOCKET_SECRET=mine\n", "dotenv"],
    ["WEBSOCKET_SECRET=mine\n", "backend"],
    ["SIGNING_KEYS=mine\n", "frontend"],
    ['websocket_domain = "mine"\n', "terraform"],
    ["constructor=mine\n", "frontend"],
  ];
  for (const [text, audience] of contents) {
    await writeFile(file, text);
    const kept = await run(["outputs", "--for", audience, "--out", file, "--json"], { env });
    expect([text, kept.code, errorCode(kept)]).toEqual([text, 4, "file-kept"]);
    expect(await readFile(file, "utf8")).toBe(text);
  }
  // At AWS a backend is given no credentials: none of a file are its own.
  await writeFile(file, local);
  const credentialsToo = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };
  const kept = await run(["outputs", "--for", "backend", "--out", file, "--json"], {
    env: { AWS_ENDPOINT_URL: endpointUrl, AWS_REGION: "us-east-1", ...credentialsToo },
  });
  expect([kept.code, errorCode(kept)]).toEqual([4, "file-kept"]);
});

test.each([["outputs", "--for", "backend"], ["package"], ["backend", "init"]])(
  "%s %s %s: no file is named - by --out -",
  async (...words) => {
    const folder = await mkdtemp(join(tmpdir(), "outputs-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const refused = await run([...words.filter(Boolean), "--out", "-", "--json"], { cwd: folder });
    expect([refused.code, errorCode(refused)]).toEqual([2, "value-invalid"]);
    expect(JSON.parse(refused.stdout).error.message).toContain('--out is "-": expected a file');
    expect(await readdir(folder)).toEqual([]);
  },
);

test("an unknown --for is wrong usage", async () => {
  const refused = await run(["outputs", "--for", "unknown", "--json"]);
  expect([refused.code, errorCode(refused)]).toEqual([2, "value-invalid"]);
});

test("F-02 a function's keys are printed as keys or refused: AWS's text is no line of a shell", async () => {
  const { env, aws, keys, endpoint } = await deployed();
  const FunctionName = "shelfshack-websocket-proxy";
  const set = async (SIGNING_KEYS: string) => {
    const Environment = { Variables: { BACKEND_URL: "https://x", SIGNING_KEYS } };
    await aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment }));
    await serveNewest(aws.lambda, FunctionName);
  };
  await set(` ${keys} \n${keys}`);
  expect(await run(["outputs", "--for", "backend"], { env })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`WEBSOCKET_API_ENDPOINT=${endpoint}\nSIGNING_KEYS=${keys},${keys}\n`),
  });
  await set("$(touch P)");
  for (const json of [[], ["--json"]]) {
    const { code, stdout, stderr } = await run(["outputs", "--for", "backend", ...json], { env });
    expect([code, stdout + stderr]).toEqual([2, expect.not.stringContaining("touch")]);
  }
});

test("F-04 a step's outputs are added to no link and no device", async () => {
  const { env } = await deployed();
  const folder = await mkdtemp(join(tmpdir(), "outputs-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const target = join(folder, "target");
  await writeFile(target, "before");
  await symlink(target, join(folder, "link"));
  for (const file of [join(folder, "link"), "/dev/null"]) {
    const refused = await run(["outputs", "--for", "github", "--json"], {
      env: { ...env, GITHUB_OUTPUT: file },
    });
    expect([refused.code, errorCode(refused)]).toEqual([2, "file-unusable"]);
  }
  expect(await readFile(target, "utf8")).toBe("before");
});

test("S33 for dotenv each value is what a parser reads; the keys are not among them", async () => {
  const { env, url, endpoint, apiId, arn } = await deployed();
  const { code, stdout } = await run(["outputs", "--for", "dotenv"], { env });
  expect([code, parseEnv(stdout)]).toEqual([
    0,
    {
      VITE_WS_API_ENDPOINT: url,
      WEBSOCKET_API_ENDPOINT: endpoint,
      WEBSOCKET_API_ID: apiId,
      WEBSOCKET_STAGE: "dev",
      WEBSOCKET_LAMBDA_FUNCTION_ARN: arn,
    },
  ]);
});

test("for Amplify the front end's variable is merged into the app's, and only with --write", async () => {
  const { env, url, endpointUrl, mutating: changes } = await deployed();
  const amplify = new AmplifyClient({
    endpoint: endpointUrl,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  onTestFinished(() => amplify.destroy());
  const present = { VITE_OTHER: "secret-1", VITE_WS_API_ENDPOINT: "wss://me:pass@old.example/dev" };
  const { app } = await amplify.send(new CreateAppCommand({ name: "a", environmentVariables: present }));
  const appId = app?.appId ?? "";
  const variables = async () => (await amplify.send(new GetAppCommand({ appId }))).app?.environmentVariables;
  const args = ["outputs", "--for", "amplify", "--app-id", appId];
  const before = changes().length;

  const shown = await run(args, { env });
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^nothing was written to app /m) });
  expect(shown.stdout).toContain(`VITE_WS_API_ENDPOINT: wss://***@old.example/dev → ${url}`);
  expect(shown.stderr).toMatch(/^next: .* outputs --for amplify --app-id \S+ --write\b/m);
  expect(shown.stdout + shown.stderr).not.toMatch(/secret-1|pass/);
  const other = await run([...args, "--write", "--account", "123456789012", "--json"], { env });
  expect([other.code, errorCode(other)]).toEqual([4, "account-other"]);
  const missing = await run([...args, "--branch", "none", "--json"], { env });
  expect([missing.code, errorCode(missing)]).toEqual([1, "amplify-missing"]);
  expect([await variables(), changes().slice(before)]).toEqual([present, []]);

  const written = JSON.parse((await run([...args, "--write", "--json"], { env })).stdout);
  expect(written.amplify).toMatchObject({ appId, branch: null, written: true, kept: 1 });
  expect(await variables()).toEqual({ ...present, VITE_WS_API_ENDPOINT: url });
  const again = JSON.parse((await run([...args, "--write", "--json"], { env })).stdout);
  expect(again.amplify).toMatchObject({ written: false, changes: [] });
  expect(changes().slice(before)).toEqual(["UpdateApp"]);
});

test.each([
  [["--for", "amplify"], "value-missing"],
  [["--for", "frontend", "--write"], "options-contradict"],
])("outputs %j is wrong usage", async (args, code) => {
  const refused = await run(["outputs", ...args, "--json"]);
  expect([refused.code, errorCode(refused)]).toEqual([2, code]);
});
