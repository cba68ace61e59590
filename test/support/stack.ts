import { createHash, randomBytes } from "node:crypto";
import {
  GetApisCommand,
  GetDeploymentsCommand,
  GetIntegrationsCommand,
  GetRoutesCommand,
  GetStagesCommand,
} from "@aws-sdk/client-apigatewayv2";
import { DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ListRolesCommand } from "@aws-sdk/client-iam";
import {
  type LambdaClient,
  ListFunctionsCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
} from "@aws-sdk/client-lambda";
import { onTestFinished } from "vitest";
import type { Progress } from "../../src/progress.ts";
import { destroy } from "../../src/stack/destroy.ts";
import { deploy, observe, observeReadable, plan, type Change } from "../../src/stack/engine.ts";
import type { Run } from "../../src/stack/create.ts";
import { stackOf, type StackConfig } from "../../src/resources/stack.ts";
import type { Step } from "../../src/settings/table.ts";
import { partsOf, scopeOf } from "../../src/stack/steps.ts";
import { connectAws, type Aws } from "../../src/aws/clients.ts";
import { mutating, openLocalAws } from "./local-aws.ts";
import { zipOf } from "./zip.ts";

/**
 * Every pause of the engine and of the retry table, scaled: a test waits milliseconds where a deploy waits
 * seconds.
 */
const TIME_SCALE = 0.01;

/** How long things may take: `timeScale` scales every pause, `requestMs` limits one call. */
export interface Timing {
  timeScale?: number;
  requestMs?: number;
}

/**
 * A stack against the local AWS at `url`, as one run of the program sees it: with its own run id, clients and
 * progress. The clients are closed when the test ends.
 */
export async function openTestStack(
  url: string,
  overrides: Partial<StackConfig> = {},
  { timeScale = TIME_SCALE, requestMs }: Timing = {},
) {
  const signal = new AbortController().signal;
  const progress: Progress[] = [];
  const report = (event: Progress) => void progress.push(event);
  const aws = await connectAws(
    { local: true, port: Number(new URL(url).port), endpointUrl: undefined, region: overrides.region },
    { report, signal, timeScale, ...(requestMs === undefined ? {} : { requestMs }) },
  );
  const walk: Run = { aws, report, signal, timeScale };
  const zip =
    overrides.zip ??
    (await zipOf({ "index.mjs": "export const handler = async () => ({ statusCode: 200 });" }));
  const stack = stackOf({
    region: aws.region,
    functionName: "shelfshack-websocket-proxy",
    apiName: "shelfshack-websocket-api",
    roleName: "shelfshack-websocket-proxy-role",
    stage: "dev",
    runtime: "nodejs24.x",
    handler: "index.handler",
    timeout: 30,
    memory: 256,
    logRetention: 30,
    keepReleases: 5,
    backendUrl: "https://api.example.com",
    variables: {},
    account: undefined,
    zip,
    zipSha256: createHash("sha256").update(zip).digest("base64"),
    run: randomBytes(16).toString("hex"),
    ...overrides,
  });
  onTestFinished(() => aws.close());
  return {
    aws,
    stack,
    progress,
    deploy: (only?: Step[], before?: () => Promise<void>) =>
      deploy(stack, walk, scopeOf(partsOf({ only })), before),
    plan: async () => plan(stack, await observe(stack, aws)),
    planReadable: async () => {
      const { observed, unread } = await observeReadable(stack.resources, walk);
      return plan(stack, observed, undefined, unread);
    },
    destroy: (before?: () => Promise<void>) => destroy(stack, walk, before),
  };
}

/** The ids of what is not as it should be. */
export const changedIds = (changes: readonly Change[]): string[] =>
  changes.filter(({ action }) => action !== "none").map(({ resource }) => resource.id);

/** How many there are of each resource in an account with one stack. */
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
/** The inventory of an account with one complete stack, and of one with none. */
export const completeStack = {
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
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  return mutating(local).length;
}

/** Lets clients be served by what was written last, as a deploy does. */
export async function serveNewest(lambda: Pick<LambdaClient, "send">, FunctionName: string): Promise<void> {
  const { Version: FunctionVersion } = await lambda.send(new PublishVersionCommand({ FunctionName }));
  await lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion }));
}
