import {
  ApiGatewayV2Client,
  CreateApiCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
} from "@aws-sdk/client-apigatewayv2";
import { CloudWatchClient } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  LambdaClient,
  type CreateFunctionCommandInput,
} from "@aws-sdk/client-lambda";
import { STSClient } from "@aws-sdk/client-sts";
import { onTestFinished } from "vitest";
import { startLocalAws, type LocalAws, type LocalAwsOptions } from "../../src/local/server.ts";
import { zipOf } from "./zip.ts";

/** SDK clients for one region. They do not try again, so that a test sees every answer. */
export interface Clients {
  region: string;
  lambda: LambdaClient;
  apigatewayv2: ApiGatewayV2Client;
  iam: IAMClient;
  sts: STSClient;
  logs: CloudWatchLogsClient;
  metrics: CloudWatchClient;
}

/** A local AWS with clients for us-east-1, and how to reach it from another region or another process. */
export interface AwsForTest extends LocalAws, Clients {
  in(region: string): Clients;
  /** Environment variables with which the aws CLI, boto3 and every SDK talk to it. */
  environment: Record<string, string>;
}

/** What the clients of a test sign with, and the program where it finds no key. */
const accessKey = { accessKeyId: "local", secretAccessKey: "local" };

/** Starts a local AWS for one test; it and its clients are closed when the test ends. */
export async function openLocalAws(options: LocalAwsOptions = {}): Promise<AwsForTest> {
  const local = await startLocalAws({ accessKey, ...options });
  onTestFinished(() => local.close());
  return {
    ...local,
    ...clientsFor(local.url),
    in: (region) => clientsFor(local.url, region),
    environment: environmentFor(local.url),
  };
}

/** Clients for an address; closed when the test ends. */
export function clientsFor(endpoint: string, region = "us-east-1", credentials = accessKey): Clients {
  const config = { endpoint, region, credentials, maxAttempts: 1, disableHostPrefix: true };
  const clients = {
    lambda: new LambdaClient(config),
    apigatewayv2: new ApiGatewayV2Client(config),
    iam: new IAMClient(config),
    sts: new STSClient(config),
    logs: new CloudWatchLogsClient(config),
    metrics: new CloudWatchClient(config),
  };
  onTestFinished(() => Object.values(clients).forEach((client) => client.destroy()));
  return { region, ...clients };
}

const environmentFor = (url: string): Record<string, string> => ({
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "",
  AWS_ENDPOINT_URL: url,
  AWS_REGION: "us-east-1",
  AWS_DEFAULT_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: accessKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: accessKey.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_MAX_ATTEMPTS: "1",
  AWS_PAGER: "",
});

/** How a call was refused: the error's name, text and HTTP status. Fails when it was not. */
export async function refusal(
  call: Promise<unknown>,
): Promise<{ name: string; message: string; status: number | undefined }> {
  try {
    await call;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return { name, message, status: $metadata?.httpStatusCode };
  }
  throw new Error("the call was not refused");
}

/** A policy document with one statement that allows this. */
export const policy = (statement: object): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
/** The trust policy of an execution role. */
export const lambdaTrust = policy({
  Principal: { Service: "lambda.amazonaws.com" },
  Action: "sts:AssumeRole",
});

/** Makes an execution role that may write logs; returns its ARN. */
export async function makeRole({ iam }: Clients, RoleName = "proxy-role"): Promise<string> {
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: lambdaTrust }));
  await iam.send(
    new PutRolePolicyCommand({
      RoleName,
      PolicyName: "logs",
      PolicyDocument: policy({ Action: "logs:*", Resource: "*" }),
    }),
  );
  return Role?.Arn ?? "";
}

/** A handler that accepts everything. */
export const acceptingHandler = "export const handler = async () => ({ statusCode: 200 });";

/** The input of CreateFunction for a Node function of one file. */
export async function functionInput(
  Role: string,
  given: Partial<CreateFunctionCommandInput> & { source?: string } = {},
): Promise<CreateFunctionCommandInput> {
  const { source = acceptingHandler, ...overrides } = given;
  const ZipFile = await zipOf({ "index.mjs": source });
  return {
    FunctionName: "proxy",
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role,
    Code: { ZipFile },
    ...overrides,
  };
}

/** Makes a function, and a role for it unless one is given; returns the function's ARN. */
export async function makeFunction(
  clients: Clients,
  given: Partial<CreateFunctionCommandInput> & { source?: string } = {},
): Promise<string> {
  const role = given.Role ?? (await makeRole(clients, `${given.FunctionName ?? "proxy"}-role`));
  const { FunctionArn = "" } = await clients.lambda.send(
    new CreateFunctionCommand(await functionInput(role, given)),
  );
  return FunctionArn;
}

/** The form in which API Gateway takes a function's ARN (AWS.md 3.2). */
export const invocationUri = (functionArn: string, region = "us-east-1"): string =>
  `arn:aws:apigateway:${region}:lambda:path/2015-03-31/functions/${functionArn}/invocations`;

/** Makes an API with an integration and these routes, not deployed yet. */
export async function makeApi(
  { apigatewayv2 }: Clients,
  { functionArn = "arn:aws:lambda:us-east-1:000000000000:function:proxy", routes = ["$default"] } = {},
) {
  const { ApiId = "", ApiEndpoint = "" } = await apigatewayv2.send(
    new CreateApiCommand({
      Name: "api",
      ProtocolType: "WEBSOCKET",
      RouteSelectionExpression: "$request.body.action",
    }),
  );
  const integration = {
    IntegrationType: "AWS_PROXY",
    IntegrationMethod: "POST",
    IntegrationUri: invocationUri(functionArn),
  } as const;
  const { IntegrationId = "" } = await apigatewayv2.send(
    new CreateIntegrationCommand({ ApiId, ...integration }),
  );
  const made = await Promise.all(
    routes.map((RouteKey) =>
      apigatewayv2.send(new CreateRouteCommand({ ApiId, RouteKey, Target: `integrations/${IntegrationId}` })),
    ),
  );
  return { ApiId, ApiEndpoint, IntegrationId, RouteIds: made.map(({ RouteId = "" }) => RouteId) };
}

/** Lets an API call a function. */
export async function permit(
  { lambda }: Clients,
  { apiId, FunctionName = "proxy" }: { apiId: string; FunctionName?: string },
): Promise<void> {
  await lambda.send(
    new AddPermissionCommand({
      FunctionName,
      StatementId: "gateway",
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:aws:execute-api:us-east-1:000000000000:${apiId}/*/*`,
      SourceAccount: "000000000000",
    }),
  );
}

/** The calls that changed something, or were to. */
export const mutating = (local: LocalAws) => local.calls.filter((call) => call.mutating);

/** The variables that lead the program to a local AWS. */
export const pointedAt = (url: string) => ({ SHELFSHACK_LOCAL: "true", SHELFSHACK_PORT: new URL(url).port });
