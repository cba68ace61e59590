import { isDeepStrictEqual } from "node:util";
import type { Role } from "@aws-sdk/client-iam";
import type { Found, Resource } from "../stack/resource.ts";
import { complete, isDenied, orMissing } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import { LOG_POLICY, LOG_ROLE, LOG_WRITER, logRoleOf } from "../aws/log-role.ts";
import { alreadyExists } from "../aws/retry.ts";
import { otherManagerIn, type Tags } from "../aws/tags.ts";
import { poll } from "../aws/wait.ts";
import { command, joined, type Advice } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { explain } from "../errors/explain.ts";

/** Why nothing can be written with the role that is there; undefined where nothing is known to be wrong. */
interface AccessLogRoleProperties {
  Fault: string | undefined;
}
type FoundRole = Found<AccessLogRoleProperties, Record<never, string>>;

const trustsApiGateway = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: LOG_WRITER }, Action: "sts:AssumeRole" }],
};

/**
 * The role with which API Gateway writes the logs of all APIs in a region of the account (AWS.md 3.7): made
 * and set only where there is none. It is the account's: no other is put in its place, and none is removed.
 */
export function accessLogRole({
  region,
  group,
  isWanted,
  configuredTags,
}: {
  region: string;
  /** The group of the access log. */
  group: string;
  isWanted: boolean;
  /** For a role that is made: accounts may demand them at its creation. */
  configuredTags: Tags | undefined;
}): Resource<AccessLogRoleProperties, Record<never, string>> {
  return {
    id: "AccessLogRole",
    type: "AWS::ApiGateway::Account",
    name: `of API Gateway in ${region}`,
    step: "logs",
    needs: {},
    foundBy: "name",
    adoption: "never",
    isWanted,
    desired: () => ({}),
    faults: ({ properties: { Fault } }) =>
      Fault === undefined
        ? []
        : [{ message: `no access log may be written: ${Fault}`, hint: byAdministrator }],
    list: async (aws) => await found(aws, group),
    async create(aws) {
      try {
        await setWhereNone(aws, await madeRole(aws, configuredTags));
      } catch (error) {
        throw withAdvice(error);
      }
      return {};
    },
  };
}

const byAdministrator: Advice = [
  "an administrator of the account can set one that API Gateway may assume, for all APIs of the region: " +
    "aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=ROLE-ARN; " +
    "or do without: ",
  command("deploy", { accessLogs: "off" }),
];

/** One that may not be read is taken to be there: whether it is, API Gateway says when the log is set. */
async function found(aws: Aws, group: string): Promise<FoundRole[]> {
  try {
    const role = await logRoleOf(aws, group);
    if (!role) return [];
    const Fault = role.fault && `the account's role for API Gateway's logs, ${role.arn}, ${role.fault}`;
    return [{ attributes: {}, properties: { Fault } }];
  } catch (error) {
    if (!isDenied(error)) throw error;
    const Fault = `the account's role for API Gateway's logs cannot be read: ${explain(error).message}`;
    return [{ attributes: {}, properties: { Fault } }];
  }
}

/** The role, as it is or newly made. Its policy is attached in any case: an earlier run may have been cut. */
async function madeRole(aws: Aws, tags: Tags | undefined): Promise<string> {
  const arn = await createdOrPresent(aws, tags);
  const [, partition] = arn.split(":");
  await aws.iam.call("AttachRolePolicy", { RoleName: LOG_ROLE, PolicyArn: `arn:${partition}:${LOG_POLICY}` });
  return arn;
}

async function createdOrPresent(aws: Aws, tags: Tags = {}): Promise<string> {
  const present = await orMissing(aws.iam.call("GetRole", { RoleName: LOG_ROLE }));
  if (present) return arnOfOurs(present.Role);
  try {
    const created = await aws.iam.call("CreateRole", {
      RoleName: LOG_ROLE,
      AssumeRolePolicyDocument: JSON.stringify(trustsApiGateway),
      Description:
        "API Gateway writes the logs of all APIs with it; made by shelfshack-ws, removed by nothing",
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    });
    return complete(created.Role, ["Arn"]).Arn;
  } catch (error) {
    // Another stack's deploy was quicker.
    if (!alreadyExists(error)) throw error;
    const { Role } = await aws.iam.call("GetRole", { RoleName: LOG_ROLE });
    return arnOfOurs(Role);
  }
}

/**
 * The ARN of a role that a deploy has made, of this stack or another. One that others made by that name gets
 * no right: who may assume it would have it too. Throws CliError `not-ours`.
 */
function arnOfOurs(role: Role | undefined): string {
  const { Arn, AssumeRolePolicyDocument: trust } = complete(role, ["Arn", "AssumeRolePolicyDocument"]);
  const tags = (role?.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]);
  const manager = otherManagerIn(Object.fromEntries(tags));
  if (manager === undefined && isDeepStrictEqual(JSON.parse(decodeURIComponent(trust)), trustsApiGateway))
    return Arn;
  const why = manager === undefined ? "trusts not API Gateway alone" : `is managed by ${manager}`;
  throw new CliError("not-ours", `the role ${LOG_ROLE} ${why}: it gets no right to write logs`, {
    hint: byAdministrator,
  });
}

/** API Gateway refuses a role that IAM has not spread yet. */
const propagation = {
  firstMs: 1_000,
  thenMs: 2_000,
  longestMs: 10_000,
  budgetMs: 120_000,
  reason: "IAM propagation",
};

/** Sets the role, looking before each try: one that was set meanwhile stays. */
async function setWhereNone(aws: Aws, arn: string): Promise<void> {
  const set = async (): Promise<Error | undefined> => {
    const { cloudwatchRoleArn } = await aws.apigateway.call("GetAccount", {});
    if (cloudwatchRoleArn) return undefined;
    const patch = { op: "replace", path: "/cloudwatchRoleArn", value: arn } as const;
    return await aws.apigateway.call("UpdateAccount", { patchOperations: [patch] }).then(
      () => undefined,
      (error: unknown) => {
        if (isUnfitYet(error)) return error;
        throw error;
      },
    );
  };
  const refusal = await poll(set, (error) => error === undefined, propagation, aws);
  if (refusal !== undefined) throw refusal;
}

/** AWS's text is unverified (AWS.md 3.7). */
const isUnfitYet = (error: unknown): error is Error =>
  error instanceof Error && error.name === "BadRequestException" && /\brole\b/i.test(error.message);

/** The same error where a retry may help, otherwise with what an administrator can do. */
function withAdvice(error: unknown): unknown {
  const { code, message, hint } = explain(error);
  if (!isDenied(error) && !isUnfitYet(error)) return error;
  return new CliError(code, message, { hint: joined([hint, byAdministrator]), cause: error });
}

export type AccessLogRoleResource = ReturnType<typeof accessLogRole>;
