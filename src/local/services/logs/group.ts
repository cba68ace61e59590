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
export function findGroup(at: Place & { state: Regional<LogsState> }, nameOrArn: string): LogGroupState {
  const found = at.state.in(at.region).groups.get(groupName(at, nameOrArn));
  if (!found) throw noGroup();
  return found;
}

/** Finds a log group by its ARN alone; throws ResourceNotFoundException, also for a name. */
export const groupOfArn = (at: Place & { state: Regional<LogsState> }, arn: string): LogGroupState =>
  findGroup(at, arn.startsWith("arn:") ? arn : "");

/** Where a call is made. */
interface Place {
  host: Pick<Host, "account">;
  region: string;
}

export const noGroup = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log group does not exist.");

/**
 * The name in an ARN of this account and region, or the name itself. Any other ARN stays one, which is no
 * group's name.
 */
export function groupName({ host, region }: Place, nameOrArn: string): string {
  const own = logGroupArn(host.account, region, "");
  return nameOrArn.startsWith(own) ? nameOrArn.slice(own.length) : nameOrArn;
}

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
