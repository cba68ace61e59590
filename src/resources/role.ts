import type { Role } from "@aws-sdk/client-iam";
import { CliError } from "../errors/error.ts";
import type { Found, LookedUp, Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import { complete, everyPage, given, orMissing } from "../aws/answers.ts";
import { roleMembers } from "../aws/authentic.ts";
import { trustsLambda } from "../aws/policies.ts";
import type { Tags } from "../aws/tags.ts";

interface RoleProperties {
  RoleName: string;
  AssumeRolePolicyDocument: object;
  Path?: string;
  /** The ARN of a policy that the role can never exceed. */
  PermissionsBoundary?: string;
}

interface RoleConfig {
  roleName: string;
  /** What is absent of these stays as it is. */
  rolePath?: string | undefined;
  permissionsBoundary?: string | undefined;
}
type RoleAttributes = { Arn: string };

/**
 * The execution role, which only Lambda may assume. Its name is unique in the account, and every other
 * resource needs it: so creating it decides which of two first deploys goes first (FAULTS.md R4).
 */
export function role(
  { roleName: name, rolePath, permissionsBoundary }: RoleConfig,
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
    desired: () => ({
      RoleName: name,
      AssumeRolePolicyDocument: trustsLambda,
      ...given({ Path: rolePath, PermissionsBoundary: permissionsBoundary }),
    }),
    refuses({ Path }, found) {
      if (found && Path !== found.properties.Path) throw elsewhere(name, found.properties.Path, Path);
    },

    async list(aws) {
      const answer = await orMissing(aws.iam.call("GetRole", { RoleName: name }));
      return answer ? [foundRole(complete(answer, ["Role"]).Role)] : [];
    },

    async create(aws, { AssumeRolePolicyDocument, Path, PermissionsBoundary }) {
      const { Role } = await aws.iam.call("CreateRole", {
        RoleName: name,
        AssumeRolePolicyDocument: JSON.stringify(AssumeRolePolicyDocument),
        ...given({ Path, PermissionsBoundary }),
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      });
      return { Arn: complete(Role, ["Arn"]).Arn };
    },

    async update(aws, { AssumeRolePolicyDocument, PermissionsBoundary }, _found, changed) {
      if (changed.has("AssumeRolePolicyDocument"))
        await aws.iam.call("UpdateAssumeRolePolicy", {
          RoleName: name,
          PolicyDocument: JSON.stringify(AssumeRolePolicyDocument),
        });
      if (changed.has("PermissionsBoundary"))
        await aws.iam.call("PutRolePermissionsBoundary", { RoleName: name, PermissionsBoundary });
    },

    async delete(aws) {
      // One after another: IAM refuses two changes of one role at the same time.
      await deleteInlinePolicies(aws, name);
      await detachPolicies(aws, name);
      await orMissing(aws.iam.call("DeleteRole", { RoleName: name }));
    },
  };
}

/** The execution role: of the stack, or of others. */
export type RoleResource = LookedUp<object, RoleAttributes>;

const elsewhere = (name: string, present = "/", wanted = "/"): CliError =>
  new CliError(
    "role-elsewhere",
    `the role ${name} has the path ${present}, and IAM cannot move it to ${wanted}`,
    {
      hint: "no changes were made; choose another --role-name, or leave --role-path out",
    },
  );

function foundRole(found: Role): Found<RoleProperties, RoleAttributes> {
  const { RoleName, Arn, AssumeRolePolicyDocument } = complete(found, roleMembers);
  // IAM leaves the tags out where a role has none.
  const { Path = "/", PermissionsBoundary, Tags, CreateDate } = found;
  return {
    attributes: { Arn },
    // IAM answers policy documents percent-encoded, once, and the SDK leaves them so (AWS.md 6.3).
    properties: {
      RoleName,
      Path,
      AssumeRolePolicyDocument: JSON.parse(decodeURIComponent(AssumeRolePolicyDocument)),
      ...given({ PermissionsBoundary: PermissionsBoundary?.PermissionsBoundaryArn }),
    },
    tags: Tags ? Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value])) : {},
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
