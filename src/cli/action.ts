import { command as invocation, help, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { CommandName } from "../settings/commands.ts";
import { redactWord } from "../settings/redact.ts";
import { closest } from "../errors/closest.ts";

/**
 * What the word after a command's name stands for, such as `set` after `env`. Throws a CliError (exit 2) with
 * what was probably meant, with the `others` that were typed behind it, up to one that may hold a secret.
 */
export function actionNamed<const A extends string>(
  command: CommandName,
  word: string,
  actions: readonly A[],
  others: readonly string[] = [],
): A {
  const action = actions.find((candidate) => candidate === word);
  if (action !== undefined) return action;
  const message =
    word === ""
      ? `"${command}" needs one of ${actions.join(", ")}`
      : `unknown action "${command} ${redactWord(word)}": expected one of ${actions.join(", ")}`;
  throw new CliError("command-unknown", message, { hint: hintFor(command, closest(word, actions), others) });
}

const hintFor = (command: CommandName, meant: string | undefined, others: readonly string[]): Advice =>
  meant === undefined
    ? ["see: ", help(command.split(" "))]
    : ["did you mean: ", invocation(command, {}, meant, ...beforeSecret(others))];

function beforeSecret(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => redactWord(word) !== word);
  return first === -1 ? words : words.slice(0, first);
}
