import { spawnSync } from "node:child_process";
import * as apigatewayv2 from "@aws-sdk/client-apigatewayv2";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import * as sts from "@aws-sdk/client-sts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { services } from "../../src/local/services/services.ts";
import { membersOf, shapesOf, type OperationShape, type Shape } from "../../src/local/wire/schema.ts";
import { validate, type Constraint } from "../../src/local/wire/validation.ts";
import { lambdaTrust, openLocalAws, refusal, type Clients } from "../support/local-aws.ts";

test("the generated constraints are those of the models", { timeout: 60_000 }, (context) => {
  const script = ["src/build/constraints.js", "--check"];
  const { status, stdout, stderr } = spawnSync(process.execPath, script, { encoding: "utf8" });
  if (status === 2 && process.env["REQUIRE_AWS_CLIENTS"] !== "1") context.skip(stderr.trim());
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
});

/** The request of an operation with an empty input, good enough to be recognized by its service. */
function emptyRequest({ name, http }: OperationShape) {
  if (!http)
    return {
      path: "/",
      init: {
        method: "POST",
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          "x-amz-target": `Logs_20140328.${name}`,
        },
        body: `Action=${name}`,
      },
    };
  const [method, uri] = http;
  const hasBody = method !== "GET" && method !== "DELETE";
  const headers = { "content-type": "application/json" };
  return {
    path: uri.replaceAll(/\{\w+\+?\}/g, "x"),
    init: { method, headers, ...(hasBody ? { body: "{}" } : {}) },
  };
}

const named = services.map((service) => [service.name, service] as const);

test.each(named)(
  "%s has constraints for the operations that it emulates and for no other",
  async (service, { sdk, constraints }) => {
    const { url } = await openLocalAws();
    const credential = `Credential=AKIDTEST/20261123/us-east-1/${service}/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=${"0".repeat(64)}`;
    const emulated: string[] = [];
    for (const operation of shapesOf(sdk).operations.values()) {
      const { path, init } = emptyRequest(operation);
      const response = await fetch(url + path, { ...init, headers: { ...init.headers, authorization } });
      const said = await response.text();
      if (response.status !== 501 || !said.includes(`${operation.name} (`)) emulated.push(operation.name);
    }
    expect(emulated.toSorted()).toEqual(Object.keys(constraints.operations).toSorted());
  },
);

type Call = (clients: Clients) => Promise<unknown>;

const createFunction =
  (given: Partial<lambda.CreateFunctionCommandInput>): Call =>
  ({ lambda: client }) =>
    client.send(
      new lambda.CreateFunctionCommand({
        FunctionName: "proxy",
        Role: "arn:aws:iam::000000000000:role/r",
        Code: { ZipFile: Buffer.from("zip") },
        Runtime: "nodejs24.x",
        Handler: "index.handler",
        ...given,
      }),
    );
const createRole =
  (given: Partial<iam.CreateRoleCommandInput>): Call =>
  ({ iam: client }) =>
    client.send(
      new iam.CreateRoleCommand({ RoleName: "r", AssumeRolePolicyDocument: lambdaTrust, ...given }),
    );
const simulate =
  (given: Partial<iam.SimulatePrincipalPolicyCommandInput>): Call =>
  ({ iam: client }) =>
    client.send(
      new iam.SimulatePrincipalPolicyCommand({
        PolicySourceArn: "arn:aws:iam::000000000000:role/r",
        ActionNames: ["logs:PutLogEvents"],
        ...given,
      }),
    );
const assumeRole =
  (given: Partial<sts.AssumeRoleCommandInput>): Call =>
  ({ sts: client }) =>
    client.send(
      new sts.AssumeRoleCommand({
        RoleArn: "arn:aws:iam::000000000000:role/r",
        RoleSessionName: "session",
        ...given,
      }),
    );
const filter =
  (given: Partial<logs.FilterLogEventsCommandInput>): Call =>
  ({ logs: client }) =>
    client.send(new logs.FilterLogEventsCommand({ logGroupName: "g", ...given }));
const createApi =
  (given: Partial<apigatewayv2.CreateApiCommandInput>): Call =>
  ({ apigatewayv2: client }) =>
    client.send(new apigatewayv2.CreateApiCommand({ Name: "api", ProtocolType: "WEBSOCKET", ...given }));
const createStage =
  (given: Partial<apigatewayv2.CreateStageCommandInput>): Call =>
  ({ apigatewayv2: client }) =>
    client.send(new apigatewayv2.CreateStageCommand({ ApiId: "abc", StageName: "dev", ...given }));

const tagPattern = String.raw`([\p{L}\p{Z}\p{N}_.:/=+\-@]*)`;

