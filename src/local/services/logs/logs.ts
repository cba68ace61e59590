import type * as sdk from "@aws-sdk/client-cloudwatch-logs";
import { AwsError } from "../../aws-error.ts";
import { sizeOf } from "./capacity.ts";
import { eventOperations } from "./events.ts";
import { liveTail } from "./live-tail.ts";
import type { LogEntry } from "../../runtime/contract.ts";
import type { Operations } from "../operations.ts";
import { checkLimit, invalidToken, logGroupArn, type FindGroup, type LogGroupState } from "./group.ts";
import { pageOf } from "../paging.ts";
import { regionIn, type World } from "../../state.ts";

/** CloudWatch Logs. `append` is how functions write; a group that is not there is made (AWS.md 7.1). */
export interface Logs {
  operations: Operations<typeof sdk>;
  append(region: string, entries: readonly LogEntry[]): void;
}

const retentions = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** CloudWatch Logs (AWS.md 7). */
export function logs(world: World): Logs {
  const groupsIn = (region: string) => regionIn(world.state, region).logGroups;
  const group: FindGroup = (region, nameOrArn) => {
    const found = groupsIn(region).get(groupName(nameOrArn));
    if (!found) throw noGroup();
    return found;
  };
  const tail = liveTail(world, group);
  const events = eventOperations(world, { group, written: tail.written });

  const operations: Operations<typeof sdk> = {
    ...events.operations,
    ...tail.operations,
    CreateLogGroup({ logGroupName, tags = {} }, { region, now }) {
      if (groupsIn(region).has(logGroupName))
        throw new AwsError("ResourceAlreadyExistsException", "The specified log group already exists");
      groupsIn(region).set(logGroupName, newGroup(logGroupName, now, tags));
    },
    DescribeLogGroups(
      { logGroupNamePrefix, logGroupNamePattern, logGroupIdentifiers, nextToken, limit = 50 },
      { region },
    ) {
      if (logGroupNamePrefix !== undefined && logGroupNamePattern !== undefined)
        throw new AwsError(
          "InvalidParameterException",
          "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        );
      checkLimit(limit, 50);
      const wanted = [...groupsIn(region).values()]
        .filter(
          ({ name }) => name.startsWith(logGroupNamePrefix ?? "") && name.includes(logGroupNamePattern ?? ""),
        )
        .filter(({ name }) => !logGroupIdentifiers || logGroupIdentifiers.map(groupName).includes(name))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1));
      const { items, next } = pageOf(wanted, {
        token: nextToken,
        limit,
        pageSize: world.pageSize ?? 50,
        invalid: invalidToken(),
      });
      return {
        logGroups: items.map((found) => groupShape(found, logGroupArn(world, region, found.name))),
        ...(next ? { nextToken: next } : {}),
      };
    },
    DeleteLogGroup({ logGroupName }, { region }) {
      if (!groupsIn(region).delete(logGroupName)) throw noGroup();
    },
    PutRetentionPolicy({ logGroupName, retentionInDays }, { region }) {
      if (!retentions.includes(retentionInDays))
        throw new AwsError(
          "InvalidParameterException",
          `1 validation error detected: Value '${retentionInDays}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${retentions.join(", ")}]`,
        );
      group(region, logGroupName).retentionInDays = retentionInDays;
    },
    DeleteRetentionPolicy({ logGroupName }, { region }) {
      group(region, logGroupName).retentionInDays = undefined;
    },

    TagResource({ resourceArn, tags }, { region }) {
      const kept = group(region, resourceArn).tags;
      for (const [key, value] of Object.entries(tags)) kept.set(key, value);
    },
    UntagResource({ resourceArn, tagKeys }, { region }) {
      const kept = group(region, resourceArn).tags;
      for (const key of tagKeys) kept.delete(key);
    },
    ListTagsForResource: ({ resourceArn }, { region }) => ({
      tags: Object.fromEntries(group(region, resourceArn).tags),
    }),
    ListTagsLogGroup: ({ logGroupName }, { region }) => ({
      tags: Object.fromEntries(group(region, logGroupName).tags),
    }),
  };

  return {
    operations,
    append(region, entries) {
      const now = Date.now();
      for (const name of new Set(entries.map((entry) => entry.group))) {
        const found = groupsIn(region).get(name) ?? newGroup(name, now, {});
        groupsIn(region).set(name, found);
        events.write(
          region,
          found,
          entries.filter((entry) => entry.group === name),
          now,
        );
      }
    },
  };
}

const newGroup = (name: string, now: number, tags: Record<string, string>): LogGroupState => ({
  name,
  createdAt: now,
  retentionInDays: undefined,
  tags: new Map(Object.entries(tags)),
  streams: new Map(),
  events: [],
  received: 0,
});

const noGroup = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log group does not exist.");

/** The name in `arn:aws:logs:…:log-group:NAME[:*]`, or the name itself. */
const groupName = (nameOrArn: string): string =>
  /^arn:[^:]+:logs:[^:]*:[^:]*:log-group:([^:]+)(:\*)?$/.exec(nameOrArn)?.[1] ?? nameOrArn;

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
