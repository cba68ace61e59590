import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { start } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The program as a package that is installed in a project, and where its handler is. */
async function installed() {
  const project = await mkdtemp(join(tmpdir(), "shelfshack-ws-watch-"));
  onTestFinished(() => rm(project, { recursive: true, force: true }));
  const folder = join(project, "node_modules/shelfshack-ws");
  const install = () =>
    Promise.all(
      ["bin", "dist", "package.json"].map((name) =>
        cp(join(root, name), join(folder, name), { recursive: true }),
      ),
    );
  await install();
  const handler = join(folder, "dist/handler/index.mjs");
  return { project, folder, install, handler, program: join(folder, "bin/shelfshack-ws.js") };
}

/** A `local` of that installation, and a client of its stage that sends a message and gets the answer. */
async function localOf(program: string) {
  const local = start(["local", "--port", "0", "--json"], { program, input: null });
  const said = await local.says(/"kind":"ready".*\n/);
  const ready = said.split("\n").find((text) => text.includes('"kind":"ready"')) ?? "";
  const { url } = JSON.parse(ready) as { url: string };
  const socket = await openSocket(`${url}?booking_id=1&token=demo`);
  await socket.next();
  const ask = async () => {
    socket.send('{"body":"hi"}');
    return JSON.parse(await socket.next()) as { type?: string; message?: string };
  };
  return { local, ask };
}
const redeployed = '"kind":"redeployed","changed":true';
const count = (text: string, part: string) => text.split(part).length - 1;

test(
  "F-38 a bundle that is written in two steps fails no message, and is deployed once, whole",
  { timeout: 60_000 },
  async () => {
    const { program, handler } = await installed();
    const { local, ask } = await localOf(program);
    const whole = `${await readFile(handler, "utf8")}\nconsole.log("edited");\n`;
    const answers: (string | undefined)[] = [];
    let isOver = false;
    const talking = (async () => {
      while (!isOver) answers.push((await ask()).type);
    })();
    await writeFile(handler, whole.slice(0, whole.length / 2));
    await local.says(/warning: the handler has changed and does not start, the previous one keeps running: /);
    await writeFile(handler, whole);
    const said = await local.says(redeployed);
    await local.says("edited");
    isOver = true;
    await talking;
    expect(answers.filter((type) => type !== "ack")).toEqual([]);
    expect(answers.length).toBeGreaterThan(3);
    expect(count(said, redeployed)).toBe(1);
  },
);

test(
  "F-38 a handler that does not load is refused in one line with the reason, and so is its return told",
  { timeout: 60_000 },
  async () => {
    const { program, handler } = await installed();
    const { local, ask } = await localOf(program);
    const good = await readFile(handler, "utf8");
    await writeFile(handler, `${good}\nthrow new Error("not today");\n`);
    await local.says(/warning: the handler has changed and does not start.*not today\n/);
    expect((await ask()).type).toBe("ack");
    await writeFile(handler, "export const handlers = 1;\n");
    await local.says(/warning: the handler has changed and does not start.*handler.*undefined.*\n/i);
    await writeFile(handler, good);
    await local.says('"kind":"redeployed","changed":false');
    expect((await ask()).type).toBe("ack");
    local.signal("SIGTERM");
    const { stdout, stderr } = await local.ended;
    expect(count(stderr, "does not start")).toBe(2);
    expect(count(stdout, '"kind":"redeployed"')).toBe(1);
    expect(stdout).not.toContain("not today");
  },
);

test(
  "F-38 while its folder is away, as in npm ci, local goes on; what comes back is deployed",
  { timeout: 60_000 },
  async () => {
    const { program, project, folder, install, handler } = await installed();
    const { local, ask } = await localOf(program);
    await rm(join(project, "node_modules"), { recursive: true });
    expect((await ask()).type).toBe("ack");
    await mkdir(folder, { recursive: true });
    await install();
    await writeFile(handler, `${await readFile(handler, "utf8")}\nconsole.log("first");\n`);
    await local.says(redeployed);
    expect((await ask()).type).toBe("ack");
    await local.says("first");

    // Moved away with a folder above it, which no watch of it sees.
    await rename(join(project, "node_modules"), join(project, "moved"));
    await install();
    await writeFile(handler, `${await readFile(handler, "utf8")}\nconsole.log("second");\n`);
    // What was installed may be deployed before it is edited.
    let isSecond = false;
    const second = local.says("second").then(() => (isSecond = true));
    while (!isSecond) expect((await ask()).type).toBe("ack");
    await second;
    local.signal("SIGTERM");
    expect((await local.ended).code).toBe(130);
  },
);
