import { hasTags, textOf, type Access, type Authorization } from "../access.ts";
import { functionArn, referenceOf } from "./function.ts";

/** What a caller must be able to see that puts a function into a VPC (AWS.md 6.9). */
const placing = ["DescribeSubnets", "DescribeSecurityGroups", "DescribeVpcs", "GetSecurityGroupsForVpc"];

/** The one action that is not called as its operation. */
const actionNames: Readonly<Record<string, string>> = { Invoke: "InvokeFunction" };

/**
 * The operation, on the function that it names; a role that is given to a function has to be passed, and tags
 * at the creation need the permission to tag (AWS.md 6.9).
 */
export const authorization: Authorization = {
  error: "AccessDeniedException",
  status: 403,
  accesses({ operation, input, region, account }) {
    const resource = resourceOf(input, { region, account });
    const passed = textOf(input["Role"]);
    const also: readonly (Access | false)[] = [
      passed !== "" && {
        action: "iam:PassRole",
        resource: passed,
        context: { "iam:passedtoservice": "lambda.amazonaws.com" },
      },
      operation === "CreateFunction" && hasTags(input["Tags"]) && { action: "lambda:TagResource", resource },
    ];
    return [
      { action: `lambda:${actionNames[operation] ?? operation}`, resource },
      ...also.filter((access) => access !== false),
      ...(isPlaced(input["VpcConfig"]) ? placing : []).map((name) => ({
        action: `ec2:${name}`,
        resource: "*",
      })),
    ];
  },
};

const isPlaced = (vpc: unknown): boolean => {
  const { SubnetIds } = Object(vpc) as { SubnetIds?: unknown };
  return Array.isArray(SubnetIds) && SubnetIds.length > 0;
};

function resourceOf(
  input: Readonly<Record<string, unknown>>,
  { region, account }: { region: string; account: string },
): string {
  // Tags are of a resource, which can be named in as many ways.
  const name = textOf(input["FunctionName"]) || textOf(input["Resource"]);
  if (name === "") return "*";
  return functionArn(account, region, referenceOf(name, textOf(input["Qualifier"]) || undefined));
}
