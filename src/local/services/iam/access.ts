import { hasTags, textOf, type Authorization } from "../access.ts";
import type { Iam } from "./role.ts";

/** The operation, on the role or the policy that it names (AWS.md 6.9). */
export const authorizationIn = (parts: Iam): Authorization => ({
  error: "AccessDenied",
  status: 403,
  accesses({ operation, input, account }) {
    const resource = resourceOf(parts, input, account);
    const tags = operation === "CreateRole" && hasTags(input["Tags"]);
    return [{ action: `iam:${operation}`, resource }, ...(tags ? [{ action: "iam:TagRole", resource }] : [])];
  },
});

function resourceOf(
  { roles }: Iam,
  { RoleName, Path, PolicyArn, PolicySourceArn }: Readonly<Record<string, unknown>>,
  account: string,
): string {
  const name = textOf(RoleName);
  if (name === "") return textOf(PolicyArn) || textOf(PolicySourceArn) || "*";
  const path = textOf(Path) || "/";
  return roles.get(name.toLowerCase())?.arn ?? `arn:aws:iam::${account}:role${path}${name}`;
}
