import type { Aws } from "../aws/clients.ts";
import { complete, NotAwsAnswer } from "../aws/answers.ts";
import { callerIn } from "../aws/releases.ts";
import { CliError } from "../errors/error.ts";
import type { LookedUp } from "../stack/resource.ts";

type AccountAttributes = {
  Account: string;
  /** `aws`, `aws-cn` or `aws-us-gov`: the second part of every ARN. */
  Partition: string;
  /** Who calls: `user/anna`, or `assumed-role/ROLE/SESSION`. */
  Caller: string;
};

/**
 * The account that the credentials belong to: looked up, never created; its number is in every ARN that we
 * compute (AWS.md 6.8). Listing throws a CliError (exit 4) when it is not the expected one.
 */
export function account(expected: string | undefined): LookedUp<object, AccountAttributes> {
  return {
    id: "Account",
    type: "AWS::STS::CallerIdentity",
    name: "of the credentials",
    needs: {},
    foundBy: "name",
    list: async (aws) => [{ attributes: await callersAccount(aws, expected), properties: {} }],
  };
}

/** The account of the credentials. Throws a CliError (exit 4) where another one is expected. */
export async function callersAccount(aws: Aws, expected: string | undefined): Promise<AccountAttributes> {
  const answer = await aws.sts.call("GetCallerIdentity", {});
  const { Account, Arn } = complete(answer, ["Account", "Arn"]);
  if (expected && expected !== Account) {
    throw new CliError(
      "account-other",
      `the credentials belong to account ${Account}, the configuration says ${expected}`,
      {
        hint: "use the profile of that account (--profile), or correct the account in the configuration",
      },
    );
  }
  return { Account, Partition: partitionOf(Arn), Caller: callerIn(Arn) };
}

/** The second part of an ARN. */
function partitionOf(arn: string): string {
  const [, partition] = /^arn:([\w-]+):/.exec(arn) ?? [];
  if (partition === undefined) throw new NotAwsAnswer(`an ARN that is none: ${JSON.stringify(arn)}`);
  return partition;
}

export type AccountResource = ReturnType<typeof account>;
