import type { Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import type { RoleResource } from "./role.ts";
import { complete, orMissing } from "../aws/answers.ts";
import { functionPolicy } from "../aws/policies.ts";

interface RolePolicyProperties {
  RoleName: string;
  PolicyName: string;
  PolicyDocument: object;
}

const POLICY_NAME = "WebSocketAPIPermissions";

/** The function's policy, inline in its role. */
export function rolePolicy(
  {
    roleName,
    functionName,
    stage,
    region,
  }: { roleName: string; functionName: string; stage: string; region: string },
  needs: { role: RoleResource; account: AccountResource; api: ApiResource },
): Resource<RolePolicyProperties, Record<never, string>, typeof needs> {
  const put = async (aws: Aws, { PolicyDocument }: RolePolicyProperties) => {
    await aws.iam.call("PutRolePolicy", {
      RoleName: roleName,
      PolicyName: POLICY_NAME,
      PolicyDocument: JSON.stringify(PolicyDocument),
    });
  };
  return {
    id: "RolePolicy",
    type: "AWS::IAM::RolePolicy",
    name: POLICY_NAME,
    step: "policy",
    needs,
    within: needs.role,
    foundBy: "name",

    desired: ({ account: { Account, Partition }, api: { ApiId } }) => ({
      RoleName: roleName,
      PolicyName: POLICY_NAME,
      PolicyDocument: functionPolicy({ functionName, stage, region, Account, Partition, ApiId }),
    }),

    async list(aws) {
      const found = await orMissing(
        aws.iam.call("GetRolePolicy", { RoleName: roleName, PolicyName: POLICY_NAME }),
      );
      if (!found) return [];
      // Percent-encoded once, as every policy document that IAM answers (AWS.md 6.3).
      const PolicyDocument = JSON.parse(
        decodeURIComponent(complete(found, ["PolicyDocument"]).PolicyDocument),
      );
      return [
        { attributes: {}, properties: { RoleName: roleName, PolicyName: POLICY_NAME, PolicyDocument } },
      ];
    },

    async create(aws, desired) {
      await put(aws, desired);
      return {};
    },

    update: put,
  };
}
