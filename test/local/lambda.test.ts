import { createHash } from "node:crypto";
import * as lambda from "@aws-sdk/client-lambda";
import { UpdateAssumeRolePolicyCommand } from "@aws-sdk/client-iam";
import { expect, test } from "vitest";
import { until } from "../support/functions.ts";
import {
  functionInput,
  makeFunction,
  makeRole,
  openLocalAws,
  policy,
  refusal,
} from "../support/local-aws.ts";
import { rawZipOf, zipOf } from "../support/zip.ts";

const FunctionName = "proxy";
const configuration = new lambda.GetFunctionConfigurationCommand({ FunctionName });

test("a function is answered as Lambda answers it, and its hash is that of the zip's bytes", async () => {
  const aws = await openLocalAws();
  const input = await functionInput(await makeRole(aws), {
    Environment: { Variables: { A_B: "ä" } },
    Tags: { app: "ws" },
    Timeout: 30,
  });
  const created = await aws.lambda.send(new lambda.CreateFunctionCommand(input));
  expect(created).toMatchObject({
    $metadata: { httpStatusCode: 201 },
    FunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:proxy",
    CodeSha256: createHash("sha256")
      .update(input.Code?.ZipFile as Uint8Array)
      .digest("base64"),
    CodeSize: input.Code?.ZipFile?.length,
    State: "Pending",
    StateReasonCode: "Creating",
    StateReason: "The function is being created.",
    LastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/),
    Version: "$LATEST",
    MemorySize: 128,
    Timeout: 30,
    Architectures: ["x86_64"],
    EphemeralStorage: { Size: 512 },
    LoggingConfig: { LogFormat: "Text", LogGroup: "/aws/lambda/proxy" },
    Environment: { Variables: { A_B: "ä" } },
  });
  expect(created).not.toHaveProperty("LastUpdateStatus");
  const { Configuration, Tags, Code } = await aws.lambda.send(
    new lambda.GetFunctionCommand({ FunctionName }),
  );
  expect(Configuration).toMatchObject({ State: "Active", LastUpdateStatus: "Successful" });
  expect(Configuration?.RevisionId).not.toBe(created.RevisionId);
  expect(Tags).toEqual({ app: "ws" });
  const downloaded = await (await fetch(Code?.Location ?? "")).arrayBuffer();
  expect(createHash("sha256").update(Buffer.from(downloaded)).digest("base64")).toBe(created.CodeSha256);
});

test("a role can be assumed only after a while, and only by whom it trusts", async () => {
  const aws = await openLocalAws({ roleDelayMs: 150 });
  const input = await functionInput(await makeRole(aws));
  const create = () => aws.lambda.send(new lambda.CreateFunctionCommand(input));
  const refused = {
    name: "InvalidParameterValueException",
    status: 400,
    message: "The role defined for the function cannot be assumed by Lambda.",
  };
  expect(await refusal(create())).toEqual(refused);
  const trust = policy({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });
  await until(async () => (await create().catch(() => undefined)) !== undefined);
  await aws.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: "proxy-role", PolicyDocument: trust }));
  const other = { ...input, FunctionName: "other" };
  expect(await refusal(aws.lambda.send(new lambda.CreateFunctionCommand(other)))).toEqual(refused);
  const missing = { ...input, FunctionName: "other", Role: "arn:aws:iam::000000000000:role/nobody" };
  expect(await refusal(aws.lambda.send(new lambda.CreateFunctionCommand(missing)))).toEqual(refused);
});

test("while a function is pending or an update is in progress, changes conflict and revisions move on", async () => {
  const aws = await openLocalAws({ createDelayMs: 150, updateDelayMs: 150 });
  await makeFunction(aws);
  const update = () =>
    aws.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 9 }));
  const pending =
    "The operation cannot be performed at this time. The function is currently in the following state: Pending";
  expect(await refusal(update())).toMatchObject({
    name: "ResourceConflictException",
    status: 409,
    message: pending,
  });
  await until(async () => (await aws.lambda.send(configuration)).State === "Active");
  const before = await aws.lambda.send(configuration);
  const updated = await update();
  expect(updated).toMatchObject({
    State: "Active",
    LastUpdateStatus: "InProgress",
    LastUpdateStatusReasonCode: "Creating",
    Timeout: 9,
  });
  const inProgress = `The operation cannot be performed at this time. An update is in progress for resource: ${updated.FunctionArn}`;
  for (const call of [
    () => update(),
    async () =>
      await aws.lambda.send(
        new lambda.UpdateFunctionCodeCommand({ FunctionName, ZipFile: await zipOf({ "a.js": "1" }) }),
      ),
    () => aws.lambda.send(new lambda.PublishVersionCommand({ FunctionName })),
  ])
    expect(await refusal(call())).toMatchObject({
      name: "ResourceConflictException",
      status: 409,
      message: inProgress,
    });
  await until(async () => (await aws.lambda.send(configuration)).LastUpdateStatus === "Successful");
  const after = await aws.lambda.send(configuration);
  expect(new Set([before.RevisionId, updated.RevisionId, after.RevisionId]).size).toBe(3);
});

