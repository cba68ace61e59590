import { APIGatewayClient, UpdateAccountCommand } from "@aws-sdk/client-api-gateway";
import {
  CreateDeploymentCommand,
  CreateRouteCommand,
  CreateStageCommand,
  DeleteAccessLogSettingsCommand,
  DeleteApiCommand,
  DeleteRouteCommand,
  DeleteStageCommand,
  GetIntegrationsCommand,
  GetRoutesCommand,
  UpdateApiCommand,
  UpdateIntegrationCommand,
  UpdateRouteCommand,
  UpdateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { DeleteLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateAliasCommand,
  DeleteFunctionCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type UpdateFunctionConfigurationCommandInput,
} from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { accessLogGroupOf } from "../../src/aws/access-log.ts";
import { explainClose } from "../../src/client/frames.ts";
import { LOG_ROLE } from "../../src/aws/log-role.ts";
import { DEPLOYMENT_PREFIX } from "../../src/aws/deployed.ts";
import { newSigningKey } from "../../src/contract/signature.ts";
import type { CheckLine } from "../../src/verify/examine.ts";
import { doctorChecks } from "../../src/verify/selections.ts";
import {
  delays,
  expectsOtherFields,
  forgetsAnswers,
  hasAnotherHost,
  hasWorkers,
  lacks,
  redirects,
  takesNoPostAt,
} from "../support/contract-backend.ts";
import {
  causesIn,
  examined,
  openPatient,
  type Illness,
  type Patient,
  type Question,
} from "../support/doctor.ts";
import { withoutAlias } from "../support/former-stack.ts";
import {
  acceptingHandler,
  invocationUri,
  lambdaTrust,
  makeRole,
  pointedAt,
  policy,
} from "../support/local-aws.ts";
import { errorCode, run } from "../support/program.ts";
import { openSocket } from "../support/socket.ts";
import { serveNewest } from "../support/stack.ts";
import { testGateway } from "../support/test-gateway.ts";
import { zipOf } from "../support/zip.ts";

/** One way in which a stack breaks, and what the doctor has to say of it. */
interface Mode {
  what: string;
  /**
   * The first failure that is told, or the first cause of all where it is a warning, as
   * `outcome check: code`; more may follow from it.
   */
  says: string;
  ill?: Illness;
  /** Breaks a stack that was deployed well. */
  breaks?(patient: Patient): Promise<unknown>;
  asks?(patient: Patient): Question;
  /** Whether `--fix` repairs it; one for each kind of repair. */
  isFixed?: true;
  /** All steps that repair it, where that is worth telling. */
  repairs?: readonly string[];
}

/** A stack with access logs. */
const logged: Illness = { overrides: { accessLogs: "on" } };

/** Sets the account's role for the logs of API Gateway, or none. */
async function setLogRole({ url }: Patient, value: string): Promise<void> {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new APIGatewayClient({ endpoint: url, region: "us-east-1", credentials });
  onTestFinished(() => client.destroy());
  const patchOperations = [{ op: "replace", path: "/cloudwatchRoleArn", value } as const];
  await client.send(new UpdateAccountCommand({ patchOperations }));
}

const POLICY = { PolicyName: "WebSocketAPIPermissions" };

/** Writes the function's settings, its other variables kept. */
async function configure(
  { lambda, FunctionName, backendUrl, key, url, ApiId }: Patient,
  {
    variables = {},
    ...settings
  }: Partial<UpdateFunctionConfigurationCommandInput> & { variables?: Record<string, string> },
): Promise<void> {
  const Variables = {
    BACKEND_URL: backendUrl,
    SIGNING_KEYS: key,
    API_GATEWAY_ENDPOINT: `${url}/${ApiId}/dev`,
    ...variables,
  };
  await lambda.send(
    new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables }, ...settings }),
  );
  await serveNewest(lambda, FunctionName);
}

async function upload({ lambda, FunctionName }: Patient, source: string): Promise<void> {
  const ZipFile = await zipOf({ "index.mjs": source });
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  await serveNewest(lambda, FunctionName);
}

