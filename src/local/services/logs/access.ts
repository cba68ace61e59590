import { hasTags, textOf, type AskedCall, type Authorization } from "../access.ts";

/** Tags are of the group itself; everything else is of what is in it, `:*` (AWS.md 6.9). */
const ofTheGroup = new Set(["TagResource", "UntagResource", "ListTagsForResource"]);

/** The operation, on the log groups that it names. The list of groups is of none of them. */
export const authorization: Authorization = {
  error: "AccessDeniedException",
  status: 400,
  accesses(call) {
    const { operation, input } = call;
    const groups = groupsIn(call);
    const tags = operation === "CreateLogGroup" && hasTags(input["tags"]);
    return groups.flatMap((group) => [
      { action: `logs:${operation}`, resource: ofTheGroup.has(operation) ? group : `${group}:*` },
      ...(tags ? [{ action: "logs:TagResource", resource: group }] : []),
    ]);
  },
};

/** The ARNs, without what may follow the name. */
function groupsIn({ input, region, account }: AskedCall): string[] {
  const prefix = `arn:aws:logs:${region}:${account}:log-group:`;
  const { logGroupName, logGroupIdentifier, logGroupIdentifiers, resourceArn } = input;
  const named = [logGroupName, logGroupIdentifier, resourceArn, ...((logGroupIdentifiers as string[]) ?? [])]
    .map(textOf)
    .filter((name) => name !== "");
  if (named.length === 0) return [prefix];
  return named.map((name) => (name.startsWith("arn:") ? name.replace(/:\*$/, "") : `${prefix}${name}`));
}
