import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import type { Host } from "../../host.ts";
import type { Regional } from "../state.ts";

/** What CloudWatch Logs keeps in one region. */
export interface LogsState {
  groups: Map<string, LogGroupState>;
}

/** What the operations of CloudWatch Logs work with. */
export interface Logs {
  host: Host;
  state: Regional<LogsState>;
  /** The live tails that are open. */
  tails: Set<Tail>;
}

/** A live tail, with what it has not been sent yet. */
export interface Tail {
  /** ARNs of the groups that are watched. */
  arns: ReadonlySet<string>;
  wants(event: LogEvent): boolean;
  pending: sdk.LiveTailSessionLogEvent[];
  /** Whether events were left out since the last update. */
  sampled: boolean;
}

/** A log group with its streams and what was written into them. */
export interface LogGroupState {
  name: string;
  /** Epoch milliseconds. */
  createdAt: number;
  retentionInDays: number | undefined;
  tags: Map<string, string>;
  streams: Map<string, LogStreamState>;
  /** In the order of their timestamps; the oldest are dropped when there are too many. */
  events: LogEvent[];
  /** How many events ever came: numbers them. */
  received: number;
}

/** A log stream; times in epoch milliseconds. */
export interface LogStreamState {
  name: string;
  createdAt: number;
  firstEventAt?: number;
  lastEventAt?: number;
  lastIngestedAt?: number;
}

/** One line, with the newline that it came with. */
export interface LogEvent {
  id: string;
  stream: string;
  timestamp: number;
  ingestedAt: number;
  message: string;
}

/** Finds a log group by name or ARN; throws ResourceNotFoundException. */
export function findGroup(
  { state, region }: { state: Regional<LogsState>; region: string },
  nameOrArn: string,
): LogGroupState {
  const found = state.in(region).groups.get(groupName(nameOrArn));
  if (!found) throw noGroup();
  return found;
}

export const noGroup = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log group does not exist.");

/** The name in `arn:aws:logs:…:log-group:NAME[:*]`, or the name itself. */
export const groupName = (nameOrArn: string): string =>
  /^arn:[^:]+:logs:[^:]*:[^:]*:log-group:([^:]+)(:\*)?$/.exec(nameOrArn)?.[1] ?? nameOrArn;

/** A log group with nothing in it. */
export const newGroup = (name: string, now: number, tags: Record<string, string>): LogGroupState => ({
  name,
  createdAt: now,
  retentionInDays: undefined,
  tags: new Map(Object.entries(tags)),
  streams: new Map(),
  events: [],
  received: 0,
});

/** The error for a token that is none of ours. */
export const invalidToken = (): AwsError =>
  new AwsError("InvalidParameterException", "The specified nextToken is invalid.");

/** A log group's ARN, without the `:*` that some answers carry. */
export const logGroupArn = (account: string, region: string, name: string): string =>
  `arn:aws:logs:${region}:${account}:log-group:${name}`;
