import * as apigatewayv2 from "@aws-sdk/client-apigatewayv2";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import { describe, expect, test } from "vitest";
import { AwsError } from "../../src/local/aws-error.ts";
import { jsonRpc } from "../../src/local/wire/json-rpc.ts";
import type { Protocol } from "../../src/local/wire/protocol.ts";
import { query } from "../../src/local/wire/query.ts";
import { restJson } from "../../src/local/wire/rest-json.ts";
import { shapesOf, type OperationShape } from "../../src/local/wire/schema.ts";
import { validate, type Constraints } from "../../src/local/wire/validation.ts";

const shapes = {
  apigateway: shapesOf(apigatewayv2),
  iam: shapesOf(iam),
  lambda: shapesOf(lambda),
  logs: shapesOf(logs),
};

function operationOf(service: keyof typeof shapes, name: string): OperationShape {
  const operation = shapes[service].operations.get(name);
  if (!operation) throw new Error(`${service} has no operation ${name}`);
  return operation;
}

interface Given {
  method?: string;
  target?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** The operation that a protocol finds, with the input that it reads; or the error's name and text. */
function read(
  protocol: Protocol,
  { method = "POST", target = "/", headers = {}, body = "" }: Given,
): unknown {
  const { pathname: path, searchParams } = new URL(target, "http://aws.test");
  const request = { method, path, query: searchParams, headers, body: Buffer.from(body) };
  const operation = protocol.find(request);
  if (!operation) throw new Error("no operation found");
  try {
    return [operation.name, protocol.read(operation, request)];
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return `${error.name}: ${error.message}`;
  }
}

describe("a form body", () => {
  const protocol = query(shapes.iam, "https://iam.test/");
  test.each([
    ["Action=ListRoles&MaxItems=5", ["ListRoles", { MaxItems: 5 }]],
    ["Action=TagRole&Tags=", ["TagRole", { Tags: [] }]],
    [
      "Action=TagRole&Tags.member.2.Key=b&Tags.member.1.Key=a&Tags.member.1.Value=",
      ["TagRole", { Tags: [{ Key: "a", Value: "" }, { Key: "b" }] }],
    ],
    ["Action=CreatePolicyVersion&SetAsDefault=false", ["CreatePolicyVersion", { SetAsDefault: false }]],
    ["Action=ListRoles&MaxItems=five", "MalformedInput: STRING_VALUE can not be converted to an Integer"],
    ["Action=ListRoles&MaxItems=", "MalformedInput: STRING_VALUE can not be converted to an Integer"],
    ["Action=ListRoles&MaxItems=NaN", "MalformedInput: STRING_VALUE can not be converted to an Integer"],
    ["Action=ListRoles&MaxItems=0x10", "MalformedInput: STRING_VALUE can not be converted to an Integer"],
    [
      "Action=CreatePolicyVersion&SetAsDefault=yes",
      "MalformedInput: STRING_VALUE can not be converted to a Boolean",
    ],
    ["Action=GetRole&RoleName.a=b", "MalformedInput: Start of structure or map found where not expected."],
    ["Action=TagRole&Tags=a", "MalformedInput: Expected list or null"],
    ["Action=TagRole&Tags.member.1=a", "MalformedInput: Expected null"],
    ["Action=TagRole&Tags.member.a.Key=a", "MalformedInput: 'a' is no index of a list"],
  ])("%s is read as %j", (body, expected) => {
    expect(read(protocol, { body })).toEqual(expected);
  });
});

describe("a query string, a header and a path", () => {
  const protocol = restJson(shapes.lambda);
  const functions = "/2015-03-31/functions";
  test.each([
    [`${functions}?MaxItems=5&Marker=5`, ["ListFunctions", { MaxItems: 5, Marker: "5" }]],
    [`${functions}?MaxItems=five`, "SerializationException: STRING_VALUE can not be converted to an Integer"],
    [`${functions}?MaxItems=`, "SerializationException: STRING_VALUE can not be converted to an Integer"],
    [
      "/2019-09-30/functions/f/provisioned-concurrency?List=ALL",
      ["ListProvisionedConcurrencyConfigs", { FunctionName: "f" }],
    ],
  ])("%s is read as %j", (target, expected) => {
    expect(read(protocol, { method: "GET", target })).toEqual(expected);
  });
});

describe("a JSON body", () => {
  test.each([
    [
      '{"MemorySize":512,"Tags":{"a":"b"},"Layers":["l"]}',
      { MemorySize: 512, Tags: { a: "b" }, Layers: ["l"] },
    ],
    ["", {}],
    ["null", {}],
    ['{"Publish":null,"Unknown":1}', {}],
    ['{"MemorySize":"512"}', "STRING_VALUE can not be converted to an Integer"],
    ['{"Publish":1}', "NUMBER_VALUE can not be converted to a Boolean"],
    ['{"Handler":false}', "FALSE_VALUE can not be converted to a String"],
    ['{"Handler":["a"]}', "Start of list found where not expected"],
    ['{"Handler":{}}', "Start of structure or map found where not expected."],
    ['{"Layers":"l"}', "Expected list or null"],
    ['{"Layers":{}}', "Start of structure or map found where not expected."],
    ['{"Tags":"a"}', "Expected null"],
    ['{"Code":[]}', "Start of list found where not expected"],
    ["[]", "Start of list found where not expected"],
    ["5", "Expected null"],
  ])("%s is read as %j by REST", (body, expected) => {
    const given = { target: "/2015-03-31/functions", body };
    const outcome =
      typeof expected === "string" ? `SerializationException: ${expected}` : ["CreateFunction", expected];
    expect(read(restJson(shapes.lambda), given)).toEqual(outcome);
  });

  test.each([
    ['{"limit":5}', ["DescribeLogGroups", { limit: 5 }]],
    ['{"limit":"5"}', "SerializationException: STRING_VALUE can not be converted to an Integer"],
    ["[]", "SerializationException: Start of list found where not expected"],
    ["{", expect.stringMatching(/^SerializationException: the request is not JSON/)],
  ])("%s is read as %j by JSON-RPC", (body, expected) => {
    const headers = { "x-amz-target": "Logs_20140328.DescribeLogGroups" };
    expect(read(jsonRpc(shapes.logs), { headers, body })).toEqual(expected);
  });
});

/** The problems that the validation finds, without the words that all of them share. */
function problems(
  operation: OperationShape,
  input: Record<string, unknown>,
  constraints: Constraints,
): string[] {
  try {
    validate(operation, input, { constraints, errorName: "Refused" });
    return [];
  } catch (error) {
    const [, found = ""] = /^\d+ validation errors? detected: (.*)$/s.exec((error as Error).message) ?? [];
    return found.split("; ").map((text) => text.replace(" failed to satisfy constraint:", ""));
  }
}

describe("validation", () => {
  const createStage = operationOf("apigateway", "CreateStage");
  const level = { values: ["INFO", "OFF"] };
  const settings = { members: { LoggingLevel: level, ThrottlingBurstLimit: { max: 5 } } };
  const ofStage = {
    DefaultRouteSettings: settings,
    RouteSettings: { max: 2, key: { pattern: "[a-z]+" }, item: settings },
  };
  const stage = { ApiId: "a", StageName: "s" };

  test.each<[given: object, found: string[]]>([
    [{ DefaultRouteSettings: { LoggingLevel: "OFF", ThrottlingBurstLimit: 5 } }, []],
    [
      { DefaultRouteSettings: { LoggingLevel: "ALL" } },
      ["Value 'ALL' at 'defaultRouteSettings.loggingLevel' Member must satisfy enum value set: [INFO, OFF]"],
    ],
    [{ RouteSettings: {} }, []],
    [
      { RouteSettings: { A: { ThrottlingBurstLimit: 6 } } },
      [
        "Value '{A={ThrottlingBurstLimit=6}}' at 'routeSettings' Map keys must satisfy constraint: " +
          "[Member must satisfy regular expression pattern: [a-z]+]",
        "Value '6' at 'routeSettings.A.member.throttlingBurstLimit' Member must have value less than or " +
          "equal to 5",
      ],
    ],
    [
      { RouteSettings: { a: {}, b: {}, c: {} } },
      ["Value '{a={}, b={}, c={}}' at 'routeSettings' Member must have length less than or equal to 2"],
    ],
    [
      { RouteSettings: { a: undefined } },
      ["Value '{a=null}' at 'routeSettings' Map value must satisfy constraint: [Member must not be null]"],
    ],
  ])("of a structure and of a map of structures: %j", (given, found) => {
    expect(problems(createStage, { ...stage, ...given }, { operations: { CreateStage: ofStage } })).toEqual(
      found,
    );
  });

  test("goes by the operation: a member of the same name elsewhere is not constrained", () => {
    const constraints = { operations: { CreateRole: { RoleName: { max: 1 } } } };
    expect(problems(operationOf("iam", "GetRole"), { RoleName: "role" }, constraints)).toEqual([]);
    expect(problems(operationOf("iam", "CreateRole"), { RoleName: "role" }, constraints)).toEqual([
      "Value null at 'assumeRolePolicyDocument' Member must not be null",
      "Value 'role' at 'roleName' Member must have length less than or equal to 1",
    ]);
  });

  test("names required members of items by their place", () => {
    const tagging = { RoleName: "r", Tags: [{ Key: "a", Value: "b" }, { Key: "a" }] };
    expect(problems(operationOf("iam", "TagRole"), tagging, { operations: {} })).toEqual([
      "Value null at 'tags.2.member.value' Member must not be null",
    ]);
  });

  test.each([
    [true, ["Value '' at 'name' Member must satisfy regular expression pattern: [a-z]+"]],
    [
      false,
      [
        "Value '' at 'name' Member must satisfy regular expression pattern: [a-z]+",
        "Value '' at 'name' Member must have length greater than or equal to 1",
      ],
    ],
  ])("reports a value once per rule, or once: %s", (oncePerValue, found) => {
    const operation = operationOf("lambda", "GetAlias");
    const constraints = { operations: { GetAlias: { Name: { min: 1, pattern: "[a-z]+" } } }, oncePerValue };
    expect(problems(operation, { FunctionName: "f", Name: "" }, constraints)).toEqual(found);
  });

  test("reports the values of a map together, in Lambda with all that they must satisfy", () => {
    const operation = operationOf("lambda", "UpdateAlias");
    const members = { AdditionalVersionWeights: { item: { min: 0, max: 1, decimal: true } } };
    const constraints = { operations: { UpdateAlias: { RoutingConfig: { members } } }, oncePerValue: true };
    const RoutingConfig = { AdditionalVersionWeights: { 1: 2, 2: 0.5 } };
    expect(problems(operation, { FunctionName: "f", Name: "a", RoutingConfig }, constraints)).toEqual([
      "Value '{1=2.0, 2=0.5}' at 'routingConfig.additionalVersionWeights' Map value must satisfy " +
        "constraint: " +
        "[Member must have value less than or equal to 1.0, " +
        "Member must have value greater than or equal to 0.0, Member must not be null]",
    ]);
  });

  test("does not quote what is secret", () => {
    const operation = operationOf("lambda", "UpdateFunctionConfiguration");
    const members = { Environment: { members: { Variables: { key: { pattern: "[A-Z]+" } } } } };
    const input = { FunctionName: "f", Environment: { Variables: { key: "secret" } } };
    expect(problems(operation, input, { operations: { UpdateFunctionConfiguration: members } })).toEqual([
      "Value at 'environment.variables' Map keys must satisfy constraint: " +
        "[Member must satisfy regular expression pattern: [A-Z]+]",
    ]);
  });
});
