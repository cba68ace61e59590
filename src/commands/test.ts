import { readFile } from "node:fs/promises";
import type { Command } from "../cli/command.ts";
import { ownerNamed } from "../code/code.ts";
import { exitCodes } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
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
    const event = file === undefined ? undefined : await eventFrom(file);
    const token = await context.token({ token: given, tokenStdin });
    const aws = await context.aws(options);
    const [{ testResult }, { servedCodeOwner }] = await Promise.all([
      import("../verify/test-result.ts"),
      import("../aws/code-owner.ts"),
    ]);
    const owner = await servedCodeOwner(aws, functionName, ownerNamed({ source, zip }));
    return await testResult(aws, { functionName, stage, booking, type, token, event, owner }, context.signal);
  },

  render: testText,
  next: (result, client) => typing(nextAfterTest(result, client)),
  exitCode: ({ passed }) => (passed ? exitCodes.done : exitCodes.different),
};

async function eventFrom(file: string): Promise<WebSocketEvent> {
  const text = await readFile(file, "utf8");
  try {
    const event: unknown = JSON.parse(text);
    if (typeof event === "object" && event !== null) return event;
  } catch (cause) {
    throw new CliError("event-invalid", `${file} is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  throw new CliError("event-invalid", `${file} holds no event`, {
    hint: 'an event is a JSON object with a "requestContext"',
  });
}
