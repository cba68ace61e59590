import * as gateway from "@aws-sdk/client-apigatewayv2";
import * as lambda from "@aws-sdk/client-lambda";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { expect, test } from "vitest";
import { invocationUri, makeApi, makeFunction, openLocalAws, permit, refusal } from "../support/local-aws.ts";
import { openSocket, refusedSocket } from "../support/socket.ts";

const newApi = {
  Name: "api",
  ProtocolType: "WEBSOCKET",
  RouteSelectionExpression: "$request.body.action",
} as const;
const echo =
  "export const handler = async ({ requestContext: { routeKey }, stageVariables }) => " +
  "({ statusCode: 200, body: `${routeKey} ${stageVariables?.v ?? 1}` });";

test("an API is answered as API Gateway answers it, and its address is this local AWS", async () => {
  const aws = await openLocalAws();
  const created = await aws.apigatewayv2.send(new gateway.CreateApiCommand({ ...newApi, Tags: { a: "b" } }));
  expect(created).toMatchObject({
    $metadata: { httpStatusCode: 201 },
    ApiId: expect.stringMatching(/^[a-z0-9]{10}$/),
    ApiEndpoint: `ws://127.0.0.1:${aws.port}/${created.ApiId}`,
    ApiKeySelectionExpression: "$request.header.x-api-key",
    DisableExecuteApiEndpoint: false,
    IpAddressType: "ipv4",
    Tags: { a: "b" },
    CreatedDate: expect.any(Date),
  });
  const twin = await aws.apigatewayv2.send(new gateway.CreateApiCommand(newApi));
  expect(twin.ApiId).not.toBe(created.ApiId);
  const ApiId = twin.ApiId ?? "";
  await aws.apigatewayv2.send(new gateway.UpdateApiCommand({ ApiId, Description: "second" }));
  expect(await aws.apigatewayv2.send(new gateway.GetApiCommand({ ApiId }))).toMatchObject({
    Name: "api",
    Description: "second",
  });
  await aws.apigatewayv2.send(new gateway.DeleteApiCommand({ ApiId }));
  expect(await refusal(aws.apigatewayv2.send(new gateway.GetApiCommand({ ApiId })))).toEqual({
    name: "NotFoundException",
    status: 404,
    message: `Invalid API identifier specified 000000000000:${ApiId}`,
  });
  expect(
    await refusal(aws.in("eu-west-1").apigatewayv2.send(new gateway.GetApiCommand({ ApiId: created.ApiId }))),
  ).toMatchObject({
    status: 404,
  });
});

test("an integration is answered with what API Gateway adds to it", async () => {
  const { apigatewayv2 } = await openLocalAws();
  const { ApiId } = await apigatewayv2.send(new gateway.CreateApiCommand(newApi));
  const IntegrationUri = invocationUri("arn:aws:lambda:us-east-1:000000000000:function:proxy");
  const given = { IntegrationType: "AWS_PROXY", IntegrationMethod: "POST", IntegrationUri } as const;
  const { IntegrationId } = await apigatewayv2.send(
    new gateway.CreateIntegrationCommand({ ApiId, ...given }),
  );
  const { $metadata: _, ...found } = await apigatewayv2.send(
    new gateway.GetIntegrationCommand({ ApiId, IntegrationId }),
  );
  expect(found).toEqual({
    ...given,
    IntegrationId,
    ConnectionType: "INTERNET",
    PassthroughBehavior: "WHEN_NO_MATCH",
    PayloadFormatVersion: "1.0",
    TimeoutInMillis: 29_000,
  });
});