/** What is refused, the error's name, and what its text says after the number of errors. */
const refused: Record<string, readonly (readonly [call: Call, name: string, message: string])[]> = {
  "a length": [
    [createFunction({ Description: "x".repeat(257) }), "ValidationException", "at 'description' failed"],
    [createRole({ Description: "x".repeat(1001) }), "ValidationError", "at 'description' failed"],
    [assumeRole({ RoleSessionName: "x" }), "ValidationError", "Value 'x' at 'roleSessionName' failed"],
    [filter({ filterPattern: "x".repeat(1025) }), "InvalidParameterException", "at 'filterPattern' failed"],
    [createApi({ Name: "x".repeat(129) }), "BadRequestException", "at 'name' failed"],
    [createStage({ Description: "x".repeat(1025) }), "BadRequestException", "at 'description' failed"],
  ],
  "a pattern": [
    [
      createFunction({ Role: "lambdarole" }),
      "ValidationException",
      "Value 'lambdarole' at 'role' failed to satisfy constraint: Member must satisfy regular expression " +
        String.raw`pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`,
    ],
    [createRole({ RoleName: "a b" }), "ValidationError", String.raw`pattern: [\w+=,.@-]+`],
    [
      assumeRole({ RoleSessionName: "S1:2" }),
      "ValidationError",
      String.raw`Value 'S1:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy ` +
        String.raw`regular expression pattern: [\w+=,.@-]*`,
    ],
    [filter({ logGroupName: "a b" }), "InvalidParameterException", "Value 'a b' at 'logGroupName' failed"],
    [createStage({ StageName: "a b" }), "BadRequestException", "Value 'a b' at 'stageName' failed"],
  ],
  "an enum": [
    [
      createFunction({ LoggingConfig: { LogFormat: "XML" as never } }),
      "ValidationException",
      "Value 'XML' at 'loggingConfig.logFormat' failed to satisfy constraint: Member must satisfy enum " +
        "value set: [JSON, Text]",
    ],
    [
      ({ logs: client }) =>
        client.send(new logs.DescribeLogStreamsCommand({ logGroupName: "g", orderBy: "Name" as never })),
      "InvalidParameterException",
      "Value 'Name' at 'orderBy' failed",
    ],
    [createApi({ ProtocolType: "TCP" as never }), "BadRequestException", "enum value set: [WEBSOCKET, HTTP]"],
    [
      createStage({ RouteSettings: { join: { LoggingLevel: "ALL" as never } } }),
      "BadRequestException",
      "Value 'ALL' at 'routeSettings.join.member.loggingLevel' failed",
    ],
  ],
  "a range": [
    [
      createFunction({ Timeout: 901 }),
      "ValidationException",
      "Member must have value less than or equal to 900",
    ],
    [
      createFunction({ EphemeralStorage: { Size: 1 } }),
      "ValidationException",
      "at 'ephemeralStorage.size' failed",
    ],
    [createRole({ MaxSessionDuration: 60 }), "ValidationError", "Value '60' at 'maxSessionDuration' failed"],
    [assumeRole({ DurationSeconds: 60 }), "ValidationError", "Value '60' at 'durationSeconds' failed"],
    [filter({ limit: 10_001 }), "InvalidParameterException", "Value '10001' at 'limit' failed"],
    [
      ({ apigatewayv2: client }) =>
        client.send(
          new apigatewayv2.CreateIntegrationCommand({
            ApiId: "abc",
            IntegrationType: "AWS_PROXY",
            TimeoutInMillis: 29_001,
          }),
        ),
      "BadRequestException",
      "Value '29001' at 'timeoutInMillis' failed",
    ],
  ],
  "an item, a key or a value": [
    [
      createFunction({ Architectures: ["X86_64" as never] }),
      "ValidationException",
      "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: " +
        "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
    ],
    [
      createFunction({ Architectures: ["arm64", "x86_64"] }),
      "ValidationException",
      "Value '[arm64, x86_64]' at 'architectures' failed to satisfy constraint: Member must have length " +
        "less than or equal to 1",
    ],
    [
      createFunction({ Tags: { a: "#" } }),
      "ValidationException",
      "Value '{a=#}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member " +
        "must have length less than or equal to 256, Member must have length greater than or equal to 0, " +
        `Member must satisfy regular expression pattern: ${tagPattern}, Member must not be null]`,
    ],
    [
      createFunction({ Environment: { Variables: { "1SECRET": "secret" } } }),
      "ValidationException",
      "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [",
    ],
    [
      createRole({ Tags: [{ Key: "a", Value: "#" }] }),
      "ValidationError",
      "Value '#' at 'tags.1.member.value' failed",
    ],
    [simulate({ ActionNames: ["x"] }), "ValidationError", "Value '[x]' at 'actionNames' failed"],
    [
      filter({ logStreamNames: [":"] }),
      "InvalidParameterException",
      "Value '[:]' at 'logStreamNames' failed",
    ],
    [createApi({ Tags: { a: "x".repeat(1601) } }), "BadRequestException", "at 'tags' failed"],
  ],
};

