import type { Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import type { RoleResource } from "./role.ts";
import { complete, orMissing } from "../aws/answers.ts";
import {
  extrasOf,
  extraStatements,
  functionPolicy,
  type PolicyDocument,
  type PolicyStatement,
} from "../aws/policies.ts";

interface RolePolicyProperties {
  RoleName: string;
  PolicyName: string;
  PolicyDocument: PolicyDocument;
  /** Statements for what the configuration says nothing of: they stay as they are. */
  LeftStatements?: readonly PolicyStatement[];
}

const POLICY_NAME = "WebSocketAPIPermissions";

interface RolePolicyConfig {
  roleName: string;
  functionName: string;
  stage: string;
  region: string;
  /** What is absent of these stays as it is, and so do the rights for it. */
  subnets?: readonly string[] | undefined;
  tracing?: string | undefined;
}

/** The function's policy, inline in its role. */
export function rolePolicy(
  { roleName, functionName, stage, region, subnets, tracing }: RolePolicyConfig,
  needs: { role: RoleResource; account: AccountResource; api: ApiResource },
): Resource<RolePolicyProperties, Record<never, string>, typeof needs> {
  const extras = extrasOf({ subnets, tracing });
  const left = [
    ...(subnets === undefined ? [extraStatements.vpc] : []),
    ...(tracing === undefined ? [extraStatements.traced] : []),
  ];
  const isLeft = ({ Sid }: PolicyStatement) => left.includes(Sid);
  const put = async (aws: Aws, { PolicyDocument: ours, LeftStatements = [] }: RolePolicyProperties) => {
    const PolicyDocument = { ...ours, Statement: [...ours.Statement, ...LeftStatements] };
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
    adoption: "as its parent",

    desired: ({ account: { Account, Partition }, api: { ApiId } }) => ({
      RoleName: roleName,
      PolicyName: POLICY_NAME,
      PolicyDocument: functionPolicy({ functionName, stage, region, Account, Partition, ApiId }, extras),
    }),

    async list(aws) {
      const found = await orMissing(
        aws.iam.call("GetRolePolicy", { RoleName: roleName, PolicyName: POLICY_NAME }),
      );
      if (!found) return [];
      // Percent-encoded once, as every policy document that IAM answers (AWS.md 6.3).
      const document = JSON.parse(decodeURIComponent(complete(found, ["PolicyDocument"]).PolicyDocument));
      const properties = { RoleName: roleName, PolicyName: POLICY_NAME, ...withoutLeft(document, isLeft) };
      return [{ attributes: {}, properties }];
    },

    async create(aws, desired) {
      await put(aws, desired);
      return {};
    },

    update: put,
  };
}

/** A document apart from what is left as it is; one that another wrote may have a single statement. */
function withoutLeft(
  { Statement, ...document }: PolicyDocument,
  isLeft: (statement: PolicyStatement) => boolean,
): Pick<RolePolicyProperties, "PolicyDocument" | "LeftStatements"> {
  const statements = [Statement].flat();
  const LeftStatements = statements.filter(isLeft);
  const rest = LeftStatements.length > 0 ? statements.filter((one) => !isLeft(one)) : Statement;
  return { PolicyDocument: { ...document, Statement: rest }, LeftStatements };
}
