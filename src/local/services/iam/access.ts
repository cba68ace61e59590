import { hasTags, textOf, type Authorization } from "../access.ts";
import type { Iam } from "./role.ts";

/** The operation, on the role or the policy that it names (AWS.md 6.9). */
export const authorizationIn = (parts: Iam): Authorization => ({
  error: "AccessDenied",
  status: 403,
  accesses({ operation, input, account }) {
    const resource = resourceOf(parts, input, account);
    const policy = textOf(input["PolicyArn"]);
    const context = policy === "" ? {} : { context: { "iam:policyarn": policy } };
    const tagging = hasTags(input["Tags"]) ? taggingOf[operation] : undefined;
    return [
      { action: `iam:${operation}`, resource, ...context },
      ...(tagging ? [{ action: tagging, resource }] : []),
    ];
  },
});

/** What is made with tags needs this besides. */
const taggingOf: Readonly<Record<string, string>> = {
  CreateRole: "iam:TagRole",
  CreatePolicy: "iam:TagPolicy",
};

function resourceOf(
  { roles }: Iam,
  { RoleName, Path, PolicyName, PolicyArn, PolicySourceArn }: Readonly<Record<string, unknown>>,
  account: string,
): string {
  const [name, policy, path] = [textOf(RoleName), textOf(PolicyName), textOf(Path) || "/"];
  if (name === "" && policy !== "") return `arn:aws:iam::${account}:policy${path}${policy}`;
  if (name === "") return textOf(PolicyArn) || textOf(PolicySourceArn) || "*";
  return roles.get(name.toLowerCase())?.arn ?? `arn:aws:iam::${account}:role${path}${name}`;
}
