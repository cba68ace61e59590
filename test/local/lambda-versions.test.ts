import * as lambda from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { until } from "../support/functions.ts";
import { makeFunction, openLocalAws, refusal } from "../support/local-aws.ts";
import { zipOf } from "../support/zip.ts";

const FunctionName = "proxy";

test("publishing without a change answers with the same version, and a version never changes", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const publish = (given: Partial<lambda.PublishVersionCommandInput> = {}) =>
    aws.lambda.send(new lambda.PublishVersionCommand({ FunctionName, ...given }));
  expect(await publish()).toMatchObject({
    Version: "1",
    FunctionArn: expect.stringMatching(/:proxy:1$/),
    State: "Active",
  });
  expect((await publish()).Version).toBe("1");
  await aws.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 20 }));
  expect(await refusal(publish({ CodeSha256: "x" }))).toMatchObject({
    name: "InvalidParameterValueException",
    message: expect.stringMatching(
      /^CodeSHA256 \(x\) is different from current CodeSHA256 in \$LATEST \(.+\)\. Please try again/,
    ),
  });
  expect(await publish({ Description: "slower" })).toMatchObject({
    Version: "2",
    Timeout: 20,
    Description: "slower",
  });
  const { Versions = [] } = await aws.lambda.send(new lambda.ListVersionsByFunctionCommand({ FunctionName }));
  expect(Versions.map(({ Version, Timeout }) => [Version, Timeout])).toEqual([
    ["$LATEST", 20],
    ["1", 3],
    ["2", 20],
  ]);
  await aws.lambda.send(new lambda.DeleteFunctionCommand({ FunctionName, Qualifier: "2" }));
  await aws.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 21 }));
  expect((await publish()).Version).toBe("3");
});

test("an alias points at a version until it is pointed elsewhere", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws, { Publish: true });
  const create = (Name: string, FunctionVersion = "1") =>
    aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name, FunctionVersion }));
  expect(await create("live")).toMatchObject({
    AliasArn: `${arn}:live`,
    FunctionVersion: "1",
    Description: "",
  });
  expect(await refusal(create("live"))).toEqual({
    name: "ResourceConflictException",
    status: 409,
    message: `Alias already exists: ${arn}:live`,
  });
  expect(await refusal(create("12"))).toMatchObject({ name: "ValidationException" });
  expect(await refusal(create("next", "7"))).toMatchObject({
    name: "ResourceNotFoundException",
    message: `Function not found: ${arn}:7`,
  });
  const deleting = aws.lambda.send(new lambda.DeleteFunctionCommand({ FunctionName, Qualifier: "1" }));
  expect(await refusal(deleting)).toEqual({
    name: "ResourceConflictException",
    status: 409,
    message: "Unable to delete version because the following aliases reference it: [live]",
  });
  await aws.lambda.send(
    new lambda.UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "$LATEST" }),
  );
  const { Aliases } = await aws.lambda.send(new lambda.ListAliasesCommand({ FunctionName }));
  expect(Aliases).toMatchObject([{ Name: "live", FunctionVersion: "$LATEST" }]);
  await aws.lambda.send(new lambda.DeleteAliasCommand({ FunctionName, Name: "live" }));
  const missing = aws.lambda.send(new lambda.GetAliasCommand({ FunctionName, Name: "live" }));
  expect(await refusal(missing)).toMatchObject({
    status: 404,
    message: `Cannot find alias arn: ${arn}:live`,
  });
});

