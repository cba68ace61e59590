import { buffer } from "node:stream/consumers";
import type {
  GetAppCommandOutput,
  GetBranchCommandOutput,
  UpdateAppCommandOutput,
  UpdateBranchCommandOutput,
} from "@aws-sdk/client-amplify";
import type { GetAccountCommandOutput, UpdateAccountCommandOutput } from "@aws-sdk/client-api-gateway";
import type { GetConnectionCommandOutput } from "@aws-sdk/client-apigatewaymanagementapi";
import type {
  CreateApiCommandOutput,
  CreateDeploymentCommandOutput,
  CreateIntegrationCommandOutput,
  CreateRouteCommandOutput,
  CreateStageCommandOutput,
  GetApiCommandOutput,
  GetApisCommandOutput,
  GetDeploymentCommandOutput,
  GetDeploymentsCommandOutput,
  GetIntegrationsCommandOutput,
  GetRoutesCommandOutput,
  GetStageCommandOutput,
  GetStagesCommandOutput,
  UpdateApiCommandOutput,
  UpdateIntegrationCommandOutput,
  UpdateRouteCommandOutput,
  UpdateStageCommandOutput,
} from "@aws-sdk/client-apigatewayv2";
import type { GetMetricDataCommandOutput } from "@aws-sdk/client-cloudwatch";
import type {
  DescribeLogGroupsCommandOutput,
  DescribeLogStreamsCommandOutput,
  FilterLogEventsCommandOutput,
  ListTagsForResourceCommandOutput,
  StartLiveTailCommandOutput,
} from "@aws-sdk/client-cloudwatch-logs";
import type {
  CreateRoleCommandOutput,
  GetRoleCommandOutput,
  GetRolePolicyCommandOutput,
  ListAttachedRolePoliciesCommandOutput,
  ListRolePoliciesCommandOutput,
  SimulatePrincipalPolicyCommandOutput,
} from "@aws-sdk/client-iam";
import type {
  AddPermissionCommandOutput,
  CreateAliasCommandOutput,
  CreateFunctionCommandOutput,
  GetAccountSettingsCommandOutput,
  GetAliasCommandOutput,
  GetFunctionCommandOutput,
  GetFunctionConfigurationCommandOutput,
  GetPolicyCommandOutput,
  InvokeCommandOutput,
  ListVersionsByFunctionCommandOutput,
  PublishVersionCommandOutput,
  PutFunctionConcurrencyCommandOutput,
  UpdateAliasCommandOutput,
  UpdateFunctionCodeCommandOutput,
  UpdateFunctionConfigurationCommandOutput,
} from "@aws-sdk/client-lambda";
import type { GetCallerIdentityCommandOutput } from "@aws-sdk/client-sts";
import type { DeserializeHandler, HttpRequest, HttpResponse, Pluggable } from "@smithy/types";
import { lacking, NotAwsAnswer } from "./answers.ts";

/** What an answer of one operation lacks; nothing where it is whole. */
type Row = (output: object) => string[];

/** The answer has these members. */
const has =
  <Output extends object>(...members: (keyof Output)[]): Row =>
  (output) =>
    lacking(output as Output, members);

/** The answer has this member, and that these. */
const hasWhole =
  <Output extends object, Name extends keyof Output>(
    name: Name,
    members: readonly (keyof NonNullable<Output[Name]>)[],
  ): Row =>
  (output) =>
    lacking((output as Output)[name] as NonNullable<Output[Name]> | undefined, members);

/** Answered without members: AWS's by its request id, and in XML by its element. */
const nothing: Row = () => [];

/** What Lambda always tells of a function. */
export const functionMembers = [
  "FunctionName",
  "FunctionArn",
  "CodeSha256",
  "Role",
  "Timeout",
  "MemorySize",
  "RevisionId",
  "State",
] as const;
/** What Lambda always tells of an alias. */
export const aliasMembers = ["AliasArn", "FunctionVersion", "RevisionId"] as const;
/** What IAM always tells of a role. */
export const roleMembers = ["RoleName", "Arn", "AssumeRolePolicyDocument"] as const;
/** What API Gateway always tells of an API. */
export const apiMembers = ["ApiId", "ApiEndpoint", "Name", "RouteSelectionExpression"] as const;