test("names and texts of API Gateway's refusals", async () => {
  const aws = await openLocalAws();
  const { apigatewayv2: client } = aws;
  const { ApiId, IntegrationId, RouteIds } = await makeApi(aws);
  const empty = (await client.send(new gateway.CreateApiCommand(newApi))).ApiId ?? "";
  const { DeploymentId = "" } = await client.send(new gateway.CreateDeploymentCommand({ ApiId }));
  await client.send(new gateway.CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
  const integration = { IntegrationType: "AWS_PROXY", IntegrationUri: "arn" } as const;
  const route = (given: object) =>
    client.send(new gateway.CreateRouteCommand({ ApiId, RouteKey: "x", ...given }));
  const rename = (given: object) =>
    client.send(new gateway.UpdateRouteCommand({ ApiId, RouteId: RouteIds[0] ?? "", ...given }));
  const stage = (given: object) =>
    client.send(new gateway.CreateStageCommand({ ApiId, StageName: "new", ...given }));
  const update = (given: object) =>
    client.send(new gateway.UpdateStageCommand({ ApiId, StageName: "dev", ...given }));
  const bad = "BadRequestException";
  const cases: [call: () => Promise<unknown>, name: string, status: number, message: RegExp][] = [
    [() => client.send(new gateway.CreateApiCommand({ ...newApi, Name: "" })), bad, 400, /name/],
    [
      () => client.send(new gateway.CreateApiCommand({ Name: "a", ProtocolType: "WEBSOCKET" })),
      bad,
      400,
      /RouteSelectionExpression/,
    ],
    [
      () => client.send(new gateway.CreateApiCommand({ Name: "a", ProtocolType: "HTTP" })),
      "NotImplementedException",
      501,
      /HTTP/,
    ],
    [
      () => client.send(new gateway.CreateDeploymentCommand({ ApiId: empty })),
      bad,
      400,
      /^At least one route is required before deploying the Api\.$/,
    ],
    [() => route({ RouteKey: "$default" }), "ConflictException", 409, /\$default already exists/],
    [
      () => route({ Target: "integrations/none" }),
      "NotFoundException",
      404,
      /Integration identifier specified none/,
    ],
    [() => route({ RouteKey: "$other" }), bad, 400, /\$other/],
    [() => route({ RouteKey: "" }), bad, 400, /route key/],
    [() => rename({ RouteKey: "" }), bad, 400, /route key/],
    [() => route({ RouteKey: "$connect", AuthorizationType: "CUSTOM" }), bad, 400, /AuthorizerId/],
    [
      () => route({ RouteKey: "$connect", AuthorizationType: "CUSTOM", AuthorizerId: "none" }),
      "NotFoundException",
      404,
      /Authorizer identifier specified none/,
    ],
    [() => route({ AuthorizationType: "CUSTOM" }), bad, 400, /\$connect route only/],
    [
      () => route({ RouteKey: "$disconnect", AuthorizationType: "AWS_IAM" }),
      bad,
      400,
      /\$connect route only/,
    ],
    [() => rename({ AuthorizationType: "AWS_IAM" }), bad, 400, /\$connect route only/],
    [() => route({ AuthorizationType: "JWT" }), bad, 400, /JWT/],
    [
      () => route({ ApiKeyRequired: true }),
      "NotImplementedException",
      501,
      /^ApiKeyRequired true of CreateRoute is not emulated/,
    ],
    [
      () =>
        client.send(
          new gateway.CreateRouteResponseCommand({
            ApiId,
            RouteId: RouteIds[0] ?? "",
            RouteResponseKey: "other",
          }),
        ),
      bad,
      400,
      /\$default/,
    ],
    [
      () =>
        client.send(
          new gateway.CreateIntegrationCommand({
            ApiId,
            ...integration,
            CredentialsArn: "arn:aws:iam::000000000000:role/r",
          }),
        ),
      "NotImplementedException",
      501,
      /^CredentialsArn of CreateIntegration is not emulated/,
    ],
    [
      () =>
        client.send(new gateway.CreateIntegrationCommand({ ApiId, ...integration, TimeoutInMillis: 29_001 })),
      bad,
      400,
      /29000/,
    ],
    [
      () => client.send(new gateway.CreateIntegrationCommand({ ApiId, IntegrationType: "AWS_PROXY" })),
      bad,
      400,
      /IntegrationUri/,
    ],
    [
      () => client.send(new gateway.DeleteIntegrationCommand({ ApiId, IntegrationId })),
      "ConflictException",
      409,
      /referenced by a Route/,
    ],
    [
      () => client.send(new gateway.GetRouteCommand({ ApiId, RouteId: "none" })),
      "NotFoundException",
      404,
      /Route identifier/,
    ],
    [
      () => client.send(new gateway.DeleteDeploymentCommand({ ApiId, DeploymentId })),
      bad,
      400,
      /^Active stages pointing to this deployment must be moved or deleted$/,
    ],
    [() => stage({ StageName: "dev" }), "ConflictException", 409, /^Stage already exists$/],
    [() => stage({ StageName: "a b" }), bad, 400, /stageName/],
    [() => stage({ DeploymentId: "none" }), "NotFoundException", 404, /Deployment identifier/],
    [() => stage({ StageVariables: { v: "not allowed" } }), bad, 400, /stage variable/],
    [
      () => update({ DefaultRouteSettings: { LoggingLevel: "INFO" } }),
      bad,
      400,
      /^CloudWatch Logs role ARN must be set in account settings to enable logging$/,
    ],
    [
      () => update({ RouteSettings: { none: { ThrottlingBurstLimit: 1 } } }),
      "NotFoundException",
      404,
      /Route by key none/,
    ],
    [
      () => client.send(new gateway.GetStageCommand({ ApiId, StageName: "none" })),
      "NotFoundException",
      404,
      /^Invalid stage identifier specified$/,
    ],
    [() => client.send(new gateway.GetApisCommand({ NextToken: "made up" })), bad, 400, /nextToken/],
    [() => client.send(new gateway.GetApisCommand({ MaxResults: "many" })), bad, 400, /maxResults/],
    [
      () =>
        client.send(
          new gateway.CreateAuthorizerCommand({
            ApiId,
            Name: "a",
            AuthorizerType: "JWT",
            IdentitySource: [],
          }),
        ),
      "NotImplementedException",
      501,
      /^AuthorizerType 'JWT' of CreateAuthorizer is not emulated by the local AWS$/,
    ],
  ];
  for (const [call, name, status, message] of cases)
    expect(await refusal(call())).toEqual({ name, status, message: expect.stringMatching(message) });
  await client.send(new gateway.DeleteRouteCommand({ ApiId, RouteId: RouteIds[0] ?? "" }));
  await client.send(new gateway.DeleteIntegrationCommand({ ApiId, IntegrationId }));
});

test("every list has pages, and the last one no token", async () => {
  const aws = await openLocalAws({ pageSize: 2 });
  const { ApiId } = await makeApi(aws, { routes: ["$connect", "$disconnect", "$default"] });
  const client = aws.apigatewayv2;
  for (const _ of [1, 2]) await client.send(new gateway.CreateApiCommand(newApi));
  for (const StageName of ["a", "b", "c"]) {
    await client.send(new gateway.CreateDeploymentCommand({ ApiId }));
    await client.send(new gateway.CreateStageCommand({ ApiId, StageName }));
  }
  const counted = async (
    list: (NextToken?: string) => Promise<{ Items?: unknown[] | undefined; NextToken?: string | undefined }>,
  ) => {
    const sizes: number[] = [];
    let token: string | undefined;
    do {
      const { Items = [], NextToken } = await list(token);
      sizes.push(Items.length);
      token = NextToken;
    } while (token);
    return sizes;
  };
  expect(await counted((NextToken) => client.send(new gateway.GetApisCommand({ NextToken })))).toEqual([
    2, 1,
  ]);
  expect(
    await counted((NextToken) => client.send(new gateway.GetRoutesCommand({ ApiId, NextToken }))),
  ).toEqual([2, 1]);
  expect(
    await counted((NextToken) => client.send(new gateway.GetIntegrationsCommand({ ApiId, NextToken }))),
  ).toEqual([1]);
  expect(
    await counted((NextToken) => client.send(new gateway.GetDeploymentsCommand({ ApiId, NextToken }))),
  ).toEqual([2, 1]);
  expect(
    await counted((NextToken) =>
      client.send(new gateway.GetStagesCommand({ ApiId, NextToken, MaxResults: "1" })),
    ),
  ).toEqual([1, 1, 1]);
});

test("a stage's settings are laid over the defaults; a throttle of 0 closes it", async () => {
  const aws = await openLocalAws();
  const { ApiId } = await makeApi(aws);
  await aws.apigatewayv2.send(new gateway.CreateDeploymentCommand({ ApiId }));
  const [deployment] =
    (await aws.apigatewayv2.send(new gateway.GetDeploymentsCommand({ ApiId }))).Items ?? [];
  const stage = { ApiId, StageName: "dev" };
  await aws.apigatewayv2.send(
    new gateway.CreateStageCommand({ ...stage, DeploymentId: deployment?.DeploymentId }),
  );
  const set = (DefaultRouteSettings: gateway.RouteSettings) =>
    aws.apigatewayv2.send(new gateway.UpdateStageCommand({ ...stage, DefaultRouteSettings }));
  expect((await set({ DetailedMetricsEnabled: true })).DefaultRouteSettings).toEqual({
    DataTraceEnabled: false,
    DetailedMetricsEnabled: true,
    LoggingLevel: "OFF",
  });
  await set({ ThrottlingBurstLimit: 0, ThrottlingRateLimit: 0 });
  expect((await refusedSocket(`ws://127.0.0.1:${aws.port}/${ApiId}/dev`)).status).toBe(429);
});

test("an update of a stage lays variables over those that are there, and an empty one goes", async () => {
  const { apigatewayv2, ...aws } = await openLocalAws();
  const { ApiId } = await makeApi({ ...aws, apigatewayv2 });
  const stage = { ApiId, StageName: "dev" };
  const made = { ...stage, StageVariables: { a: "1", b: "2" } };
  await apigatewayv2.send(new gateway.CreateStageCommand(made));
  const updated = async (StageVariables: Record<string, string>) =>
    (await apigatewayv2.send(new gateway.UpdateStageCommand({ ...stage, StageVariables }))).StageVariables;
  expect(await updated({})).toEqual({ a: "1", b: "2" });
  expect(await updated({ a: "", c: "3" })).toEqual({ b: "2", c: "3" });
});

test("a stage serves its deployment's snapshot until it is pointed at another one", async () => {
  const aws = await openLocalAws();
  const functionArn = await makeFunction(aws, { source: echo });
  const { ApiId, ApiEndpoint, IntegrationId, RouteIds } = await makeApi(aws, { functionArn });
  await permit(aws, { apiId: ApiId });
  const client = aws.apigatewayv2;
  await client.send(
    new gateway.CreateRouteResponseCommand({
      ApiId,
      RouteId: RouteIds[0] ?? "",
      RouteResponseKey: "$default",
    }),
  );
  const first = await client.send(new gateway.CreateDeploymentCommand({ ApiId }));
  expect(first).toMatchObject({ AutoDeployed: false, DeploymentStatus: "DEPLOYED" });
  await client.send(
    new gateway.CreateStageCommand({
      ApiId,
      StageName: "dev",
      DeploymentId: first.DeploymentId,
      StageVariables: { v: "blue" },
    }),
  );
  const socket = await openSocket(`${ApiEndpoint}/dev`);
  socket.send('{"action":"join"}');
  expect(await socket.next()).toBe("$default blue");
  const join = await client.send(
    new gateway.CreateRouteCommand({ ApiId, RouteKey: "join", Target: `integrations/${IntegrationId}` }),
  );
  await client.send(
    new gateway.CreateRouteResponseCommand({ ApiId, RouteId: join.RouteId, RouteResponseKey: "$default" }),
  );
  socket.send('{"action":"join"}');
  expect(await socket.next()).toBe("$default blue");
  await client.send(new gateway.CreateDeploymentCommand({ ApiId, StageName: "dev" }));
  socket.send('{"action":"join"}');
  expect(await socket.next()).toBe("join blue");
  await client.send(
    new gateway.UpdateStageCommand({
      ApiId,
      StageName: "dev",
      DeploymentId: first.DeploymentId,
      StageVariables: { v: "green" },
    }),
  );
  socket.send('{"action":"join"}');
  expect(await socket.next()).toBe("$default green");
  await client.send(new gateway.DeleteStageCommand({ ApiId, StageName: "dev" }));
  expect((await socket.closed()).code).toBe(1001);
});

test("an authorizer's policy and an IAM session's decide who may connect", async () => {
  const aws = await openLocalAws();
  const { apigatewayv2: client } = aws;
  const source = `export const handler = async ({ methodArn, queryStringParameters: { token } }) => ({
    principalId: token,
    policyDocument: {
      Version: "2012-10-17",
      Statement: [
        { Action: "execute-api:Invoke", Effect: token === "ann" ? "Allow" : "Deny", Resource: methodArn },
      ],
    },
  });`;
  const functionArn = await makeFunction(aws, { source });
  const { ApiId, ApiEndpoint, RouteIds } = await makeApi(aws, { routes: ["$connect"] });
  const RouteId = RouteIds[0] ?? "";
  const { AuthorizerId } = await client.send(
    new gateway.CreateAuthorizerCommand({
      ApiId,
      Name: "by-token",
      AuthorizerType: "REQUEST",
      AuthorizerUri: invocationUri(functionArn),
      IdentitySource: ["route.request.querystring.token"],
    }),
  );
  const { IntegrationId } = await client.send(
    new gateway.CreateIntegrationCommand({
      ApiId,
      IntegrationType: "MOCK",
      RequestTemplates: { $default: '{"statusCode":200}' },
    }),
  );
  const Target = `integrations/${IntegrationId}`;
  const update = async (given: object) => {
    await client.send(new gateway.UpdateRouteCommand({ ApiId, RouteId, Target, ...given }));
    await client.send(new gateway.CreateDeploymentCommand({ ApiId, StageName: "dev" }));
  };
  await client.send(new gateway.CreateStageCommand({ ApiId, StageName: "dev" }));
  await update({ AuthorizationType: "CUSTOM", AuthorizerId });
  const status = async (query: string, headers = {}) =>
    (await refusedSocket(`${ApiEndpoint}/dev${query}`, { headers })).status;
  expect([await status(""), await status("?token=ann")]).toEqual([401, 500]);
  await permit(aws, { apiId: ApiId });
  expect(await status("?token=bob")).toBe(403);
  await openSocket(`${ApiEndpoint}/dev?token=ann`);
  const deleting = client.send(new gateway.DeleteAuthorizerCommand({ ApiId, AuthorizerId }));
  expect((await refusal(deleting)).name).toBe("ConflictException");
  await update({ AuthorizationType: "AWS_IAM" });
  const authorization =
    "AWS4-HMAC-SHA256 Credential=a/20261123/us-east-1/execute-api/aws4_request, SignedHeaders=host, " +
    `Signature=${"0".repeat(64)}`;
  const RoleArn = "arn:aws:iam::000000000000:role/proxy-role";
  const assumed = await aws.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "me" }));
  const session = { authorization, "x-amz-security-token": assumed.Credentials?.SessionToken };
  expect([await status(""), await status("", session)]).toEqual([403, 403]);
  await openSocket(`${ApiEndpoint}/dev`, { headers: { authorization } });
});

