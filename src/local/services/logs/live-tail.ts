import { randomUUID } from "node:crypto";
import { setInterval } from "node:timers/promises";
import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import { lineFilter } from "./filter.ts";
import { logGroupArn, type FindGroup, type LogEvent, type LogGroupState } from "./group.ts";
import type { Operations } from "../operations.ts";
import type { World } from "../../state.ts";

/** Of more events than this between two updates the oldest are left out (AWS.md 7.3). */
const maxPerUpdate = 500;

interface Tail {
  /** ARNs of the groups that are watched. */
  arns: ReadonlySet<string>;
  wants(event: LogEvent): boolean;
  pending: sdk.LiveTailSessionLogEvent[];
  /** Whether events were left out since the last update. */
  sampled: boolean;
}

/** StartLiveTail: what is written from now on, in one update per interval even when nothing was. */
export function liveTail(world: World, group: FindGroup) {
  const tails = new Set<Tail>();

  const operations: Operations<typeof sdk> = {
    StartLiveTail(input, { region, requestId }) {
      const { logGroupIdentifiers } = input;
      for (const identifier of logGroupIdentifiers) checkIdentifier(identifier, region, group);
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
      tails.add(tail);
      const sessionStart = { requestId, sessionId: randomUUID(), ...input };
      return { responseStream: updates(tail, sessionStart) };
    },
  };

  async function* updates(
    tail: Tail,
    sessionStart: sdk.LiveTailSessionStart,
  ): AsyncGenerator<sdk.StartLiveTailResponseStream> {
    try {
      yield { sessionStart };
      for await (const _ of setInterval(world.delays.liveTailMs, undefined, { signal: world.closing }))
        yield { sessionUpdate: updateOf(tail) };
    } catch (cause) {
      // The local AWS is closing; the client sees its stream end.
      if (!world.closing.aborted) throw cause;
    } finally {
      tails.delete(tail);
    }
  }

  return {
    operations,
    /** Hands new events to every tail that wants them. */
    written(region: string, { name }: LogGroupState, events: readonly LogEvent[]): void {
      const arn = logGroupArn(world, region, name);
      for (const tail of tails) {
        if (!tail.arns.has(arn)) continue;
        const wanted = events
          .filter((event) => tail.wants(event))
          .map((event) => resultOf(event, `${world.account}:${name}`));
        const all = [...tail.pending, ...wanted];
        tail.sampled ||= all.length > maxPerUpdate;
        tail.pending = all.slice(-maxPerUpdate);
      }
    },
  };
}

function checkIdentifier(identifier: string, region: string, group: FindGroup): void {
  if (!/^arn:[^:]+:logs:[^:]+:\d{12}:log-group:[^:*]+$/.test(identifier))
    throw new AwsError(
      "InvalidParameterException",
      `The specified log group identifier '${identifier}' is not the ARN of a log group without a trailing *.`,
    );
  group(region, identifier);
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
