import type { Command } from "../cli/command.ts";
import type { LogRecord } from "../logs/record.ts";
import type { TailResult } from "../logs/tail.ts";
import { recordLine, tailText } from "../terminal/log-line.ts";

export const command: Command<"logs tail", TailResult, LogRecord> = {
  examples: [
    {
      line: "logs tail",
      description: "what the function logs from now on, until Ctrl-C; ends at once without a log group",
    },
    {
      line: "logs tail --since 10m --errors",
      description: "warnings and errors of the last ten minutes, then new ones",
    },
    {
      line: "logs tail --connection L0SM9cOFvHcCIhw= --no-follow",
      description: "what happened to one connection in the last hour",
    },
    {
      line: "logs tail --filter '{ $.event = \"connect\" }' --since 1d",
      description: "only what matches a filter pattern of CloudWatch Logs",
    },
  ],

  async run({ functionName, since, filter, errors, connection, follow, ...options }, context) {
    const { tailLog } = await import("../logs/tail.ts");
    const wanted = { functionName, since, filter, errors, connection, follow };
    return await tailLog(await context.aws(options), wanted, context);
  },

  render: (result, { follow }) => tailText(result, follow),
  line: recordLine,
  untilInterrupted: true,
};
