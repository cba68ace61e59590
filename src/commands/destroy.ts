import type { Command } from "../cli/command.ts";
import { nothing } from "../cli/next.ts";
import type { Context } from "../cli/context.ts";
import { CliError } from "../errors/error.ts";
import { destroyStack, type LeftLine, type Place, type Removal, type RemovedLine } from "../stack/deploy.ts";
import { placeText, removalText, removedText } from "../terminal/changes.ts";
import type { Question } from "../terminal/prompt.ts";

export const command: Command<"destroy", Removal> = {
  async run(options, context) {
    const { functionName, yes } = options;
    const { executionRoleOf } = await import("../aws/lambda-function.ts");
    // It may have been deployed with another name for its role than this run was given.
    const roleName = (await executionRoleOf(await context.aws(options), functionName)) ?? options.roleName;
    const open = await context.stack({ ...options, roleName });
    const removal = await destroyStack(open, async (removed, place) => {
      if (!yes && removed.length > 0) await confirm(removed, place, context);
      else context.report({ kind: "note", message: placeText(place) });
    });
    if (removal.removed.some(({ id }) => id === ACCESS_LOG))
      context.report({ kind: "note", message: ROLE_STAYS });
    return removal;
  },

  listsChanges: true,
  next: () => nothing("there is no stack any more"),

  /** A person has seen the list with the question. */
  render: (result, { yes, quiet }) => removalText(result, { isListed: !yes, isPlaced: !quiet }),
};

/** Only a stack that has had access logs has such a group. */
const ACCESS_LOG = "AccessLogGroup";
const ROLE_STAYS =
  "the account's role for API Gateway's logs stays: every API of the region may write its logs with it";

const questionOf = (stack: string): Question => ({
  subject: `the stack ${stack} will be deleted`,
  action: "type its name to continue:",
  option: "--yes",
});

/** Lists what will go, also without a terminal, and asks for the stack's name. */
async function confirm(
  removed: readonly (RemovedLine | LeftLine)[],
  place: Place,
  { ask }: Pick<Context, "ask">,
): Promise<void> {
  const details = [placeText(place), ...removedText(removed).split("\n")];
  const answer = await ask({ ...questionOf(place.stack), details });
  if (answer.trim() === place.stack) return;
  throw new CliError("name-mismatch", `the name typed is not ${place.stack}: nothing was removed`);
}