/** Every call that this program makes, with what AWS's answer to it cannot lack (AWS.md 8.7). */
export const answers: Readonly<Record<string, Row>> = {
  CreateApi: has<CreateApiCommandOutput>(...apiMembers),
  CreateDeployment: has<CreateDeploymentCommandOutput>("DeploymentId"),
  CreateIntegration: has<CreateIntegrationCommandOutput>("IntegrationId"),
  CreateRoute: has<CreateRouteCommandOutput>("RouteId"),
  CreateStage: has<CreateStageCommandOutput>("StageName"),
  DeleteAccessLogSettings: nothing,
  DeleteApi: nothing,
  DeleteIntegration: nothing,
  DeleteRoute: nothing,
  GetApi: has<GetApiCommandOutput>(...apiMembers),
  GetApis: has<GetApisCommandOutput>("Items"),
  GetDeployment: has<GetDeploymentCommandOutput>("DeploymentId"),
  GetDeployments: has<GetDeploymentsCommandOutput>("Items"),
  GetIntegrations: has<GetIntegrationsCommandOutput>("Items"),
  GetRoutes: has<GetRoutesCommandOutput>("Items"),
  GetStage: has<GetStageCommandOutput>("StageName"),
  GetStages: has<GetStagesCommandOutput>("Items"),
  UpdateApi: has<UpdateApiCommandOutput>("ApiId"),
  UpdateIntegration: has<UpdateIntegrationCommandOutput>("IntegrationId"),
  UpdateRoute: has<UpdateRouteCommandOutput>("RouteId"),
  UpdateStage: has<UpdateStageCommandOutput>("StageName"),

  // Without a role for logs these are all that it has.
  GetAccount: has<GetAccountCommandOutput>("throttleSettings"),
  UpdateAccount: has<UpdateAccountCommandOutput>("throttleSettings"),

  CreateLogGroup: nothing,
  DeleteLogGroup: nothing,
  DescribeLogGroups: has<DescribeLogGroupsCommandOutput>("logGroups"),
  DescribeLogStreams: has<DescribeLogStreamsCommandOutput>("logStreams"),
  FilterLogEvents: has<FilterLogEventsCommandOutput>("events"),
  ListTagsForResource: has<ListTagsForResourceCommandOutput>("tags"),
  PutRetentionPolicy: nothing,
  StartLiveTail: has<StartLiveTailCommandOutput>("responseStream"),

  AttachRolePolicy: nothing,
  CreateRole: hasWhole<CreateRoleCommandOutput, "Role">("Role", ["Arn"]),
  DeleteRole: nothing,
  DeleteRolePolicy: nothing,
  DetachRolePolicy: nothing,
  GetRole: hasWhole<GetRoleCommandOutput, "Role">("Role", roleMembers),
  GetRolePolicy: has<GetRolePolicyCommandOutput>("PolicyDocument"),
  ListAttachedRolePolicies: has<ListAttachedRolePoliciesCommandOutput>("AttachedPolicies"),
  ListRolePolicies: has<ListRolePoliciesCommandOutput>("PolicyNames"),
  PutRolePermissionsBoundary: nothing,
  PutRolePolicy: nothing,
  SimulatePrincipalPolicy: has<SimulatePrincipalPolicyCommandOutput>("EvaluationResults"),
  TagRole: nothing,
  UntagRole: nothing,
  UpdateAssumeRolePolicy: nothing,

  AddPermission: has<AddPermissionCommandOutput>("Statement"),
  CreateAlias: has<CreateAliasCommandOutput>(...aliasMembers),
  CreateFunction: has<CreateFunctionCommandOutput>(...functionMembers),
  DeleteFunction: nothing,
  DeleteFunctionConcurrency: nothing,
  GetAccountSettings: hasWhole<GetAccountSettingsCommandOutput, "AccountLimit">("AccountLimit", [
    "ConcurrentExecutions",
  ]),
  GetAlias: has<GetAliasCommandOutput>(...aliasMembers),
  GetFunction: hasWhole<GetFunctionCommandOutput, "Configuration">("Configuration", functionMembers),
  GetFunctionConfiguration: has<GetFunctionConfigurationCommandOutput>(...functionMembers),
  GetPolicy: has<GetPolicyCommandOutput>("Policy"),
  Invoke: has<InvokeCommandOutput>("StatusCode"),
  ListVersionsByFunction: has<ListVersionsByFunctionCommandOutput>("Versions"),
  PublishVersion: has<PublishVersionCommandOutput>(...functionMembers, "Version"),
  PutFunctionConcurrency: has<PutFunctionConcurrencyCommandOutput>("ReservedConcurrentExecutions"),
  RemovePermission: nothing,
  TagResource: nothing,
  UntagResource: nothing,
  UpdateAlias: has<UpdateAliasCommandOutput>(...aliasMembers),
  UpdateFunctionCode: has<UpdateFunctionCodeCommandOutput>(...functionMembers),
  UpdateFunctionConfiguration: has<UpdateFunctionConfigurationCommandOutput>(...functionMembers),

  GetMetricData: has<GetMetricDataCommandOutput>("MetricDataResults"),

  GetApp: hasWhole<GetAppCommandOutput, "app">("app", ["appId", "environmentVariables"]),
  GetBranch: hasWhole<GetBranchCommandOutput, "branch">("branch", ["branchName", "environmentVariables"]),
  UpdateApp: hasWhole<UpdateAppCommandOutput, "app">("app", ["appId"]),
  UpdateBranch: hasWhole<UpdateBranchCommandOutput, "branch">("branch", ["branchName"]),

  DeleteConnection: nothing,
  GetConnection: has<GetConnectionCommandOutput>("ConnectedAt"),
  PostToConnection: nothing,

  GetCallerIdentity: has<GetCallerIdentityCommandOutput>("Account", "Arn"),
};

