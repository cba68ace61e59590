import { randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { AwsError } from "../../aws-error.ts";
import { all } from "../../wire/members.ts";
import { decide, statementsIn } from "../iam/policy.ts";
import { operations } from "../operations.ts";
import {
  checkRevision,
  findFunction,
  invalidParameter,
  noResource,
  referenceOf,
  resourceConflict,
  unqualified,
  versionOf,
  type FunctionState,
  type Lambda,
  type ResourcePolicy,
} from "./function.ts";

const op = operations<typeof sdk, Lambda>();
const statement = { FunctionName: all, Qualifier: all, StatementId: all, RevisionId: all } as const;

/** Resource policies: who may invoke a function (AWS.md 4.7). */
export const policyOperations = [
  op(
    "AddPermission",
    {
      ...statement,
      Action: all,
      Principal: all,
      SourceArn: all,
      SourceAccount: all,
      PrincipalOrgID: all,
      FunctionUrlAuthType: all,
      EventSourceToken: all,
    },
    ({ FunctionName, Qualifier, RevisionId, ...given }, at) => {
      const asked = referenceOf(FunctionName, Qualifier);
      const { qualifier = "" } = asked;
      const found = findFunction(at, unqualified(asked));
      const policy = policyFor(found, qualifier);
      checkPermission(given);
      checkRevision(policy.revisionId, RevisionId, "GetPolicy");
      const { StatementId } = given;
      if (policy.statements.has(StatementId))
        throw resourceConflict(
          `The statement id (${StatementId}) provided already exists. ` +
            "Please provide a new statement id, or remove the existing statement.",
        );
      const text = statementText(given, resourceArn(found, qualifier));
      const statements = new Map([...policy.statements, [StatementId, text]]);
      if (documentOf(statements).length > 20_480)
        throw new AwsError(
          "PolicyLengthExceededException",
          "The final policy size is bigger than the limit (20480).",
        );
      found.policies.set(qualifier, { statements, revisionId: randomUUID() });
      return { Statement: text };
    },
  ),
  op("RemovePermission", statement, ({ FunctionName, Qualifier, StatementId, RevisionId }, at) => {
    const asked = referenceOf(FunctionName, Qualifier);
    const { qualifier = "" } = asked;
    const { policies } = findFunction(at, asked, (arn) => `No policy found for: ${arn}`);
    const policy = policies.get(qualifier);
    if (!policy) throw noResource("No policy is associated with the given resource.");
    checkRevision(policy.revisionId, RevisionId, "GetPolicy");
    if (!policy.statements.has(StatementId))
      throw noResource(`Statement ${StatementId} is not found in resource policy.`);
    const statements = new Map([...policy.statements].filter(([id]) => id !== StatementId));
    if (statements.size > 0) policies.set(qualifier, { statements, revisionId: randomUUID() });
    else policies.delete(qualifier);
  }),
  op("GetPolicy", { FunctionName: all, Qualifier: all }, ({ FunctionName, Qualifier }, at) => {
    const asked = referenceOf(FunctionName, Qualifier);
    const { qualifier = "" } = asked;
    const missing = "The resource you requested does not exist.";
    const policy = findFunction(at, asked, () => missing).policies.get(qualifier);
    if (!policy) throw noResource(missing);
    return { Policy: documentOf(policy.statements), RevisionId: policy.revisionId };
  }),
];

/** The policy that a statement is added to: of the function, or of a version or alias that it has. */
function policyFor(found: FunctionState, qualifier: string): ResourcePolicy {
  if (qualifier === "$LATEST")
    throw invalidParameter("We currently do not support adding policies for $LATEST.");
  if (/[^0-9]/.test(qualifier) && !found.aliases.has(qualifier))
    throw noResource(`Cannot find alias arn: ${found.arn}:${qualifier}`);
  if (qualifier) versionOf(found, qualifier);
  return found.policies.get(qualifier) ?? { statements: new Map(), revisionId: found.revisionId };
}

const resourceArn = ({ arn }: FunctionState, qualifier: string): string =>
  qualifier ? `${arn}:${qualifier}` : arn;

const documentOf = (statements: ResourcePolicy["statements"]): string =>
  `{"Version":"2012-10-17","Id":"default","Statement":[${[...statements.values()].join(",")}]}`;

/** The members that restrict a permission, each by the condition key that it becomes, by operator. */
const conditionKeys = {
  StringEquals: {
    SourceAccount: "AWS:SourceAccount",
    PrincipalOrgID: "aws:PrincipalOrgID",
    FunctionUrlAuthType: "lambda:FunctionUrlAuthType",
    EventSourceToken: "lambda:EventSourceToken",
  },
  ArnLike: { SourceArn: "AWS:SourceArn" },
} as const;
type Restriction = keyof (typeof conditionKeys)["StringEquals"] | "SourceArn";

type Permission = Pick<sdk.AddPermissionCommandInput, Restriction> & {
  StatementId: string;
  Action: string;
  Principal: string;
};

function checkPermission({ Action, Principal, FunctionUrlAuthType }: Permission): void {
  if (FunctionUrlAuthType !== undefined && Action !== "lambda:InvokeFunctionUrl")
    throw invalidParameter("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action");
  if (principalOf(Principal) === undefined)
    throw invalidParameter("The provided principal was invalid. Please check the principal and try again.");
}

function statementText(
  { StatementId, Action, Principal, ...restrictions }: Permission,
  resource: string,
): string {
  const condition = conditionOf(restrictions);
  return JSON.stringify({
    Sid: StatementId,
    Effect: "Allow",
    Principal: principalOf(Principal),
    Action,
    Resource: resource,
    ...(Object.keys(condition).length > 0 ? { Condition: condition } : {}),
  });
}

function conditionOf(restrictions: Pick<Permission, Restriction>): Record<string, Record<string, string>> {
  const operators = Object.entries(conditionKeys).map(([operator, keys]) => {
    const given = Object.entries(keys).flatMap(([member, key]) => {
      const value = restrictions[member as Restriction];
      return value === undefined ? [] : [[key, value]];
    });
    return [operator, Object.fromEntries(given)] as const;
  });
  return Object.fromEntries(operators.filter(([, keys]) => Object.keys(keys).length > 0));
}

/** A service, an account, an ARN, or everyone; undefined for anything else. */
function principalOf(principal: string): unknown {
  if (principal === "*") return "*";
  if (/\.amazon(aws)?\.com(\.cn)?$/.test(principal)) return { Service: principal };
  if (/^\d{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  return principal.startsWith("arn:") ? { AWS: principal } : undefined;
}

/**
 * Whether the policy of the function, or of the alias or version that is called, lets API Gateway invoke it
 * for `sourceArn`.
 */
export function gatewayMayInvoke(
  found: FunctionState,
  {
    qualifier = "",
    sourceArn,
    account,
  }: { qualifier?: string | undefined; sourceArn: string; account: string },
): boolean {
  const policy = found.policies.get(qualifier);
  if (!policy) return false;
  const context = { "aws:sourcearn": sourceArn, "aws:sourceaccount": account };
  const access = {
    action: "lambda:InvokeFunction",
    resource: resourceArn(found, qualifier),
    principal: "apigateway.amazonaws.com",
    context,
  };
  return decide(statementsIn(documentOf(policy.statements)), access) === "allowed";
}
