import type { Command } from "../cli/command.ts";
import { nothing, timeText, typing } from "../cli/next.ts";
import { command as invocation } from "../errors/advice.ts";
import type { LogRecord } from "../logs/record.ts";
import type { TailResult } from "../logs/tail.ts";
import { recordLine, tailText } from "../terminal/log-line.ts";

export const command: Command<"logs tail", TailResult, LogRecord> = {
  async run({ functionName, apiName, stage, ...given }, context) {
    const { since, filter, errors, connection, request, follow, ...options } = given;
    const { tailLog } = await import("../logs/tail.ts");
    const wanted = { functionName, apiName, stage, since, filter, errors, connection, request, follow };
    return await tailLog(await context.aws(options), wanted, context);
  },

  render: (result, { follow }) => tailText(result, follow),
  next({ exists, invoked }, { follow, since }) {
    if (!exists) return typing(invocation("status"));
    if (!invoked) return typing(invocation("test", { tokenStdin: true }));
    if (follow) return nothing("a person ends it, having seen what they wanted");
    return typing(invocation("trace", { since: timeText(since) ?? "1h", follow }));
  },
  line: (record) => recordLine(record),
  untilInterrupted: true,
};