test("a resource policy is a JSON text of statements, and an alias has its own", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws, { Publish: true });
  await aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  const add = (given: Partial<lambda.AddPermissionCommandInput> = {}) =>
    aws.lambda.send(
      new lambda.AddPermissionCommand({
        FunctionName,
        StatementId: "gateway",
        Action: "lambda:InvokeFunction",
        Principal: "apigateway.amazonaws.com",
        SourceArn: "arn:aws:execute-api:us-east-1:000000000000:abc/*/$connect",
        SourceAccount: "000000000000",
        ...given,
      }),
    );
  const get = (Qualifier?: string) =>
    aws.lambda.send(new lambda.GetPolicyCommand({ FunctionName, Qualifier }));
  const remove = (StatementId: string) =>
    aws.lambda.send(new lambda.RemovePermissionCommand({ FunctionName, StatementId }));
  expect(await refusal(get())).toEqual({
    name: "ResourceNotFoundException",
    status: 404,
    message: "The resource you requested does not exist.",
  });
  expect(await refusal(remove("x"))).toMatchObject({
    message: "No policy is associated with the given resource.",
  });
  const { Statement = "" } = await add();
  expect(JSON.parse(Statement)).toEqual({
    Sid: "gateway",
    Effect: "Allow",
    Principal: { Service: "apigateway.amazonaws.com" },
    Action: "lambda:InvokeFunction",
    Resource: arn,
    Condition: {
      StringEquals: { "AWS:SourceAccount": "000000000000" },
      ArnLike: { "AWS:SourceArn": "arn:aws:execute-api:us-east-1:000000000000:abc/*/$connect" },
    },
  });
  expect(await refusal(add())).toMatchObject({
    name: "ResourceConflictException",
    status: 409,
    message: /^The statement id \(gateway\) provided already exists/,
  });
  expect(await refusal(add({ StatementId: "a$b" }))).toMatchObject({ name: "ValidationException" });
  expect(await refusal(add({ Qualifier: "$LATEST" }))).toMatchObject({
    message: "We currently do not support adding policies for $LATEST.",
  });
  expect(await refusal(get("live"))).toMatchObject({ status: 404 });
  await add({ Qualifier: "live" });
  expect(JSON.parse((await get("live")).Policy ?? "")).toMatchObject({
    Version: "2012-10-17",
    Id: "default",
    Statement: [{ Resource: `${arn}:live` }],
  });
  expect(await refusal(remove("x"))).toMatchObject({
    status: 404,
    message: "Statement x is not found in resource policy.",
  });
  await remove("gateway");
  expect(await refusal(get())).toMatchObject({ status: 404 });
});

test("publishing moves the revision of $LATEST, an alias does not", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const read = async () =>
    (await aws.lambda.send(new lambda.GetFunctionConfigurationCommand({ FunctionName }))).RevisionId;
  const before = await read();
  await aws.lambda.send(new lambda.PublishVersionCommand({ FunctionName, RevisionId: before }));
  const after = await read();
  expect(after).not.toBe(before);
  const again = aws.lambda.send(new lambda.PublishVersionCommand({ FunctionName, RevisionId: before }));
  expect(await refusal(again)).toMatchObject({ name: "PreconditionFailedException", status: 412 });
  await aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  await aws.lambda.send(new lambda.PublishVersionCommand({ FunctionName }));
  expect(await read()).toBe(after);
});

test("code that is published is answered as its version, which is Pending at first", async () => {
  const aws = await openLocalAws({ updateDelayMs: 400 });
  const arn = await makeFunction(aws);
  const get = async (Qualifier?: string) =>
    await aws.lambda.send(new lambda.GetFunctionConfigurationCommand({ FunctionName, Qualifier }));
  const updated = await aws.lambda.send(
    new lambda.UpdateFunctionCodeCommand({
      FunctionName,
      ZipFile: await zipOf({ "index.mjs": "export const handler = async () => 1;" }),
      Publish: true,
    }),
  );
  const pending = { FunctionArn: `${arn}:1`, Version: "1", State: "Pending", StateReasonCode: "Creating" };
  expect(updated).toMatchObject(pending);
  expect(updated).not.toHaveProperty("LastUpdateStatus");
  expect(await get("1")).toMatchObject({ ...pending, RevisionId: updated.RevisionId });
  const latest = await get("$LATEST");
  expect(latest).toMatchObject({ State: "Active", LastUpdateStatus: "InProgress", Version: "$LATEST" });
  expect(latest.RevisionId).not.toBe(updated.RevisionId);
  const early = aws.lambda.send(new lambda.InvokeCommand({ FunctionName, Qualifier: "1" }));
  expect(await refusal(early)).toMatchObject({ name: "ResourceConflictException", status: 409 });
  await until(async () => (await get("1")).State === "Active");
  const ready = await get("1");
  expect(ready).toMatchObject({ State: "Active", LastUpdateStatus: "Successful" });
  expect(ready.RevisionId).not.toBe(updated.RevisionId);
  const { Payload } = await aws.lambda.send(new lambda.InvokeCommand({ FunctionName, Qualifier: "1" }));
  expect(Payload?.transformToString()).toBe("1");
});

