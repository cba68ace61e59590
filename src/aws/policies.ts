import { accessLogGroupOf } from "./access-log.ts";
import { LOG_POLICY, LOG_ROLE, LOG_WRITER } from "./log-role.ts";
import { ALIAS } from "./served.ts";

/** The names and ids that stand in a policy's ARNs. */
export interface PolicyScope {
  functionName: string;
  roleName: string;
  /** The role's path, where it has one of its own. */
  rolePath?: string | undefined;
  /** A role that others own: it is read and passed, and nothing else. */
  roleArn?: string | undefined;
  stage: string;
  region: string;
  Account: string;
  /** `aws`, `aws-cn` or `aws-us-gov`. */
  Partition: string;
  /** `*` where there is none yet. */
  ApiId: string;
}

/** An IAM policy as JSON has it. */
export interface PolicyDocument {
  Version: "2012-10-17";
  Statement: PolicyStatement[];
}

export interface PolicyStatement {
  Sid: string;
  Effect: "Allow";
  Action: string | string[];
  Resource: string | string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
const where = (key: string, value: string): Pick<PolicyStatement, "Condition"> => ({
  Condition: { StringEquals: { [key]: value } },
});

const allow = (Sid: string, Action: string[], Resource: string | string[]): PolicyStatement => ({
  Sid,
  Effect: "Allow",
  Action,
  Resource,
});

const document = (...Statement: PolicyStatement[]): PolicyDocument => ({ Version: "2012-10-17", Statement });

export type FunctionScope = Omit<PolicyScope, "roleName" | "rolePath" | "roleArn">;

/** What some settings of a function need besides: rights that are of no single resource. */
export interface Extras {
  /** It calls from a VPC: Lambda makes its network interfaces with the function's own role. */
  vpc: boolean;
  /** It sends traces to X-Ray. */
  traced: boolean;
  /** Its role has a permissions boundary. */
  bounded: boolean;
  /** What is created has tags of the configuration. */
  tagged: boolean;
}

/** The trust policy of the function's role: Lambda alone may assume it (AWS.md 6.1). */
export const trustsLambda = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
};

/**
 * What the function may do, and nothing else: push to and close connections of this API's stage, write to its
 * own log group, and invoke itself (a second run delivers the frames that cannot be sent during `$connect`).
 * AWS.md 6.6.
 */
export const functionPolicy = (scope: FunctionScope, { vpc, traced }: Partial<Extras> = {}): PolicyDocument =>
  document(
    push(scope, ["POST", "DELETE"]),
    {
      Sid: "Logs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `${logGroupOf(scope)}:*`,
    },
    {
      Sid: "DeliverLater",
      Effect: "Allow",
      Action: "lambda:InvokeFunction",
      // By the ARN that it was itself invoked with.
      Resource: [functionOf(scope), `${functionOf(scope)}:${ALIAS}`],
    },
    ...(vpc ? [everywhere(extraStatements.vpc, networkActions)] : []),
    ...(traced ? [everywhere(extraStatements.traced, traceActions)] : []),
  );

/** What the settings of a stack ask for besides. */
export const extrasOf = ({
  subnets = [],
  tracing,
  permissionsBoundary,
  tags = {},
}: {
  subnets?: readonly string[] | undefined;
  tracing?: string | undefined;
  permissionsBoundary?: string | undefined;
  tags?: object | undefined;
}): Extras => ({
  vpc: subnets.length > 0,
  traced: tracing === "Active",
  bounded: permissionsBoundary !== undefined,
  tagged: Object.keys(tags).length > 0,
});

/** The ids of the statements for such settings. */
export const extraStatements: Readonly<Record<"vpc" | "traced", string>> = {
  vpc: "Network",
  traced: "Traces",
};

/** What AWSLambdaVPCAccessExecutionRole and AWSXRayDaemonWriteAccess allow of them (AWS.md 6.2). */
const networkActions = [
  "ec2:CreateNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:DeleteNetworkInterface",
  "ec2:AssignPrivateIpAddresses",
  "ec2:UnassignPrivateIpAddresses",
];
const traceActions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];

const everywhere = (Sid: string, Action: string[]): PolicyStatement => ({
  Sid,
  Effect: "Allow",
  Action,
  Resource: "*",
});

/** What a backend needs to push without a client's message, and to close connections (CONTRACT.md 6). */
export const backendPolicy = (scope: FunctionScope): PolicyDocument =>
  document(push(scope, ["POST", "DELETE"]));

/**
 * What a person or a pipeline needs for every command of this program, for one stack (AWS.md 6.9). Without
 * any one of these actions a command fails, or says what it goes on without.
 *
 * Actions of API Gateway are HTTP's methods. An API's id is known when it was made: before that, `*` stands
 * for it. What a KMS key of the account's own asks for is not in it.
 */
