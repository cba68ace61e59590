import { GetRolePolicyCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import type { Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import type { RoleResource } from "./role.ts";
import { complete, orMissing } from "../aws/answers.ts";

interface RolePolicyProperties {
  RoleName: string;
  PolicyName: string;
  PolicyDocument: object;
}

const POLICY_NAME = "WebSocketAPIPermissions";

/**
 * What the function may do, and nothing else: push to and close connections of this API's stage, write to its
 * own log group, and invoke itself (a second run delivers the frames that cannot be sent during `$connect`).
 * AWS.md 6.6.
 */
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
    await aws.iam.send(
      new PutRolePolicyCommand({
        RoleName: roleName,
        PolicyName: POLICY_NAME,
        PolicyDocument: JSON.stringify(PolicyDocument),
      }),
    );
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
      PolicyDocument: documentFor({ functionName, stage, region, Account, Partition, ApiId }),
    }),

    async list(aws) {
      const found = await orMissing(
        aws.iam.send(new GetRolePolicyCommand({ RoleName: roleName, PolicyName: POLICY_NAME })),
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

interface Scope {
  functionName: string;
  stage: string;
  region: string;
  Account: string;
  Partition: string;
  ApiId: string;
}

const documentFor = ({ functionName, stage, region, Account, Partition, ApiId }: Scope) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "Push",
      Effect: "Allow",
      Action: "execute-api:ManageConnections",
      Resource: ["POST", "DELETE"].map(
        (method) =>
          `arn:${Partition}:execute-api:${region}:${Account}:${ApiId}/${stage}/${method}/@connections/*`,
      ),
    },
    {
      Sid: "Logs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `arn:${Partition}:logs:${region}:${Account}:log-group:/aws/lambda/${functionName}:*`,
    },
    {
      Sid: "DeliverLater",
      Effect: "Allow",
      Action: "lambda:InvokeFunction",
      Resource: `arn:${Partition}:lambda:${region}:${Account}:function:${functionName}`,
    },
  ],
});
