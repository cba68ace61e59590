import type { Command } from "../cli/command.ts";
import { ownerNamed } from "../code/code.ts";
import { exitCodes } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { readRegular } from "../files/read.ts";
import { typing } from "../cli/next.ts";
import { testText } from "../terminal/tested.ts";
import { nextAfterTest } from "../verify/proof.ts";
import type { WebSocketEvent } from "../verify/invoke.ts";
import type { TestResult } from "../verify/test-result.ts";

export const command: Command<"test", TestResult> = {
  async run(
    { event: file, source, zip, booking, type, token: given, tokenStdin, functionName, stage, ...options },
    context,
  ) {
    const event = file === undefined ? undefined : eventFrom(file);
    const token = await context.token({ token: given, tokenStdin });
    const aws = await context.aws(options);
    const [{ testResult }, { servedCodeOwner }] = await Promise.all([
      import("../verify/test-result.ts"),
      import("../aws/code-owner.ts"),
    ]);
    const owner = await servedCodeOwner(aws, functionName, ownerNamed({ source, zip }));
    return await testResult(aws, { functionName, stage, booking, type, token, event, owner }, context.signal);
  },

  render: (result) => testText(result),
  next(result, client) {
    const { next, when } = nextAfterTest(result, client);
    return typing(next, when);
  },
  exitCode: ({ passed }) => (passed ? exitCodes.done : exitCodes.different),
};

/** The most that Lambda takes of an event (AWS.md 4.8). */
const MOST_BYTES = 6 * 1024 * 1024;

function eventFrom(file: string): WebSocketEvent {
  const reading = readRegular(file, MOST_BYTES);
  if ("fault" in reading)
    throw new CliError("event-invalid", `${JSON.stringify(file)} cannot be read: ${reading.fault}`, {
      hint: "check --event",
    });
  try {
    const event: unknown = JSON.parse(reading.bytes.toString());
    if (typeof event === "object" && event !== null) return event;
  } catch (cause) {
    throw new CliError("event-invalid", `${JSON.stringify(file)} is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  throw new CliError("event-invalid", `${JSON.stringify(file)} holds no event`, {
    hint: 'an event is a JSON object with a "requestContext"',
  });
}
