import {
  CreateApiCommand,
  CreateDeploymentCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand, PutRetentionPolicyCommand } from "@aws-sdk/client-cloudwatch-logs";
import { AttachRolePolicyCommand, CreateRoleCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { AddPermissionCommand, CreateFunctionCommand } from "@aws-sdk/client-lambda";
import { packageHandler } from "../../src/artifact/zip.ts";
import { invocationUri, lambdaTrust, policy, type Clients } from "./local-aws.ts";

const account = "000000000000";
const tags = { ManagedBy: "terraform", Team: "chat" };

/** What the resources of such a stack are called, none of it as a deploy would call it. */
export const terraformNames = {
  FunctionName: "chat-proxy",
  Name: "chat-api",
  StageName: "live-chat",
  RoleName: "chat-proxy-exec",
  logGroup: "/chat/proxy",
};

/**
 * The stack of the handler that ships as Terraform's AWS provider makes it, with the zip of `package`: the
 * function has no alias, and nothing is called as a deploy calls it. Returns where clients connect.
 */
export async function makeTerraformStack(
  clients: Clients,
  variables: Readonly<Record<string, string>>,
): Promise<{ url: string }> {
  const { FunctionName, StageName } = terraformNames;
  const [Role, { zip: ZipFile }, api] = await Promise.all([
    makeRoleAndLog(clients),
    packageHandler(),
    clients.apigatewayv2.send(
      new CreateApiCommand({
        Name: terraformNames.Name,
        ProtocolType: "WEBSOCKET",
        RouteSelectionExpression: "$request.body.action",
        ApiKeySelectionExpression: "$request.header.x-api-key",
        Tags: tags,
      }),
    ),
  ]);
  const { ApiId = "", ApiEndpoint = "" } = api;
  const API_GATEWAY_ENDPOINT = `${ApiEndpoint.replace(/^ws/, "http")}/${StageName}`;
  const { FunctionArn = "" } = await clients.lambda.send(
    new CreateFunctionCommand({
      FunctionName,
      Role,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Code: { ZipFile },
      MemorySize: 128,
      Timeout: 29,
      Architectures: ["x86_64"],
      PackageType: "Zip",
      Publish: false,
      TracingConfig: { Mode: "PassThrough" },
      LoggingConfig: { LogFormat: "Text", LogGroup: terraformNames.logGroup },
      Environment: { Variables: { ...variables, API_GATEWAY_ENDPOINT } },
      Tags: tags,
    }),
  );
  await routeTo(FunctionArn, ApiId, clients);
  return { url: `${ApiEndpoint}/${StageName}` };
}

async function makeRoleAndLog({ iam, logs }: Clients): Promise<string> {
  const { RoleName, logGroup: logGroupName } = terraformNames;
  const { Role: { Arn = "" } = {} } = await iam.send(
    new CreateRoleCommand({
      RoleName,
      Path: "/",
      MaxSessionDuration: 3600,
      AssumeRolePolicyDocument: lambdaTrust,
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  );
  const PolicyArn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
  await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
  await iam.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: "push",
      PolicyDocument: policy({
        Action: ["execute-api:ManageConnections", "lambda:InvokeFunction"],
        Resource: "*",
      }),
    }),
  );
  await logs.send(new CreateLogGroupCommand({ logGroupName, tags }));
  await logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 14 }));
  return Arn;
}

async function routeTo(functionArn: string, ApiId: string, { apigatewayv2, lambda }: Clients): Promise<void> {
  const { FunctionName, StageName } = terraformNames;
  const { IntegrationId } = await apigatewayv2.send(
    new CreateIntegrationCommand({
      ApiId,
      IntegrationType: "AWS_PROXY",
      IntegrationMethod: "POST",
      IntegrationUri: invocationUri(functionArn),
      ConnectionType: "INTERNET",
    }),
  );
  for (const RouteKey of ["$connect", "$disconnect", "$default"])
    await apigatewayv2.send(
      new CreateRouteCommand({
        ApiId,
        RouteKey,
        Target: `integrations/${IntegrationId}`,
        AuthorizationType: "NONE",
      }),
    );
  await lambda.send(
    new AddPermissionCommand({
      FunctionName,
      StatementId: "AllowExecutionFromAPIGateway",
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:aws:execute-api:us-east-1:${account}:${ApiId}/*/*`,
    }),
  );
  const { DeploymentId } = await apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
  await apigatewayv2.send(
    new CreateStageCommand({ ApiId, StageName, DeploymentId, AutoDeploy: false, Tags: tags }),
  );
}