test("an update changes what it names; variables are replaced as a whole; a stale revision is refused", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws, { Environment: { Variables: { AA: "1", BB: "2" } }, Description: "first" });
  const { RevisionId } = await aws.lambda.send(configuration);
  await aws.lambda.send(
    new lambda.UpdateFunctionConfigurationCommand({
      FunctionName,
      Environment: { Variables: { CC: "3" } },
      RevisionId,
    }),
  );
  expect(await aws.lambda.send(configuration)).toMatchObject({
    Environment: { Variables: { CC: "3" } },
    Description: "first",
  });
  const stale = new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 4, RevisionId });
  expect(await refusal(aws.lambda.send(stale))).toMatchObject({
    name: "PreconditionFailedException",
    status: 412,
  });
  const ZipFile = await zipOf({ "index.mjs": "export const handler = async () => 1;" });
  const dry = await aws.lambda.send(
    new lambda.UpdateFunctionCodeCommand({ FunctionName, ZipFile, DryRun: true }),
  );
  expect((await aws.lambda.send(configuration)).CodeSha256).not.toBe(dry.CodeSha256);
  await aws.lambda.send(new lambda.UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  expect((await aws.lambda.send(configuration)).CodeSha256).toBe(dry.CodeSha256);
});

test("names and texts of Lambda's refusals", async () => {
  const aws = await openLocalAws();
  const Role = await makeRole(aws);
  await makeFunction(aws, { Role });
  const creating = async (given: Partial<lambda.CreateFunctionCommandInput>) =>
    await aws.lambda.send(
      new lambda.CreateFunctionCommand(await functionInput(Role, { FunctionName: "other", ...given })),
    );
  const variables = (Variables: Record<string, string>) => creating({ Environment: { Variables } });
  const value = "InvalidParameterValueException";
  const bomb = Buffer.from(await zipOf({ a: "x" }));
  bomb.writeUInt32LE(300_000_000, bomb.indexOf("PK\x01\x02") + 24);
  const cases: [call: () => Promise<unknown>, name: string, status: number, message: RegExp][] = [
    [() => creating({ FunctionName }), "ResourceConflictException", 409, /^Function already exist: proxy$/],
    [
      () => creating({ FunctionName: "x".repeat(65) }),
      "ValidationException",
      400,
      /at 'functionName' .* less than or equal to 64$/,
    ],
    [
      () => creating({ FunctionName: "a b" }),
      "ValidationException",
      400,
      /at 'functionName' .* regular expression pattern/,
    ],
    [
      () => creating({ Role: "nonsense" }),
      "ValidationException",
      400,
      /^1 validation error detected: Value 'nonsense' at 'role'/,
    ],
    [
      () => creating({ Timeout: 901, MemorySize: 64 }),
      "ValidationException",
      400,
      /^2 validation errors detected: .*'timeout'.*; .*'memorySize'/,
    ],
    [
      () => creating({ Runtime: "foo" as lambda.Runtime }),
      value,
      400,
      /^Value foo at 'runtime' .* enum value set: \[nodejs20\.x, .*\] or be a valid ARN$/,
    ],
    [
      () => creating({ Runtime: "nodejs14.x" }),
      value,
      400,
      /^The runtime parameter of nodejs14\.x is no longer supported/,
    ],
    [() => creating({ Handler: undefined }), value, 400, /Handler is mandatory/],
    [
      () => variables({ AWS_REGION: "x", OK: "y" }),
      value,
      400,
      /reserved keys .* used in this request: AWS_REGION$/,
    ],
    [
      () => variables({ BIG: "x".repeat(4096) }),
      value,
      400,
      /exceeded the 4KB limit\. String measured: \{"BIG":"x/,
    ],
    [() => variables({ "A-B": "x" }), "ValidationException", 400, /at 'environment\.variables'/],
    [
      () => creating({ Code: { ZipFile: Buffer.from("no zip") } }),
      value,
      400,
      /^Could not unzip uploaded file/,
    ],
    [
      () => creating({ Code: { ZipFile: rawZipOf([{ name: "../escape", content: "x" }]) } }),
      value,
      400,
      /^Could not unzip uploaded file/,
    ],
    [
      () => creating({ Code: { ZipFile: rawZipOf([{ name: "a" }, { name: "a" }]) } }),
      value,
      400,
      /^Could not unzip[^[]*\[local\] zip entry "a" is there twice$/,
    ],
    [
      () => creating({ Code: { ZipFile: rawZipOf([{ name: "bin/x", content: "../x", mode: 0o120777 }]) } }),
      "NotImplementedException",
      501,
      /zip entry "bin\/x" is a symbolic link \(Lambda\) is not emulated/,
    ],
    [
      () =>
        creating({
          Code: { ZipFile: rawZipOf(Array.from({ length: 10_001 }, (_, index) => ({ name: `f${index}` }))) },
        }),
      "NotImplementedException",
      501,
      /10001 entries/,
    ],
    [
      () => creating({ Code: { ZipFile: bomb } }),
      value,
      400,
      /^Unzipped size must be smaller than 262144000 bytes$/,
    ],
    [() => creating({ Code: { ZipFile: Buffer.alloc(0) } }), value, 400, /non-empty zip/],
    [
      () => creating({ Code: { S3Bucket: "bucket", S3Key: "k" } }),
      "NotImplementedException",
      501,
      /^Code\.S3Bucket of CreateFunction is not emulated/,
    ],
    [() => creating({ Runtime: "java21" }), "NotImplementedException", 501, /java21/],
    [
      () => aws.lambda.send(new lambda.GetFunctionCommand({ FunctionName: "none" })),
      "ResourceNotFoundException",
      404,
      /^Function not found: arn:aws:lambda:us-east-1:000000000000:function:none$/,
    ],
    [
      () => aws.lambda.send(new lambda.DeleteFunctionCommand({ FunctionName, Qualifier: "$LATEST" })),
      value,
      400,
      /^\$LATEST version cannot be deleted without deleting the function\.$/,
    ],
  ];
  for (const [call, name, status, message] of cases)
    expect(await refusal(call())).toEqual({ name, status, message: expect.stringMatching(message) });
});

test("a zip over 50 MiB is refused with its own status", async () => {
  const aws = await openLocalAws();
  const input = await functionInput(await makeRole(aws), { Code: { ZipFile: Buffer.alloc(52_428_801) } });
  expect(await refusal(aws.lambda.send(new lambda.CreateFunctionCommand(input)))).toEqual({
    name: "RequestEntityTooLargeException",
    status: 413,
    message: "Zipped size must be smaller than 52428800 bytes",
  });
});

test("a function answers to its name and its ARNs, in its own region only", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws);
  for (const name of ["proxy", arn, "000000000000:function:proxy", `${arn}:$LATEST`])
    expect(
      (await aws.lambda.send(new lambda.GetFunctionCommand({ FunctionName: name }))).Configuration
        ?.FunctionName,
    ).toBe("proxy");
  expect(await refusal(aws.in("eu-west-1").lambda.send(configuration))).toMatchObject({
    name: "ResourceNotFoundException",
  });
});

