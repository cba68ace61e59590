import type * as sdk from "@aws-sdk/client-iam";
import { AwsError } from "../../aws-error.ts";
import { all, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { malformed, statementsIn } from "./policy.ts";
import { isManagedByAws, noSuch, pageOfItems, roleOf, urlEncoded, type Iam } from "./role.ts";

const op = operations<typeof sdk, Iam>();
const paging = { Marker: all, MaxItems: all } as const;
const named = { RoleName: all, PolicyName: all } as const;

/** The inline policies of roles, and the managed ones that are attached (AWS.md 6.2, 6.3). */
export const rolePolicyOperations = [
  op("PutRolePolicy", { ...named, PolicyDocument: all }, ({ RoleName, PolicyName, PolicyDocument }, at) => {
    const { policies } = roleOf(at, RoleName);
    checkIdentityPolicy(PolicyDocument);
    const others = [...policies].filter(([other]) => other !== PolicyName).map(([, document]) => document);
    if ([...others, PolicyDocument].join("").replaceAll(/\s/g, "").length > 10_240)
      throw new AwsError(
        "LimitExceededException",
        `Maximum policy size of 10240 bytes exceeded for role ${RoleName}`,
      );
    policies.set(PolicyName, PolicyDocument);
  }),
  op("GetRolePolicy", named, ({ RoleName, PolicyName }, at) => {
    const document = roleOf(at, RoleName).policies.get(PolicyName);
    if (document === undefined) throw noSuch(`The role policy with name ${PolicyName} cannot be found.`);
    return { RoleName, PolicyName, PolicyDocument: urlEncoded(document) };
  }),
  op("ListRolePolicies", { RoleName: all, ...paging }, ({ RoleName, ...page }, at) => {
    const { listed, more } = pageOfItems(at, [...roleOf(at, RoleName).policies.keys()], page);
    return { PolicyNames: listed, ...more };
  }),
  op("DeleteRolePolicy", named, ({ RoleName, PolicyName }, at) => {
    if (!roleOf(at, RoleName).policies.delete(PolicyName))
      throw noSuch(`The role policy with name ${PolicyName} cannot be found.`);
  }),

  op("AttachRolePolicy", { RoleName: all, PolicyArn: all }, ({ RoleName, PolicyArn }, at) => {
    const { attached } = roleOf(at, RoleName);
    if (!/^arn:[^:]+:iam::/.test(PolicyArn))
      throw new AwsError("ValidationError", "Invalid ARN:  Could not be parsed!");
    if (!isManagedByAws(PolicyArn) && !at.managed.has(PolicyArn))
      throw noSuch(`Policy ${PolicyArn} does not exist or is not attachable.`);
    if (!attached.has(PolicyArn) && attached.size >= maxAttached)
      throw new AwsError("LimitExceededException", `Cannot exceed quota for PoliciesPerRole: ${maxAttached}`);
    attached.add(PolicyArn);
  }),
  op("DetachRolePolicy", { RoleName: all, PolicyArn: all }, ({ RoleName, PolicyArn }, at) => {
    if (!roleOf(at, RoleName).attached.delete(PolicyArn)) throw noSuch(`Policy ${PolicyArn} was not found.`);
  }),
  op(
    "ListAttachedRolePolicies",
    { RoleName: all, PathPrefix: only("/"), ...paging },
    ({ RoleName, Marker, MaxItems }, at) => {
      const { listed, more } = pageOfItems(at, [...roleOf(at, RoleName).attached], { Marker, MaxItems });
      return {
        AttachedPolicies: listed.map((PolicyArn) => ({ PolicyArn, PolicyName: PolicyArn.split("/").at(-1) })),
        ...more,
      };
    },
  ),
];

/** The most managed policies of a role (AWS.md 6.3). */
const maxAttached = 10;

/** Throws MalformedPolicyDocument for what is no policy of a role. */
export function checkIdentityPolicy(document: string): void {
  const statements = statementsIn(document);
  if (statements.some(({ principals }) => principals.length > 0))
    throw malformed("Policy document should not specify a principal.");
  if (statements.some(({ actions }) => actions.length === 0))
    throw malformed("Policy statement must contain actions.");
  if (statements.some(({ resources }) => resources.length === 0))
    throw malformed("Policy statement must contain resources.");
}
