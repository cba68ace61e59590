import { randomUUID } from "node:crypto";
import { setInterval } from "node:timers/promises";
import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import { all } from "../../wire/members.ts";
import { operations, type At } from "../operations.ts";
import { lineFilter } from "./filter.ts";
import { findGroup, logGroupArn, type LogEvent, type LogGroupState, type Logs, type Tail } from "./group.ts";

const op = operations<typeof sdk, Logs>();

/** Of more events than this between two updates the oldest are left out (AWS.md 7.3). */
const maxPerUpdate = 500;

/** StartLiveTail: what is written from now on, in one update per interval even when nothing was. */
export const liveTailOperations = [
  op(
    "StartLiveTail",
    { logGroupIdentifiers: all, logStreamNames: all, logStreamNamePrefixes: all, logEventFilterPattern: all },
    (input, at) => {
      const { logGroupIdentifiers } = input;
      for (const identifier of logGroupIdentifiers) checkIdentifier(identifier, at);
      if (logGroupIdentifiers.length > 1 && (input.logStreamNames ?? input.logStreamNamePrefixes))
        throw new AwsError(
          "InvalidParameterException",
          "Log streams can be named only with a single log group.",
        );
      const tail: Tail = {
        arns: new Set(logGroupIdentifiers),
        wants: wantedBy(input),
        pending: [],
        sampled: false,
      };
      at.tails.add(tail);
      const sessionStart = { requestId: at.requestId, sessionId: randomUUID(), ...input };
      return { responseStream: updates(at, tail, sessionStart) };
    },
  ),
];

async function* updates(
  { host: { delays, closing }, tails }: Logs,
  tail: Tail,
  sessionStart: sdk.LiveTailSessionStart,
): AsyncGenerator<sdk.StartLiveTailResponseStream> {
  try {
    yield { sessionStart };
    for await (const _ of setInterval(delays.liveTailMs, undefined, { signal: closing }))
      yield { sessionUpdate: updateOf(tail) };
  } catch (cause) {
    // The local AWS is closing; the client sees its stream end.
    if (!closing.aborted) throw cause;
  } finally {
    tails.delete(tail);
  }
}

/** Hands new events to every live tail that wants them. */
export function sendToTails(
  { host: { account }, tails }: Logs,
  region: string,
  { group, events }: { group: Pick<LogGroupState, "name">; events: readonly LogEvent[] },
): void {
  const arn = logGroupArn(account, region, group.name);
  for (const tail of tails) {
    if (!tail.arns.has(arn)) continue;
    const wanted = events
      .filter((event) => tail.wants(event))
      .map((event) => resultOf(event, `${account}:${group.name}`));
    const pending = [...tail.pending, ...wanted];
    tail.sampled ||= pending.length > maxPerUpdate;
    tail.pending = pending.slice(-maxPerUpdate);
  }
}

function checkIdentifier(identifier: string, at: Logs & At): void {
  if (!/^arn:[^:]+:logs:[^:]+:\d{12}:log-group:[^:*]+$/.test(identifier))
    throw new AwsError(
      "InvalidParameterException",
      `The specified log group identifier '${identifier}' is not the ARN of a log group ` +
        "without a trailing *.",
    );
  findGroup(at, identifier);
}

function wantedBy({
  logStreamNames,
  logStreamNamePrefixes,
  logEventFilterPattern,
}: sdk.StartLiveTailCommandInput): (event: LogEvent) => boolean {
  const matches = lineFilter(logEventFilterPattern);
  return ({ stream, message }) =>
    (!logStreamNames || logStreamNames.includes(stream)) &&
    (!logStreamNamePrefixes || logStreamNamePrefixes.some((prefix) => stream.startsWith(prefix))) &&
    matches(message);
}

const resultOf = (
  { stream, message, timestamp, ingestedAt }: LogEvent,
  logGroupIdentifier: string,
): sdk.LiveTailSessionLogEvent => ({
  logStreamName: stream,
  logGroupIdentifier,
  message,
  timestamp,
  ingestionTime: ingestedAt,
});

function updateOf(tail: Tail): sdk.LiveTailSessionUpdate {
  const update = { sessionMetadata: { sampled: tail.sampled }, sessionResults: tail.pending };
  tail.pending = [];
  tail.sampled = false;
  return update;
}
