import { realpathSync } from "node:fs";
import { actionNamed } from "../cli/action.ts";
import type { Command } from "../cli/command.ts";
import { nothing } from "../cli/next.ts";
import { completionFor, shells, type Asked, type CompletedShell } from "../cli/completion.ts";
import { environmentNamesIn, findConfigFile } from "../cli/config-file.ts";

/** A script for a shell, or the names of the config file's environments. */
interface CompletionResult {
  shell: CompletedShell | null;
  script: string | null;
  environments: string[] | null;
}

export const command: Command<"completion", CompletionResult> = {
  async run({ config }, { args: [word = ""] }) {
    if (word === "environments")
      return {
        shell: null,
        script: null,
        environments: environmentsIn(config ?? findConfigFile(process.cwd())),
      };
    const shell = actionNamed("completion", word, shells);
    return { shell, script: completionFor(shell, thisProgram()), environments: null };
  },

  verbatim: true,
  next: () => nothing("a shell reads it"),
  render: ({ script, environments }) => script ?? environments?.join("\n") ?? "",
};

/** Node and the file that run here. */
const thisProgram = (): Asked => ({
  node: process.execPath,
  program: realpathSync(process.argv[1] ?? ""),
});

const environmentsIn = (file: string | undefined): string[] =>
  file === undefined ? [] : environmentNamesIn(file);
