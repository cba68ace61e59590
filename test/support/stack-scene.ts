import {
  GetApisCommand,
  GetDeploymentsCommand,
  GetIntegrationsCommand,
  GetRoutesCommand,
  GetStagesCommand,
} from "@aws-sdk/client-apigatewayv2";
import { DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ListRolesCommand } from "@aws-sdk/client-iam";
import { ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { onTestFinished } from "vitest";
import { startLocalAws, type LocalAws, type LocalAwsOptions } from "../../src/local/server.ts";
import type { StackConfig } from "../../src/resources/stack.ts";
import type { Aws } from "../../src/aws/clients.ts";
import { startFaultProxy, type Call, type Fault } from "./fault-proxy.ts";
import { openTestStack, type Timing } from "./stack.ts";

/** A local AWS for one test; closed when the test ends. */
export async function localAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const local = await startLocalAws(options);
  onTestFinished(() => local.close());
  return local;
}

/** A proxy in front of it that breaks calls; closed when the test ends. */
export async function faulty(target: LocalAws, faultFor: (call: Call) => Fault | undefined) {
  const proxy = await startFaultProxy(target.url, faultFor);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** A stack at an address, as one run of the program sees it. */
export async function stackAt(url: string, overrides: Partial<StackConfig> = {}, timing: Timing = {}) {
  const opened = await openTestStack(url, overrides, timing);
  onTestFinished(() => opened.aws.close());
  return opened;
}

export const mutating = (local: LocalAws) => local.calls.filter((call) => call.mutating);

/** How many there are of everything that a stack has. */
export async function inventory(aws: Aws) {
  const apis = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  const ApiId = apis[0]?.ApiId;
  const within = async <T>(list: Promise<{ Items?: T[] | undefined }>) => (await list).Items?.length;
  return {
    roles: (await aws.iam.send(new ListRolesCommand({}))).Roles?.length,
    logGroups: (await aws.logs.send(new DescribeLogGroupsCommand({}))).logGroups?.length,
    functions: (await aws.lambda.send(new ListFunctionsCommand({}))).Functions?.length,
    apis: apis.length,
    ...(ApiId
      ? {
          integrations: await within(aws.apigatewayv2.send(new GetIntegrationsCommand({ ApiId }))),
          routes: await within(aws.apigatewayv2.send(new GetRoutesCommand({ ApiId }))),
          deployments: await within(aws.apigatewayv2.send(new GetDeploymentsCommand({ ApiId }))),
          stages: await within(aws.apigatewayv2.send(new GetStagesCommand({ ApiId }))),
        }
      : {}),
  };
}
export const oneOfEverything = {
  roles: 1,
  logGroups: 1,
  functions: 1,
  apis: 1,
  integrations: 1,
  routes: 3,
  deployments: 1,
  stages: 1,
};
export const nothing = { roles: 0, logGroups: 0, functions: 0, apis: 0 };

/** How many calls that change something a first deploy makes. */
export async function callsOfOneDeploy(): Promise<number> {
  const local = await localAws();
  await (await stackAt(local.url)).deploy();
  return mutating(local).length;
}
