import { createInterface } from "node:readline/promises";
import { CliError } from "../errors/error.ts";
import type { Writer } from "./output.ts";

/** What has to be confirmed, what to type, and the option that stands in for it. */
export interface Question {
  /** What to know before, one line each. */
  details?: readonly string[];
  subject: string;
  /** What to type, or what Enter alone stands for. */
  action?: string;
  fallback?: string;
  option: string;
}

/** Throws a CliError (exit 2) that names the option to use instead. */
export function refuseToAsk({ subject, option, fallback }: Question): never {
  const needed = fallback === undefined ? "confirmation" : "an answer is";
  throw new CliError("confirmation-needed", `${subject}: ${needed} needed, but no interactive terminal`, {
    hint: `pass ${option} to skip the question`,
  });
}

/**
 * Asks on the terminal; the question goes to stderr. Throws a CliError (exit 130) when the answer is Ctrl-D
 * or Ctrl-C.
 */
export async function askPerson(
  { subject, action, fallback }: Question,
  { stream, shown }: Writer,
  stdin: NodeJS.ReadStream,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input: stdin, output: stream });
  const unanswered = new AbortController();
  lines.on("SIGINT", () => process.emit("SIGINT"));
  lines.on("close", () => unanswered.abort());
  try {
    return await lines.question(
      shown(`${subject}${action === undefined ? ` [${fallback}]:` : `; ${action}`} `),
      {
        signal: AbortSignal.any([signal, unanswered.signal]),
      },
    );
  } catch (error) {
    throw new CliError("no-answer", "no answer was given, nothing was done", {
      cause: error,
    });
  } finally {
    lines.close();
  }
}
