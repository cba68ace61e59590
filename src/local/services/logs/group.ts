import { AwsError } from "../../aws-error.ts";
import type { World } from "../../state.ts";

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
export type FindGroup = (region: string, nameOrArn: string) => LogGroupState;

/** The error for a token that is none of ours. */
export const invalidToken = (): AwsError =>
  new AwsError("InvalidParameterException", "The specified nextToken is invalid.");

/** Refuses a limit over the operation's maximum, in AWS's words. */
export function checkLimit(limit: number, max: number): void {
  const problem =
    limit > max ? `less than or equal to ${max}` : limit < 1 ? "greater than or equal to 1" : undefined;
  if (problem)
    throw new AwsError(
      "InvalidParameterException",
      `1 validation error detected: Value '${limit}' at 'limit' failed to satisfy constraint: Member must have value ${problem}`,
    );
}

/** A log group's ARN, without the `:*` that some answers carry. */
export const logGroupArn = (world: World, region: string, name: string): string =>
  `arn:aws:logs:${region}:${world.account}:log-group:${name}`;
