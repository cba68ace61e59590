import type { Command } from "../cli/command.ts";
import type { Context } from "../cli/context.ts";
import { CliError } from "../errors/error.ts";
import { destroyStack, type Place, type Removal, type RemovedLine } from "../stack/deploy.ts";
import { placeText, removalText, removedText } from "../terminal/changes.ts";
import type { Question } from "../terminal/prompt.ts";

export const command: Command<"destroy", Removal> = {
  async run(options, context) {
    const { functionName, yes } = options;
    const { executionRoleOf } = await import("../aws/lambda-function.ts");
    // It may have been deployed with another name for its role than this run was given.
    const roleName = (await executionRoleOf(await context.aws(options), functionName)) ?? options.roleName;
    return await destroyStack(await context.stack({ ...options, roleName }), async (removed, place) => {
      if (!yes && removed.length > 0) await confirm(removed, place, context);
      else context.report({ kind: "note", message: placeText(place) });
    });
  },

  listsChanges: true,

  /** A person has seen the list with the question. */
  render: (result, { yes, quiet }) => removalText(result, { isListed: !yes, isPlaced: !quiet }),
};

const questionOf = (stack: string): Question => ({
  subject: `the stack ${stack} will be deleted`,
  action: "type its name to continue:",
  option: "--yes",
});

/** Lists what will go, also without a terminal, and asks for the stack's name. */
async function confirm(
  removed: readonly RemovedLine[],
  place: Place,
  { ask }: Pick<Context, "ask">,
): Promise<void> {
  const details = [placeText(place), ...removedText(removed).split("\n")];
  const answer = await ask({ ...questionOf(place.stack), details });
  if (answer.trim() === place.stack) return;
  throw new CliError("name-mismatch", `the name typed is not ${place.stack}: nothing was removed`);
}
