import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import { lineFilter } from "./filter.ts";
import {
  logGroupArn,
  checkLimit,
  invalidToken,
  type FindGroup,
  type LogEvent,
  type LogGroupState,
  type LogStreamState,
} from "./group.ts";
import type { Operations } from "../operations.ts";
import { dropOldest } from "./capacity.ts";
import { pageOfStream, scan } from "./pages.ts";
import { pageOf } from "../paging.ts";
import type { World } from "../../state.ts";

/** What one page of events holds at most (AWS.md 7.1). */
const maxEvents = 10_000;

interface Line {
  stream: string;
  timestamp: number;
  message: string;
}

interface Surroundings {
  group: FindGroup;
  /** Called with what was just written, for live tails. */
  written(region: string, group: LogGroupState, events: readonly LogEvent[]): void;
}

/** Streams and the events in them. */
export function eventOperations(world: World, { group, written }: Surroundings) {
  const write = (region: string, target: LogGroupState, lines: readonly Line[], now: number): void => {
    const events = lines.map((line) => newEvent(target, line, now));
    for (const event of events) insert(target, event);
    dropOldest(target, events);
    written(region, target, events);
  };

  const operations: Operations<typeof sdk> = {
    CreateLogStream({ logGroupName, logStreamName }, { region, now }) {
      const { streams } = group(region, logGroupName);
      if (streams.has(logStreamName))
        throw new AwsError("ResourceAlreadyExistsException", "The specified log stream already exists");
      streams.set(logStreamName, { name: logStreamName, createdAt: now });
    },
    DeleteLogStream({ logGroupName, logStreamName }, { region }) {
      const found = group(region, logGroupName);
      if (!found.streams.delete(logStreamName)) throw noStream();
      found.events = found.events.filter(({ stream }) => stream !== logStreamName);
    },
    DescribeLogStreams(
      {
        logGroupName,
        logGroupIdentifier,
        logStreamNamePrefix = "",
        orderBy,
        descending = false,
        nextToken,
        limit = 50,
      },
      { region },
    ) {
      checkLimit(limit, 50);
      const found = group(region, oneOf(logGroupName, logGroupIdentifier));
      const byTime = orderBy === "LastEventTime";
      const listed = [...found.streams.values()]
        .filter(({ name }) => name.startsWith(logStreamNamePrefix))
        .toSorted((one, other) =>
          byTime ? (one.lastEventAt ?? 0) - (other.lastEventAt ?? 0) : one.name < other.name ? -1 : 1,
        );
      const ordered = descending ? listed.toReversed() : listed;
      const { items, next } = pageOf(ordered, {
        token: nextToken,
        limit,
        pageSize: world.pageSize ?? 50,
        invalid: invalidToken(),
      });
      const arn = logGroupArn(world, region, found.name);
      return {
        logStreams: items.map((stream) => streamShape(stream, arn)),
        ...(next ? { nextToken: next } : {}),
      };
    },
    PutLogEvents({ logGroupName, logStreamName, logEvents }, { region, now }) {
      const target = group(region, logGroupName);
      if (!target.streams.has(logStreamName)) throw noStream();
      const lines = logEvents.map(({ timestamp = now, message = "" }) => ({
        stream: logStreamName,
        timestamp,
        message,
      }));
      if (lines.some(({ timestamp }, index) => timestamp < (lines[index - 1]?.timestamp ?? 0)))
        throw new AwsError(
          "InvalidParameterException",
          "Log events in a single PutLogEvents request must be in chronological order.",
        );
      write(region, target, lines, now);
      return { nextSequenceToken: String(target.received) };
    },
    GetLogEvents(
      {
        logGroupName,
        logGroupIdentifier,
        logStreamName,
        startTime = 0,
        endTime = Infinity,
        nextToken,
        limit = maxEvents,
        startFromHead = false,
      },
      { region },
    ) {
      checkLimit(limit, maxEvents);
      const found = group(region, oneOf(logGroupName, logGroupIdentifier));
      if (!found.streams.has(logStreamName)) throw noStream();
      const events = found.events.filter(
        ({ stream, timestamp }) => stream === logStreamName && timestamp >= startTime && timestamp < endTime,
      );
      const { shown, ...tokens } = pageOfStream(events, {
        nextToken,
        startFromHead,
        size: Math.min(limit, world.pageSize ?? maxEvents),
      });
      return {
        events: shown.map(({ timestamp, message, ingestedAt }) => ({
          timestamp,
          message,
          ingestionTime: ingestedAt,
        })),
        ...tokens,
      };
    },
    FilterLogEvents(input, { region }) {
      const { nextToken, limit = maxEvents } = input;
      checkLimit(limit, maxEvents);
      const found = group(region, oneOf(input.logGroupName, input.logGroupIdentifier));
      const wanted = selection(input);
      const matches = lineFilter(input.filterPattern);
      const { events, next } = scan(found.events.filter(wanted), {
        matches: (event) => matches(event.message),
        nextToken,
        limit,
        window: world.pageSize ?? maxEvents,
      });
      return {
        events: events.map(filteredShape),
        searchedLogStreams: [],
        ...(next ? { nextToken: next } : {}),
      };
    },
  };
  return { operations, write };
}

