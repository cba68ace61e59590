import type { Command } from "../cli/command.ts";
import { nothing, typing } from "../cli/next.ts";
import { command as invocation } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { TraceRecord } from "../trace/record.ts";
import { traceLine, traceText, type TraceResult } from "../terminal/trace.ts";

/** The forms of API Gateway's ids and of Lambda's. */
const ids = /^[\w=-]{1,128}$/;

export const command: Command<"trace", TraceResult, TraceRecord> = {
  async run({ functionName, apiName, stage, since, follow, ...options }, context) {
    const { connection, booking, slow, errors, ...at } = options;
    const [request = null] = context.args;
    if (request !== null && !ids.test(request))
      throw new CliError("value-invalid", `trace: ${JSON.stringify(request)} is no id`, {
        hint: "an error frame has it as request_id, a line of the log as requestId",
      });
    const { findTrace, followTraces } = await import("../trace/follow.ts");
    const aws = await context.aws(at);
    const names = { functionName, apiName, stage, since };
    if (request !== null) return { requestId: request, ...(await findTrace(aws, request, names, context)) };
    const wanted = { ...names, follow, connection, booking, slow, errors };
    const followed = await followTraces(aws, wanted, context);
    return { requestId: null, trace: null, ...followed };
  },

  render: traceText,
  next({ requestId, trace, traces }, { follow }) {
    if (requestId !== null && trace === null)
      return typing(invocation("trace", { since: "1d" }, requestId), "to look further back");
    if (trace !== null) return typing(invocation("logs tail", { request: trace.requestId, follow: false }));
    if (follow) return nothing("a person ends it, having seen what they wanted");
    return traces === 0
      ? typing(invocation("test", { tokenStdin: true }))
      : typing(invocation("trace", {}, "ID"), "for the hops of one of them");
  },
  line: (trace) => traceLine(trace),
  exitCode: ({ trace, traces }) => (trace === null && traces === null ? 3 : 0),
  untilInterrupted: true,
};