/** Replaces the permission to invoke by one for another source; none where that is left out. */
async function permitted({ lambda, FunctionName }: Patient, resource?: string): Promise<void> {
  const statement = { FunctionName, Qualifier: "live", StatementId: "shelfshack-ws" };
  await lambda.send(new RemovePermissionCommand(statement));
  if (resource === undefined) return;
  await lambda.send(
    new AddPermissionCommand({
      ...statement,
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:aws:execute-api:us-east-1:000000000000:${resource}`,
    }),
  );
}

async function routeOf({ apigatewayv2, ApiId }: Patient, key: string): Promise<string> {
  const { Items = [] } = await apigatewayv2.send(new GetRoutesCommand({ ApiId }));
  return Items.find(({ RouteKey }) => RouteKey === key)?.RouteId ?? "";
}

/** Lets all routes lead to what this ARN names. */
async function integrated({ apigatewayv2, ApiId, StageName }: Patient, functionArn: string): Promise<void> {
  const { Items = [] } = await apigatewayv2.send(new GetIntegrationsCommand({ ApiId }));
  const IntegrationId = Items[0]?.IntegrationId;
  await apigatewayv2.send(
    new UpdateIntegrationCommand({ ApiId, IntegrationId, IntegrationUri: invocationUri(functionArn) }),
  );
  // As if a deploy had made it.
  const Description = `${DEPLOYMENT_PREFIX}other`;
  await apigatewayv2.send(new CreateDeploymentCommand({ ApiId, StageName, Description }));
}

const limited =
  (rate: number, burst: number) =>
  ({ apigatewayv2, ApiId, StageName }: Patient) =>
    apigatewayv2.send(
      new UpdateStageCommand({
        ApiId,
        StageName,
        DefaultRouteSettings: { ThrottlingRateLimit: rate, ThrottlingBurstLimit: burst },
      }),
    );

/** Replaces what the function's role may do. */
const mayOnly =
  (...statements: object[]) =>
  ({ iam, RoleName }: Patient) =>
    iam.send(
      new PutRolePolicyCommand({
        RoleName,
        ...POLICY,
        PolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: statements.map((one) => ({ Effect: "Allow", ...one })),
        }),
      }),
    );
const logsAll = { Action: "logs:*", Resource: "*" };
const pushesAll = { Action: "execute-api:ManageConnections", Resource: "*" };

/** Those with a number are failure modes that people report of such APIs; the others are causes besides. */
const modes: readonly Mode[] = [
  {
    what: "1 the bundle lacks a module",
    says: "failed invocation: handler-not-loadable",
    breaks: (patient) => upload(patient, 'import "left-out"; export const handler = async () => ({});'),
  },
  {
    what: "1 the handler throws",
    says: "failed invocation: handler-threw",
    breaks: (patient) => upload(patient, 'export const handler = async () => { throw new Error("no"); };'),
  },
  {
    what: "1 the handler's name is wrong",
    says: "failed handler: handler-other",
    isFixed: true,
    breaks: (patient) => configure(patient, { Handler: "index.other" }),
  },
  {
    what: "2 no permission to invoke",
    says: "failed permission: permission-missing",
    isFixed: true,
    breaks: (p) => permitted(p),
  },
  {
    what: "2, 30 a permission for another API, left under the same statement id",
    says: "failed permission: permission-other-api",
    breaks: (patient) => permitted(patient, "abcdef1234/dev/*"),
  },
  {
    what: "2 a permission with a segment too many",
    says: "failed permission: permission-segments",
    breaks: (patient) => permitted(patient, `${patient.ApiId}/*/*/*`),
  },
  {
    what: "2 the integration calls an alias that the permission does not cover",
    says: "failed permission: permission-missing",
    isFixed: true,
    async breaks(patient) {
      const { lambda, FunctionName } = patient;
      const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName }));
      await lambda.send(new CreateAliasCommand({ FunctionName, Name: "other", FunctionVersion: Version }));
      await integrated(patient, `${patient.functionArn}:other`);
    },
  },
  {
    what: "3 a permission for $connect alone",
    says: "failed permission: permission-routes",
    breaks: (patient) => permitted(patient, `${patient.ApiId}/dev/$connect`),
  },
  {
    what: "3 the integration calls another function",
    says: "failed integration: integration-other-function",
    isFixed: true,
    breaks: (patient) => integrated(patient, patient.functionArn.replace(/[^:]+$/, "another")),
  },
  {
    what: "4 the handler returns what API Gateway does not understand",
    says: "failed invocation: answer-unreadable",
    breaks: (patient) => upload(patient, "export const handler = async () => ({ ok: true });"),
  },
  {
    what: "no route $connect, on which nothing else depends as long as the stage serves it",
    says: "failed routes: route-missing",
    repairs: ["routes"],
    breaks: async (patient) =>
      patient.apigatewayv2.send(
        new DeleteRouteCommand({ ApiId: patient.ApiId, RouteId: await routeOf(patient, "$connect") }),
      ),
  },
  {
    what: "5, 32 no route $default",
    says: "failed routes: route-missing",
    isFixed: true,
    breaks: async (patient) =>
      patient.apigatewayv2.send(
        new DeleteRouteCommand({ ApiId: patient.ApiId, RouteId: await routeOf(patient, "$default") }),
      ),
  },
  {
    what: "5 a route without a target",
    says: "failed routes: route-untargeted",
    async breaks(patient) {
      const { apigatewayv2, ApiId } = patient;
      const RouteId = await routeOf(patient, "$default");
      await apigatewayv2.send(new DeleteRouteCommand({ ApiId, RouteId }));
      await apigatewayv2.send(new CreateRouteCommand({ ApiId, RouteKey: "$default" }));
    },
  },
  {
    what: "5, 6 the stage serves a deployment that was made by hand",
    says: "failed stage: stage-stale",
    isFixed: true,
    breaks: ({ apigatewayv2, ApiId, StageName }) =>
      apigatewayv2.send(new CreateDeploymentCommand({ ApiId, StageName })),
  },
  {
    what: "6 a newer deployment that no stage serves",
    says: "warning stage: stage-stale",
    breaks: ({ apigatewayv2, ApiId }) => apigatewayv2.send(new CreateDeploymentCommand({ ApiId })),
  },
  {
    what: "7 no stage",
    says: "failed stage: stage-missing",
    isFixed: true,
    breaks: ({ apigatewayv2, ApiId, StageName }) =>
      apigatewayv2.send(new DeleteStageCommand({ ApiId, StageName })),
  },
  {
    what: "7 a stage without a deployment",
    says: "failed stage: stage-undeployed",
    async breaks({ apigatewayv2, ApiId, StageName }) {
      await apigatewayv2.send(new DeleteStageCommand({ ApiId, StageName }));
      await apigatewayv2.send(new CreateStageCommand({ ApiId, StageName }));
    },
  },
  {
    what: "7 the API's own address is switched off",
    says: "failed api: api-endpoint-disabled",
    breaks: ({ apigatewayv2, ApiId }) =>
      apigatewayv2.send(new UpdateApiCommand({ ApiId, DisableExecuteApiEndpoint: true })),
  },
  {
    what: "7 no API",
    says: "failed api: api-missing",
    isFixed: true,
    breaks: ({ apigatewayv2, ApiId }) => apigatewayv2.send(new DeleteApiCommand({ ApiId })),
  },
  {
    what: "8, 9 $connect asks for more than a token of ours",
    says: "failed routes: route-authorized",
    breaks: async (patient) =>
      patient.apigatewayv2.send(
        new UpdateRouteCommand({
          ApiId: patient.ApiId,
          RouteId: await routeOf(patient, "$connect"),
          AuthorizationType: "AWS_IAM",
        }),
      ),
  },
  {
    what: "10 limits that are stored as 0",
    says: "failed throttle: stage-throttled",
    isFixed: true,
    breaks: limited(0, 0),
  },
  {
    what: "11 limits that a few clients reach",
    says: "warning throttle: stage-limits-low",
    breaks: limited(2, 4),
  },
  {
    what: "14 the role has no right to push",
    says: "failed push-right: push-denied",
    isFixed: true,
    breaks: mayOnly(logsAll),
  },
  {
    what: "14 the role may push to another API",
    says: "failed push-right: push-denied",
    breaks: mayOnly(logsAll, {
      ...pushesAll,
      Resource: "arn:aws:execute-api:us-east-1:000000000000:abcdef1234/dev/*",
    }),
  },
  {
    what: "14 the backend's role may not push",
    says: "failed task-role: task-role-denied",
    breaks: (patient) => makeRole(patient, "backend"),
    asks: () => ({ taskRole: "arn:aws:iam::000000000000:role/backend" }),
  },
  {
    what: "14 the backend's role is not there",
    says: "failed task-role: task-role-missing",
    asks: () => ({ taskRole: "arn:aws:iam::000000000000:role/missing" }),
  },
  {
    what: "14 the function's role is gone",
    says: "failed role: role-missing",
    isFixed: true,
    async breaks({ iam, RoleName }) {
      await iam.send(new DeleteRolePolicyCommand({ RoleName, ...POLICY }));
      await iam.send(new DeleteRoleCommand({ RoleName }));
    },
  },
  {
    what: "15 frames go to an address of no API",
    says: "failed endpoint: endpoint-other-api",
    breaks: (patient) =>
      configure(patient, {
        variables: { API_GATEWAY_ENDPOINT: "https://execute-api.us-east-1.amazonaws.com" },
      }),
  },
  {
    what: "16 frames go to a custom domain",
    says: "failed endpoint: endpoint-other-api",
    breaks: (patient) =>
      configure(patient, { variables: { API_GATEWAY_ENDPOINT: "https://ws.example.invalid/dev" } }),
  },
  {
    what: "frames go to the clients' address",
    says: "failed endpoint: endpoint-wss",
    isFixed: true,
    breaks: (patient) =>
      configure(patient, {
        variables: { API_GATEWAY_ENDPOINT: `${patient.url.replace("http", "ws")}/${patient.ApiId}/dev` },
      }),
  },
  {
    what: "46 frames go to another stage, or to none",
    says: "failed endpoint: endpoint-other-stage",
    breaks: (patient) =>
      configure(patient, { variables: { API_GATEWAY_ENDPOINT: `${patient.url}/${patient.ApiId}` } }),
  },
  {
    what: "23 the integration's time limit is short",
    says: "warning integration: timeout-short",
    async breaks({ apigatewayv2, ApiId }) {
      const { Items = [] } = await apigatewayv2.send(new GetIntegrationsCommand({ ApiId }));
      const IntegrationId = Items[0]?.IntegrationId;
      await apigatewayv2.send(new UpdateIntegrationCommand({ ApiId, IntegrationId, TimeoutInMillis: 1_000 }));
    },
  },
  {
    what: "23 the backend is slow",
    says: "warning times: backend-slow",
    ill: {
      flaws: [delays((body) => (body.includes('"register"') || body.includes('"connect"') ? 1_200 : 0))],
    },
  },
  {
    what: "24 the function's time limit is short",
    says: "warning settings: timeout-short",
    isFixed: true,
    breaks: (patient) => configure(patient, { Timeout: 3 }),
  },
  {
    what: "27 the role does not trust Lambda",
    says: "failed role: role-untrusting",
    isFixed: true,
    breaks: ({ iam, RoleName }) =>
      iam.send(
        new UpdateAssumeRolePolicyCommand({
          RoleName,
          PolicyDocument: policy({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }),
        }),
      ),
  },
  {
    what: "28 the function is still being changed",
    says: "warning function: function-changing",
    ill: { local: { updateDelayMs: 20_000 } },
    breaks: ({ lambda, FunctionName }) =>
      lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Description: "other" })),
  },
  {
    what: "33 no log group, and the role may not create one",
    says: "warning log: log-group-missing",
    isFixed: true,
    breaks: ({ logs, FunctionName }) =>
      logs.send(new DeleteLogGroupCommand({ logGroupName: `/aws/lambda/${FunctionName}` })),
  },
  {
    what: "34 the role may not write logs",
    says: "failed log-right: log-denied",
    breaks: mayOnly(pushesAll),
  },
  {
    what: "34 the log is in another group",
    says: "warning log: log-group-elsewhere",
    async breaks(patient) {
      await mayOnly({ Action: "*", Resource: "*" })(patient);
      await configure(patient, { LoggingConfig: { LogGroup: "/elsewhere" } });
    },
  },
  {
    what: "35 an emulator's address was left in the variables",
    says: "failed environment: aws-endpoint-overridden",
    breaks: (patient) => configure(patient, { variables: { AWS_ENDPOINT_URL_S3: "http://127.0.0.1:4566" } }),
  },
  {
    what: "36 the backend's name does not exist",
    says: "failed reachable: host-not-found",
    breaks: (patient) => configure(patient, { variables: { BACKEND_URL: "http://backend.invalid" } }),
  },
  {
    what: "37, and 422 the backend expects other fields of a handshake",
    says: "failed register: backend-fields-refused",
    ill: { flaws: [expectsOtherFields] },
  },
  {
    what: "38 a repeated message does its work again",
    says: "failed message-repeated: answers-forgotten",
    ill: { flaws: [forgetsAnswers] },
  },
  {
    what: "39 a route selection that never matches",
    says: "failed api: route-expression-wrong",
    breaks: ({ apigatewayv2, ApiId }) =>
      apigatewayv2.send(new UpdateApiCommand({ ApiId, RouteSelectionExpression: ".body.action" })),
  },
  {
    what: "40 a deprecated runtime",
    says: "warning settings: runtime-deprecated",
    breaks: (patient) => configure(patient, { Runtime: "nodejs20.x" }),
  },
  {
    what: "41 a handler with a callback",
    says: "failed invocation: handler-threw",
    breaks: (patient) =>
      upload(patient, "export const handler = (event, context, done) => done(null, { statusCode: 200 });"),
  },
  {
    what: "42 the function may not run at all",
    says: "failed concurrency: function-throttled",
    breaks: ({ lambda, FunctionName }) =>
      lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 })),
  },
  {
    what: "45 another account than expected",
    says: "failed account: account-other",
    asks: () => ({ account: "123456789012" }),
  },
  {
    what: "47 a start file that no layer brings",
    says: "failed settings: wrapper-without-layer",
    breaks: (patient) => configure(patient, { variables: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/missing" } }),
  },
  {
    what: "29 access logs, and no role for them in the account",
    says: "failed access-log: access-log-role-missing",
    ill: logged,
    breaks: (patient) => setLogRole(patient, ""),
    asks: () => ({ accessLogs: "on" }),
  },
  {
    what: "access logs are asked for, and off",
    says: "warning access-log: access-log-off",
    ill: logged,
    breaks: ({ apigatewayv2, ApiId, StageName }) =>
      apigatewayv2.send(new DeleteAccessLogSettingsCommand({ ApiId, StageName })),
    asks: () => ({ accessLogs: "on" }),
  },
  {
    what: "the account's role for access logs trusts another service",
    says: "failed access-log: access-log-role-unusable",
    ill: logged,
    breaks: ({ iam }) =>
      iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: LOG_ROLE, PolicyDocument: lambdaTrust })),
  },
  {
    what: "no log group for the access log",
    says: "warning access-log: access-log-group-missing",
    ill: logged,
    breaks: ({ logs, FunctionName }) =>
      logs.send(new DeleteLogGroupCommand({ logGroupName: accessLogGroupOf(FunctionName) })),
  },
  {
    what: "a format of the access log that tells of no request",
    says: "warning access-log: access-log-unreadable",
    ill: logged,
    breaks: async ({ apigatewayv2, ApiId, StageName, FunctionName }) =>
      apigatewayv2.send(
        new UpdateStageCommand({
          ApiId,
          StageName,
          AccessLogSettings: {
            DestinationArn: `arn:aws:logs:us-east-1:000000000000:log-group:${accessLogGroupOf(FunctionName)}`,
            Format: "$context.requestId $context.status",
          },
        }),
      ),
  },
  {
    what: "no function",
    says: "failed function: function-missing",
    isFixed: true,
    breaks: ({ lambda, FunctionName }) => lambda.send(new DeleteFunctionCommand({ FunctionName })),
  },
  {
    what: "other code",
    says: "warning code: code-other",
    isFixed: true,
    breaks: (patient) => upload(patient, "export const handler = async () => ({ statusCode: 200 });"),
  },
  {
    what: "a stack of before the alias",
    says: "warning integration: integration-unqualified",
    isFixed: true,
    breaks: withoutAlias,
  },
  {
    what: "what was written last is not served",
    says: "warning release: release-older",
    isFixed: true,
    repairs: ["endpoint", "env", "function"],
    breaks: ({ lambda, FunctionName }) => {
      const wrong = "http://127.0.0.1:9";
      const Variables = { BACKEND_URL: wrong, SIGNING_KEYS: newSigningKey(), API_GATEWAY_ENDPOINT: wrong };
      const written = { FunctionName, Timeout: 29, Environment: { Variables } };
      return lambda.send(new UpdateFunctionConfigurationCommand(written));
    },
  },
  {
    what: "an older release after a rollback",
    says: "warning release: rolled-back",
    repairs: [],
    async breaks(patient) {
      const { lambda, FunctionName } = patient;
      await upload(patient, "export const handler = async () => ({ statusCode: 200 });");
      await configure(patient, { Timeout: 29 });
      const Description = "shelfshack-ws: rolled back from 3 by user/anna";
      const alias = { FunctionName, Name: "live", FunctionVersion: "2", Description };
      await lambda.send(new UpdateAliasCommand(alias));
    },
  },
  {
    what: "no BACKEND_URL",
    says: "failed environment: backend-url-missing",
    breaks: (patient) => configure(patient, { variables: { BACKEND_URL: "" } }),
  },
  {
    what: "nothing listens at BACKEND_URL",
    says: "failed reachable: connection-refused",
    breaks: (patient) => configure(patient, { variables: { BACKEND_URL: "http://127.0.0.1:9" } }),
  },
  {
    what: "the backend redirects",
    says: "failed redirect: backend-redirects",
    ill: { flaws: [redirects] },
  },
  {
    what: "404 of the backend",
    says: "failed endpoint-message: backend-endpoint-missing",
    ill: { flaws: [lacks("/api/ws/message")] },
  },
  {
    what: "405 of the backend",
    says: "failed endpoint-message: backend-method-refused",
    ill: { flaws: [takesNoPostAt("/api/ws/message")] },
  },
  {
    what: "401 of the backend: it knows other keys",
    says: "failed entry: keys-unknown",
    breaks: (patient) => configure(patient, { variables: { SIGNING_KEYS: `whsec_${"A".repeat(43)}=` } }),
  },
  {
    what: "a rotation has begun, and the backend does not have the new key",
    says: "warning each-key: keys-unknown",
    breaks: (patient) =>
      configure(patient, { variables: { SIGNING_KEYS: `${newSigningKey()},${patient.key}` } }),
  },
  {
    what: "the backend refuses our Host header",
    says: "failed reachable: backend-host-refused",
    ill: { flaws: [hasAnotherHost] },
  },
  {
    what: "several workers without a common memory",
    says: "failed every-worker: registry-not-shared",
    ill: { flaws: [hasWorkers(2)] },
  },
];

test("a healthy stack has no cause; all judge but what needs a task role or a second key", async () => {
  const lines = await examined(await openPatient());
  expect(causesIn(lines)).toEqual([]);
  expect(lines.filter(({ outcome }) => outcome !== "passed").map(({ id }) => id)).toEqual([
    "each-key",
    "task-role",
  ]);
});

test.each(modes)("$what: $says", async ({ says, ill, breaks, asks, isFixed, repairs }) => {
  const patient = await openPatient(ill);
  await breaks?.(patient);
  const lines = await examined(patient, asks?.(patient));
  const causes = causesIn(lines);
  const isWarning = says.startsWith("warning");
  expect(causes.filter((cause) => isWarning || cause.startsWith("failed"))).toMatchObject({ 0: says });
  if (repairs) expect(lines.flatMap(({ repair }) => repair)).toEqual(repairs);
  if (!isFixed) return;
  const left = await afterFix(patient);
  expect(left).not.toContain(says);
  // What serves well is never made worse; a function that is made anew has a new key.
  if (isWarning) expect(left).toEqual([]);
});

test("every check of the doctor is told by a mode, or is told of in another test", () => {
  const told = new Set(modes.map(({ says }) => says.replace(/^\w+ (.*):.*/, "$1")));
  const others = doctorChecks.map(({ id }) => id).filter((id) => !told.has(id));
  // Without an answer of AWS: test/cli/doctor. The rest has its rows in test/unit/checks.
  expect(others.join(" ")).toBe(
    "credentials clock backend-place endpoint-register endpoint-disconnect backend-clock reached accepted " +
      "push handshake message",
  );
});

/** The causes that are left when the program has repaired what a deploy can. */
async function afterFix({ url, backendUrl }: Patient): Promise<string[]> {
  const { stdout } = await run(["doctor", "--fix", "--json", "--backend-url", backendUrl], {
    env: { ...pointedAt(url), SHELFSHACK_TOKEN: "good" },
  });
  const { checks, error } = JSON.parse(stdout) as { checks?: CheckLine[]; error?: object };
  return checks ? causesIn(checks) : [JSON.stringify(error)];
}

/** What no state of AWS shows, and so no doctor can see: the command that meets it tells. */
interface Met {
  what: string;
  ill: Illness;
  /** What is called, and the code of the error, or of the close with what that means. */
  met: readonly (readonly [words: string[], says: string | object, input?: string])[];
}

const listening = ["connect", "--booking", "1", "--expect", "~never", "--timeout", "20"];
const closedWith = (code: number, meaning: RegExp) => ({ code, meaning: expect.stringMatching(meaning) });

const elsewhere: readonly Met[] = [
  {
    what: "13 a stale connection id, 19 a message over 128 KB",
    ill: {},
    met: [
      [["connections", "get", "Mg_ugfpqPHcCIVA="], "connection-gone"],
      [listening, closedWith(1009, /messages of 128 KB/), `${"x".repeat(131_073)}\n`],
    ],
  },
  {
    what: "21 ten idle minutes, 26 no subprotocol in the answer",
    ill: { local: { idleMs: 300 }, source: acceptingHandler },
    met: [
      [[...listening, "--subprotocol", "chat"], "subprotocol-refused"],
      [listening, closedWith(1001, /no message for 10 minutes/)],
    ],
  },
  {
    what: "22 two hours",
    ill: { local: { maxAgeMs: 600 } },
    met: [[listening, closedWith(1001, /2 hours old/)]],
  },
];

test.each(elsewhere)("$what: the command that meets it tells", async ({ ill, met }) => {
  const { url } = await openPatient(ill);
  const env = { ...pointedAt(url), SHELFSHACK_TOKEN: "good" };
  for (const [words, says, input] of met) {
    const { stdout } = await run([...words, "--json"], { env, ...(input !== undefined && { input }) });
    const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { error?: object; close?: object };
    expect(last).toMatchObject(typeof says === "string" ? { error: { code: says } } : { close: says });
  }
});

test("20 a binary frame: the socket is closed with what is called that", async () => {
  const { url } = await testGateway();
  const socket = await openSocket(url);
  socket.send(Buffer.from([1]));
  const { code } = await socket.closed();
  expect(explainClose(code, new URL(url))).toMatch(/^a binary frame was sent/);
});

test("44 no region: every command that needs AWS ends with that", async () => {
  const ended = await run(["doctor", "--json"], { env: { AWS_DEFAULT_REGION: "" } });
  expect([ended.code, errorCode(ended)]).toEqual([2, "no-region"]);
});

/** What cannot be produced here, or of which nothing can tell. */
const unseen: readonly (readonly [string, string])[] = [
  [
    "7 a firewall (WAF) before the API",
    "src/local/AWS.md has no WAF, so the local AWS has none; its 403 is told as handshake-403",
  ],
  [
    "12 a push inside of $connect",
    "only the sender gets the 410; the handler that ships sends after $connect has returned, and the local " +
      "AWS answers 410 until then: test/gateway/connections; another handler's error is in its trace",
  ],
  [
    "17 no route response",
    "the handler that ships needs none; of another one `message` says that what is returned reaches no " +
      "client, as it may be meant to: test/unit/checks",
  ],
  ["18 a status for an error of a message", "the handler that ships returns 200 and sends an error frame"],
  ["25 $disconnect is best effort", "AWS says nothing of one that did not come"],
  [
    "31 a deployment that is in use cannot be deleted",
    "no command deletes one; the local AWS refuses it: test/local/apigateway",
  ],
  [
    "43 no right to tag a stage",
    "of the caller and not of the stack; a deploy without apigateway:TagResource: test/cli/policy.slow",
  ],
];

for (const [what, why] of unseen) test(`${what} is not told`, ({ skip }) => skip(true, `${what}: ${why}`));
