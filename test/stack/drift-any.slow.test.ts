import {
  CreateDeploymentCommand,
  CreateIntegrationCommand,
  GetDeploymentsCommand,
  GetIntegrationsCommand,
  GetRoutesCommand,
  UpdateApiCommand,
  UpdateDeploymentCommand,
  UpdateIntegrationCommand,
  UpdateRouteCommand,
  UpdateStageCommand,
  type UpdateIntegrationCommandInput,
  type UpdateRouteCommandInput,
  type UpdateStageCommandInput,
} from "@aws-sdk/client-apigatewayv2";
import { PutRetentionPolicyCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  GetFunctionConfigurationCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  TagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type AddPermissionCommandInput,
  type UpdateFunctionConfigurationCommandInput,
} from "@aws-sdk/client-lambda";
import fc from "fast-check";
import { expect, test } from "vitest";
import { accessLogFormat, accessLogGroupOf } from "../../src/aws/access-log.ts";
import type { Aws } from "../../src/aws/clients.ts";
import { ALIAS } from "../../src/aws/served.ts";
import type { StackConfig } from "../../src/resources/stack.ts";
import { observe, type Change } from "../../src/stack/engine.ts";
import { makeRole, openLocalAws, policy } from "../support/local-aws.ts";
import { changedIds, openTestStack } from "../support/stack.ts";
import { tagging } from "../support/tagging.ts";
import { zipOf } from "../support/zip.ts";

const kmsKey = "arn:aws:kms:us-east-1:000000000000:key/one";

/** A stack with everything that can be set. */
const whole: Partial<StackConfig> = {
  rolePath: "/team/",
  permissionsBoundary: "arn:aws:iam::aws:policy/AdministratorAccess",
  accessLogs: "on",
  kmsKey,
  variables: { FOO: "1" },
  configuredTags: { team: "chat" },
  routes: ["ping"],
  architecture: "x86_64",
  reservedConcurrency: 50,
  subnets: ["subnet-2", "subnet-1"],
  securityGroups: ["sg-1"],
  tracing: "Active",
  logFormat: "JSON",
  logLevel: "WARN",
  throttleRate: 200,
  throttleBurst: 100,
};

/** What a change behind our back works with. */
interface Place {
  aws: Aws;
  ApiId: string;
  otherRole: string;
}

const FunctionName = "shelfshack-websocket-proxy";
const RoleName = `${FunctionName}-role`;
const StatementId = "shelfshack-ws";

const configured =
  (change: Partial<UpdateFunctionConfigurationCommandInput>) =>
  ({ aws }: Pick<Place, "aws">) =>
    aws.lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...change }));
const withVariable = (name: string) => async (at: Place) => {
  const { Environment } = await at.aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  await configured({ Environment: { Variables: { ...Environment?.Variables, [name]: "other" } } })(at);
};
const staged =
  (change: Partial<UpdateStageCommandInput>) =>
  ({ aws, ApiId }: Place) =>
    aws.apigatewayv2.send(new UpdateStageCommand({ ApiId, StageName: "dev", ...change }));
const integrated =
  (change: Partial<UpdateIntegrationCommandInput>) =>
  async ({ aws, ApiId }: Place) => {
    const { Items = [] } = await aws.apigatewayv2.send(new GetIntegrationsCommand({ ApiId }));
    const ours = Items.find(({ Description }) => Description === "shelfshack-ws");
    await aws.apigatewayv2.send(
      new UpdateIntegrationCommand({ ApiId, IntegrationId: ours?.IntegrationId, ...change }),
    );
  };