/** How a service writes its answers; `xml` puts them into an element with the operation's name. */
export type Protocol = "json" | "xml";

const contentTypes: Readonly<Record<Protocol, RegExp>> = {
  json: /^application\/(json|x-amz-json-1\.[01]|vnd\.amazon\.eventstream)\b/i,
  xml: /^(text|application)\/xml\b/i,
};

/** A request id is on every answer of AWS, also on one without a body (AWS.md 8.7). */
const idHeaders = ["x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id"];

/** A proxy between here and AWS that wants a login says so itself, and a limit may be anyone's. */
const OWN_WORDS = new Set([407, 429]);

const headerOf = ({ headers }: HttpResponse, name: string): string | undefined =>
  Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
const hasRequestId = (response: HttpResponse): boolean => idHeaders.some((name) => headerOf(response, name));

/** What tells that a 2xx with this text is not the service's; undefined where nothing does. */
function strangeness(
  response: HttpResponse,
  operation: string,
  { protocol, text }: { protocol: Protocol; text: string | undefined },
): string | undefined {
  if (!hasRequestId(response)) return "no request id";
  const type = headerOf(response, "content-type");
  if (type !== undefined && operation !== "Invoke" && !contentTypes[protocol].test(type))
    return `${type} instead of ${protocol.toUpperCase()}`;
  if (protocol === "json") return undefined;
  const root = /^\s*(?:<\?[^>]*\?>\s*)?<([\w.-]+)/.exec(text ?? "")?.[1];
  return root === `${operation}Response` ? undefined : `no element ${operation}Response`;
}

/** Whether an error answer is neither named nor written as the service does it. */
const isForeignError = (response: HttpResponse, protocol: Protocol): boolean =>
  response.statusCode >= 300 &&
  response.statusCode < 500 &&
  !OWN_WORDS.has(response.statusCode) &&
  !hasRequestId(response) &&
  !contentTypes[protocol].test(headerOf(response, "content-type") ?? "");

/**
 * An SDK plug-in that decides for every call of a client whether the answer is AWS's: by the service's own
 * protocol and by what the operation cannot lack. Throws `NotAwsAnswer` for everything else, which the retry
 * table and the engine take for an unclear outcome: it is asked or read again.
 */
export function onlyAwsAnswers<Input extends object, Output extends object>(
  protocol: Protocol,
): Pluggable<Input, Output> {
  const texts = new WeakMap<object, string>();

  /** Keeps the text of an XML answer, whose root the SDK does not check. */
  const keep =
    (next: DeserializeHandler<Input, Output>): DeserializeHandler<Input, Output> =>
    async (call) => {
      const result = await next(call);
      const response = result.response as HttpResponse;
      if (protocol === "json" || response.statusCode >= 300) return result;
      const bytes: Buffer = await buffer(response.body);
      texts.set(response, bytes.toString("utf8"));
      response.body = bytes;
      return result;
    };

  return {
    applyToStack(stack) {
      stack.add(keep, { step: "deserialize", name: "shelfshackAnswerText", priority: "low" });
      stack.add(
        (next, context) => async (call) => {
          const at = call.request as HttpRequest;
          const operation = String(context.commandName).replace(/Command$/, "");
          const result = await next(call).catch((error: unknown) => {
            const { $response: response } = error as { $response?: HttpResponse };
            if (response && isForeignError(response, protocol))
              throw new NotAwsAnswer("no error of AWS's", response.statusCode, at);
            throw error;
          });
          const response = result.response as HttpResponse;
          const strange = strangeness(response, operation, { protocol, text: texts.get(response) });
          const missing = answers[operation]?.({ ...result.output }) ?? [];
          const why = strange ?? (missing.length > 0 ? `no ${missing.join(", no ")}` : undefined);
          if (why !== undefined) throw new NotAwsAnswer(why, response.statusCode, at);
          return result;
        },
        { step: "deserialize", name: "shelfshackOnlyAwsAnswers", priority: "high" },
      );
    },
  };
}
