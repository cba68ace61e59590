import { basename, isAbsolute, normalize } from "node:path";
import { isLocalAws } from "../aws/local-traces.ts";
import { kitVersionIn, readKit } from "../backend/kit.ts";
import type { Command } from "../cli/command.ts";
import { type Next } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { backendKeys, command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { firstBytes, replaceFile } from "../files/write.ts";
import type { Settings } from "../settings/table.ts";
import { whole } from "../terminal/style.ts";

interface InitResult {
  file: string;
  changed: boolean;
  /** The kit's version in the file before (null: no file, or none in it), and now. */
  version: { before: string | null; now: string | null };
  /** What to add to the application, a line each. */
  code: string[];
  /** Whether the function whose keys the backend needs is the local AWS's: that was named, or it runs. */
  isLocal: boolean;
}

export const command: Command<"backend init", InitResult> = {
  async run({ backendFile: file, force, yes, local, port }, context) {
    if (!file.endsWith(".py")) {
      throw new CliError("file-not-python", `cannot write Python code to ${file}: it does not end with .py`, {
        hint: [
          "name a file that Python can import: ",
          invocation("backend init", { backendFile: "app/shelfshack_ws.py" }),
        ],
      });
    }
    const kit = await readKit();
    const present = await contentsOf(file);
    const before = present === undefined ? undefined : kitVersionIn(present);
    const changed = present !== kit.text;
    if (changed && present !== undefined && !(yes || force))
      await confirm(differenceOf(file, before, kit.version), (question) => context.ask(question));
    if (changed) await replaceFile(file, kit.text);
    return {
      file,
      changed,
      version: { before: before ?? null, now: kit.version ?? null },
      code: codeFor(file),
      isLocal: local || (await runsHere(port, context)),
    };
  },

  render: ({ file, changed, version: { before, now }, code }) =>
    [
      changed
        ? `${file} written: kit ${now}${before !== null && before !== now ? `, replaces ${before}` : ""}`
        : `${file} is already up to date: kit ${now}`,
      "",
      `add to the FastAPI application, with your own two functions (see the top of ${basename(file)}):`,
      // What is copied is not broken where its line is.
      ...code.map((line) => `  ${whole(line)}`),
    ].join("\n"),

  next: stepsOf,
};

/** Whether a local AWS of ours runs at the port, not something else that is an AWS or none. */
const runsHere = async (port: number, { aws }: Pick<Context, "aws">): Promise<boolean> =>
  await isLocalAws(await aws({ local: true, port, endpointUrl: undefined, region: undefined }));

/** Which version is there and which one would be written. */
function differenceOf(file: string, present: string | undefined, written: string | undefined): string {
  if (present === undefined) return `${file} exists, names no kit version, and differs from kit ${written}`;
  return present === written
    ? `${file} is kit ${present} with changes, which would be lost`
    : `${file} is kit ${present}, this would write ${written}`;
}

/** More than any kit has. */
const MOST_BYTES = 1024 * 1024;

const contentsOf = async (file: string): Promise<string | undefined> => {
  const present = await firstBytes(file, MOST_BYTES);
  return present && Buffer.from(present).toString("utf8");
};

async function confirm(subject: string, ask: Context["ask"]): Promise<void> {
  const answer = await ask({ subject, action: "overwrite it? (y/N)", option: "--force" });
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("file-kept", "the file was not changed");
}

/** The module's name as an application in this folder imports it. */
function moduleOf(file: string): string {
  const names = normalize(file).replace(/\.py$/, "").split(/[\\/]/);
  return !isAbsolute(file) && names.every((name) => /^[A-Za-z_]\w*$/.test(name))
    ? names.join(".")
    : basename(file, ".py");
}

const codeFor = (file: string): string[] => [
  `from ${moduleOf(file)} import ShelfShack`,
  "ws = ShelfShack(authenticate=authenticate, on_message=on_message)",
  "app.include_router(ws.router)",
];

const SOURCED = whole("set -a && . ./backend.env && set +a && ");

/** Of the local AWS where it is meant, or runs: nothing of it says whether there is a stack on AWS too. */
function stepsOf({ isLocal }: Pick<InitResult, "isLocal">, { port }: Pick<Settings, "port">): Next {
  const here = isLocal ? { local: true, port } : {};
  const elsewhere = isLocal ? "" : " (of a local AWS: with --local)";
  return [
    {
      what: `to write the signing keys of the deployed function to a file${elsewhere}`,
      command: [backendKeys(here)],
    },
    { what: "to run the backend with them", command: `${SOURCED}${whole("uvicorn main:app --port 8000")}` },
    {
      what: "from another terminal, with a token that `authenticate` accepts",
      command: [
        SOURCED,
        invocation("backend check", { backendUrl: "http://127.0.0.1:8000", token: "demo", ...here }),
      ],
    },
  ];
}
