import type { Resource } from "../stack/resource.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import type { FunctionResource } from "./function.ts";
import { complete, given, orMissing } from "../aws/answers.ts";

interface PermissionProperties {
  FunctionName: string;
  Action: string;
  Principal: string;
  SourceArn: string;
  SourceAccount: string;
}

/** The part of a resource policy's statement that we set (AWS.md 4.7). */
interface Statement {
  Sid?: string;
  Action?: string;
  Principal?: { Service?: string };
  Condition?: { ArnLike?: Record<string, string>; StringEquals?: Record<string, string> };
}

export const STATEMENT_ID = "shelfshack-ws";

/**
 * Lets this API's stage, of this account, invoke the function; without it every handshake ends with 500
 * (AWS.md 1.5, 4.7).
 */
export function permission(
  { functionName: FunctionName, stage, region }: { functionName: string; stage: string; region: string },
  needs: { account: AccountResource; api: ApiResource; lambdaFunction: FunctionResource },
): Resource<PermissionProperties, Record<never, string>, typeof needs> {
  return {
    id: "Permission",
    type: "AWS::Lambda::Permission",
    name: `${STATEMENT_ID} on ${FunctionName}`,
    step: "permission",
    needs,
    foundBy: "name",

    desired: ({ account: { Account, Partition }, api: { ApiId } }) => ({
      FunctionName,
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:${Partition}:execute-api:${region}:${Account}:${ApiId}/${stage}/*`,
      SourceAccount: Account,
    }),

    async list(aws) {
      const answer = await orMissing(aws.lambda.call("GetPolicy", { FunctionName }));
      if (!answer) return [];
      const policy = JSON.parse(complete(answer, ["Policy"]).Policy) as { Statement?: Statement[] };
      const { Statement } = complete(policy, ["Statement"]);
      return Statement.filter(({ Sid }) => Sid === STATEMENT_ID).map((found) => ({
        attributes: {},
        properties: { FunctionName, ...propertiesOf(found) },
      }));
    },

    async create(aws, desired, found) {
      // A statement cannot be changed, only removed and added again under the same id.
      if (found)
        await orMissing(aws.lambda.call("RemovePermission", { FunctionName, StatementId: STATEMENT_ID }));
      await aws.lambda.call("AddPermission", { StatementId: STATEMENT_ID, ...desired });
      return {};
    },
  };
}

const valueOf = (conditions: Record<string, string> | undefined, name: string): string | undefined =>
  conditions && Object.entries(conditions).find(([key]) => key.toLowerCase() === name)?.[1];

/** The statement's parts; one that another tool wrote may lack some. */
const propertiesOf = ({ Action, Principal, Condition }: Statement): Partial<PermissionProperties> =>
  given({
    Action,
    Principal: Principal?.Service,
    SourceArn: valueOf(Condition?.ArnLike, "aws:sourcearn"),
    SourceAccount: valueOf(Condition?.StringEquals, "aws:sourceaccount"),
  });