function newEvent(target: LogGroupState, { stream, timestamp, message }: Line, now: number): LogEvent {
  target.received += 1;
  return {
    id: `${timestamp}${String(target.received).padStart(20, "0")}`.padStart(56, "0"),
    stream,
    timestamp,
    ingestedAt: now,
    message,
  };
}

/** Keeps the events in order of time; late ones are rare and near the end. */
function insert({ events, streams }: LogGroupState, event: LogEvent): void {
  const after = events.findLastIndex(({ timestamp }) => timestamp <= event.timestamp);
  events.splice(after + 1, 0, event);
  const stream: LogStreamState = streams.get(event.stream) ?? {
    name: event.stream,
    createdAt: event.ingestedAt,
  };
  streams.set(event.stream, {
    ...stream,
    firstEventAt: Math.min(stream.firstEventAt ?? Infinity, event.timestamp),
    lastEventAt: Math.max(stream.lastEventAt ?? 0, event.timestamp),
    lastIngestedAt: event.ingestedAt,
  });
}

const noStream = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log stream does not exist.");

function oneOf(name: string | undefined, identifier: string | undefined): string {
  const given = name ?? identifier;
  if (given === undefined)
    throw new AwsError(
      "InvalidParameterException",
      "Either logGroupName or logGroupIdentifier must be provided.",
    );
  if (name !== undefined && identifier !== undefined)
    throw new AwsError(
      "InvalidParameterException",
      "LogGroup name and LogGroup identifier are mutually exclusive parameters.",
    );
  return given;
}

const streamShape = (
  { name, createdAt, firstEventAt, lastEventAt, lastIngestedAt }: LogStreamState,
  groupArn: string,
): sdk.LogStream => ({
  logStreamName: name,
  creationTime: createdAt,
  ...(firstEventAt === undefined
    ? {}
    : {
        firstEventTimestamp: firstEventAt,
        lastEventTimestamp: lastEventAt,
        lastIngestionTime: lastIngestedAt,
      }),
  arn: `${groupArn}:log-stream:${name}`,
  storedBytes: 0,
});

const filteredShape = ({ id, stream, timestamp, message, ingestedAt }: LogEvent): sdk.FilteredLogEvent => ({
  logStreamName: stream,
  timestamp,
  message,
  ingestionTime: ingestedAt,
  eventId: id,
});

/**
 * The streams and times that a filter asks for; its end is inclusive, unlike GetLogEvents' (AWS.md 7.1, 7.2).
 */
function selection({
  logStreamNames,
  logStreamNamePrefix,
  startTime = 0,
  endTime = Infinity,
}: sdk.FilterLogEventsCommandInput): (event: LogEvent) => boolean {
  if (logStreamNames && logStreamNamePrefix !== undefined)
    throw new AwsError(
      "InvalidParameterException",
      "LogStreamNames and LogStreamNamePrefix are mutually exclusive parameters.",
    );
  return ({ stream, timestamp }) =>
    timestamp >= startTime &&
    timestamp <= endTime &&
    (!logStreamNames || logStreamNames.includes(stream)) &&
    stream.startsWith(logStreamNamePrefix ?? "");
}