const routed = (key: string, change: Partial<UpdateRouteCommandInput>) => async (at: Place) => {
  const { aws, ApiId } = at;
  const { Items = [] } = await aws.apigatewayv2.send(new GetRoutesCommand({ ApiId }));
  const RouteId = Items.find(({ RouteKey }) => RouteKey === key)?.RouteId;
  await aws.apigatewayv2.send(new UpdateRouteCommand({ ApiId, RouteId, ...change }));
};
const targeted = (key: string) => async (at: Place) => {
  const mock = new CreateIntegrationCommand({ ApiId: at.ApiId, IntegrationType: "MOCK" });
  const { IntegrationId } = await at.aws.apigatewayv2.send(mock);
  await routed(key, { Target: `integrations/${IntegrationId}` })(at);
};
const permitted =
  (change: Partial<AddPermissionCommandInput>) =>
  async ({ aws, ApiId }: Place) => {
    await aws.lambda.send(new RemovePermissionCommand({ FunctionName, StatementId, Qualifier: ALIAS }));
    const present = {
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:aws:execute-api:us-east-1:000000000000:${ApiId}/dev/*`,
      SourceAccount: "000000000000",
    };
    await aws.lambda.send(
      new AddPermissionCommand({ FunctionName, StatementId, Qualifier: ALIAS, ...present, ...change }),
    );
  };

const accessGroup = accessLogGroupOf(FunctionName);
const logArn = (group: string) => `arn:aws:logs:us-east-1:000000000000:log-group:${group}`;
const accessLogged = (change: object) =>
  staged({
    AccessLogSettings: { DestinationArn: logArn(accessGroup), Format: accessLogFormat, ...change },
  });
const kept =
  (logGroupName: string) =>
  ({ aws }: Place) =>
    aws.logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 1 }));
const stages = (limits: object) => staged({ DefaultRouteSettings: limits });
const vpc = (change: object) =>
  configured({ VpcConfig: { SubnetIds: ["subnet-1", "subnet-2"], SecurityGroupIds: ["sg-1"], ...change } });
const logged = (change: object) => configured({ LoggingConfig: { LogFormat: "JSON", ...change } });
/** What differs besides, as it follows from the change. */
const following: Readonly<Record<string, string>> = {
  "Deployment.Description": "Stage.DeploymentId",
  "Stage.AutoDeploy": "Stage.DeploymentId",
  "Function.LoggingConfig.LogFormat": "Function.LoggingConfig.ApplicationLogLevel",
};

/** What cannot be changed side by side: one call sets all of it, or refuses the other. */
const apart = [
  /^Permission\./,
  /^Function\.LoggingConfig\./,
  /^Function\.VpcConfig\./,
  /^Stage\.AccessLogSettings\./,
  /^(Stage\.AutoDeploy|Stage\.DeploymentId|Deployment\.)/,
];
const areApart = (one: string, other: string): boolean =>
  apart.some((pattern) => pattern.test(one) && pattern.test(other));

/** The paths in groups of a size, none with two that have to be apart. */
function grouped(paths: readonly string[], size: number): string[][] {
  const groups: string[][] = [];
  for (const path of paths) {
    const free = groups.find((group) => group.length < size && !group.some((one) => areApart(one, path)));
    if (free) free.push(path);
    else groups.push([path]);
  }
  return groups;
}

/** How each property is changed behind our back. */
const changes: Readonly<Record<string, (at: Place) => Promise<unknown>>> = {
  "Role.AssumeRolePolicyDocument": ({ aws }) => {
    const PolicyDocument = policy({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });
    return aws.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
  },
  "RolePolicy.PolicyDocument": ({ aws }) => {
    const PolicyDocument = policy({ Action: "*", Resource: "*" });
    const PolicyName = "WebSocketAPIPermissions";
    return aws.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));
  },
  "Role.PermissionsBoundary": ({ aws }) => {
    const PermissionsBoundary = "arn:aws:iam::aws:policy/PowerUserAccess";
    return aws.iam.send(new PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary }));
  },
  "LogGroup.RetentionInDays": kept(`/aws/lambda/${FunctionName}`),
  "AccessLogGroup.RetentionInDays": kept(accessGroup),
  "Stage.AccessLogSettings.DestinationArn": accessLogged({ DestinationArn: logArn("other") }),
  "Stage.AccessLogSettings.Format": accessLogged({ Format: "$context.requestId" }),
  "Api.Name": ({ aws, ApiId }) => aws.apigatewayv2.send(new UpdateApiCommand({ ApiId, Name: "other" })),
  "Api.RouteSelectionExpression": ({ aws, ApiId }) =>
    aws.apigatewayv2.send(new UpdateApiCommand({ ApiId, RouteSelectionExpression: "$request.body.type" })),
  "Integration.IntegrationMethod": integrated({ IntegrationMethod: "GET" }),
  "Integration.IntegrationUri": integrated({
    IntegrationUri:
      "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" +
      "arn:aws:lambda:us-east-1:000000000000:function:other/invocations",
  }),
  "Integration.TimeoutInMillis": integrated({ TimeoutInMillis: 1_000 }),
  "RouteConnect.AuthorizationType": routed("$connect", { AuthorizationType: "AWS_IAM" }),
  "RouteConnect.Target": targeted("$connect"),
  "RouteDisconnect.Target": targeted("$disconnect"),
  "RouteDefault.Target": targeted("$default"),
  "Routeping758d61.OperationName": routed("ping", { OperationName: "other" }),
  "Routeping758d61.Target": targeted("ping"),
  "Deployment.Description": async ({ aws, ApiId }) => {
    const { Items = [] } = await aws.apigatewayv2.send(new GetDeploymentsCommand({ ApiId }));
    for (const { DeploymentId, Description } of Items)
      if (Description?.startsWith("shelfshack-ws routes "))
        await aws.apigatewayv2.send(
          new UpdateDeploymentCommand({ ApiId, DeploymentId, Description: `${Description}-other` }),
        );
  },
  "Stage.DeploymentId": async (at) => {
    const { aws, ApiId } = at;
    const { DeploymentId } = await aws.apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
    await staged({ DeploymentId })(at);
  },
  "Stage.AutoDeploy": staged({ AutoDeploy: true }),
  "Stage.DefaultRouteSettings.ThrottlingRateLimit": stages({ ThrottlingRateLimit: 0 }),
  "Stage.DefaultRouteSettings.ThrottlingBurstLimit": stages({ ThrottlingBurstLimit: 7 }),
  "Function.CodeSha256": async ({ aws }) =>
    aws.lambda.send(
      new UpdateFunctionCodeCommand({ FunctionName, ZipFile: await zipOf({ "index.mjs": "1" }) }),
    ),
  "Function.Architectures": async ({ aws }) => {
    const { Code } = await aws.lambda.call("GetFunction", { FunctionName });
    const ZipFile = new Uint8Array(await (await fetch(Code?.Location ?? "")).arrayBuffer());
    await aws.lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, Architectures: ["arm64"] }));
  },
  "Function.Runtime": configured({ Runtime: "nodejs22.x" }),
  "Function.Handler": configured({ Handler: "other.handler" }),
  "Function.Role": async (at) => configured({ Role: at.otherRole })(at),
  "Function.Timeout": configured({ Timeout: 3 }),
  "Function.MemorySize": configured({ MemorySize: 128 }),
  "Function.KMSKeyArn": configured({ KMSKeyArn: `${kmsKey}-other` }),
  "Function.TracingConfig.Mode": configured({ TracingConfig: { Mode: "PassThrough" } }),
  "Function.LoggingConfig.LogFormat": configured({ LoggingConfig: { LogFormat: "Text" } }),
  "Function.LoggingConfig.ApplicationLogLevel": logged({ ApplicationLogLevel: "ERROR" }),
  "Function.VpcConfig.SubnetIds": vpc({ SubnetIds: ["subnet-1"] }),
  "Function.VpcConfig.SecurityGroupIds": vpc({ SecurityGroupIds: ["sg-2"] }),
  "Function.ReservedConcurrentExecutions": ({ aws }) =>
    aws.lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 1 })),
  "Function.Environment.FOO": withVariable("FOO"),
  "Function.Environment.BACKEND_URL": withVariable("BACKEND_URL"),
  "Function.Environment.API_GATEWAY_ENDPOINT": withVariable("API_GATEWAY_ENDPOINT"),
  "Function.Environment.SIGNING_KEYS": withVariable("SIGNING_KEYS"),
  "Function.ConfiguredVariables": async ({ aws }) => {
    const { FunctionArn: arn } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const Tags = { "shelfshack-ws:variables": "FOO OLD" };
    await aws.lambda.send(new TagResourceCommand({ Resource: arn, Tags }));
  },
  ...Object.fromEntries(
    Object.entries(tagging).flatMap(([id, tag]) => [
      [`${id}.Tags.team`, (at: Place) => tag(at, { team: "other" })],
      [`${id}.ConfiguredTags`, (at: Place) => tag(at, { "shelfshack-ws:tags": "OLD team" })],
    ]),
  ),
  "Permission.Action": permitted({ Action: "lambda:*" }),
  "Permission.Principal": permitted({ Principal: "events.amazonaws.com" }),
  "Permission.SourceArn": permitted({ SourceArn: "arn:aws:execute-api:us-east-1:000000000000:other/*" }),
  "Permission.SourceAccount": permitted({ SourceAccount: undefined }),
};

