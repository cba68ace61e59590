import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as amplify from "@aws-sdk/client-amplify";
import * as apigateway from "@aws-sdk/client-api-gateway";
import * as connections from "@aws-sdk/client-apigatewaymanagementapi";
import * as apigatewayv2 from "@aws-sdk/client-apigatewayv2";
import * as metrics from "@aws-sdk/client-cloudwatch";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import * as sts from "@aws-sdk/client-sts";
import { expect, onTestFinished, test } from "vitest";
import { answers } from "../../src/aws/authentic.ts";
import { changeEnvironment } from "../../src/aws/lambda-function.ts";
import { connectAws, type Aws } from "../../src/aws/clients.ts";
import { explain } from "../../src/errors/explain.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { openTestStack } from "../support/stack.ts";

const source = fileURLToPath(new URL("../../src", import.meta.url));

/** The names of all calls that are made anywhere but in the local AWS. */
const called = [
  ...new Set(
    readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.startsWith("local/"))
      .flatMap((file) => [...readFileSync(join(source, file), "utf8").matchAll(/\bcall\(\s*"(\w+)"/g)])
      .map(([, called = ""]) => called),
  ),
].toSorted();

test("every call that is made has a row that says what its answer cannot lack, and no other has", () => {
  expect(Object.keys(answers).toSorted()).toEqual(called);
});

// Lambda first: others have calls of the same names, which we do not make.
const services = { lambda, apigatewayv2, logs, metrics, iam, sts, connections, amplify, apigateway };
type ServiceName = keyof typeof services;

/** The service whose call it is, and its SDK. */
function serviceOf(name: string): readonly [ServiceName, Record<string, unknown>] {
  const found = Object.entries(services).find(([, sdk]) => `${name}Command` in sdk);
  if (!found) throw new Error(`no service has ${name}`);
  return found as unknown as [ServiceName, Record<string, unknown>];
}

const ADDRESSES = `FunctionName Name ApiId IntegrationId RouteId StageName DeploymentId RoleName PolicyName
  PolicyArn appId branchName StatementId ConnectionId logGroupName resourceArn Resource`;

/** What the inputs of all calls need for an address. */
const input = Object.fromEntries([
  ...ADDRESSES.split(/\s+/).map((name) => [name, "some-name"]),
  ["logGroupIdentifiers", ["some-name"]],
  ["Data", "x"],
]);

