import type { Command } from "../cli/command.ts";
import type { Context } from "../cli/context.ts";
import { CliError } from "../errors/error.ts";
import { destroyStack, type Removal } from "../stack/deploy.ts";
import { removalText } from "../terminal/changes.ts";

export const command: Command<"destroy", Removal> = {
  async run(options, context) {
    const { functionName, yes } = options;
    if (!yes) await confirm(functionName, (question) => context.ask(question));
    const { executionRoleOf } = await import("../aws/lambda-function.ts");
    // It may have been deployed with another name for its role than this run was given.
    const roleName = (await executionRoleOf(await context.aws(options), functionName)) ?? options.roleName;
    return await destroyStack(await context.stack({ ...options, roleName }));
  },

  render: removalText,
};

async function confirm(name: string, ask: Context["ask"]): Promise<void> {
  const answer = await ask({
    subject: `the stack ${name} will be deleted`,
    action: "type its name to continue:",
    option: "--yes",
  });
  if (answer.trim() === name) return;
  throw new CliError("name-mismatch", `the name typed is not ${name}: nothing was removed`);
}