test("what is about a function alone is refused for versions and aliases, there or not", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws, { Publish: true });
  await aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  const ZipFile = await zipOf({ "index.mjs": "export const handler = async () => 2;" });
  const before = await aws.lambda.send(new lambda.GetFunctionConfigurationCommand({ FunctionName }));
  const changes: Record<string, (name: string) => Promise<unknown>> = {
    code: (name) => aws.lambda.send(new lambda.UpdateFunctionCodeCommand({ FunctionName: name, ZipFile })),
    configuration: (name) =>
      aws.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName: name, Timeout: 9 })),
    version: (name) => aws.lambda.send(new lambda.PublishVersionCommand({ FunctionName: name })),
    concurrency: (name) =>
      aws.lambda.send(
        new lambda.PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: 1 }),
      ),
    noConcurrency: (name) =>
      aws.lambda.send(new lambda.DeleteFunctionConcurrencyCommand({ FunctionName: name })),
  };
  for (const change of Object.values(changes))
    for (const name of [`${FunctionName}:missing`, `${arn}:live`, `${arn}:1`])
      expect(await refusal(change(name))).toEqual({
        name: "InvalidParameterValueException",
        status: 400,
        message:
          "This operation is permitted on Lambda functions only. Aliases and versions do not support this " +
          "operation. Please specify either a function name or an unqualified function ARN.",
      });
  expect(await refusal(changes.concurrency?.(`${arn}:$LATEST`) ?? Promise.resolve())).toMatchObject({
    name: "InvalidParameterValueException",
  });
  expect(await aws.lambda.send(new lambda.GetFunctionConfigurationCommand({ FunctionName }))).toMatchObject({
    RevisionId: before.RevisionId,
    Timeout: 3,
  });
});

test("an alias cannot be deleted as a function, a version that is gone can be deleted again", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws, { Publish: true });
  await aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  const remove = (Qualifier: string, name = FunctionName) =>
    aws.lambda.send(new lambda.DeleteFunctionCommand({ FunctionName: name, Qualifier }));
  for (const qualifier of ["live", "missing"])
    expect(await refusal(remove(qualifier))).toEqual({
      name: "InvalidParameterValueException",
      status: 400,
      message: "Deletion of aliases is not currently supported.",
    });
  for (const name of [FunctionName, "none"])
    expect(await refusal(remove("$LATEST", name))).toEqual({
      name: "InvalidParameterValueException",
      status: 400,
      message: "$LATEST version cannot be deleted without deleting the function.",
    });
  expect(await remove("7")).toMatchObject({ $metadata: { httpStatusCode: 204 } });
});

test("lists of versions say nothing of states", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws, { Publish: true });
  const { Versions = [] } = await aws.lambda.send(new lambda.ListVersionsByFunctionCommand({ FunctionName }));
  const { Functions = [] } = await aws.lambda.send(
    new lambda.ListFunctionsCommand({ FunctionVersion: "ALL" }),
  );
  expect(Versions.map(({ Version }) => Version)).toEqual(["$LATEST", "1"]);
  expect(Functions.map(({ Version }) => Version)).toEqual(["$LATEST", "1"]);
  for (const listed of [...Versions, ...Functions])
    for (const member of ["State", "LastUpdateStatus", "RuntimeVersionConfig"])
      expect(listed).not.toHaveProperty(member);
});

