import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test, type TestContext } from "vitest";
import { commandNames } from "../../src/settings/commands.ts";
import { steps } from "../../src/settings/table.ts";
import { completionFor, shells, type CompletedShell } from "../../src/cli/completion.ts";
import { errorCode, run } from "../support/program.ts";

const program = new URL("../../bin/shelfshack-ws.js", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "completion-"));
beforeAll(() => {
  symlinkSync(program, join(folder, "shelfshack-ws"));
  const environments = { dev: {}, "dev-2": {}, prod: {} };
  writeFileSync(join(folder, "shelfshack-ws.config.json"), JSON.stringify({ environments }));
  return () => rmSync(folder, { recursive: true });
});

/** How each shell is asked what it offers behind a line; one word a line. */
const asking: Readonly<Record<CompletedShell, (line: string) => [string, string[]]>> = {
  bash: (line) => {
    const words = line.replace("=", " = ").split(" ");
    const quoted = words.map((word) => `'${word}'`).join(" ");
    return [
      "bash",
      [
        "-c",
        `${completionFor("bash")}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; ` +
          `_shelfshack_ws shelfshack-ws; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
    ];
  },
  zsh: (line) => {
    const words = line
      .split(" ")
      .map((word) => `'${word}'`)
      .join(" ");
    const stubs =
      `compdef() { : }\ncompset() { pattern=$2; words[CURRENT]=\${words[CURRENT]##\${~pattern}} }\n` +
      `compadd() { shift; for w in "$@"; do [[ $w == \${words[CURRENT]}* ]] && print -r -- $w; done; : }`;
    return [
      "zsh",
      ["-f", "-c", `${stubs}\n${completionFor("zsh")}\nwords=(${words}); CURRENT=\${#words}\n_shelfshack_ws`],
    ];
  },
  fish: (line) => ["fish", ["--no-config", "-c", `${completionFor("fish")}\ncomplete -C '${line}'`]],
};

function offers({ skip }: TestContext, shell: CompletedShell, line: string): string[] {
  const [file, args] = asking[shell](line);
  const { stdout, stderr, error } = spawnSync(file, args, {
    encoding: "utf8",
    cwd: folder,
    env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder },
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

test.for(["bash", "zsh"] as const)("%s completes the second step of a list", (shell, context) => {
  const offered = offers(context, shell, "shelfshack-ws deploy --only role,po");
  expect(offered.map((word) => word.replace("role,", ""))).toEqual(["policy"]);
});

test("completion prints a script, and the environments; another word is refused", async () => {
  for (const shell of shells)
    expect(await run(["completion", shell])).toEqual({
      code: 0,
      stdout: `${completionFor(shell)}\n`,
      stderr: "",
    });
  expect((await run(["completion", "environments"], { cwd: folder })).stdout).toBe("dev\ndev-2\nprod\n");
  const refused = await run(["completion", "tcsh", "--json"]);
  expect([refused.code, errorCode(refused)]).toEqual([2, "command-unknown"]);
});
