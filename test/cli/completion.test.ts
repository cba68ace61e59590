import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, expect, onTestFinished, test, type TestContext } from "vitest";
import { commandNames } from "../../src/settings/commands.ts";
import { steps } from "../../src/settings/table.ts";
import { completionFor, shells, type Asked, type CompletedShell } from "../../src/cli/completion.ts";
import { errorCode, needsTerminal, run } from "../support/program.ts";

const program = new URL("../../bin/shelfshack-ws.js", import.meta.url).pathname;
/** What the script asks that the program prints. */
const installed: Asked = { node: process.execPath, program: realpathSync(program) };
const folder = mkdtempSync(join(tmpdir(), "completion-"));
beforeAll(() => {
  const environments = { dev: {}, "dev-2": {}, prod: {} };
  writeFileSync(join(folder, "shelfshack-ws.config.json"), JSON.stringify({ environments }));
  return () => rmSync(folder, { recursive: true });
});

/** How each shell is asked what it offers behind a line; one word a line. */
const asking: Readonly<Record<CompletedShell, (line: string, asked: Asked) => [string, string[]]>> = {
  bash: (line, asked) => {
    const words = line.replace("=", " = ").split(" ");
    const quoted = words.map((word) => `'${word}'`).join(" ");
    return [
      "bash",
      [
        "-c",
        `${completionFor("bash", asked)}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; ` +
          `_shelfshack_ws shelfshack-ws; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
    ];
  },
  zsh: (line, asked) => {
    const words = line
      .split(" ")
      .map((word) => `'${word}'`)
      .join(" ");
    const stubs =
      `compdef() { : }\ncompset() { pattern=$2; words[CURRENT]=\${words[CURRENT]##\${~pattern}} }\n` +
      `compadd() { shift; for w in "$@"; do [[ $w == \${words[CURRENT]}* ]] && print -r -- $w; done; : }`;
    return [
      "zsh",
      [
        "-f",
        "-c",
        `${stubs}\n${completionFor("zsh", asked)}\nwords=(${words}); CURRENT=\${#words}\n_shelfshack_ws`,
      ],
    ];
  },
  fish: (line, asked) => [
    "fish",
    ["--no-config", "-c", `${completionFor("fish", asked)}\ncomplete -C '${line}'`],
  ],
};

function offers(
  { skip }: TestContext,
  shell: CompletedShell,
  line: string,
  {
    cwd = folder,
    env = {},
    asked = installed,
  }: { cwd?: string; env?: Record<string, string>; asked?: Asked } = {},
): string[] {
  const [file, args] = asking[shell](line, asked);
  const { stdout, stderr, error } = spawnSync(file, args, {
    encoding: "utf8",
    cwd,
    env: { PATH: process.env["PATH"], HOME: folder, ...env },
  });
  skip(error !== undefined, `${shell} is not installed`);
  expect(stderr).toBe("");
  const words = stdout.split("\n").map((word) => word.split("\t")[0] ?? "");
  return words.filter((word) => word !== "").map((word) => word.replace(/^--env=/, ""));
}

test.for(shells)("%s completes commands, options, environments, steps and audiences", (shell, context) => {
  const offered = (line: string) => offers(context, shell, `shelfshack-ws ${line}`);
  const first = new Set(commandNames.map((name) => name.split(" ")[0] ?? ""));
  expect(
    offered("")
      .filter((word) => !word.startsWith("-"))
      .toSorted(),
  ).toEqual([...first].toSorted());
  expect(offered("logs ")).toEqual(["tail"]);
  expect(offered("backend keys r")).toContain("rotate");
  expect(offered("deploy --on")).toEqual(["--only"]);
  expect(offered("deploy --env prod --on")).toEqual(["--only"]);
  expect(offered("status --env d").toSorted()).toEqual(["dev", "dev-2"]);
  expect(offered("status --env=p")).toEqual(["prod"]);
  expect(offered("outputs --for f")).toEqual(["frontend"]);
  expect(offered("deploy --only r").toSorted()).toEqual(
    steps.filter((step) => step.startsWith("r")).toSorted(),
  );
  expect(offered("deploy --strict --no-str")).toEqual(["--no-strict"]);
});

test.for(shells)(
  "%s takes the name for npx's where there is no such command",
  (shell, { skip, onTestFinished: after }) => {
    const place = mkdtempSync(join(tmpdir(), "completion-"));
    after(() => rmSync(place, { recursive: true }));
    scriptAt(join(place, "npx"), 'echo "$@"');
    const { stdout, error } = spawnSync(
      shell,
      ["-c", `${defining[shell]}\n${completionFor(shell, installed)}\nshelfshack-ws status`],
      {
        encoding: "utf8",
        env: { PATH: `${place}:${process.env["PATH"]}`, HOME: place },
      },
    );
    skip(error !== undefined, `${shell} is not installed`);
    expect(stdout).toBe("--no-install shelfshack-ws status\n");
  },
);

/** What a shell that completes has already. */
const defining: Readonly<Record<CompletedShell, string>> = {
  bash: "",
  zsh: "compdef() { : }",
  fish: "",
};

function scriptAt(file: string, line: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${line}\n`);
  chmodSync(file, 0o755);
}

/** Where a cloned folder has its code, and the beginning of the PATH that leads there. */
const ofTheFolder: readonly [what: string, place: string, path: (folder: string) => string][] = [
  ["npm's", "node_modules/.bin", (at) => `${at}/node_modules/.bin`],
  ["npm's with two slashes", "node_modules/.bin", (at) => `${at}/node_modules//.bin`],
  ["npm's with a dot", "node_modules/.bin", (at) => `${at}/node_modules/./.bin`],
  ["a link to npm's", "node_modules/.bin", (at) => `${at}/link`],
  ["a relative one", "node_modules/.bin", () => "node_modules/.bin"],
  ["the folder's", ".", () => "."],
  ["an empty one", ".", () => ""],
  ["one below the folder", "bin", () => "./bin"],
  ["an absolute one", "bin", (at) => `${at}/bin`],
];
test.for(shells.flatMap((shell) => ofTheFolder.map((row) => [shell, ...row] as const)))(
  "%s runs no code of the current folder by Tab, whatever the PATH is: %s",
  ([shell, , place, path], context) => {
    const clone = mkdtempSync(join(tmpdir(), "completion-"));
    context.onTestFinished(() => rmSync(clone, { recursive: true }));
    // The names of all that could be looked up.
    for (const name of ["shelfshack-ws", "node", "npx", "env", "cat"])
      scriptAt(join(clone, place, name), "touch ran; echo dev");
    symlinkSync("node_modules/.bin", join(clone, "link"));
    writeFileSync(join(clone, "shelfshack-ws.config.json"), JSON.stringify({ environments: { theirs: {} } }));
    const env = { PATH: `${path(clone)}:${process.env["PATH"]}` };
    for (const word of ["shelfshack-ws", "./node_modules/.bin/shelfshack-ws"])
      expect(offers(context, shell, `${word} status --env `, { cwd: clone, env })).toEqual(["theirs"]);
    expect(readdirSync(clone)).not.toContain("ran");
  },
);

test.for(shells)(
  "%s asks by paths with any characters, and is silent where they are gone",
  (shell, context) => {
    const place = mkdtempSync(join(tmpdir(), "completion-"));
    context.onTestFinished(() => rmSync(place, { recursive: true }));
    const odd = join(place, `a b''c"$(touch ran)\`touch ran\`\\\\'\\\n$HOME!*;\\`);
    const asked = { node: join(odd, "node"), program: join(odd, "shelfshack-ws.js") };
    mkdirSync(odd);
    symlinkSync(process.execPath, asked.node);
    writeFileSync(asked.program, "console.log(process.argv.slice(2).join('-'))");
    const offered = () => offers(context, shell, "shelfshack-ws status --env ", { cwd: place, asked });
    expect(offered()).toEqual(["completion-environments"]);
    rmSync(asked.program);
    expect(offered()).toEqual([]);
    rmSync(asked.node);
    expect(offered()).toEqual([]);
    expect(readdirSync(place)).not.toContain("ran");
  },
);

test.for(shells)("%s completes a list with the steps that are not in it yet", (shell, context) => {
  const behind = (list: string) =>
    offers(context, shell, `shelfshack-ws deploy ${list}`).map((word) =>
      word.replace(/^--only=/, "").replace(/^.*,/, ""),
    );
  expect(behind("--only role,po")).toEqual(["policy"]);
  for (const list of ["--only role,", "--only=role,"])
    expect(behind(list).toSorted()).toEqual(steps.filter((step) => step !== "role").toSorted());
  expect(behind("--only role,policy,ro").toSorted()).toEqual(["routes"]);
  expect(behind("--only role")).toEqual(["role"]);
});

const lines = [
  "",
  "--",
  "--env ",
  "--env d",
  "--env=d",
  "--profile x --env p",
  "--env dev ",
  "--env dev logs ",
  "deploy --",
  "deploy --only ",
  "deploy --env ",
  "logs ",
  "logs tail --",
  "backend keys ",
  "completion ",
  "outputs --for ",
];
test.for(shells)("%s offers what bash does, also before a command", (shell, context) => {
  // fish offers options only where a dash is typed.
  const offered = (one: CompletedShell, line: string) =>
    offers(context, one, `shelfshack-ws ${line}`)
      .filter((word) => line.endsWith("--") || !word.startsWith("-"))
      .toSorted();
  expect(offered(shell, "--env ")).toEqual(["dev", "dev-2", "prod"]);
  for (const line of lines) expect([line, offered(shell, line)]).toEqual([line, offered("bash", line)]);
});

test("completion prints a script, and the environments; another word is refused", async () => {
  for (const shell of shells)
    expect(await run(["completion", shell])).toEqual({
      code: 0,
      stdout: `${completionFor(shell, installed)}\n`,
      stderr: "",
    });
  expect((await run(["completion", "environments"], { cwd: folder })).stdout).toBe("dev\ndev-2\nprod\n");
  const refused = await run(["completion", "tcsh", "--json"]);
  expect([refused.code, errorCode(refused)]).toEqual([2, "command-unknown"]);
});

test.for([
  ["no JSON", "{", ""],
  ["a list", '[{"environments":{"dev":{}}}]', ""],
  ["a list of environments", '{"environments":["dev"]}', ""],
  ["nothing", "null", ""],
  ["a text", '"environments"', ""],
  ["settings that are refused", '{"memory":"x","environments":{"dev":{"nonsense":1}}}', "dev\n"],
  ["names that are none", '{"environments":{"dev":{},"$(id)":{},"A b":{},"\\u001b[2J":{}}}', "dev\n"],
] as const)(
  "a shell that completes hears nothing of a config file that holds %s",
  async ([, text, names]) => {
    const place = mkdtempSync(join(tmpdir(), "completion-"));
    onTestFinished(() => rmSync(place, { recursive: true }));
    const file = join(place, "shelfshack-ws.config.json");
    writeFileSync(file, text);
    const asked = await run(["completion", "environments"], { cwd: place });
    expect(asked).toEqual({ code: 0, stdout: names, stderr: "" });
  },
);

test.for(shells)("%s runs nothing that stands in a config file or a file's name", (shell, context) => {
  const hostile = mkdtempSync(join(tmpdir(), "completion-"));
  context.onTestFinished(() => rmSync(hostile, { recursive: true }));
  const command = "$(touch ran)`touch ran`;touch ran";
  const place = { cwd: hostile, env: { SHELFSHACK_JSON: "1" } };
  writeFileSync(join(hostile, `c${command}.json`), "");
  const config = join(hostile, "shelfshack-ws.config.json");
  writeFileSync(config, JSON.stringify({ environments: { dev: {} } }));
  expect(offers(context, shell, "shelfshack-ws status --env ", place)).toEqual(["dev"]);
  writeFileSync(config, JSON.stringify({ environments: { [command]: {} } }));
  expect(offers(context, shell, "shelfshack-ws status --env ", place)).toEqual([]);
  writeFileSync(config, JSON.stringify({ [command]: {} }));
  expect(offers(context, shell, "shelfshack-ws status --env ", place)).toEqual([]);
  if (shell !== "zsh") offers(context, shell, "shelfshack-ws status --config c", place);
  expect(readdirSync(hostile).toSorted()).toEqual([`c${command}.json`, "shelfshack-ws.config.json"]);
});

test("in a terminal bash inserts a file's name quoted", (context) => {
  needsTerminal(context);
  const hostile = mkdtempSync(join(tmpdir(), "completion-"));
  context.onTestFinished(() => rmSync(hostile, { recursive: true }));
  writeFileSync(join(hostile, "c$(touch ran).json"), "");
  writeFileSync(
    join(hostile, "rc"),
    `${completionFor("bash", installed)}\nshelfshack-ws() { printf 'got [%s]\\n' "$3"; }\n`,
  );
  const spawned = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";
  const { stdout } = spawnSync("python3", ["-c", spawned, "bash", "--rcfile", "rc", "-i"], {
    encoding: "utf8",
    cwd: hostile,
    env: { PATH: process.env["PATH"], TERM: "xterm" },
    input: "shelfshack-ws status --config c\t\nexit\n",
  });
  expect(stdout).toContain("got [c$(touch ran).json]");
  expect(readdirSync(hostile)).not.toContain("ran");
});
