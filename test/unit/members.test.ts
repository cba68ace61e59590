import * as apigateway from "@aws-sdk/client-apigatewayv2";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import { expect, expectTypeOf, test } from "vitest";
import { AwsError } from "../../src/local/aws-error.ts";
import {
  all,
  declaredMembers,
  kept,
  only,
  type Declared,
  type Members,
  type NoOthers,
} from "../../src/local/wire/members.ts";
import { shapesOf } from "../../src/local/wire/schema.ts";

const services = [iam, lambda, apigateway].map(shapesOf);

/** What is left of an input, or the message of the refusal. */
function outcome(operation: string, members: object, input: Record<string, unknown>): unknown {
  const shape = services.flatMap(({ operations }) => operations.get(operation) ?? [])[0];
  if (!shape) throw new Error(`no operation ${operation}`);
  try {
    return declaredMembers(shape, members, input);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    expect(error).toMatchObject({ name: "NotImplementedException", status: 501 });
    return error.message;
  }
}

const refusal = (what: string) => `${what} is not emulated by the local AWS`;

const createRole = { RoleName: all, Description: kept, Tags: { Key: all } };
const createFunction = {
  Code: { ZipFile: all },
  PackageType: only("Zip"),
  Publish: only(false),
  Architectures: only("x86_64", "arm64"),
  Environment: { Variables: all },
};
const createStage = { StageName: all, RouteSettings: { ThrottlingRateLimit: all } };

test.each([
  [
    "CreateRole",
    createRole,
    { RoleName: "r", PermissionsBoundary: "arn" },
    "PermissionsBoundary of CreateRole",
  ],
  ["CreateRole", createRole, { Tags: [{ Key: "a" }, { Value: "b" }] }, "Tags.Value of CreateRole"],
  ["CreateRole", {}, { RoleName: "r" }, "RoleName of CreateRole"],
  ["CreateFunction", createFunction, { Code: { S3Bucket: "b" } }, "Code.S3Bucket of CreateFunction"],
  ["CreateFunction", createFunction, { PackageType: "Image" }, "PackageType 'Image' of CreateFunction"],
  ["CreateFunction", createFunction, { Publish: true }, "Publish true of CreateFunction"],
  [
    "CreateFunction",
    createFunction,
    { Architectures: ["arm64", "z"] },
    "Architectures 'z' of CreateFunction",
  ],
  ["CreateFunction", createFunction, { VpcConfig: { SubnetIds: ["s"] } }, "VpcConfig of CreateFunction"],
  [
    "CreateFunction",
    createFunction,
    { DurableConfig: { RetentionPeriodInDays: 0 } },
    "DurableConfig of CreateFunction",
  ],
  ["CreateFunction", {}, { Code: { ZipFile: Buffer.from("zip") } }, "Code of CreateFunction"],
  [
    "CreateStage",
    createStage,
    { RouteSettings: { join: { LoggingLevel: "INFO" } } },
    "RouteSettings.LoggingLevel of CreateStage",
  ],
] as const)("%s, declared as %o, refuses %j", (operation, members, input, what) => {
  expect(outcome(operation, members, input)).toBe(refusal(what));
});

test.each([
  ["CreateRole", createRole, { RoleName: "r", Description: "", Tags: [{ Key: "a" }, { Key: "b" }] }],
  [
    "CreateFunction",
    createFunction,
    {
      Code: { ZipFile: Buffer.from("zip") },
      PackageType: "Zip",
      Publish: false,
      Architectures: ["arm64"],
      Environment: { Variables: { A: "b" } },
    },
  ],
  ["CreateStage", createStage, { StageName: "dev", RouteSettings: { join: { ThrottlingRateLimit: 1 } } }],
] as const)("%s, declared as %o, takes %j as it is", (operation, members, input) => {
  expect(outcome(operation, members, input)).toEqual(input);
});

test.each([
  ["", []],
  [[], {}],
  [{ SubnetIds: [], SecurityGroupIds: [""] }, ""],
  [{}, [{}]],
])("what is empty asks for nothing and is left out: %j, %j", (VpcConfig, Layers) => {
  const given = { Code: { ZipFile: Buffer.from("zip"), S3Bucket: "" }, VpcConfig, Layers };
  expect(outcome("CreateFunction", createFunction, given)).toEqual({ Code: { ZipFile: Buffer.from("zip") } });
});

test("names of every object are no declarations", () => {
  const { operations } = shapesOf(iam);
  expect(operations.get("CreateRole")?.input.getMemberSchemas()).not.toHaveProperty("constructor");
  expect(outcome("CreateRole", createRole, { constructor: "x", RoleName: "r" })).toEqual({ RoleName: "r" });
});

test("an operation sees the members that it declares, and only those", () => {
  type Input = lambda.CreateFunctionCommandInput;
  const declared = {
    FunctionName: all,
    Code: { ZipFile: all },
    Tags: kept,
    PackageType: only("Zip"),
    FileSystemConfigs: { Arn: all },
  } satisfies Members<Input>;
  type Seen = Declared<Input, typeof declared>;
  expectTypeOf<Seen>().toEqualTypeOf<{
    FunctionName: string | undefined;
    Code: { ZipFile?: Uint8Array | undefined } | undefined;
    Tags?: Record<string, string> | undefined;
    PackageType?: lambda.PackageType | undefined;
    FileSystemConfigs?: { Arn: string | undefined }[] | undefined;
  }>();
  expectTypeOf<typeof declared>().toExtend<NoOthers<typeof declared, Input>>();
  expectTypeOf<{ Typo: typeof all }>().not.toExtend<NoOthers<{ Typo: typeof all }, Input>>();
  expectTypeOf<{ Code: { Typo: typeof all } }>().not.toExtend<
    NoOthers<{ Code: { Typo: typeof all } }, Input>
  >();
  expectTypeOf<{ PackageType: ReturnType<typeof only<"Zop">> }>().not.toExtend<Members<Input>>();
});
