import { createHash } from "node:crypto";
import * as lambda from "@aws-sdk/client-lambda";
import { AttachRolePolicyCommand, UpdateAssumeRolePolicyCommand } from "@aws-sdk/client-iam";
import { expect, test } from "vitest";
import { reservedVariables } from "../../src/contract/reserved-variables.ts";
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
  const aws = await openLocalAws({ roleDelayMs: 1_000 });
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
  const missing = { ...input, FunctionName: "other", Role: "arn:aws:iam::000000000000:role/absent" };
  expect(await refusal(aws.lambda.send(new lambda.CreateFunctionCommand(missing)))).toEqual(refused);
});

test("while a function is pending or updating, changes conflict; revisions change", async () => {
  const aws = await openLocalAws({ createDelayMs: 1_000, updateDelayMs: 1_000 });
  await makeFunction(aws);
  const update = () =>
    aws.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 9 }));
  const notNow = "The operation cannot be performed at this time.";
  const pending = `${notNow} The function is currently in the following state: Pending`;
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
  const inProgress = `${notNow} An update is in progress for resource: ${updated.FunctionArn}`;
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

test("an update changes what it names, all variables at once; a stale revision is refused", async () => {
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
      value,
      400,
      /^1 validation error detected: Value 'x{65}' at 'functionName' failed .* less than or equal to 64$/,
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
      /^Value foo at 'runtime' .* enum value set: \[nodejs20\.x, .*, java8\.al2\] or be a valid ARN$/,
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

test("no function has its code signed, and one that is not there is missed", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const signing = (FunctionName: string) =>
    aws.lambda.send(new lambda.GetFunctionCodeSigningConfigCommand({ FunctionName }));
  expect(await signing(FunctionName)).not.toHaveProperty("CodeSigningConfigArn");
  expect(await refusal(signing("none"))).toMatchObject({ name: "ResourceNotFoundException", status: 404 });
});

test("a VPC is answered with what Lambda adds to it, as Terraform's provider asks for it", async () => {
  const aws = await openLocalAws();
  const [RoleName, SubnetIds, SecurityGroupIds] = ["vpc-role", ["subnet-0123456789abcdef0"], ["sg-01234567"]];
  const Role = await makeRole(aws, RoleName);
  const PolicyArn = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
  await aws.iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
  const VpcConfig = { SubnetIds, SecurityGroupIds, Ipv6AllowedForDualStack: false };
  await makeFunction(aws, { Role, VpcConfig });
  const { Configuration } = await aws.lambda.send(new lambda.GetFunctionCommand({ FunctionName }));
  expect(Configuration?.VpcConfig).toEqual({ ...VpcConfig, VpcId: expect.stringMatching(/^vpc-/) });
});

test("tags belong to the function's ARN", async () => {
  const aws = await openLocalAws();
  const Resource = await makeFunction(aws);
  await aws.lambda.send(new lambda.TagResourceCommand({ Resource, Tags: { a: "1", b: "2" } }));
  await aws.lambda.send(new lambda.UntagResourceCommand({ Resource, TagKeys: ["a", "c"] }));
  expect((await aws.lambda.send(new lambda.ListTagsCommand({ Resource }))).Tags).toEqual({ b: "2" });
});

test("tags are refused where a function takes none, and past fifty", async () => {
  const aws = await openLocalAws();
  const Resource = await makeFunction(aws, { Publish: true });
  await aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  const tagsOf = (count: number, prefix = "k") =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, "v"]));
  const tag = (Tags: Record<string, string>, to = Resource) =>
    aws.lambda.send(new lambda.TagResourceCommand({ Resource: to, Tags }));
  const refused = (message: string) => ({ name: "InvalidParameterValueException", status: 400, message });
  for (const qualifier of ["live", "1", "$LATEST"]) {
    const to = `${Resource}:${qualifier}`;
    const calls = [
      () => tag({ a: "1" }, to),
      () => aws.lambda.send(new lambda.UntagResourceCommand({ Resource: to, TagKeys: ["a"] })),
      () => aws.lambda.send(new lambda.ListTagsCommand({ Resource: to })),
    ];
    for (const call of calls)
      expect(await refusal(call())).toEqual(
        refused("Tags on function aliases and versions are not supported. Please specify a function ARN."),
      );
  }
  expect(await refusal(tag({}))).toEqual(refused("An error occurred and the request cannot be processed."));
  const tooMany = refused("Number of tags exceeds resource tag limit.");
  expect(await refusal(tag(tagsOf(51)))).toEqual(tooMany);
  await tag(tagsOf(50));
  await tag({ k0: "another value" });
  expect(await refusal(tag({ more: "v" }))).toEqual(tooMany);
  const input = await functionInput(await makeRole(aws, "other"), {
    FunctionName: "other",
    Tags: tagsOf(51),
  });
  expect(await refusal(aws.lambda.send(new lambda.CreateFunctionCommand(input)))).toEqual(tooMany);
  expect(await refusal(tag({ a: "1" }, "arn:aws:something"))).toEqual({
    name: "ValidationException",
    status: 400,
    message: expect.stringMatching(
      /^1 validation error detected: Value 'arn:aws:something' at 'resource' failed to satisfy constraint: /,
    ),
  });
});