test.each(Object.entries(refused))(
  "%s that breaks the model is refused by every service",
  async (_, cases) => {
    const aws = await openLocalAws();
    for (const [call, name, message] of cases) {
      const said = await refusal(call(aws));
      expect(said).toEqual({ name, status: 400, message: expect.stringContaining(message) as string });
      expect(said.message).toMatch(/^1 validation error detected: /);
    }
  },
);

test("several errors are counted; Lambda reports a value once, other services twice", async () => {
  const aws = await openLocalAws();
  expect(await refusal(createFunction({ Handler: " ".repeat(129), Timeout: 0 })(aws))).toMatchObject({
    message: expect.stringMatching(/^2 validation errors detected: .*'handler' .* pattern: .*; .*'timeout'/),
  });
  expect(await refusal(createRole({ RoleName: " ".repeat(65) })(aws))).toMatchObject({
    message: expect.stringMatching(
      /^2 validation errors detected: .* pattern: .*; .* less than or equal to 64$/,
    ),
  });
});

/** Texts for the patterns that fast-check cannot make texts of. */
const samples = ["live", "bucket", "tag", "arn:aws:x:y"];

const made = new Map<Constraint, fc.Arbitrary<string>>();

/** Texts that a constraint allows; made once, as reading a pattern takes its time. */
function texts(constraint: Constraint): fc.Arbitrary<string> {
  const arbitrary = made.get(constraint) ?? textsOf(constraint);
  made.set(constraint, arbitrary);
  return arbitrary;
}

function textsOf({ min = 0, max = 1000, pattern, values }: Constraint): fc.Arbitrary<string> {
  if (values) return fc.constantFrom(...values);
  if (pattern === undefined)
    return fc.oneof(
      fc.string({ minLength: min, maxLength: Math.min(max, min + 20) }),
      fc.constantFrom("x".repeat(min), "x".repeat(max)),
    );
  // A class of characters that repeats is given the lengths; in other patterns they are seldom broken.
  const sized = pattern.replace(/^(\(?\[[^\]]*\])([*+])(\)?)$/, (_, open, repeat, close) => {
    const least = Math.max(min, repeat === "+" ? 1 : 0);
    return `${open}{${least},${Math.min(max, least + 20)}}${close}`;
  });
  const whole = new RegExp(`^(?:${sized})$`, pattern.includes("\\p{") ? "u" : "");
  const fits = (text: string) => text.length >= min && text.length <= max;
  try {
    return fc.stringMatching(whole).filter(fits);
  } catch {
    return fc.constantFrom(...samples.filter((text) => whole.test(text) && fits(text)));
  }
}

/** Values that the model allows. */
function allowed(shape: Shape, constraint: Constraint): fc.Arbitrary<unknown> {
  const { min = 0, max = 1_000_000, item = {}, key = {}, members = {} } = constraint;
  const sizes = { minLength: min, maxLength: Math.min(max, min + 2) };
  if (shape.isStructSchema())
    return fc.record(
      Object.fromEntries(membersOf(shape).map(([name, each]) => [name, allowed(each, members[name] ?? {})])),
    );
  if (shape.isListSchema()) return fc.array(allowed(shape.getValueSchema(), item), sizes);
  if (shape.isMapSchema())
    return fc.dictionary(texts(key), allowed(shape.getValueSchema(), item), {
      minKeys: min,
      maxKeys: sizes.maxLength,
    });
  if (shape.isNumericSchema()) return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max }));
  if (shape.isBooleanSchema()) return fc.boolean();
  if (shape.isBlobSchema()) return fc.uint8Array({ maxLength: 4 });
  if (shape.isTimestampSchema()) return fc.date();
  return texts(constraint);
}

test.each(named)("%s: what the model allows is not refused", (_, { sdk, constraints }) => {
  const { operations } = shapesOf(sdk);
  for (const [name, members] of Object.entries(constraints.operations)) {
    const operation = operations.get(name);
    if (!operation) throw new Error(`no operation ${name}`);
    const inputs = allowed(operation.input, { members }) as fc.Arbitrary<Record<string, unknown>>;
    fc.assert(
      fc.property(inputs, (input) => validate(operation, input, { constraints, errorName: "Refused" })),
      { numRuns: 10 },
    );
  }
});
