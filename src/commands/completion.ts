import type { Command } from "../cli/command.ts";
import { completionFor, shells, type CompletedShell } from "../cli/completion.ts";
import { findConfigFile, readConfigFile } from "../cli/config-file.ts";
import { command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";

/** A script for a shell, or the names of the config file's environments. */
interface CompletionResult {
  shell: CompletedShell | null;
  script: string | null;
  environments: string[] | null;
}

export const command: Command<"completion", CompletionResult> = {
  async run({ config }, { args: [word] }) {
    if (word === "environments")
      return {
        shell: null,
        script: null,
        environments: environmentsIn(config ?? findConfigFile(process.cwd())),
      };
    const shell = shells.find((one) => one === word);
    if (!shell)
      throw new CliError("command-unknown", `completion: expected one of ${shells.join(", ")}`, {
        hint: ["for bash: ", invocation("completion", {}, "bash")],
      });
    return { shell, script: completionFor(shell), environments: null };
  },

  render: ({ script, environments }) => script ?? environments?.join("\n") ?? "",
};

const environmentsIn = (file: string | undefined): string[] =>
  file === undefined ? [] : [...(readConfigFile(file).environments?.keys() ?? [])];
