import { readFile, writeFile } from "node:fs/promises";
import { basename, isAbsolute, normalize } from "node:path";
import { command as invocation, joined, partsOf, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { assetUrl } from "../artifact/assets.ts";
import type { Command } from "../cli/command.ts";
import type { Context } from "../cli/context.ts";

interface InitResult {
  file: string;
  changed: boolean;
  /** What to do with the file, one line of code or shell each. */
  next: { what: string; lines: Advice[] }[];
}

export const command: Command<"backend init", InitResult> = {
  examples: [
    {
      line: "backend init",
      description:
        "writes shelfshack_ws.py: the three endpoints of a FastAPI backend, the signature check and the connections",
    },
    { line: "backend init --out app/shelfshack_ws.py", description: "writes it somewhere else" },
    { line: "backend init --force", description: "replaces the file by this version's" },
  ],

  async run({ backendFile: file, force, yes }, context) {
    if (!file.endsWith(".py")) {
      throw new CliError(
        "file-not-python",
        `cannot write the FastAPI router to ${file}: it does not end with .py`,
        {
          hint: [
            "name a file that Python can import: ",
            invocation("backend init", { backendFile: "app/shelfshack_ws.py" }),
          ],
        },
      );
    }
    const router = await readFile(assetUrl("backend/shelfshack_ws.py"), "utf8");
    const present = await contentsOf(file);
    const changed = present !== router;
    if (changed && present !== undefined && !(yes || force))
      await confirm(file, (question) => context.ask(question));
    if (changed) await writeFile(file, router);
    return { file, changed, next: nextSteps(file) };
  },

  render: ({ file, changed, next }) =>
    joined([
      `${file} ${changed ? "written" : "is already up to date"}`,
      ...next.flatMap(({ what, lines }) => [
        "",
        `${what}:`,
        ...lines.map((line) => ["  ", ...partsOf(line)]),
      ]),
    ]),
};

async function contentsOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function confirm(file: string, ask: Context["ask"]): Promise<void> {
  const answer = await ask({
    subject: `${file} exists and differs from this version`,
    action: "overwrite it? (y/N)",
    option: "--force",
  });
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("file-kept", `${file} was left as it is`);
}

/** The module's name as an application in this folder imports it. */
function moduleOf(file: string): string {
  const names = normalize(file).replace(/\.py$/, "").split(/[\\/]/);
  return !isAbsolute(file) && names.every((name) => /^[A-Za-z_]\w*$/.test(name))
    ? names.join(".")
    : basename(file, ".py");
}

const nextSteps = (file: string): InitResult["next"] => [
  {
    what: `in the FastAPI application, below \`from ${moduleOf(file)} import ShelfShack\` (the head of the file shows the two functions, which are yours)`,
    lines: [
      "ws = ShelfShack(authenticate=authenticate, on_message=on_message)",
      "app.include_router(ws.router)",
    ],
  },
  {
    what: "run it with the signing keys of the deployed function",
    lines: [
      [
        invocation("outputs", { outputsFor: "backend" }),
        " > backend.env && set -a && . ./backend.env && set +a",
      ],
      "uvicorn main:app --port 8000",
    ],
  },
  {
    what: "prove it from another terminal, with the same keys and a token that `authenticate` accepts",
    lines: [
      "set -a && . ./backend.env && set +a",
      [invocation("backend check", { backendUrl: "http://127.0.0.1:8000", token: "demo" })],
    ],
  },
];
