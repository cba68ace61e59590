import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { clientsFor, makeFunction } from "../support/local-aws.ts";
import { errorCode, run, start, type RunOptions } from "../support/program.ts";

interface Ready {
  port: number;
  url: string;
  stateFolder: string | null;
}

/** A user's home and his project, each a folder of its own. */
async function userWithProject() {
  const place = await mkdtemp(join(tmpdir(), "shelfshack-ws-kept-"));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  const [home, project] = [join(place, "state"), join(place, "project")];
  await mkdir(project);
  return { place, home, project, options: { cwd: project, env: { XDG_STATE_HOME: home } } };
}

/** A `local` that is ready: what it said, its stage's path and keys, and how it is stopped. */
async function startLocal(args: readonly string[], options: RunOptions) {
  const local = start(["local", "--port", "0", "--json", ...args], { ...options, input: null });
  const said = await local.says(/"kind":"ready".*\n/);
  const line = said.split("\n").find((text) => text.includes('"kind":"ready"')) ?? "";
  const ready = JSON.parse(line) as Ready;
  const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(ready.port) };
  const outputs = await run(["outputs", "--for", "backend", "--json"], { env });
  const stop = async () => {
    local.signal("SIGTERM");
    return await local.ended;
  };
  return { ready, path: new URL(ready.url).pathname, keys: keysIn(outputs.stdout), stop };
}

const keysIn = (text: string) => /whsec_[\w+/=]+/.exec(text)?.[0];

test(
  "F-37 a second local of a project has the API id and keys of the first, whatever port and backend it has",
  { timeout: 60_000 },
  async () => {
    const { place, home, project, options } = await userWithProject();
    const first = await startLocal([], options);
    expect(first.keys).toBeDefined();
    await first.stop();

    await symlink(project, join(place, "link"));
    await writeFile(join(project, "shelfshack-ws.config.json"), '{"memory":512,"variables":{"FOO":"1"}}');
    const second = await startLocal(["--backend-url", "http://127.0.0.1:9"], {
      ...options,
      cwd: join(place, "link"),
    });
    expect([second.path, second.keys]).toEqual([first.path, first.keys]);
    const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(second.ready.port) };
    const plan = ["plan", "--exit-code", "--backend-url", "http://127.0.0.1:9"];
    expect((await run(plan, { cwd: project, env })).code).toBe(0);
    await second.stop();

    const fresh = await startLocal(["--fresh"], options);
    expect(fresh.path).not.toBe(first.path);
    expect(fresh.keys).not.toBe(first.keys);
    await fresh.stop();
    const afterwards = await startLocal([], options);
    expect([afterwards.path, afterwards.keys]).toEqual([fresh.path, fresh.keys]);
    await afterwards.stop();

    expect(await readdir(project)).toEqual(["shelfshack-ws.config.json"]);
    const folder = afterwards.ready.stateFolder ?? "";
    expect(folder.startsWith(join(home, "shelfshack-ws", "project-"))).toBe(true);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, "local-aws.state"))).mode & 0o777).toBe(0o600);
  },
);

test(
  "F-37 a project's second local at the same time is told so and has a world of its own",
  { timeout: 60_000 },
  async () => {
    const { project, options } = await userWithProject();
    const first = await startLocal([], options);
    const taken = await run(["local", "--port", String(first.ready.port), "--json"], options);
    expect([taken.code, errorCode(taken)]).toEqual([2, "port-in-use"]);
    const second = await startLocal([], options);
    expect(second.path).not.toBe(first.path);
    expect(second.ready.stateFolder).toBeNull();
    const { stderr } = await second.stop();
    expect(stderr).toMatch(/^warning: another local AWS of this project runs; this one begins anew/m);
    await first.stop();
    const again = await startLocal([], { ...options, cwd: project });
    expect([again.path, again.keys]).toEqual([first.path, first.keys]);
    await again.stop();
  },
);

test(
  "F-37 what another made in the kept AWS is not touched; --fresh leads out of that",
  { timeout: 60_000 },
  async () => {
    const { options } = await userWithProject();
    const first = await startLocal([], options);
    const env = { SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: String(first.ready.port) };
    expect((await run(["destroy", "--yes"], { env })).code).toBe(0);
    const FunctionName = "shelfshack-websocket-proxy";
    await makeFunction(clientsFor(`http://127.0.0.1:${first.ready.port}`), { FunctionName });
    await first.stop();
    const refused = await run(["local", "--port", "0"], options);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain("local --fresh begins with an empty local AWS\n");
    await (await startLocal(["--fresh"], options)).stop();
  },
);

test(
  "F-37 each region of a project has a world of its own, at the same time too",
  { timeout: 60_000 },
  async () => {
    const { options } = await userWithProject();
    const here = await startLocal([], options);
    const there = await startLocal(["--region", "eu-west-1"], options);
    expect(there.path).not.toBe(here.path);
    const stopped = [await here.stop(), await there.stop()];
    expect(stopped.map(({ stderr }) => stderr)).toEqual(
      stopped.map(() => expect.not.stringContaining("warning")),
    );
    const again = await startLocal(["--region", "eu-west-1"], options);
    expect(again.path).toBe(there.path);
    await again.stop();
  },
);

test(
  "F-37 a state that cannot be read is set aside, and said; with --state it is an error that keeps it",
  { timeout: 60_000 },
  async () => {
    const { options } = await userWithProject();
    const first = await startLocal([], options);
    await first.stop();
    const folder = first.ready.stateFolder ?? "";
    const file = join(folder, "local-aws.state");
    await writeFile(file, "something else");
    const refused = await run(["local", "--port", "0", "--state", folder, "--json"], options);
    expect([refused.code, errorCode(refused)]).toEqual([2, "state-unreadable"]);
    expect(await readFile(file, "utf8")).toBe("something else");

    const second = await startLocal([], options);
    expect(second.path).not.toBe(first.path);
    const { stderr } = await second.stop();
    expect(stderr).toContain(`warning: the state in ${file} cannot be read: it is now ${file}.unreadable,`);
    expect(await readFile(`${file}.unreadable`, "utf8")).toBe("something else");
  },
);

test(
  "F-37 F-04 without a folder that can be trusted and written local goes on, and says that nothing is kept",
  { timeout: 60_000 },
  async () => {
    const { place, home, project } = await userWithProject();
    await writeFile(join(place, "file"), "");
    await mkdir(join(home, "shelfshack-ws"), { recursive: true });
    await chmod(join(home, "shelfshack-ws"), 0o777);
    await mkdir(join(place, "other"));
    await symlink(place, join(place, "other", "shelfshack-ws"));
    const homes: [variables: Record<string, string>, why: RegExp][] = [
      [{ XDG_STATE_HOME: join(place, "file") }, /a part of its path is not a folder/],
      [{ XDG_STATE_HOME: "/proc/none" }, /begins anew and is not kept: /],
      [{ XDG_STATE_HOME: home }, /may write it/],
      [{ XDG_STATE_HOME: join(place, "other") }, /it is a link/],
      [{ XDG_STATE_HOME: "", HOME: "/nonexistent" }, /there is no home folder/],
    ];
    for (const [env, why] of homes) {
      const local = await startLocal([], { cwd: project, env });
      expect(local.ready.stateFolder).toBeNull();
      const { code, stderr } = await local.stop();
      expect(code).toBe(130);
      const warnings = stderr.split("\n").filter((line) => line.startsWith("warning: "));
      expect(warnings).toEqual([expect.stringMatching(why)]);
    }
    expect(await readdir(join(home, "shelfshack-ws"))).toEqual([]);
  },
);
