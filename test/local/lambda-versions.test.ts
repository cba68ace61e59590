import * as lambda from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { makeFunction, openLocalAws, refusal } from "../support/local-aws.ts";

const FunctionName = "proxy";

test("publishing without a change gives the same version again, and versions keep what they were", async () => {
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
  expect(await refusal(deleting)).toMatchObject({ name: "ResourceConflictException" });
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