test("an alias shares its calls between two versions by their weights", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws, { source: "export const handler = async () => 1;", Publish: true });
  const update = (given: Partial<lambda.UpdateAliasCommandInput>) =>
    aws.lambda.send(new lambda.UpdateAliasCommand({ FunctionName, Name: "live", ...given }));
  const share = (weight: number) => update({ RoutingConfig: { AdditionalVersionWeights: { 2: weight } } });
  const ZipFile = await zipOf({ "index.mjs": "export const handler = async () => 2;" });
  await aws.lambda.send(new lambda.UpdateFunctionCodeCommand({ FunctionName, ZipFile, Publish: true }));
  const RoutingConfig = { AdditionalVersionWeights: { 2: 0.2 } };
  const live = { FunctionName, Name: "live", FunctionVersion: "1" };
  const created = await aws.lambda.send(new lambda.CreateAliasCommand({ ...live, RoutingConfig }));
  expect(created).toMatchObject({ AliasArn: `${arn}:live`, FunctionVersion: "1", RoutingConfig });
  expect(await aws.lambda.send(new lambda.GetAliasCommand({ FunctionName, Name: "live" }))).toMatchObject({
    RevisionId: created.RevisionId,
    RoutingConfig,
  });
  const { Aliases } = await aws.lambda.send(new lambda.ListAliasesCommand({ FunctionName }));
  expect(Aliases).toMatchObject([{ Name: "live", RoutingConfig }]);
  const versions = async (calls: number) => {
    const seen = new Set<string>();
    for (let call = 0; call < calls; call += 1) {
      const invoke = new lambda.InvokeCommand({ FunctionName, Qualifier: "live" });
      const { ExecutedVersion = "", Payload } = await aws.lambda.send(invoke);
      expect(Payload?.transformToString()).toBe(ExecutedVersion);
      seen.add(ExecutedVersion);
    }
    return [...seen].toSorted();
  };
  await share(1);
  expect(await versions(10)).toEqual(["2"]);
  await share(0);
  expect(await versions(10)).toEqual(["1"]);
  await share(0.5);
  // One version alone would have to win 60 times in a row.
  expect(await versions(60)).toEqual(["1", "2"]);
  const deleting = aws.lambda.send(new lambda.DeleteFunctionCommand({ FunctionName, Qualifier: "2" }));
  expect(await refusal(deleting)).toMatchObject({ name: "ResourceConflictException" });
  expect(await update({ Description: "kept" })).toHaveProperty("RoutingConfig");
  expect(await update({ RoutingConfig: {} })).not.toHaveProperty("RoutingConfig");
  expect(await versions(10)).toEqual(["1"]);
});

test("what an alias of two versions refuses", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws, { Publish: true });
  await aws.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 4 }));
  await aws.lambda.send(new lambda.PublishVersionCommand({ FunctionName }));
  const create = (AdditionalVersionWeights: Record<string, number>, FunctionVersion = "1", name = "a") =>
    aws.lambda.send(
      new lambda.CreateAliasCommand({
        FunctionName,
        Name: name,
        FunctionVersion,
        RoutingConfig: { AdditionalVersionWeights },
      }),
    );
  const invalid = "InvalidParameterValueException";
  const value =
    "at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy " +
    "constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or " +
    "equal to 0.0, Member must not be null]";
  const cases: [call: () => Promise<unknown>, name: string, status: number, message: string][] = [
    [
      () => create({ 2: 0.1, 3: 0.2 }),
      invalid,
      400,
      "Number of items in AdditionalVersionWeights cannot be greater than 1",
    ],
    [
      () => create({ 2: 2 }),
      "ValidationException",
      400,
      `1 validation error detected: Value '{2=2.0}' ${value}`,
    ],
    [
      () => create({ 2: -1 }),
      "ValidationException",
      400,
      `1 validation error detected: Value '{2=-1.0}' ${value}`,
    ],
    [
      () => create({ 1: 0.5 }),
      invalid,
      400,
      "Invalid function version 1. Function version 1 is already included in routing configuration.",
    ],
    [() => create({ 10: 0.5 }), "ResourceNotFoundException", 404, `Function not found: ${arn}:10`],
    [() => create({ 2: 0.5 }, "10"), "ResourceNotFoundException", 404, `Function not found: ${arn}:10`],
    [
      () => create({ 2: 0.5 }, "$LATEST"),
      invalid,
      400,
      "$LATEST is not supported for an alias pointing to more than 1 version",
    ],
    [
      () => create({ $LATEST: 0.5 }),
      "ValidationException",
      400,
      "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' " +
        "failed to satisfy constraint: Map keys must satisfy constraint: " +
        "[Member must have length less than or equal to 1024, " +
        "Member must have length greater than or equal to 1, " +
        "Member must satisfy regular expression pattern: [0-9]+, Member must not be null]",
    ],
    [
      () =>
        aws.lambda.send(
          new lambda.CreateAliasCommand({ FunctionName: "none", Name: "a", FunctionVersion: "1" }),
        ),
      "ResourceNotFoundException",
      404,
      `Function not found: ${arn.replace("proxy", "none")}:1`,
    ],
  ];
  for (const [call, name, status, message] of cases)
    expect(await refusal(call())).toEqual({ name, status, message });
  expect(await create({})).not.toHaveProperty("RoutingConfig");
});

