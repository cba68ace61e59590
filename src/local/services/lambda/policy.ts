import { randomUUID } from "node:crypto";
import type * as sdk from "@aws-sdk/client-lambda";
import { AwsError } from "../../aws-error.ts";
import {
  buildOf,
  checkRevision,
  findFunction,
  invalidParameter,
  noResource,
  referenceOf,
  resourceConflict,
  unqualified,
  type FunctionState,
  type ResourcePolicy,
} from "./function.ts";
import type { Operations } from "../operations.ts";
import { decide, statementsIn } from "../iam/policy.ts";
import type { World } from "../../state.ts";

/** Resource policies: who may invoke a function (AWS.md 4.7). */
export function policyOperations(world: World): Operations<typeof sdk> {
  return {
    AddPermission({ FunctionName, Qualifier, StatementId, RevisionId, ...given }, { region, now }) {
      const asked = referenceOf(FunctionName, Qualifier);
      const { qualifier = "" } = asked;
      const found = findFunction(world, region, unqualified(asked), now);
      if (qualifier === "$LATEST")
        throw invalidParameter("We currently do not support adding policies for $LATEST.");
      if (qualifier) buildOf(world, found, qualifier);
      const policy = found.policies.get(qualifier) ?? {
        statements: new Map<string, string>(),
        revisionId: found.revisionId,
      };
      checkRevision(policy.revisionId, RevisionId);
      if (policy.statements.has(StatementId))
        throw resourceConflict(
          `The statement id (${StatementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
        );
      const statement = statementText({ ...given, StatementId }, resourceArn(found, qualifier));
      const statements = new Map([...policy.statements, [StatementId, statement]]);
      if (documentOf(statements).length > 20_480)
        throw new AwsError(
          "PolicyLengthExceededException",
          "The final policy size is bigger than the limit (20480).",
        );
      found.policies.set(qualifier, { statements, revisionId: randomUUID() });
      return { Statement: statement };
    },
    RemovePermission({ FunctionName, Qualifier, StatementId, RevisionId }, { region, now }) {
      const asked = referenceOf(FunctionName, Qualifier);
      const { qualifier = "" } = asked;
      const { policies } = findFunction(world, region, unqualified(asked), now);
      const policy = policies.get(qualifier);
      if (!policy) throw noResource("No policy is associated with the given resource.");
      checkRevision(policy.revisionId, RevisionId);
      if (!policy.statements.has(StatementId))
        throw noResource(`Statement ${StatementId} is not found in resource policy.`);
      const statements = new Map([...policy.statements].filter(([id]) => id !== StatementId));
      if (statements.size > 0) policies.set(qualifier, { statements, revisionId: randomUUID() });
      else policies.delete(qualifier);
    },
    GetPolicy({ FunctionName, Qualifier }, { region, now }) {
      const asked = referenceOf(FunctionName, Qualifier);
      const { qualifier = "" } = asked;
      const policy = findFunction(world, region, unqualified(asked), now).policies.get(qualifier);
      if (!policy) throw noResource("The resource you requested does not exist.");
      return { Policy: documentOf(policy.statements), RevisionId: policy.revisionId };
    },
  };
}

const resourceArn = ({ arn }: FunctionState, qualifier: string): string =>
  qualifier ? `${arn}:${qualifier}` : arn;

const documentOf = (statements: ResourcePolicy["statements"]): string =>
  `{"Version":"2012-10-17","Id":"default","Statement":[${[...statements.values()].join(",")}]}`;

type Permission = Pick<sdk.AddPermissionCommandInput, "SourceArn" | "SourceAccount"> & {
  StatementId: string;
  Action: string;
  Principal: string;
};

function statementText(
  { StatementId, Action, Principal, SourceArn, SourceAccount }: Permission,
  resource: string,
): string {
  const condition = {
    ...(SourceAccount === undefined ? {} : { StringEquals: { "AWS:SourceAccount": SourceAccount } }),
    ...(SourceArn === undefined ? {} : { ArnLike: { "AWS:SourceArn": SourceArn } }),
  };
  return JSON.stringify({
    Sid: StatementId,
    Effect: "Allow",
    Principal: principalOf(Principal),
    Action,
    Resource: resource,
    ...(Object.keys(condition).length > 0 ? { Condition: condition } : {}),
  });
}

function principalOf(principal: string): unknown {
  if (principal === "*") return "*";
  if (principal.endsWith(".amazonaws.com")) return { Service: principal };
  return { AWS: /^\d{12}$/.test(principal) ? `arn:aws:iam::${principal}:root` : principal };
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