test("a MOCK integration accepts, refuses and answers without a function", async () => {
  const aws = await openLocalAws();
  const { ApiId, ApiEndpoint } = await makeApi(aws, { routes: [] });
  const client = aws.apigatewayv2;
  const mock = async (RouteKey: string, RequestTemplates?: Record<string, string>) => {
    const { IntegrationId = "", ...shown } = await client.send(
      new gateway.CreateIntegrationCommand({
        ApiId,
        IntegrationType: "MOCK",
        RequestTemplates,
        TemplateSelectionExpression: "200",
      }),
    );
    expect(shown.IntegrationResponseSelectionExpression).toBe("${integration.response.statuscode}");
    const { RouteId } = await client.send(
      new gateway.CreateRouteCommand({ ApiId, RouteKey, Target: `integrations/${IntegrationId}` }),
    );
    return { ApiId, IntegrationId, RouteId };
  };
  const connecting = await mock("$connect", { 200: '{"statusCode":200}' });
  const { RouteId, ...pinged } = await mock("ping", { $default: '{"statusCode": 200}' });
  await mock("$default");
  await client.send(new gateway.CreateRouteResponseCommand({ ApiId, RouteId, RouteResponseKey: "$default" }));
  const answering = (IntegrationResponseKey: string, template: string) =>
    client.send(
      new gateway.CreateIntegrationResponseCommand({
        ...pinged,
        IntegrationResponseKey,
        ResponseTemplates: { $default: template },
      }),
    );
  const made = await answering("/2../", '{"pong":"$context.connectionId","route":"${context.routeKey}"}');
  expect(made.IntegrationResponseId).toMatch(/^[a-z0-9]{6}$/);
  await answering("$default", "another status");
  expect((await client.send(new gateway.GetIntegrationResponsesCommand(pinged))).Items).toHaveLength(2);
  await client.send(new gateway.CreateDeploymentCommand({ ApiId }));
  await client.send(new gateway.CreateStageCommand({ ApiId, StageName: "dev" }));
  await client.send(new gateway.CreateDeploymentCommand({ ApiId, StageName: "dev" }));
  const socket = await openSocket(`${ApiEndpoint}/dev`);
  socket.send('{"action":"ping"}');
  const pong = JSON.parse(await socket.next()) as Record<string, string>;
  expect(pong).toEqual({ pong: expect.stringMatching(/^[\w-]{11}C[\w-]{3}=$/), route: "ping" });
  // Without a template the message itself would have to be what makes a status.
  socket.send('{"action":"other"}');
  expect(await socket.next()).toContain('"message": "Internal server error"');
  await client.send(
    new gateway.UpdateIntegrationCommand({ ...connecting, RequestTemplates: { 200: '{"statusCode":401}' } }),
  );
  await client.send(new gateway.CreateDeploymentCommand({ ApiId, StageName: "dev" }));
  expect((await refusedSocket(`${ApiEndpoint}/dev`)).status).toBe(401);
  const refused = async (call: Promise<unknown>) => (await refusal(call)).name;
  expect(await refused(answering("404", "x"))).toBe("BadRequestException");
  expect(await refused(answering("/3../", "#set($a = 1)"))).toBe("NotImplementedException");
  expect(await refused(answering("/2../", "again"))).toBe("ConflictException");
  expect(await refused(mock("vtl", { 200: "$input.json('$')" }))).toBe("NotImplementedException");
});

