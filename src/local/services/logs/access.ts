import { hasTags, textOf, type AskedCall, type Authorization } from "../access.ts";

/** Tags are of the group itself; everything else is of what is in it, `:*` (AWS.md 6.9). */
const ofTheGroup = new Set(["TagResource", "UntagResource", "ListTagsForResource"]);

/** These are of a stream, which the group's `:*` covers, too. */
const ofAStream = new Set(["DeleteLogStream", "GetLogEvents", "PutLogEvents"]);

/** The operation, on the log groups that it names. The list of groups is of none of them. */
export const authorization: Authorization = {
  error: "AccessDeniedException",
  status: 400,
  accesses(call) {
    const { operation, input } = call;
    const groups = groupsIn(call);
    const tags = operation === "CreateLogGroup" && hasTags(input["tags"]);
    return groups.flatMap((group) => [
      { action: `logs:${operation}`, resource: `${group}${behindTheGroup(call)}` },
      ...(tags ? [{ action: "logs:TagResource", resource: group }] : []),
    ]);
  },
};

function behindTheGroup({ operation, input }: AskedCall): string {
  if (ofTheGroup.has(operation)) return "";
  return ofAStream.has(operation) ? `:log-stream:${textOf(input["logStreamName"])}` : ":*";
}

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
