import { orDenied } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import { deployedApi } from "../aws/deployed.ts";
import { actionNamed } from "../cli/action.ts";
import type { Command } from "../cli/command.ts";
import { typing, type Next } from "../cli/next.ts";
import { command as invocation } from "../errors/advice.ts";
import { allTelling } from "../errors/telling.ts";
import { callersAccount } from "../resources/account.ts";
import { roleOfAdopted } from "../resources/role.ts";
import {
  backendPolicy,
  deployerPolicy,
  extrasOf,
  functionPolicy,
  type Extras,
  type PolicyDocument,
  type PolicyScope,
} from "../aws/policies.ts";

/** Whose policy it is. */
const principals = ["deployer", "function", "backend"] as const;
type Principal = (typeof principals)[number];

const policyOf: Readonly<Record<Principal, (scope: PolicyScope, extras: Extras) => PolicyDocument>> = {
  deployer: deployerPolicy,
  function: functionPolicy,
  backend: backendPolicy,
};

const ATTACHED = "once it is attached";
/** What shows that it is enough. */
const nextOf: Readonly<Record<Principal, Next>> = {
  deployer: typing(invocation("plan"), ATTACHED),
  function: typing(invocation("doctor"), ATTACHED),
  backend: typing(invocation("doctor", { taskRole: "ARN" }), "once it is attached to the backend's role"),
};

interface PolicyResult {
  principal: Principal;
  account: string;
  /** Null where it is not deployed, or cannot be read: then `*` stands for it. */
  apiId: string | null;
  document: PolicyDocument;
}

export const command: Command<"policy", PolicyResult> = {
  async run(
    {
      functionName,
      apiName,
      roleName,
      stage,
      account,
      roleArn: givenRole,
      rolePath,
      permissionsBoundary,
      adopt,
      subnets,
      tracing,
      tags,
      ...options
    },
    context,
  ) {
    const principal = actionNamed("policy", context.args[0] ?? "", principals);
    const aws = await context.aws(options);
    const [{ Account, Partition }, apiId, keptRole] = await allTelling([
      callersAccount(aws, account),
      apiIdOf(aws, { functionName, apiName }),
      roleOfAdopted(aws, functionName, adopt),
    ]);
    const roleArn = givenRole ?? keptRole;
    if (apiId === null)
      context.report({
        kind: "warning",
        message: `there is no API ${apiName} in ${aws.region}: its id is * in this policy`,
        hint: "print it again after the first deploy, when the id is known",
      });
    const { region } = aws;
    const names = { functionName, roleName, roleArn, rolePath };
    const extras = extrasOf({ subnets, tracing, permissionsBoundary, tags });
    const scope = { ...names, stage, region, Account, Partition, ApiId: apiId ?? "*" };
    return {
      principal,
      account: Account,
      apiId,
      document: policyOf[principal](scope, extras),
    };
  },

  verbatim: true,
  render: ({ document }) => JSON.stringify(document, null, 2),
  next: ({ principal }) => nextOf[principal],
};

/** Null where there is none, and for a caller that may not look: it is this policy that lets it. */
async function apiIdOf(aws: Aws, names: { apiName: string; functionName: string }): Promise<string | null> {
  return (await orDenied(deployedApi(aws, names)))?.ApiId ?? null;
}
