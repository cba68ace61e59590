import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateFunctionCommand, InvokeCommand } from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { clientsFor, functionInput, makeRole } from "../support/local-aws.ts";
import { errorCode, run, start, type RunOptions } from "../support/program.ts";

interface Ready {
  port: number;
  endpointUrl: string;
  accessKey: { accessKeyId: string; secretAccessKey: string } | null;
}

/** A folder for a user's state. */
async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-access-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A `local` that is ready, and the variables with which the same user's commands find it. */
async function startLocal(args: readonly string[], env: Record<string, string>) {
  const local = start(["local", "--port", "0", "--json", ...args], { env, input: null });
  const said = await local.says(/"kind":"ready".*\n/);
  const line = said.split("\n").find((text) => text.includes('"kind":"ready"')) ?? "";
  const ready = JSON.parse(line) as Ready;
  return { local, ready, env: { ...env, SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(ready.port) } };
}

/** A message, whose answer comes by way of the function and `@connections`. */
const hears = ["connect", "--booking=1", "--token=demo", '--send={"body":"hi"}', '--expect={"type":"ack"}'];

test(
  "F-03 with --verify-signatures the commands and the function sign with the user's key, others are refused",
  { timeout: 60_000 },
  async () => {
    const home = await stateFolder();
    const { ready, env } = await startLocal(["--verify-signatures"], { XDG_STATE_HOME: home });
    const file = join(home, "shelfshack-ws/local-access-key.json");
    expect(JSON.parse(await readFile(file, "utf8"))).toEqual(ready.accessKey);
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    expect((await run(hears, { env })).code).toBe(0);
    expect((await run(["test", "--token", "demo"], { env })).code).toBe(0);
    const outputs = await run(["outputs", "--for", "backend"], { env });
    expect(outputs.stdout).toContain(`AWS_SECRET_ACCESS_KEY=${ready.accessKey?.secretAccessKey}\n`);

    const foreign = { env: { ...env, XDG_STATE_HOME: await stateFolder() } };
    const refused = await run(["status", "--json"], foreign);
    expect([refused.code, errorCode(refused)]).toEqual([1, "local-aws-of-another"]);
    const keys = {
      AWS_ACCESS_KEY_ID: ready.accessKey?.accessKeyId ?? "",
      AWS_SECRET_ACCESS_KEY: ready.accessKey?.secretAccessKey ?? "",
      AWS_REGION: "us-east-1",
      SHELFSHACK_LOCAL: "false",
      SHELFSHACK_ENDPOINT_URL: ready.endpointUrl,
    };
    expect((await run(["status"], { env: { ...foreign.env, ...keys } })).code).toBe(0);
  },
);

test(
  "F-03 the key outlives local; one that others could have written is replaced",
  { timeout: 60_000 },
  async () => {
    const home = await stateFolder();
    const options: RunOptions = { env: { XDG_STATE_HOME: home } };
    const key = async () => {
      const { local, ready } = await startLocal(["--verify-signatures"], options.env ?? {});
      local.signal("SIGTERM");
      await local.ended;
      return ready.accessKey?.secretAccessKey;
    };
    const first = await key();
    expect(await key()).toBe(first);
    const file = join(home, "shelfshack-ws/local-access-key.json");
    await writeFile(join(home, "target"), "{}");
    await rm(file);
    await symlink(join(home, "target"), file);
    const refused = await run(["local", "--port", "0", "--verify-signatures", "--json"], options);
    expect([refused.code, errorCode(refused)]).toEqual([2, "file-unusable"]);
    await rm(file);
    await writeFile(file, "{}");
    expect(await key()).not.toBe(first);
  },
);

test("F-03 without a place for the key local refuses to verify, and runs otherwise", async (context) => {
  const env = { XDG_STATE_HOME: "" };
  const home = await stateFolder();
  await writeFile(join(home, ".local"), "");
  // What a person has named is his to correct; what was not named is not the command line's fault.
  for (const [variables, code, name] of [
    [env, 1, "own-place-unusable"],
    [{ ...env, HOME: home }, 1, "own-place-unusable"],
    [{ XDG_STATE_HOME: join(home, ".local") }, 2, "file-unusable"],
  ] as const) {
    const words = ["local", "--port", "0", "--verify-signatures", "--json"];
    const refused = await run(words, { env: variables });
    expect([variables, refused.code, errorCode(refused)]).toEqual([variables, code, name]);
  }
  context.skip(process.platform !== "linux", "only Linux tells which user a connection is of");
  expect((await startLocal([], env)).ready.accessKey).toBe(null);
});

test(
  "F-17 a function finds none of the user's credentials in /proc, the other variables are kept",
  { timeout: 60_000 },
  async (context) => {
    context.skip(process.platform !== "linux", "only Linux shows a process's variables to others so");
    const home = await stateFolder();
    await mkdir(join(home, "tmp"));
    const secrets = {
      AWS_ACCESS_KEY_ID: "AKIDOFTHEUSER",
      AWS_SECRET_ACCESS_KEY: "secret-of-the-user",
      AWS_SESSION_TOKEN: "session-of-the-user",
      AWS_PROFILE: "profile-of-the-user",
      SHELFSHACK_TOKEN: "token-of-the-user",
      SHELFSHACK_SIGNING_KEYS: "keys-of-the-user",
      SIGNING_KEYS: "more-keys-of-the-user",
      DATABASE_URL: "database-of-the-user",
    };
    const { local, ready, env } = await startLocal([], {
      ...secrets,
      XDG_STATE_HOME: home,
      TMPDIR: join(home, "tmp"),
    });
    const clients = clientsFor(ready.endpointUrl);
    const source = `import { readdirSync, readFileSync } from "node:fs";
      const read = (file) => { try { return readFileSync(file, "latin1"); } catch { return ""; } };
      export const handler = async () => ({
        own: JSON.stringify(process.env),
        server: read("/proc/" + process.ppid + "/environ").replaceAll("\\0", ""),
        reaper: readdirSync("/proc").filter((pid) => read("/proc/" + pid + "/stat").split(" ")[3] ===
          String(process.ppid)).map((pid) => read("/proc/" + pid + "/environ")).join(),
        folder: process.cwd(),
      });`;
    const input = await functionInput(await makeRole(clients, "spy-role"), { source, FunctionName: "spy" });
    await clients.lambda.send(new CreateFunctionCommand(input));
    const { Payload } = await clients.lambda.send(new InvokeCommand({ FunctionName: "spy" }));
    const seen = JSON.parse(Buffer.from(Payload ?? []).toString()) as Record<string, string>;
    expect(seen["server"]).toBe("");
    for (const secret of Object.values(secrets))
      expect(`${seen["own"]} ${seen["reaper"]}`).not.toContain(secret);
    // The program itself still knows what it needs.
    expect(seen["folder"]).toContain(join(home, "tmp"));
    expect((await run(hears, { env })).code).toBe(0);
    local.signal("SIGINT");
    expect((await local.ended).code).toBe(130);
  },
);