/** What cannot be changed without another thing taking its place, or not at all here; and why. */
const unchangeable: readonly [RegExp, string][] = [
  [/\.(FunctionName|RoleName|PolicyName|LogGroupName|StageName|RouteKey|ApiId)$/, "what it is found by"],
  [/^Integration\.Description$/, "what it is found by"],
  [/^(Api\.ProtocolType|Integration\.IntegrationType)$/, "fixed when it is made"],
  [/^(Alias\.Name|Permission\.Qualifier)$/, "what it is found by"],
  [/^Function\.Description$/, "a note for the next release"],
  [/^Release\./, "a version of a function is fixed when it is made"],
  [/^Alias\.(FunctionVersion|AlsoServed)$/, "it needs two releases: see the tests of releases"],
  [/^Role\.Path$/, "IAM moves no role"],
  [/\.ApiKeyRequired$/, "the local AWS refuses keys of routes by name"],
  [/^Route(Disconnect|Default|ping\w+)\.AuthorizationType$/, "only $connect has one"],
  [/^Function\.State$/, "Lambda's own"],
];
const documents = /\.(AssumeRole)?PolicyDocument$/;

/** Every property of everything that a deploy makes, by its path. */
const pathsIn = (planned: readonly Change[]): string[] =>
  planned.flatMap(({ resource: { id }, target }) => (target ? leavesOf(id, target) : []));
