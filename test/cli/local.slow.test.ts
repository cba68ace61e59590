import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { advised, errorCode, run, start, type Running } from "../support/program.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The program as an installed package, whose handler a test may edit. */
async function installed() {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-installed-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await Promise.all(
    ["bin", "dist", "package.json"].map((name) =>
      cp(join(root, name), join(folder, name), { recursive: true }),
    ),
  );
  return {
    program: join(folder, "bin/shelfshack-ws.js"),
    handler: join(folder, "dist/handler/index.mjs"),
    folder,
  };
}

/** The variables that lead to it, once it is there. */
async function reaching(local: Running) {
  const [, port = ""] =
    /local AWS +http:\/\/127\.0\.0\.1:(\d+)/.exec(await local.says(/local AWS .*\n.*\n/)) ?? [];
  return { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: port };
}

const connect = ["connect", "--booking", "1", "--token", "demo"];
/** A message that is answered. */
const exchange = ["--send", '{"body":"hi"}', "--expect", '{"type":"ack"}'];

test(
  "S36 local: the stack is there for the other commands, and an edited handler runs with the next message",
  { timeout: 60_000 },
  async () => {
    const { program, handler } = await installed();
    const local = start(["local", "--port", "0"], { program, input: null });
    const env = await reaching(local);
    expect((await run([...connect, ...exchange], { env })).code).toBe(0);
    await local.says(/INFO +message /);

    await writeFile(handler, (await readFile(handler, "utf8")) + "\nconsole.log('edited');\n");
    await local.says("the handler was deployed again");
    expect((await run([...connect, ...exchange], { env })).code).toBe(0);
    await local.says("edited");

    const client = start([...connect, "--timeout", "60"], { env, input: "" });
    await client.says("welcome");
    local.signal("SIGINT");
    const { code, stdout, stderr } = await local.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/INFO +disconnect .*\n(.*\n)?the local AWS has stopped\n$/);
    expect((await client.ended).code).toBe(0);
    expect(stderr).not.toMatch(/interrupted|press Ctrl-C/);
    const refused = await run(["status"], { env });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      `start it in another terminal: ${advised} local --port ${env.SHELFSHACK_PORT}\n`,
    );
  },
);

test("S36 the demo backend learns rotated keys, as the user's own would be told them", async () => {
  const local = start(["local", "--port", "0"], { input: null });
  const env = await reaching(local);
  for (const words of [["rotate"], ["rotate", "--finish"]]) {
    expect((await run(["backend", "keys", ...words], { env })).code).toBe(0);
    expect((await run([...connect, ...exchange], { env })).code).toBe(0);
  }
});

test(
  "S36 in a clone an edited source is built and deployed again, wherever local was started",
  { timeout: 60_000 },
  async () => {
    const { program, folder } = await installed();
    await Promise.all(
      ["src", "handler", "test", ".ci", "package-lock.json"].map((name) =>
        cp(join(root, name), join(folder, name), { recursive: true }),
      ),
    );
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    const local = start(["local", "--port", "0"], { program, input: null });
    const env = await reaching(local);
    expect((await run(connect, { env })).code).toBe(0);
    const source = join(folder, "handler/index.ts");
    await writeFile(source, `${await readFile(source, "utf8")}\nconsole.log("edited");\n`);
    await local.says("the handler was deployed again");
    local.signal("SIGINT");
    expect((await local.ended).stderr).not.toContain("cannot be built");
  },
);

test(
  "local keeps what it holds in a folder, and a port in use is one line and exit 2",
  { timeout: 60_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-state-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const first = start(["local", "--port", "0", "--state", folder], { input: null });
    const [, port = ""] =
      /local AWS +http:\/\/127\.0\.0\.1:(\d+)/.exec(await first.says(/local AWS .*\n/)) ?? [];
    const taken = await run(["local", "--port", port, "--json"]);
    expect([taken.code, errorCode(taken)]).toEqual([2, "port-in-use"]);
    first.signal("SIGTERM");
    await first.ended;

    const second = start(
      ["local", "--port", port, "--state", folder, "--backend-url", "http://127.0.0.1:9"],
      { input: null },
    );
    const said = await second.says(/in another terminal: .*\n/);
    expect(said).toContain(
      `\nits keys:  SHELFSHACK_PORT=${port} ${advised} outputs --for backend --local --out backend.env && ` +
        "set -a && . ./backend.env && set +a\n",
    );
    expect(said).toContain("Function shelfshack-websocket-proxy updated");
    expect(said).not.toContain("created");
  },
);

test(
  "a failure while local ends is reported, although Ctrl-C is how it ends",
  { timeout: 60_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-state-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const state = join(folder, "state");
    const local = start(["local", "--port", "0", "--state", state], { input: null });
    await local.says(/WebSocket .*\n/);
    await rm(state, { recursive: true });
    await writeFile(state, "in the way");
    local.signal("SIGINT");
    const { code, stderr } = await local.ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining("error: the state is not saved in ")]);
  },
);

test("a state folder that cannot be made is one line", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shelfshack-ws-state-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "file"), "");
  for (const state of [join(folder, "file"), "/proc/none/at/all"]) {
    const refused = await run(["local", "--port", "0", "--state", state, "--json"]);
    expect([refused.code, errorCode(refused)]).toEqual([2, "file-unusable"]);
  }
});