export function deployerPolicy(
  scope: PolicyScope,
  { vpc, bounded, tagged = false }: Partial<Extras> = {},
): PolicyDocument {
  const { Partition, Account, region, roleName, rolePath = "/", roleArn, ApiId } = scope;
  const role = roleArn ?? `arn:${Partition}:iam::${Account}:role${rolePath}${roleName}`;
  const ofTheRole =
    roleArn === undefined ? [...roleActions, ...(bounded ? [boundaryAction] : [])] : givenRoleActions;
  const apis = `arn:${Partition}:apigateway:${region}::`;
  return document(
    allow("Role", actions("iam", ofTheRole), role),
    {
      ...allow("PassRole", ["iam:PassRole"], role),
      ...where("iam:PassedToService", "lambda.amazonaws.com"),
    },
    ...accessLogStatements(scope, tagged),
    allow("Function", actions("lambda", functionActions), [
      functionOf(scope),
      // Its releases, and the alias that serves one.
      `${functionOf(scope)}:*`,
    ]),
    allow("Account", ["lambda:GetAccountSettings", "cloudwatch:GetMetricData"], "*"),
    allow("Api", actions("apigateway", apiActions), [
      `${apis}/apis`,
      `${apis}/apis/${ApiId}`,
      `${apis}/apis/${ApiId}/*`,
      `${apis}/tags/*`,
    ]),
    allow(
      "Logs",
      actions("logs", logActions),
      [logGroupOf(scope), accessLogGroup(scope)].flatMap((group) => [group, `${group}:*`]),
    ),
    allow("LogGroups", ["logs:DescribeLogGroups"], `arn:${Partition}:logs:${region}:${Account}:log-group:*`),
    push(scope, ["POST", "GET", "DELETE"]),
    ...(vpc ? [everywhere(extraStatements.vpc, placingActions)] : []),
  );
}

/** The role of the account with which API Gateway writes access logs: read, made where there is none, set. */
function accessLogStatements(
  { Partition, Account, region }: PolicyScope,
  tagged: boolean,
): PolicyStatement[] {
  const role = `arn:${Partition}:iam::${Account}:role/${LOG_ROLE}`;
  return [
    allow(
      "LogRole",
      actions("iam", ["CreateRole", ...(tagged ? ["TagRole"] : []), "GetRole", "SimulatePrincipalPolicy"]),
      role,
    ),
    {
      ...allow("LogRolePolicy", ["iam:AttachRolePolicy"], role),
      ...where("iam:PolicyARN", `arn:${Partition}:${LOG_POLICY}`),
    },
    { ...allow("PassLogRole", ["iam:PassRole"], role), ...where("iam:PassedToService", LOG_WRITER) },
    allow(
      "ApiAccount",
      actions("apigateway", ["GET", "PATCH"]),
      `arn:${Partition}:apigateway:${region}::/account`,
    ),
  ];
}

const roleActions = [
  "CreateRole",
  "GetRole",
  "TagRole",
  "UntagRole",
  "UpdateAssumeRolePolicy",
  "DeleteRole",
  "PutRolePolicy",
  "GetRolePolicy",
  "ListRolePolicies",
  "DeleteRolePolicy",
  "DetachRolePolicy",
  "ListAttachedRolePolicies",
  "SimulatePrincipalPolicy",
];
const boundaryAction = "PutRolePermissionsBoundary";
const givenRoleActions = ["GetRole", "SimulatePrincipalPolicy"];
const functionActions = [
  "CreateFunction",
  "GetFunction",
  "GetFunctionConfiguration",
  "UpdateFunctionCode",
  "UpdateFunctionConfiguration",
  "DeleteFunction",
  "PutFunctionConcurrency",
  "DeleteFunctionConcurrency",
  "TagResource",
  "UntagResource",
  "AddPermission",
  "GetPolicy",
  "RemovePermission",
  "InvokeFunction",
  "PublishVersion",
  "ListVersionsByFunction",
  "CreateAlias",
  "GetAlias",
  "UpdateAlias",
];
const apiActions = ["GET", "POST", "PATCH", "DELETE", "TagResource"];
/** What a caller must be able to read that puts a function into a VPC (AWS.md 6.9). */
const placingActions = [
  "ec2:DescribeSubnets",
  "ec2:DescribeSecurityGroups",
  "ec2:DescribeVpcs",
  "ec2:GetSecurityGroupsForVpc",
];
const logActions = [
  "CreateLogGroup",
  "DeleteLogGroup",
  "PutRetentionPolicy",
  "TagResource",
  "UntagResource",
  "ListTagsForResource",
  "DescribeLogStreams",
  "FilterLogEvents",
  "StartLiveTail",
];

const actions = (service: string, names: readonly string[]): string[] =>
  names.map((name) => `${service}:${name}`);

const functionOf = ({ Partition, region, Account, functionName }: FunctionScope): string =>
  `arn:${Partition}:lambda:${region}:${Account}:function:${functionName}`;

const groupArn = ({ Partition, region, Account }: FunctionScope, name: string): string =>
  `arn:${Partition}:logs:${region}:${Account}:log-group:${name}`;
const logGroupOf = (scope: FunctionScope): string => groupArn(scope, `/aws/lambda/${scope.functionName}`);
const accessLogGroup = (scope: FunctionScope): string =>
  groupArn(scope, accessLogGroupOf(scope.functionName));

const push = (
  { Partition, region, Account, ApiId, stage }: FunctionScope,
  methods: readonly string[],
): PolicyStatement => ({
  Sid: "Push",
  Effect: "Allow",
  Action: "execute-api:ManageConnections",
  Resource: methods.map(
    (method) =>
      `arn:${Partition}:execute-api:${region}:${Account}:${ApiId}/${stage}/${method}/@connections/*`,
  ),
});