const leavesOf = (path: string, value: unknown): string[] =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !documents.test(path)
    ? Object.entries(value).flatMap(([key, member]) => leavesOf(`${path}.${key}`, member))
    : [path];

/** What differs, by the paths above; of a function that differs a new release follows. */
const differing = (planned: readonly Change[]): string[] =>
  planned
    .flatMap(({ resource: { id }, differences }) => differences.map(({ path }) => `${id}.${path}`))
    .filter((path) => !/^(Release|Alias)\./.test(path))
    .map((path) => Object.keys(changes).find((known) => `${path}.`.startsWith(`${known}.`)) ?? path);

test("every property that a deploy sets is changed behind its back below, or cannot be", async () => {
  const { plan } = await openTestStack((await openLocalAws()).url, whole);
  const paths = pathsIn(await plan());
  const changeable = paths.filter((path) => !unchangeable.some(([pattern]) => pattern.test(path)));
  expect(changeable.toSorted()).toEqual(Object.keys(changes).toSorted());
});

test("D-26 whatever is changed, plan names just that and deploy restores just that", async () => {
  const local = await openLocalAws();
  const { aws, deploy, plan, stack } = await openTestStack(local.url, whole);
  await deploy();
  const otherRole = await makeRole(local, "other");
  const ApiId = (await observe(stack, aws)).get(stack.api)?.attributes["ApiId"] ?? "";
  const restored = async (changed: readonly string[]) => {
    for (const path of changed) await changes[path]?.({ aws, ApiId, otherRole });
    const planned = await plan();
    const followed = changed.flatMap((path) => following[path] ?? []);
    expect(new Set(differing(planned))).toEqual(new Set([...changed, ...followed]));
    expect(changedIds(await deploy())).toEqual(changedIds(planned));
    expect(differing(await plan())).toEqual([]);
  };
  const every = Object.keys(changes);
  const orders = fc.shuffledSubarray(every, { minLength: every.length });
  await fc.assert(
    fc.asyncProperty(orders, fc.integer({ min: 4, max: 8 }), async (order, atOnce) => {
      for (const group of grouped(order, atOnce)) await restored(group);
    }),
    { numRuns: 1, endOnFailure: true },
  );
});