test.each(["HTTP", "HTTP_PROXY", "AWS"] as const)(
  "an integration of type %s is refused when it is made, not at the client",
  async (IntegrationType) => {
    const aws = await openLocalAws();
    const { ApiId } = await makeApi(aws);
    const IntegrationUri = "https://backend.example/hook";
    const creating = aws.apigatewayv2.send(
      new gateway.CreateIntegrationCommand({ ApiId, IntegrationType, IntegrationUri }),
    );
    expect(await refusal(creating)).toMatchObject({
      name: "NotImplementedException",
      message: `IntegrationType '${IntegrationType}' of CreateIntegration is not emulated by the local AWS`,
    });
  },
);

test("an API whose own address is disabled rejects all clients from its next deployment on", async () => {
  const aws = await openLocalAws();
  const { ApiId, ApiEndpoint } = await makeApi(aws, { routes: ["$default"] });
  const client = aws.apigatewayv2;
  const { DeploymentId } = await client.send(new gateway.CreateDeploymentCommand({ ApiId }));
  await client.send(new gateway.CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
  await client.send(new gateway.UpdateApiCommand({ ApiId, DisableExecuteApiEndpoint: true }));
  await openSocket(`${ApiEndpoint}/dev`);
  await client.send(new gateway.CreateDeploymentCommand({ ApiId, StageName: "dev" }));
  expect(await refusedSocket(`${ApiEndpoint}/dev`)).toMatchObject({
    status: 403,
    body: '{"message":"Forbidden"}',
  });
});

test("a stage with AutoDeploy gets a deployment with every change", async () => {
  const aws = await openLocalAws();
  const { ApiId, IntegrationId } = await makeApi(aws, { routes: [] });
  const client = aws.apigatewayv2;
  const created = await client.send(
    new gateway.CreateStageCommand({ ApiId, StageName: "dev", AutoDeploy: true }),
  );
  expect(created.LastDeploymentStatusMessage).toBe(
    "Deployment attempt failed: At least one route is required before deploying the Api.",
  );
  await client.send(
    new gateway.CreateRouteCommand({ ApiId, RouteKey: "$default", Target: `integrations/${IntegrationId}` }),
  );
  const { DeploymentId } = await client.send(new gateway.GetStageCommand({ ApiId, StageName: "dev" }));
  const { Items } = await client.send(new gateway.GetDeploymentsCommand({ ApiId }));
  expect(Items).toMatchObject([{ DeploymentId, AutoDeployed: true }]);
  const pointing = client.send(new gateway.UpdateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
  expect(await refusal(pointing)).toMatchObject({ name: "BadRequestException" });
});

test("API Gateway calls a function only when the policy of exactly what it calls allows it", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws, { Publish: true });
  await aws.lambda.send(
    new lambda.CreateAliasCommand({ FunctionName: "proxy", Name: "live", FunctionVersion: "1" }),
  );
  const { ApiId, ApiEndpoint, IntegrationId } = await makeApi(aws, {
    functionArn: `${arn}:live`,
    routes: ["$connect"],
  });
  const { DeploymentId } = await aws.apigatewayv2.send(new gateway.CreateDeploymentCommand({ ApiId }));
  await aws.apigatewayv2.send(new gateway.CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
  const status = async () => (await refusedSocket(`${ApiEndpoint}/dev`)).status;
  expect(await status()).toBe(500);
  await permit(aws, { apiId: ApiId });
  expect(await status()).toBe(500);
  const add = (StatementId: string, SourceArn: string, SourceAccount = "000000000000") =>
    aws.lambda.send(
      new lambda.AddPermissionCommand({
        FunctionName: "proxy",
        Qualifier: "live",
        StatementId,
        Action: "lambda:InvokeFunction",
        Principal: "apigateway.amazonaws.com",
        SourceArn,
        SourceAccount,
      }),
    );
  const api = `arn:aws:execute-api:us-east-1:000000000000:${ApiId}`;
  await add("star-too-many", `${api}/*/*/*`);
  await add("other-account", `${api}/*`, "111111111111");
  await add("other-route", `${api}/*/$default`);
  await add("other-region", `arn:aws:execute-api:eu-west-1:000000000000:${ApiId}/*`);
  expect(await status()).toBe(500);
  await add("right", `${api}/*/$connect`);
  await openSocket(`${ApiEndpoint}/dev`);
  await aws.apigatewayv2.send(
    new gateway.UpdateIntegrationCommand({ ApiId, IntegrationId, IntegrationUri: "arn:aws:lambda:nonsense" }),
  );
  await openSocket(`${ApiEndpoint}/dev`);
  await aws.lambda.send(
    new lambda.PutFunctionConcurrencyCommand({ FunctionName: "proxy", ReservedConcurrentExecutions: 0 }),
  );
  expect(await status()).toBeGreaterThanOrEqual(500);
});

test("tags of APIs and stages, by their ARNs", async () => {
  const aws = await openLocalAws();
  const { ApiId } = await makeApi(aws);
  await aws.apigatewayv2.send(new gateway.CreateStageCommand({ ApiId, StageName: "dev", Tags: { a: "1" } }));
  for (const ResourceArn of [
    `arn:aws:apigateway:us-east-1::/apis/${ApiId}`,
    `arn:aws:apigateway:us-east-1::/apis/${ApiId}/stages/dev`,
  ]) {
    await aws.apigatewayv2.send(new gateway.TagResourceCommand({ ResourceArn, Tags: { b: "2", c: "3" } }));
    await aws.apigatewayv2.send(new gateway.UntagResourceCommand({ ResourceArn, TagKeys: ["a", "c"] }));
    expect((await aws.apigatewayv2.send(new gateway.GetTagsCommand({ ResourceArn }))).Tags).toEqual({
      b: "2",
    });
  }
  expect((await aws.apigatewayv2.send(new gateway.GetApiCommand({ ApiId }))).Tags).toEqual({ b: "2" });
});

test("with limits on: deployments, calls per second and changes at the same time are limited", async () => {
  const aws = await openLocalAws({
    deploymentIntervalMs: 60_000,
    apiChangeMs: 50,
    controlRate: { rate: 0.001, burst: 9 },
  });
  const { ApiId, IntegrationId } = await makeApi(aws);
  await aws.apigatewayv2.send(new gateway.CreateDeploymentCommand({ ApiId }));
  const tooMany = { name: "TooManyRequestsException", status: 429, message: "Too Many Requests" };
  expect(await refusal(aws.apigatewayv2.send(new gateway.CreateDeploymentCommand({ ApiId })))).toEqual(
    tooMany,
  );
  const update = (TimeoutInMillis: number) =>
    aws.apigatewayv2.send(new gateway.UpdateIntegrationCommand({ ApiId, IntegrationId, TimeoutInMillis }));
  const outcomes = await Promise.allSettled([update(1000), update(2000)]);
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({
    reason: { name: "ConflictException" },
  });
  await update(3000);
  await aws.apigatewayv2.send(new gateway.GetApiCommand({ ApiId }));
  expect(await refusal(aws.apigatewayv2.send(new gateway.GetApiCommand({ ApiId })))).toEqual(tooMany);
});
