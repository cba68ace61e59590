import type { Adoption, Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { RoleResource } from "./role.ts";
import { complete, given, orMissing } from "../aws/answers.ts";
import { findLogGroup } from "../aws/log-groups.ts";
import { desiredTags, foundTags, writeTags, type TagProperties } from "./configured-tags.ts";
import type { Tags } from "../aws/tags.ts";

interface LogGroupProperties extends TagProperties {
  LogGroupName: string;
  RetentionInDays: number;
}

/** Empty where it was just created: AWS tells it where groups are listed. */
type LogGroupAttributes = { Arn: string };

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
): Resource<LogGroupProperties, LogGroupAttributes, typeof needs> {
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
    adoption: adoptionOf(isTakenOver),
    ...given({ isWanted }),
    desired: () => ({
      LogGroupName: name,
      ...(retentionInDays === undefined ? {} : { RetentionInDays: retentionInDays }),
      ...desiredTags(configuredTags),
    }),

    async list(aws) {
      const group = await findLogGroup(aws.logs, name);
      if (!group) return [];
      const { logGroupArn: Arn } = complete(group, ["logGroupArn"]);
      const all = await tagsAt(aws, Arn);
      // Deleted since it was listed.
      if (!all) return [];
      return [
        {
          attributes: { Arn },
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

    // A list may lag behind: that it does not show one is no proof.
    async again(aws, found) {
      const [listed] = await this.list(aws, {}, "all");
      if (listed) return listed;
      const all = await tagsAt(aws, found.attributes.Arn);
      return all && { ...found, tags: all };
    },

    async create(aws, { RetentionInDays }) {
      await aws.logs.call("CreateLogGroup", { logGroupName: name, tags: { ...tags } });
      await keepFor(aws, RetentionInDays);
      return { Arn: "" };
    },

    async update(aws, desired, found, changed) {
      if (changed.has("RetentionInDays")) await keepFor(aws, desired.RetentionInDays);
      await writeTags(desired, found, changed, taggingOf(aws, found));
    },

    async delete(aws) {
      await orMissing(aws.logs.call("DeleteLogGroup", { logGroupName: name }));
    },
  };
}

/** The tags of a group; undefined where there is none. */
async function tagsAt(aws: Aws, resourceArn: string): Promise<Tags | undefined> {
  const tagged = await orMissing(aws.logs.call("ListTagsForResource", { resourceArn }));
  return tagged && complete(tagged, ["tags"]).tags;
}

/** The calls about the tags of a group that was found. */
const taggingOf = (aws: Aws, { attributes: { Arn: resourceArn } }: { attributes: LogGroupAttributes }) => ({
  set: (tags: Record<string, string>) => aws.logs.call("TagResource", { resourceArn, tags }),
  remove: (tagKeys: string[]) => aws.logs.call("UntagResource", { resourceArn, tagKeys }),
});

/** A group that was there before: its lines stay as long as those of any group of the stack. */
const adoptionOf = (isTakenOver: boolean): Adoption<LogGroupProperties, LogGroupAttributes> => ({
  ...(isTakenOver && { unasked: true }),
  addTags: (aws, found, tags) => taggingOf(aws, found).set({ ...tags }),
  removeTags: (aws, found, names) => taggingOf(aws, found).remove(names),
  says: ({ properties: { RetentionInDays: found } }, { RetentionInDays: desired }) => [
    desired === undefined || desired === found
      ? "it was there before, and keeps its lines"
      : `it was there before; lines older than ${desired} days go`,
  ],
  keeps: "its lines",
});

export type LogGroupResource = ReturnType<typeof logGroup>;