test("every member that restricts a permission is in its statement", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const add = async (StatementId: string, given: Partial<lambda.AddPermissionCommandInput>) => {
    const command = new lambda.AddPermissionCommand({
      FunctionName,
      StatementId,
      Action: "lambda:InvokeFunction",
      Principal: "*",
      ...given,
    });
    const { Statement = "" } = await aws.lambda.send(command);
    return JSON.parse(Statement) as { Condition: unknown };
  };
  const stringEquals = (key: string, text: string) => ({ StringEquals: { [key]: text } });
  const Action = "lambda:InvokeFunctionUrl";
  const cases: [given: Partial<lambda.AddPermissionCommandInput>, condition: unknown][] = [
    [{ SourceAccount: "111111111111" }, stringEquals("AWS:SourceAccount", "111111111111")],
    [{ PrincipalOrgID: "o-1234567890" }, stringEquals("aws:PrincipalOrgID", "o-1234567890")],
    [{ Action, FunctionUrlAuthType: "NONE" }, stringEquals("lambda:FunctionUrlAuthType", "NONE")],
    [{ EventSourceToken: "token" }, stringEquals("lambda:EventSourceToken", "token")],
    [{ SourceArn: "arn:aws:s3:::bucket" }, { ArnLike: { "AWS:SourceArn": "arn:aws:s3:::bucket" } }],
    [
      { SourceArn: "arn:aws:s3:::bucket", SourceAccount: "111111111111", PrincipalOrgID: "o-1234567890" },
      {
        StringEquals: { "AWS:SourceAccount": "111111111111", "aws:PrincipalOrgID": "o-1234567890" },
        ArnLike: { "AWS:SourceArn": "arn:aws:s3:::bucket" },
      },
    ],
  ];
  for (const [index, [given, condition]] of cases.entries())
    expect((await add(`s${index}`, given)).Condition).toEqual(condition);
  expect(await add("none", {})).not.toHaveProperty("Condition");
  expect(await refusal(add("url", { FunctionUrlAuthType: "NONE" }))).toMatchObject({
    name: "InvalidParameterValueException",
    message: "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
  });
});

test("a principal is a service, an account, an ARN or everyone", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const add = async (Principal: string, StatementId: string) => {
    const permission = { FunctionName, StatementId, Action: "lambda:InvokeFunction", Principal };
    const { Statement = "" } = await aws.lambda.send(new lambda.AddPermissionCommand(permission));
    return (JSON.parse(Statement) as { Principal: unknown }).Principal;
  };
  const cases: [principal: string, written: unknown][] = [
    ["s3.amazonaws.com", { Service: "s3.amazonaws.com" }],
    ["alexa-appkit.amazon.com", { Service: "alexa-appkit.amazon.com" }],
    ["111111111111", { AWS: "arn:aws:iam::111111111111:root" }],
    ["arn:aws:iam::111111111111:role/r", { AWS: "arn:aws:iam::111111111111:role/r" }],
    ["*", "*"],
  ];
  for (const [index, [principal, written]] of cases.entries())
    expect(await add(principal, `s${index}`)).toEqual(written);
  for (const principal of ["invalid.nonaws.com", "amazonaws.com.example", "11111111111"])
    expect(await refusal(add(principal, "invalid"))).toEqual({
      name: "InvalidParameterValueException",
      status: 400,
      message: "The provided principal was invalid. Please check the principal and try again.",
    });
});
