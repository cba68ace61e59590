import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import { all, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { pageOf } from "../paging.ts";
import { sizeOf } from "./capacity.ts";
import {
  findGroup,
  groupName,
  groupOfArn,
  invalidToken,
  logGroupArn,
  newGroup,
  noGroup,
  type LogGroupState,
  type Logs,
} from "./group.ts";

const op = operations<typeof sdk, Logs>();

const retentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Log groups, how long they keep events, and their tags (AWS.md 7). */
export const groupOperations = [
  op(
    "CreateLogGroup",
    {
      logGroupName: all,
      tags: all,
      logGroupClass: only("STANDARD"),
      deletionProtectionEnabled: only(false),
    },
    ({ logGroupName, tags = {} }, { state, region, now }) => {
      const { groups } = state.in(region);
      if (groups.has(logGroupName))
        throw new AwsError("ResourceAlreadyExistsException", "The specified log group already exists");
      groups.set(logGroupName, newGroup(logGroupName, now, tags));
    },
  ),
  op(
    "DescribeLogGroups",
    {
      logGroupNamePrefix: all,
      logGroupNamePattern: all,
      logGroupIdentifiers: all,
      logGroupClass: only("STANDARD"),
      includeLinkedAccounts: only(false),
      nextToken: all,
      limit: all,
    },
    ({ nextToken, limit = 50, ...wanted }, at) => {
      const { host, state, region } = at;
      const names = wanted.logGroupIdentifiers?.map((identifier) => groupName(at, identifier));
      const groups = selected([...state.in(region).groups.values()], { ...wanted, names });
      const { items, next } = pageOf(groups, {
        token: nextToken,
        limit,
        pageSize: host.pageSize ?? 50,
        invalid: invalidToken(),
      });
      const shape = wanted.logGroupNamePattern === undefined ? groupShape : patternShape;
      return {
        logGroups: items.map((found) => shape(found, logGroupArn(host.account, region, found.name))),
        ...(next ? { nextToken: next } : {}),
      };
    },
  ),
  op(
    "ListLogGroups",
    {
      logGroupNamePattern: all,
      logGroupClass: only("STANDARD"),
      includeLinkedAccounts: only(false),
      nextToken: all,
      limit: all,
    },
    ({ nextToken, limit = 50, logGroupNamePattern }, { host, state, region }) => {
      const groups = selected([...state.in(region).groups.values()], {});
      const named = groups.filter(({ name }) => matchesOne(logGroupNamePattern, name));
      const { items, next } = pageOf(named, {
        token: nextToken,
        limit,
        pageSize: host.pageSize ?? 50,
        invalid: invalidToken(),
      });
      return {
        logGroups: items.map(({ name }) => ({
          logGroupName: name,
          logGroupArn: logGroupArn(host.account, region, name),
          logGroupClass: "STANDARD" as const,
        })),
        ...(next ? { nextToken: next } : {}),
      };
    },
  ),
  op("DeleteLogGroup", { logGroupName: all }, ({ logGroupName }, { state, region }) => {
    if (!state.in(region).groups.delete(logGroupName)) throw noGroup();
  }),
  op(
    "PutRetentionPolicy",
    { logGroupName: all, retentionInDays: all },
    ({ logGroupName, retentionInDays }, at) => {
      if (!retentions.includes(retentionInDays))
        throw new AwsError(
          "InvalidParameterException",
          `1 validation error detected: Value '${retentionInDays}' at 'retentionInDays' failed to satisfy ` +
            `constraint: Member must satisfy enum value set: [${retentions.join(", ")}]`,
        );
      findGroup(at, logGroupName).retentionInDays = retentionInDays;
    },
  ),
  op("DeleteRetentionPolicy", { logGroupName: all }, ({ logGroupName }, at) => {
    findGroup(at, logGroupName).retentionInDays = undefined;
  }),

  op("TagResource", { resourceArn: all, tags: all }, ({ resourceArn, tags }, at) => {
    addTags(groupOfArn(at, resourceArn), tags);
  }),
  op("UntagResource", { resourceArn: all, tagKeys: all }, ({ resourceArn, tagKeys }, at) => {
    removeTags(groupOfArn(at, resourceArn), tagKeys);
  }),
  op("ListTagsForResource", { resourceArn: all }, ({ resourceArn }, at) => ({
    tags: Object.fromEntries(groupOfArn(at, resourceArn).tags),
  })),
  op("TagLogGroup", { logGroupName: all, tags: all }, ({ logGroupName, tags }, at) => {
    addTags(findGroup(at, logGroupName), tags);
  }),
  op("UntagLogGroup", { logGroupName: all, tags: all }, ({ logGroupName, tags }, at) => {
    removeTags(findGroup(at, logGroupName), tags);
  }),
  op("ListTagsLogGroup", { logGroupName: all }, ({ logGroupName }, at) => ({
    tags: Object.fromEntries(findGroup(at, logGroupName).tags),
  })),
];

interface Wanted {
  logGroupNamePrefix?: string | undefined;
  logGroupNamePattern?: string | undefined;
  names?: readonly string[] | undefined;
}

/** The most tags that a group has (AWS.md 7.2). */
const maxTags = 50;

function addTags({ name, tags }: LogGroupState, given: Readonly<Record<string, string>>): void {
  const added = new Map([...tags, ...Object.entries(given)]);
  if (added.size > maxTags)
    throw new AwsError("TooManyTagsException", `The log group ${name} has more than ${maxTags} tags`);
  for (const [key, value] of added) tags.set(key, value);
}

function removeTags({ tags }: LogGroupState, keys: readonly string[]): void {
  for (const key of keys) tags.delete(key);
}

/** Whether a name matches one of `^prefix|substring`, as ListLogGroups takes them. */
const matchesOne = (patterns: string | undefined, name: string): boolean =>
  patterns === undefined ||
  patterns
    .split("|")
    .some((pattern) =>
      pattern.startsWith("^") ? name.startsWith(pattern.slice(1)) : name.includes(pattern),
    );

/** The groups that a caller asks for, by name. */
function selected(
  groups: readonly LogGroupState[],
  { logGroupNamePrefix: prefix, logGroupNamePattern: pattern, names }: Wanted,
): LogGroupState[] {
  if (prefix !== undefined && pattern !== undefined)
    throw new AwsError(
      "InvalidParameterException",
      "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    );
  return groups
    .filter(({ name }) => name.startsWith(prefix ?? "") && name.includes(pattern ?? ""))
    .filter(({ name }) => names?.includes(name) ?? true)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

const groupShape = (
  { name, createdAt, retentionInDays, events }: LogGroupState,
  arn: string,
): sdk.LogGroup => ({
  logGroupName: name,
  creationTime: createdAt,
  ...(retentionInDays === undefined ? {} : { retentionInDays }),
  metricFilterCount: 0,
  arn: `${arn}:*`,
  logGroupArn: arn,
  storedBytes: sizeOf(events),
  logGroupClass: "STANDARD",
  deletionProtectionEnabled: false,
});

/** A listing by pattern says less (AWS.md 7.2). */
function patternShape(group: LogGroupState, arn: string): sdk.LogGroup {
  const {
    storedBytes: _notListed,
    deletionProtectionEnabled: _notListedEither,
    ...shown
  } = groupShape(group, arn);
  return shown;
}
