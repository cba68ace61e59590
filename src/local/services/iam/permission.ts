import type { Access } from "../access.ts";
import { managedStatements } from "./managed-policies.ts";
import { decide, doubtsAbout, statementsIn, type Decision, type Statement } from "./policy.ts";
import type { Iam, RoleState } from "./role.ts";

/**
 * What a role's own policies decide, and its boundary: that allows nothing, and what is outside of it is not
 * allowed. Where that depends on what only AWS can evaluate (a managed policy whose
 * content is not known here, a condition key or operator, a policy variable), the access is allowed and a
 * log line says so: what AWS may allow is not refused here.
 */
export function permission(iam: Iam, role: RoleState, access: Access): Decision | "outsideBoundary" {
  const own = decided(iam, role, { access, statements: statementsOf(iam, role) });
  if (own !== "allowed" || role.boundary === undefined) return own;
  const statements = managedStatements(iam, role.boundary) ?? [ofAws(role.boundary)];
  const within = decided(iam, role, { access, statements });
  return within === "implicitDeny" ? "outsideBoundary" : within;
}

function decided(
  iam: Iam,
  role: RoleState,
  { access: { action, resource, context }, statements }: { access: Access; statements: Statement[] },
): Decision {
  const { account, logOnce } = iam.host;
  const access = { action, resource, context: { ...contextOf(account, role, resource), ...context } };
  const decision = decide(statements, access, "Allow");
  if (decision === "allowed" && decide(statements, access, "Deny") !== "allowed") {
    const doubts = new Set(statements.flatMap((statement) => doubtsAbout(statement, access) ?? []));
    logOnce(
      `role ${role.name} may do ${action} here; on AWS that depends on ${[...doubts].join(", ")}, ` +
        "which is not emulated",
    );
  }
  return decision;
}

/** The managed policies whose content matters to what this program deploys (AWS.md 6.2). */
const managedPolicies: Readonly<Record<string, readonly string[]>> = {
  "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole": [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
  ],
  "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs": [
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    "logs:GetLogEvents",
    "logs:FilterLogEvents",
  ],
  "arn:aws:iam::aws:policy/AmazonAPIGatewayInvokeFullAccess": [
    "execute-api:Invoke",
    "execute-api:ManageConnections",
  ],
  "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess": ["logs:*"],
  "arn:aws:iam::aws:policy/AdministratorAccess": ["*"],
};

/**
 * Everything that a role's own policies say; a managed policy whose content is not known here may permit
 * anything.
 */
function statementsOf(iam: Iam, { policies, attached }: RoleState): Statement[] {
  const managed = [...attached].flatMap((arn) => managedStatements(iam, arn) ?? [ofAws(arn)]);
  return [...[...policies.values()].flatMap(statementsIn), ...managed];
}

const ofAws = (arn: string): Statement => ({
  effect: "Allow",
  actions: managedPolicies[arn] ?? ["*"],
  resources: ["*"],
  principals: [],
  conditions: new Map(),
  ...(managedPolicies[arn] ? {} : { doubt: `the content of ${arn}` }),
});

/** The condition keys whose values are known. */
function contextOf(account: string, { arn }: RoleState, resource: string): Record<string, string> {
  const region = resource.split(":")[3];
  return {
    "aws:principalarn": arn,
    "aws:principalaccount": account,
    // AWS's own endpoints are called over TLS; that this one is not is no property of the caller.
    "aws:securetransport": "true",
    ...(region ? { "aws:requestedregion": region } : {}),
  };
}
