import type { Adoption, Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { RoleResource } from "./role.ts";
import { complete, given, orMissing } from "../aws/answers.ts";
import { findLogGroup } from "../aws/log-groups.ts";
import { desiredTags, foundTags, writeTags, type TagProperties } from "./configured-tags.ts";
import type { Tags } from "../aws/tags.ts";
import { CliError } from "../errors/error.ts";

interface LogGroupProperties extends TagProperties {
  LogGroupName: string;
  RetentionInDays: number;
}

interface LogGroupConfig {
  id: string;
  name: string;
  retentionInDays: number | undefined;
  tags: Tags;
  configuredTags: Tags | undefined;
  isWanted: boolean | undefined;
  /** Whether one that its writer has left behind is taken over without being asked. */
  isTakenOver: boolean;
}

/**
 * A log group that its writer finds there: one that the writer creates itself keeps its lines for ever
 * (AWS.md 6.2).
 */
export function logGroup(
  { id, name, retentionInDays, tags, configuredTags, isWanted, isTakenOver }: LogGroupConfig,
  needs: { role: RoleResource },
): Resource<LogGroupProperties, Record<never, string>, typeof needs> {
  const keepFor = (aws: Aws, days: number) =>
    aws.logs.call("PutRetentionPolicy", { logGroupName: name, retentionInDays: days });
  return {
    id,
    type: "AWS::Logs::LogGroup",
    name,
    tags,
    step: "logs",
    needs,
    foundBy: "name",
    adoption: adoptionOf(name, isTakenOver),
    ...given({ isWanted }),
    desired: () => ({
      LogGroupName: name,
      ...(retentionInDays === undefined ? {} : { RetentionInDays: retentionInDays }),
      ...desiredTags(configuredTags),
    }),

    async list(aws) {
      const group = await findLogGroup(aws.logs, name);
      if (!group) return [];
      const { logGroupArn: resourceArn } = complete(group, ["logGroupArn"]);
      const tagged = await orMissing(aws.logs.call("ListTagsForResource", { resourceArn }));
      // Deleted since it was listed.
      if (!tagged) return [];
      const { tags: all } = complete(tagged, ["tags"]);
      return [
        {
          attributes: {},
          properties: {
            LogGroupName: name,
            ...(group.retentionInDays ? { RetentionInDays: group.retentionInDays } : {}),
            ...foundTags(all),
          },
          tags: all,
          ...(group.creationTime ? { createdAt: new Date(group.creationTime) } : {}),
        },
      ];
    },

    async create(aws, { RetentionInDays }) {
      await aws.logs.call("CreateLogGroup", { logGroupName: name, tags: { ...tags } });
      await keepFor(aws, RetentionInDays);
      return {};
    },

    async update(aws, desired, found, changed) {
      if (changed.has("RetentionInDays")) await keepFor(aws, desired.RetentionInDays);
      await writeTags(desired, found, changed, taggingOf(aws, name));
    },

    async delete(aws) {
      await orMissing(aws.logs.call("DeleteLogGroup", { logGroupName: name }));
    },
  };
}

/** The calls about the tags of a group, which want the ARN that AWS lists. */
function taggingOf(aws: Aws, name: string) {
  const arn = async () => {
    const group = await findLogGroup(aws.logs, name);
    return group && complete(group, ["logGroupArn"]).logGroupArn;
  };
  return {
    async set(tags: Record<string, string>) {
      const resourceArn = await arn();
      if (resourceArn === undefined)
        throw new CliError("changed-meanwhile", `the log group ${name} was deleted meanwhile`, {
          hint: "run the same command again to continue",
        });
      await aws.logs.call("TagResource", { resourceArn, tags });
    },
    async remove(tagKeys: string[]) {
      const resourceArn = await arn();
      if (resourceArn !== undefined) await aws.logs.call("UntagResource", { resourceArn, tagKeys });
    },
  };
}

/** A group that was there before: its lines stay as long as those of any group of the stack. */
const adoptionOf = (
  name: string,
  isTakenOver: boolean,
): Adoption<LogGroupProperties, Record<never, string>> => ({
  ...(isTakenOver && { unasked: true }),
  addTags: (aws, _found, tags) => taggingOf(aws, name).set({ ...tags }),
  removeTags: (aws, _found, names) => taggingOf(aws, name).remove(names),
  says: ({ properties: { RetentionInDays: found } }, { RetentionInDays: desired }) => [
    desired === undefined || desired === found
      ? "it was there before, and keeps its lines"
      : `it was there before; lines older than ${desired} days go`,
  ],
  keeps: "its lines",
});

export type LogGroupResource = ReturnType<typeof logGroup>;