test("lists have pages and say nothing of states", async () => {
  const aws = await openLocalAws({ pageSize: 2 });
  const Role = await makeRole(aws);
  for (const name of ["a", "b", "c"]) await makeFunction(aws, { FunctionName: name, Role });
  const listed: lambda.FunctionConfiguration[] = [];
  for await (const { Functions = [] } of lambda.paginateListFunctions({ client: aws.lambda }, {}))
    listed.push(...Functions);
  expect(listed.map((one) => one.FunctionName)).toEqual(["a", "b", "c"]);
  expect(listed[0]).not.toHaveProperty("State");
  const { AccountUsage } = await aws.lambda.send(new lambda.GetAccountSettingsCommand({}));
  expect(AccountUsage?.FunctionCount).toBe(3);
});

test("reserved concurrency is taken from the account's", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const reserve = (ReservedConcurrentExecutions: number) =>
    aws.lambda.send(new lambda.PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions }));
  expect(await refusal(reserve(901))).toMatchObject({
    status: 400,
    message: expect.stringMatching(/below its minimum value of \[100\]\.$/),
  });
  await reserve(5);
  expect((await aws.lambda.send(new lambda.GetFunctionCommand({ FunctionName }))).Concurrency).toEqual({
    ReservedConcurrentExecutions: 5,
  });
  expect(
    (await aws.lambda.send(new lambda.GetAccountSettingsCommand({}))).AccountLimit
      ?.UnreservedConcurrentExecutions,
  ).toBe(995);
  await aws.lambda.send(new lambda.DeleteFunctionConcurrencyCommand({ FunctionName }));
  const read = await aws.lambda.send(new lambda.GetFunctionConcurrencyCommand({ FunctionName }));
  expect(read).not.toHaveProperty("ReservedConcurrentExecutions");
});

test("tags belong to the function's ARN", async () => {
  const aws = await openLocalAws();
  const Resource = await makeFunction(aws);
  await aws.lambda.send(new lambda.TagResourceCommand({ Resource, Tags: { a: "1", b: "2" } }));
  await aws.lambda.send(new lambda.UntagResourceCommand({ Resource, TagKeys: ["a", "c"] }));
  expect((await aws.lambda.send(new lambda.ListTagsCommand({ Resource }))).Tags).toEqual({ b: "2" });
});
