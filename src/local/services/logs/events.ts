import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import { all, ignored, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { pageOf } from "../paging.ts";
import { dropOldest } from "./capacity.ts";
import { lineFilter } from "./filter.ts";
import {
  findGroup,
  invalidToken,
  logGroupArn,
  type LogEvent,
  type LogGroupState,
  type Logs,
  type LogStreamState,
} from "./group.ts";
import { sendToTails } from "./live-tail.ts";
import { pageOfStream, scan } from "./pages.ts";

const op = operations<typeof sdk, Logs>();

/** What one page of events holds at most (AWS.md 7.1). */
const maxEvents = 10_000;

interface Line {
  stream: string;
  timestamp: number;
  message: string;
}

/** Writes lines into a group, and to the live tails that want them. */
export function write(
  logs: Logs,
  region: string,
  { group, lines, now }: { group: LogGroupState; lines: readonly Line[]; now: number },
): void {
  const events = lines.map((line) => newEvent(group, line, now));
  for (const event of events) insert(group, event);
  dropOldest(group, events);
  sendToTails(logs, region, { group, events });
}

const named = { logGroupName: all, logStreamName: all } as const;
const identified = { logGroupName: all, logGroupIdentifier: all } as const;
const paging = { nextToken: all, limit: all } as const;

/** Streams and the events in them (AWS.md 7.1). */
export const eventOperations = [
  op("CreateLogStream", named, ({ logGroupName, logStreamName }, at) => {
    const { streams } = findGroup(at, logGroupName);
    if (streams.has(logStreamName))
      throw new AwsError("ResourceAlreadyExistsException", "The specified log stream already exists");
    streams.set(logStreamName, { name: logStreamName, createdAt: at.now });
  }),
  op("DeleteLogStream", named, ({ logGroupName, logStreamName }, at) => {
    const found = findGroup(at, logGroupName);
    if (!found.streams.delete(logStreamName)) throw noStream();
    found.events = found.events.filter(({ stream }) => stream !== logStreamName);
  }),
  op(
    "DescribeLogStreams",
    { ...identified, logStreamNamePrefix: all, orderBy: all, descending: all, ...paging },
    ({ logGroupName, logGroupIdentifier, nextToken, limit = 50, ...order }, at) => {
      if (order.orderBy === "LastEventTime" && order.logStreamNamePrefix !== undefined)
        throw new AwsError(
          "InvalidParameterException",
          "Cannot order by LastEventTime with a logStreamNamePrefix.",
        );
      const found = findGroup(at, oneOf(logGroupName, logGroupIdentifier));
      const { items, next } = pageOf(inOrder([...found.streams.values()], order), {
        token: nextToken,
        limit,
        pageSize: at.host.pageSize ?? 50,
        invalid: invalidToken(),
      });
      const arn = logGroupArn(at.host.account, at.region, found.name);
      return {
        logStreams: items.map((stream) => streamShape(stream, arn)),
        ...(next ? { nextToken: next } : {}),
      };
    },
  ),
  op(
    "PutLogEvents",
    { ...named, logEvents: all, sequenceToken: ignored },
    ({ logGroupName, logStreamName, logEvents }, at) => {
      const { region, now } = at;
      const group = findGroup(at, logGroupName);
      if (!group.streams.has(logStreamName)) throw noStream();
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
      const { taken, rejected } = acceptable(lines, group, now);
      write(at, region, { group, lines: taken, now });
      return {
        nextSequenceToken: String(group.received),
        ...(rejected ? { rejectedLogEventsInfo: rejected } : {}),
      };
    },
  ),
  op(
    "GetLogEvents",
    {
      ...identified,
      logStreamName: all,
      startTime: all,
      endTime: all,
      startFromHead: all,
      unmask: only(false),
      ...paging,
    },
    ({ startTime = 0, endTime = Infinity, limit = maxEvents, ...input }, at) => {
      const found = findGroup(at, oneOf(input.logGroupName, input.logGroupIdentifier));
      if (!found.streams.has(input.logStreamName)) throw noStream();
      const events = found.events.filter(
        ({ stream, timestamp }) =>
          stream === input.logStreamName && timestamp >= startTime && timestamp < endTime,
      );
      const { shown, ...tokens } = pageOfStream(events, {
        nextToken: input.nextToken,
        startFromHead: input.startFromHead ?? false,
        size: Math.min(limit, at.host.pageSize ?? maxEvents),
      });
      return { events: shown.map(outputShape), ...tokens };
    },
  ),
  op(
    "FilterLogEvents",
    {
      ...identified,
      logStreamNames: all,
      logStreamNamePrefix: all,
      startTime: all,
      endTime: all,
      filterPattern: all,
      startFromHead: only(true),
      interleaved: ignored,
      unmask: only(false),
      ...paging,
    },
    (input, at) => {
      const { nextToken, limit = maxEvents } = input;
      const found = findGroup(at, oneOf(input.logGroupName, input.logGroupIdentifier));
      const wanted = selection(input);
      const matches = lineFilter(input.filterPattern);
      const { events, next } = scan(found.events.filter(wanted), {
        matches: (event) => matches(event.message),
        nextToken,
        limit,
        window: at.host.pageSize ?? maxEvents,
      });
      return {
        events: events.map(filteredShape),
        searchedLogStreams: [],
        ...(next ? { nextToken: next } : {}),
      };
    },
  ),
];

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** How far from now an event's time may be (AWS.md 7.2). */
const accepted = { pastMs: 14 * dayMs, aheadMs: 2 * hourMs };

/**
 * The lines that CloudWatch takes, and where those begin and end that it drops: too old, older than the group
 * keeps, or too far ahead. The lines are in order of time.
 */
function acceptable(
  lines: readonly Line[],
  { retentionInDays = Infinity }: Pick<LogGroupState, "retentionInDays">,
  now: number,
): { taken: readonly Line[]; rejected?: sdk.RejectedLogEventsInfo } {
  const olderThan = (ms: number): number => lines.filter(({ timestamp }) => timestamp < now - ms).length;
  const tooOld = olderThan(accepted.pastMs);
  const expired = olderThan(retentionInDays * dayMs);
  const ahead = lines.findIndex(({ timestamp }) => timestamp > now + accepted.aheadMs);
  const taken = lines.slice(Math.max(tooOld, expired), ahead < 0 ? lines.length : ahead);
  if (taken.length === lines.length) return { taken };
  const rejected = {
    ...(ahead < 0 ? {} : { tooNewLogEventStartIndex: ahead }),
    ...(tooOld > 0 ? { tooOldLogEventEndIndex: tooOld } : {}),
    ...(expired > tooOld ? { expiredLogEventEndIndex: expired } : {}),
  };
  return { taken, rejected };
}

interface StreamOrder {
  logStreamNamePrefix?: string | undefined;
  orderBy?: sdk.OrderBy | undefined;
  descending?: boolean | undefined;
}

function inOrder(
  streams: readonly LogStreamState[],
  { logStreamNamePrefix = "", orderBy, descending = false }: StreamOrder,
): LogStreamState[] {
  const byTime = orderBy === "LastEventTime";
  const listed = streams
    .filter(({ name }) => name.startsWith(logStreamNamePrefix))
    .toSorted((one, other) =>
      byTime ? (one.lastEventAt ?? 0) - (other.lastEventAt ?? 0) : one.name < other.name ? -1 : 1,
    );
  return descending ? listed.toReversed() : listed;
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
      "ValidationException",
      "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
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

const outputShape = ({ timestamp, message, ingestedAt }: LogEvent): sdk.OutputLogEvent => ({
  timestamp,
  message,
  ingestionTime: ingestedAt,
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
}: Pick<
  sdk.FilterLogEventsCommandInput,
  "logStreamNames" | "logStreamNamePrefix" | "startTime" | "endTime"
>): (event: LogEvent) => boolean {
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