/** Makes the call of this name with a client of ours. */
async function make(aws: Aws, name: string): Promise<unknown> {
  const [service, sdk] = serviceOf(name);
  const Command = sdk[`${name}Command`] as new (input: object) => object;
  const client = (
    service === "connections" ? aws.connectionsAt(`${aws.endpointUrl}/id/dev`) : aws[service]
  ) as {
    send(command: object): Promise<unknown>;
  };
  return await client.send(new Command(input));
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** Clients whose every call gets this answer. */
async function clientsAnswered({ status, headers = {}, body = "" }: Answer): Promise<Aws> {
  const server: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const aws = await connectAws(
    { local: true, port: (server.address() as AddressInfo).port, endpointUrl: undefined, region: undefined },
    { report: () => {}, signal: new AbortController().signal, timeScale: 0.001 },
  );
  onTestFinished(() => {
    aws.close();
    server.close();
  });
  return aws;
}

/** The code of the error that each call ends with, where it is another one, or none. */
async function notRefused(aws: Aws, names: readonly string[]): Promise<string[]> {
  const ends = await Promise.all(
    names.map((name) =>
      make(aws, name).then(
        () => `${name}: taken`,
        (error: unknown) => `${name}: ${explain(error).code}`,
      ),
    ),
  );
  return ends.filter((end) => !end.endsWith(": not-an-aws-answer"));
}

const html = { "content-type": "text/html; charset=utf-8" };
const page = "<!doctype html><html><body>Sign in</body></html>";
const requestId = { "x-amzn-requestid": "0b7cf1a2-0000-4000-8000-000000000000" };

const foreign: readonly [string, Answer][] = [
  ["nothing", { status: 200 }],
  ["204", { status: 204 }],
  ["a page", { status: 200, headers: html, body: page }],
  ["JSON without a request id", { status: 200, headers: { "content-type": "application/json" }, body: "{}" }],
  ["XML without a request id", { status: 200, headers: { "content-type": "text/xml" }, body: "<a/>" }],
  ["a redirect to a page", { status: 302, headers: { location: "/login" } }],
  ["a page with 403", { status: 403, headers: html, body: page }],
  ["a page with 404", { status: 404, headers: html, body: page }],
];

test.each(foreign)(
  "D-06 %s is no answer of AWS's, to any call",
  { timeout: 60_000 },
  async (_what, answer) => {
    expect(await notRefused(await clientsAnswered(answer), called)).toEqual([]);
  },
);

/** The calls that AWS answers without a body: a request id is all that there is. */
const bodyless = [
  "DeleteApi",
  "DeleteIntegration",
  "DeleteRoute",
  "DeleteFunction",
  "DeleteFunctionConcurrency",
  "DeleteAccessLogSettings",
  "RemovePermission",
  "TagResource",
  "UntagResource",
  "CreateLogGroup",
  "DeleteLogGroup",
  "PutRetentionPolicy",
  "DeleteConnection",
  "PostToConnection",
];
/** What a function returns is its own: any content type, any text. */
const ofAFunction = ["Invoke"];
const isXml = (name: string) => ["iam", "sts"].includes(serviceOf(name)[0]);

test("D-06 AWS's own answer without what the operation cannot lack is none", async () => {
  const withMembers = called.filter((name) => ![...bodyless, ...ofAFunction].includes(name));
  const empty = await clientsAnswered({ status: 200, headers: requestId });
  expect(
    await notRefused(
      empty,
      withMembers.filter((name) => name !== "StartLiveTail"),
    ),
  ).toEqual([]);
  const json = { ...requestId, "content-type": "application/json" };
  const object = await clientsAnswered({ status: 200, headers: json, body: "{}" });
  expect(
    await notRefused(
      object,
      withMembers.filter((name) => name !== "StartLiveTail"),
    ),
  ).toEqual([]);
});

test("D-06 in XML only the operation's own element is its answer", async () => {
  const headers = { ...requestId, "content-type": "text/xml" };
  const body = "<ListUsersResponse><ResponseMetadata/></ListUsersResponse>";
  const aws = await clientsAnswered({ status: 200, headers, body });
  expect(await notRefused(aws, called.filter(isXml))).toEqual([]);
});

test("a call that AWS answers without a body is known by its request id", async () => {
  const aws = await clientsAnswered({ status: 200, headers: requestId });
  await expect(Promise.all(bodyless.map((name) => make(aws, name)))).resolves.toHaveLength(bodyless.length);
});

const FUNCTION = "shelfshack-websocket-proxy";

test.each([
  ["nothing", Buffer.from("")],
  ["a page", Buffer.from(page)],
  ["an empty object", Buffer.from("{}")],
])("D-06 %s for GetFunctionConfiguration takes no variable away", async (_what, payload) => {
  const local = await openLocalAws();
  const variables = { MINE: "1" };
  const first = await openTestStack(local.url, { variables });
  await first.deploy();
  const present = async () =>
    (await first.aws.lambda.send(new lambda.GetFunctionConfigurationCommand({ FunctionName: FUNCTION })))
      .Environment?.Variables;
  const before = await present();
  let answered = 0;
  const proxy = await openFaultProxy(local, ({ operation }) =>
    operation.endsWith("/configuration") && answered++ === 0 ? { rewrite: () => payload } : undefined,
  );
  await (await openTestStack(proxy.url, { variables, memory: 512 })).deploy();
  expect(answered).toBeGreaterThan(1);
  expect(before).toMatchObject({ MINE: "1", BACKEND_URL: "https://api.example.com" });
  expect(await present()).toEqual(before);
});

test("D-06 the variables are never written without a revision", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  const proxy = await openFaultProxy(local, ({ operation }) =>
    operation.startsWith("Get ")
      ? {
          rewrite(payload) {
            const { RevisionId: _left, ...found } = JSON.parse(payload.toString()) as { RevisionId?: string };
            return Buffer.from(JSON.stringify(found));
          },
        }
      : undefined,
  );
  const { aws } = await openTestStack(proxy.url);
  const written = changeEnvironment(aws, FUNCTION, { change: (present) => ({ ...present, NEW: "1" }) });
  expect(
    await written.then(
      () => "written",
      (error: unknown) => explain(error).code,
    ),
  ).toBe("not-an-aws-answer");
  expect(proxy.calls.filter(({ mutating }) => mutating)).toEqual([]);
});