test("each operation has its own words for what is not there", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws);
  const none = arn.replace("proxy", "none");
  const permission = { StatementId: "s", Action: "lambda:InvokeFunction", Principal: "*" };
  const cases: [call: () => Promise<unknown>, message: string][] = [
    [
      () => aws.lambda.send(new lambda.InvokeCommand({ FunctionName: "none" })),
      `Function not found: ${none}:$LATEST`,
    ],
    [
      () => aws.lambda.send(new lambda.InvokeCommand({ FunctionName: "none", Qualifier: "live" })),
      `Function not found: ${none}:live`,
    ],
    [
      () => aws.lambda.send(new lambda.InvokeCommand({ FunctionName, Qualifier: "live" })),
      `Function not found: ${arn}:live`,
    ],
    [
      () =>
        aws.lambda.send(
          new lambda.PutFunctionConcurrencyCommand({ FunctionName: "none", ReservedConcurrentExecutions: 1 }),
        ),
      `Function not found: ${none}:$LATEST`,
    ],
    [
      () => aws.lambda.send(new lambda.GetPolicyCommand({ FunctionName: "none" })),
      "The resource you requested does not exist.",
    ],
    [
      () => aws.lambda.send(new lambda.RemovePermissionCommand({ FunctionName: "none", StatementId: "s" })),
      `No policy found for: ${none}`,
    ],
    [
      () => aws.lambda.send(new lambda.AddPermissionCommand({ FunctionName: "none", ...permission })),
      `Function not found: ${none}`,
    ],
    [
      () =>
        aws.lambda.send(new lambda.AddPermissionCommand({ FunctionName, Qualifier: "live", ...permission })),
      `Cannot find alias arn: ${arn}:live`,
    ],
    [
      () => aws.lambda.send(new lambda.GetAliasCommand({ FunctionName, Name: "live" })),
      `Cannot find alias arn: ${arn}:live`,
    ],
    [
      () => aws.lambda.send(new lambda.UpdateAliasCommand({ FunctionName, Name: "live" })),
      `Alias not found: ${arn}:live`,
    ],
  ];
  for (const [call, message] of cases)
    expect(await refusal(call())).toEqual({ name: "ResourceNotFoundException", status: 404, message });
});

test("a stale revision is told which call has the newest", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const RevisionId = "00000000-0000-0000-0000-000000000000";
  const permission = { FunctionName, StatementId: "s", Action: "lambda:InvokeFunction", Principal: "*" };
  await aws.lambda.send(new lambda.AddPermissionCommand(permission));
  const cases: [call: () => Promise<unknown>, which: string][] = [
    [
      () => aws.lambda.send(new lambda.UpdateFunctionConfigurationCommand({ FunctionName, RevisionId })),
      "GetFunction/GetAlias",
    ],
    [
      () => aws.lambda.send(new lambda.AddPermissionCommand({ ...permission, StatementId: "t", RevisionId })),
      "GetPolicy",
    ],
    [
      () =>
        aws.lambda.send(new lambda.RemovePermissionCommand({ FunctionName, StatementId: "s", RevisionId })),
      "GetPolicy",
    ],
  ];
  for (const [call, which] of cases)
    expect(await refusal(call())).toEqual({
      name: "PreconditionFailedException",
      status: 412,
      message:
        "The Revision Id provided does not match the latest Revision Id. " +
        `Call the ${which} API to retrieve the latest Revision Id`,
    });
});

test("an error has a Type where AWS sends one", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const typeOf = async (call: Promise<unknown>) =>
    await call.then(
      () => "not refused",
      (error: unknown) => (error as { Type?: string }).Type,
    );
  const reserve = new lambda.PutFunctionConcurrencyCommand({
    FunctionName,
    ReservedConcurrentExecutions: 901,
  });
  expect(await typeOf(aws.lambda.send(reserve))).toBeUndefined();
  const input = await functionInput("arn:aws:iam::000000000000:role/r", { FunctionName: "x".repeat(65) });
  expect(await typeOf(aws.lambda.send(new lambda.CreateFunctionCommand(input)))).toBe("User");
});

test("variables are reserved by name", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  const set = (name: string) =>
    aws.lambda.send(
      new lambda.UpdateFunctionConfigurationCommand({
        FunctionName,
        Environment: { Variables: { [name]: "x" } },
      }),
    );
  const free = ["AWS_LAMBDA_EXEC_WRAPPER", "AWS_LAMBDA_DOTNET_PREJIT", "NODE_PATH", "NODE_OPTIONS", "TZ"];
  for (const name of free) expect((await set(name)).Environment?.Variables).toEqual({ [name]: "x" });
  // The model's pattern refuses a name that begins with an underscore.
  for (const name of reservedVariables.filter((each) => !each.startsWith("_")))
    expect(await refusal(set(name))).toEqual({
      name: "InvalidParameterValueException",
      status: 400,
      message: expect.stringMatching(new RegExp(`Reserved keys used in this request: ${name}$`)),
    });
});
