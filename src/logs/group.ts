import { complete } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import { findLogGroup } from "../aws/log-groups.ts";
import type { LogEvent } from "./record.ts";

/** A log group that exists, by what a live tail wants to know. */
export interface FollowedGroup {
  name: string;
  arn: string;
  /** Each line says all of an event. In a function's log others follow one that tells of whom it is. */
  linesStandAlone?: boolean;
}

/** An event of a followed group. */
export interface GroupEvent extends LogEvent {
  /** The group's name. */
  group: string;
  /** What a stored event has, and one of a live tail has not. */
  id?: string | undefined;
  /** Epoch milliseconds. */
  ingestedAt?: number | undefined;
}

/** The group of this name, as it is followed; undefined for none. */
export async function followedGroup(logs: Aws["logs"], name: string): Promise<FollowedGroup | undefined> {
  const group = await findLogGroup(logs, name);
  // There are two ARNs; live tail takes the one without ":*" (AWS.md 7.2).
  return group && { name, arn: group.logGroupArn ?? String(group.arn).replace(/:\*$/, "") };
}

/** Whether anything was ever written to the group. */
export async function hasStreams(logs: Aws["logs"], { name }: FollowedGroup): Promise<boolean> {
  const listed = await logs.call("DescribeLogStreams", { logGroupName: name, limit: 1 });
  return complete(listed, ["logStreams"]).logStreams.length > 0;
}
