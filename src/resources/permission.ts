import type { AnyResource, Resource } from "../stack/resource.ts";
import type { AccountResource } from "./account.ts";
import type { AliasResource } from "./alias.ts";
import type { ApiResource } from "./api.ts";
import type { FunctionResource } from "./function.ts";
import type { Aws } from "../aws/clients.ts";
import { ALIAS } from "../aws/served.ts";
import { complete, given, orMissing } from "../aws/answers.ts";

interface PermissionProperties {
  FunctionName: string;
  Qualifier: string;
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
 * Lets this API's stage, of this account, invoke what the alias serves; without it every handshake ends with
 * 500. A permission on the function itself does not cover its alias (AWS.md 1.5, 4.7).
 */
export function permission(
  { functionName: FunctionName, stage, region }: { functionName: string; stage: string; region: string },
  needs: { account: AccountResource; api: ApiResource; alias: AliasResource },
): Resource<PermissionProperties, Record<never, string>, typeof needs> {
  return {
    id: "Permission",
    type: "AWS::Lambda::Permission",
    name: `${STATEMENT_ID} on ${FunctionName}:${ALIAS}`,
    step: "permission",
    needs,
    foundBy: "name",
    adoption: "marked",

    desired: ({ account: { Account, Partition }, api: { ApiId } }) => ({
      FunctionName,
      Qualifier: ALIAS,
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:${Partition}:execute-api:${region}:${Account}:${ApiId}/${stage}/*`,
      SourceAccount: Account,
    }),

    async list(aws) {
      const found = await ourStatements(aws, { FunctionName, Qualifier: ALIAS });
      return found.map((statement) => ({
        attributes: {},
        properties: { FunctionName, Qualifier: ALIAS, ...propertiesOf(statement) },
      }));
    },

    async create(aws, desired, found) {
      // A statement cannot be changed, only removed and added again under the same id.
      if (found)
        await orMissing(
          aws.lambda.call("RemovePermission", {
            FunctionName,
            Qualifier: ALIAS,
            StatementId: STATEMENT_ID,
          }),
        );
      await aws.lambda.call("AddPermission", { StatementId: STATEMENT_ID, ...desired });
      return {};
    },
  };
}

/**
 * The permission on the function itself, which stacks had whose API called no alias. Clients are served by
 * way of it until the stage serves the alias, so it goes after that.
 */
export function formerPermission(
  { functionName: FunctionName }: { functionName: string },
  needs: { lambdaFunction: FunctionResource },
  follows: readonly AnyResource[],
): Resource<{ FunctionName: string }, Record<never, string>, typeof needs> {
  return {
    id: "FormerPermission",
    type: "AWS::Lambda::Permission",
    name: `${STATEMENT_ID} on ${FunctionName}`,
    step: "stage",
    needs,
    within: needs.lambdaFunction,
    foundBy: "name",
    adoption: "marked",
    former: true,
    follows,
    desired: () => ({ FunctionName }),

    async list(aws) {
      const found = await ourStatements(aws, { FunctionName });
      return found.map(() => ({ attributes: {}, properties: { FunctionName } }));
    },

    // What no stack has any more is never made.
    create: () => Promise.resolve({}),

    async delete(aws) {
      await orMissing(aws.lambda.call("RemovePermission", { FunctionName, StatementId: STATEMENT_ID }));
    },
  };
}

async function ourStatements(
  aws: Aws,
  asked: { FunctionName: string; Qualifier?: string },
): Promise<Statement[]> {
  const answer = await orMissing(aws.lambda.call("GetPolicy", asked));
  if (!answer) return [];
  const policy = JSON.parse(complete(answer, ["Policy"]).Policy) as { Statement?: Statement[] };
  return complete(policy, ["Statement"]).Statement.filter(({ Sid }) => Sid === STATEMENT_ID);
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
