import { createInterface } from "node:readline/promises";
import { CliError } from "../errors/error.ts";
import type { Writer } from "./output.ts";

/** A question and the option that answers it where nobody can be asked. */
export interface Question {
  text: string;
  option: string;
}

/** Throws a CliError (exit 2) that names the option to use instead. */
export function refuseToAsk({ text, option }: Question): never {
  // The first sentence is what it is about, the rest how to answer.
  const [matter = text] = text.split(". ");
  throw new CliError(
    "confirmation-needed",
    `${matter.replace(/^This/, "this")}, which has to be confirmed, and nobody can be asked here`,
    {
      hint: `pass ${option} to go on without being asked`,
    },
  );
}

/**
 * Asks on the terminal; the question goes to stderr. Throws a CliError (exit 130) when the answer is Ctrl-D
 * or Ctrl-C.
 */
export async function askPerson(
  { text }: Question,
  { stream, shown }: Writer,
  stdin: NodeJS.ReadStream,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input: stdin, output: stream });
  const unanswered = new AbortController();
  lines.on("SIGINT", () => process.emit("SIGINT"));
  lines.on("close", () => unanswered.abort());
  try {
    return await lines.question(shown(`${text} `), { signal: AbortSignal.any([signal, unanswered.signal]) });
  } catch (error) {
    throw new CliError("no-answer", "no answer was given, nothing was done", {
      cause: error,
    });
  } finally {
    lines.close();
  }
}
