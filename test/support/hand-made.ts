import {
  CreateApiCommand,
  CreateDeploymentCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
  GetApiCommand,
  GetAuthorizersCommand,
  GetIntegrationsCommand,
  GetRoutesCommand,
  GetStagesCommand,
} from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateRoleCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  GetFunctionCommand,
  GetPolicyCommand,
} from "@aws-sdk/client-lambda";
import { invocationUri, lambdaTrust, policy, type Clients } from "./local-aws.ts";
import { zipOf } from "./zip.ts";

export const FunctionName = "shelfshack-websocket-proxy";
export const RoleName = "x-role-ab12";

/** Accepts every client, as long as it runs with the variables that it was made with. */
const oldCode = `import os
def lambda_handler(event, context):
    own = os.environ.get("TABLE") == "bookings" and "SIGNING_KEYS" not in os.environ
    return {"statusCode": 200 if own else 418}
`;

/** What people add to a stack made by hand: foreign tags, routes, stages and settings. */
interface Extras {
  functionTags?: Record<string, string>;
  apiTags?: Record<string, string>;
  /** Another route, integration, and another permission on the function. */
  more?: boolean;
  /** Another stage of the API. */
  otherStage?: boolean;
  /** Whether clients reach it by a domain of its own alone. */
  addressOff?: boolean;
  /** Whether the stage serves each change of a route at once. */
  autoDeploy?: boolean;
  /** What the role may do; by default all that the proxy needs. */
  rights?: string[];
}

/** A stack made by hand in the console, as the calls that the console sends. */
export async function makeByHand(clients: Clients, extras: Extras = {}) {
  const { iam, lambda, logs } = clients;
  const { rights = ["logs:*", "execute-api:ManageConnections", "lambda:InvokeFunction"] } = extras;
  const { Role } = await iam.send(
    new CreateRoleCommand({ RoleName, Path: "/service-role/", AssumeRolePolicyDocument: lambdaTrust }),
  );
  await iam.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: "WebSocketAPIPermissions",
      PolicyDocument: policy({ Action: rights, Resource: "*" }),
    }),
  );
  const { FunctionArn = "" } = await lambda.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: "python3.11",
      Handler: "lambda_function.lambda_handler",
      Role: Role?.Arn,
      Code: { ZipFile: await zipOf({ "lambda_function.py": oldCode }) },
      Environment: { Variables: { BACKEND_URL: "http://127.0.0.1:9", TABLE: "bookings" } },
      ...(extras.functionTags && { Tags: extras.functionTags }),
    }),
  );
  await logs.send(new CreateLogGroupCommand({ logGroupName: `/aws/lambda/${FunctionName}` }));
  const ApiId = await apiByHand(clients, FunctionArn, extras);
  await lambda.send(
    new AddPermissionCommand({
      FunctionName,
      StatementId: "by-the-console",
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:aws:execute-api:us-east-1:000000000000:${ApiId}/*/*`,
    }),
  );
  return { ApiId, FunctionArn, roleArn: Role?.Arn ?? "" };
}

async function apiByHand(
  { apigatewayv2 }: Clients,
  functionArn: string,
  { apiTags = {}, more = false, otherStage = false, addressOff = false, autoDeploy = false }: Extras,
): Promise<string> {
  const { ApiId } = await apigatewayv2.send(
    new CreateApiCommand({
      Name: "shelfshack-websocket-api",
      ProtocolType: "WEBSOCKET",
      RouteSelectionExpression: "$request.body.action",
      Description: "made by hand",
      DisableExecuteApiEndpoint: addressOff,
      Tags: apiTags,
    }),
  );
  const { IntegrationId } = await apigatewayv2.send(
    new CreateIntegrationCommand({
      ApiId,
      IntegrationType: "AWS_PROXY",
      IntegrationMethod: "POST",
      IntegrationUri: invocationUri(functionArn),
    }),
  );
  for (const RouteKey of ["$connect", "$disconnect", "$default", ...(more ? ["typing"] : [])])
    await apigatewayv2.send(
      new CreateRouteCommand({ ApiId, RouteKey, Target: `integrations/${IntegrationId}` }),
    );
  const { DeploymentId } = await apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
  for (const StageName of ["dev", ...(otherStage ? ["beta"] : [])])
    await apigatewayv2.send(
      new CreateStageCommand({
        ApiId,
        StageName,
        StageVariables: { color: "blue" },
        ...(autoDeploy ? { AutoDeploy: true } : { DeploymentId }),
      }),
    );
  return ApiId ?? "";
}

/** All that there is of it, as AWS tells it. */
export async function snapshot({ iam, lambda, apigatewayv2 }: Clients, ApiId: string) {
  const [role, names, rolePolicy, permission] = await Promise.all([
    iam.send(new GetRoleCommand({ RoleName })),
    iam.send(new ListRolePoliciesCommand({ RoleName })),
    iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: "WebSocketAPIPermissions" })),
    lambda.send(new GetPolicyCommand({ FunctionName })),
  ]);
  const [lambdaFunction, api, routes, integrations, stages, authorizers] = await Promise.all([
    lambda.send(new GetFunctionCommand({ FunctionName })),
    apigatewayv2.send(new GetApiCommand({ ApiId })),
    apigatewayv2.send(new GetRoutesCommand({ ApiId })),
    apigatewayv2.send(new GetIntegrationsCommand({ ApiId })),
    apigatewayv2.send(new GetStagesCommand({ ApiId })),
    apigatewayv2.send(new GetAuthorizersCommand({ ApiId })),
  ]);
  return {
    role: role.Role,
    policies: names.PolicyNames,
    rolePolicy: rolePolicy.PolicyDocument,
    permission: permission.Policy,
    function: lambdaFunction.Configuration,
    functionTags: lambdaFunction.Tags ?? {},
    api,
    routes: routes.Items ?? [],
    integrations: integrations.Items ?? [],
    stages: stages.Items ?? [],
    authorizers: authorizers.Items ?? [],
  };
}
