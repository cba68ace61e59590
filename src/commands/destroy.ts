import { CliError } from "../errors/error.ts";
import { destroy } from "../stack/engine.ts";
import { openStack } from "../cli/context.ts";
import { table } from "../terminal/format.ts";
import { executionRoleOf } from "../aws/lambda-function.ts";
import type { Settings } from "../settings/table.ts";
import { connectAws } from "../aws/clients.ts";
import type { Command, Context } from "../cli/command.ts";

interface DestroyResult {
  changed: boolean;
  stack: string;
  region: string;
  removed: { id: string; type: string; name: string }[];
}

export const command: Command<DestroyResult> = {
  options: ["functionName", "apiName", "stage", "roleName"],
  examples: [
    { line: "destroy", does: "removes what carries this stack's tags, after asking for its name" },
    { line: "destroy --env dev --yes", does: "the same for the environment dev, without asking" },
  ],

  async run(settings, context) {
    if (!settings.yes) await confirm(settings.functionName, context.ask);
    const { stack, walk } = await openStack(await asDeployed(settings, context), context);
    const removed = await destroy(stack, walk).finally(walk.aws.close);
    return {
      changed: removed.length > 0,
      stack: stack.identity.stack,
      region: stack.identity.region,
      removed: removed.map(({ id, type, name }) => ({ id, type, name })),
    };
  },

  render({ removed, stack, region }) {
    if (removed.length === 0) return `nothing to remove: there is no stack ${stack} in ${region}`;
    const rows = removed.map(({ id, name }) => [`- ${id}`, name]);
    return [table(rows), "", `${removed.length} removed, with everything inside them`].join("\n");
  },
};

/**
 * The settings with the role that the function really has: it may have been deployed with another name for it
 * than this run was given.
 */
async function asDeployed(settings: Settings, context: Context): Promise<Settings> {
  const aws = await connectAws(settings, context);
  const roleName = await executionRoleOf(aws, settings.functionName).finally(aws.close);
  return roleName === undefined ? settings : { ...settings, roleName };
}

async function confirm(
  name: string,
  ask: (question: { text: string; option: string }) => Promise<string>,
): Promise<void> {
  const answer = await ask({
    text: `This removes the stack ${name}. Type its name to go on:`,
    option: "--yes",
  });
  if (answer.trim() === name) return;
  throw new CliError("name-mismatch", `the name typed is not ${name}: nothing was removed`, {});
}
