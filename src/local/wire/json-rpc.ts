import { eventStream } from "./event-stream.ts";
import { fromJson, parsedBody, toJson } from "./json-shape.ts";
import type { Protocol, WireAnswer } from "./protocol.ts";
import { membersOf, type ServiceShapes, type Shape } from "./schema.ts";

/**
 * awsJson, which CloudWatch Logs speaks in version 1.1 and CloudWatch in 1.0: a header names the operation,
 * and every error is a 400 with `__type` (AWS.md 7.1, 8.1, 8.2).
 */
export function jsonRpc({ operations }: ServiceShapes, version: "1.0" | "1.1" = "1.1"): Protocol {
  const contentType = { "content-type": `application/x-amz-json-${version}` };
  return {
    find: ({ headers }) => operations.get(String(headers["x-amz-target"]).split(".").at(-1) ?? ""),
    read: ({ input }, { body }) => (fromJson(input, parsedBody(body)) ?? {}) as Record<string, unknown>,
    write: ({ output }, value) =>
      streamed(output, value) ?? {
        status: 200,
        headers: contentType,
        body: JSON.stringify(toJson(output, value) ?? {}),
      },
    refuse: ({ name, message, status }) => ({
      status: status ?? 400,
      // CloudWatch was asked in awsQuery before, and names its errors in that form too.
      headers: { ...contentType, ...(version === "1.0" ? { "x-amzn-query-error": `${name};Sender` } : {}) },
      body: JSON.stringify({ __type: name, message }),
    }),
  };
}

/** An answer whose only member is a stream of events, such as a live tail. */
function streamed(shape: Shape, value: Record<string, unknown>): WireAnswer | undefined {
  const [member] = membersOf(shape);
  if (!member?.[1].isStreaming() || !member[1].isUnionSchema()) return undefined;
  const [name, union] = member;
  return {
    status: 200,
    headers: { "content-type": "application/vnd.amazon.eventstream" },
    body: eventStream(union, value[name] as AsyncIterable<Record<string, unknown>>),
  };
}
