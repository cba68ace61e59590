import type { GetRoleResponse, Role } from "@aws-sdk/client-iam";
import { NO_CHANGES } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import type { Found, LookedUp, Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import { complete, everyPage, given, orDenied, orMissing } from "../aws/answers.ts";
import { roleMembers } from "../aws/authentic.ts";
import { desiredTags, foundTags, writeTags, type TagProperties } from "./configured-tags.ts";
import { trustsLambda } from "../aws/policies.ts";
import { readFunction } from "../aws/lambda-function.ts";
import { isAdopted, isUnclaimed, type Tags } from "../aws/tags.ts";

interface RoleProperties extends TagProperties {
  RoleName: string;
  AssumeRolePolicyDocument: object;
  Path?: string;
  /** The ARN of a policy that the role can never exceed. */
  PermissionsBoundary?: string;
}

interface RoleConfig {
  roleName: string;
  functionName: string;
  /** Whether a function that was made by hand is adopted. */
  adopt?: boolean | undefined;
  /** What is absent of these stays as it is. */
  rolePath?: string | undefined;
  permissionsBoundary?: string | undefined;
  configuredTags?: Tags | undefined;
}
type RoleAttributes = { Arn: string };

/**
 * The execution role, which only Lambda may assume; of an adopted function the one that it has. Its name is
 * unique in the account, and every other resource needs it: so creating it decides which of two first deploys
 * goes first (FAULTS.md R4).
 */
export function role(
  { roleName: name, rolePath, permissionsBoundary, configuredTags, functionName, adopt = false }: RoleConfig,
  tags: Tags,
): Resource<RoleProperties, RoleAttributes> {
  return {
    id: "Role",
    type: "AWS::IAM::Role",
    name,
    tags,
    step: "role",
    needs: {},
    foundBy: "name",
    adoption: "never",
    desired: () => ({
      RoleName: name,
      AssumeRolePolicyDocument: trustsLambda,
      ...given({ Path: rolePath, PermissionsBoundary: permissionsBoundary }),
      ...desiredTags(configuredTags),
    }),
    refuses({ Path }, found) {
      if (found && Path !== found.properties.Path) throw elsewhere(name, found.properties.Path, Path);
    },

    async list(aws) {
      const [own, others] = await Promise.allSettled([
        orMissing(aws.iam.call("GetRole", { RoleName: name })),
        roleOfAdopted(aws, functionName, adopt),
      ]);
      return roleInUse(own, others);
    },

    async create(aws, { AssumeRolePolicyDocument, Path, PermissionsBoundary }) {
      const { Role } = await aws.iam.call("CreateRole", {
        RoleName: name,
        AssumeRolePolicyDocument: JSON.stringify(AssumeRolePolicyDocument),
        ...given({ Path, PermissionsBoundary }),
        Tags: asList(tags),
      });
      return { Arn: complete(Role, ["Arn"]).Arn };
    },

    async update(aws, desired, found, changed) {
      const { AssumeRolePolicyDocument, PermissionsBoundary } = desired;
      if (changed.has("AssumeRolePolicyDocument"))
        await aws.iam.call("UpdateAssumeRolePolicy", {
          RoleName: name,
          PolicyDocument: JSON.stringify(AssumeRolePolicyDocument),
        });
      if (changed.has("PermissionsBoundary"))
        await aws.iam.call("PutRolePermissionsBoundary", { RoleName: name, PermissionsBoundary });
      await writeTags(desired, found, changed, {
        set: (all) => aws.iam.call("TagRole", { RoleName: name, Tags: asList(all) }),
        remove: (TagKeys) => aws.iam.call("UntagRole", { RoleName: name, TagKeys }),
      });
    },

    async delete(aws) {
      // One after another: IAM refuses two changes of one role at the same time.
      await deleteInlinePolicies(aws, name);
      await detachPolicies(aws, name);
      await orMissing(aws.iam.call("DeleteRole", { RoleName: name }));
    },
  };
}

/** The role that the function has, where others own that, and otherwise the stack's own. */
function roleInUse(
  own: PromiseSettledResult<GetRoleResponse | undefined>,
  others: PromiseSettledResult<string | undefined>,
): readonly Found<RoleProperties, RoleAttributes>[] {
  if (others.status === "rejected") throw others.reason;
  const { value: Arn } = others;
  if (Arn !== undefined) return [{ attributes: { Arn }, properties: {}, isForeign: true }];
  // Where others own the role, the caller need not be allowed to read this one.
  if (own.status === "rejected") throw own.reason;
  return own.value ? [foundRole(complete(own.value, ["Role"]).Role)] : [];
}

/**
 * The role of a function that was made by hand, which keeps it: whose it is, is not known. Undefined for the
 * stack's own function.
 */
export async function roleOfAdopted(
  aws: Aws,
  functionName: string,
  adopt: boolean,
): Promise<string | undefined> {
  // One that may not be read tells nothing of its role; its own reading says so.
  const found = await orDenied(readFunction(aws, functionName));
  const tags = found?.Tags ?? {};
  return isAdopted(tags) || (adopt && isUnclaimed(tags)) ? found?.Configuration?.Role : undefined;
}

/** The execution role: of the stack, or of others. */
export type RoleResource = LookedUp<object, RoleAttributes>;

const elsewhere = (name: string, present = "/", wanted = "/"): CliError =>
  new CliError(
    "role-elsewhere",
    `the role ${name} has the path ${present}, and IAM cannot move it to ${wanted}`,
    {
      hint: `${NO_CHANGES}; choose another --role-name, or leave --role-path out`,
    },
  );

const asList = (tags: Tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

function foundRole(found: Role): Found<RoleProperties, RoleAttributes> {
  const { RoleName, Arn, AssumeRolePolicyDocument } = complete(found, roleMembers);
  // IAM leaves the tags out where a role has none.
  const { Path = "/", PermissionsBoundary, Tags: listed = [], CreateDate } = found;
  const tags = Object.fromEntries(listed.map(({ Key, Value }) => [Key, Value])) as Tags;
  return {
    attributes: { Arn },
    // IAM answers policy documents percent-encoded, once, and the SDK leaves them so (AWS.md 6.3).
    properties: {
      RoleName,
      Path,
      AssumeRolePolicyDocument: JSON.parse(decodeURIComponent(AssumeRolePolicyDocument)),
      ...given({ PermissionsBoundary: PermissionsBoundary?.PermissionsBoundaryArn }),
      ...foundTags(tags),
    },
    tags,
    ...(CreateDate ? { createdAt: CreateDate } : {}),
  };
}

/** A role with policies cannot be deleted (AWS.md 6.3, DeleteConflict). */
async function deleteInlinePolicies(aws: Aws, RoleName: string): Promise<void> {
  const names = everyPage(async (Marker) => {
    const page = await aws.iam.call("ListRolePolicies", { RoleName, Marker });
    return { Items: page.PolicyNames, NextToken: page.Marker };
  });
  for (const PolicyName of (await orMissing(names)) ?? [])
    await orMissing(aws.iam.call("DeleteRolePolicy", { RoleName, PolicyName }));
}

async function detachPolicies(aws: Aws, RoleName: string): Promise<void> {
  const attached = everyPage(async (Marker) => {
    const page = await aws.iam.call("ListAttachedRolePolicies", { RoleName, Marker });
    return { Items: page.AttachedPolicies, NextToken: page.Marker };
  });
  for (const { PolicyArn } of (await orMissing(attached)) ?? [])
    await orMissing(aws.iam.call("DetachRolePolicy", { RoleName, PolicyArn }));
}
