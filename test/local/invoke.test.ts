import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  CreateLogGroupCommand,
  DescribeLogGroupsCommand,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand } from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import { expect, onTestFinished, test } from "vitest";
import { isAlive } from "../../src/local/runtime/is-alive.ts";
import { sessionIn } from "../../src/local/services/iam/sessions.ts";
import { until } from "../support/functions.ts";
import {
  lambdaTrust,
  makeFunction,
  openLocalAws,
  refusal,
  type AwsForTest,
  type Clients,
} from "../support/local-aws.ts";
import { zipOf } from "../support/zip.ts";

const FunctionName = "proxy";
const source = `export const handler = async (event) => {
  console.log("got", JSON.stringify(event));
  if (event.fail) throw new Error("boom");
  return event.echo;
};`;

const invoke = (
  { lambda: client }: Clients,
  payload?: unknown,
  given: Partial<lambda.InvokeCommandInput> = {},
) =>
  client.send(
    new lambda.InvokeCommand({
      FunctionName,
      ...(payload === undefined ? {} : { Payload: JSON.stringify(payload) }),
      ...given,
    }),
  );

const linesOf = async ({ logs }: AwsForTest): Promise<string[]> => {
  const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName: "/aws/lambda/proxy" }));
  return events.map(({ message = "" }) => message);
};

test("Invoke runs the deployed zip and tells what became of it", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws, { source });
  const answered = await invoke(aws, { echo: { ok: 1 } }, { LogType: "Tail" });
  expect(answered).toMatchObject({ StatusCode: 200, ExecutedVersion: "$LATEST" });
  expect(answered).not.toHaveProperty("FunctionError");
  expect(answered.Payload?.transformToString()).toBe('{"ok":1}');
  expect(Buffer.from(answered.LogResult ?? "", "base64").toString()).toMatch(
    /^START RequestId[\s\S]*got \{"echo"[\s\S]*REPORT RequestId/m,
  );
  expect((await invoke(aws)).Payload?.transformToString()).toBe("null");
  const thrown = await invoke(aws, { fail: true });
  expect(thrown).toMatchObject({ StatusCode: 200, FunctionError: "Unhandled" });
  expect(JSON.parse(thrown.Payload?.transformToString() ?? "")).toMatchObject({
    errorType: "Error",
    errorMessage: "boom",
  });
  expect((await linesOf(aws)).filter((line) => line.startsWith("REPORT"))).toHaveLength(3);
});

test("an event that no caller waits for runs later, and again after a failure", async () => {
  const aws = await openLocalAws({ asyncRetryMs: [1, 1] });
  await makeFunction(aws, { source });
  expect(await invoke(aws, { fail: true }, { InvocationType: "Event" })).toMatchObject({ StatusCode: 202 });
  await until(
    async () => (await linesOf(aws).catch(() => [])).filter((line) => line.startsWith("REPORT")).length === 3,
  );
  await invoke(aws, { echo: 1 }, { InvocationType: "Event" });
  await until(async () => (await linesOf(aws)).filter((line) => line.startsWith("REPORT")).length === 4);
  expect(await invoke(aws, {}, { InvocationType: "DryRun" })).toMatchObject({ StatusCode: 204 });
});

test("during an update the old code runs, afterwards the new", async () => {
  const aws = await openLocalAws({ updateDelayMs: 400 });
  await makeFunction(aws, { source: "export const handler = async () => 1;" });
  await invoke(aws);
  const ZipFile = await zipOf({ "index.mjs": "export const handler = async () => 2;" });
  await aws.lambda.send(new lambda.UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  expect((await invoke(aws)).Payload?.transformToString()).toBe("1");
  await until(async () => (await invoke(aws)).Payload?.transformToString() === "2");
});

test("versions and aliases run what they were published with", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws, { source: "export const handler = async () => 1;", Publish: true });
  await aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  await aws.lambda.send(
    new lambda.UpdateFunctionCodeCommand({
      FunctionName,
      ZipFile: await zipOf({ "index.mjs": "export const handler = async () => 2;" }),
    }),
  );
  const live = await invoke(aws, {}, { Qualifier: "live" });
  expect([live.ExecutedVersion, live.Payload?.transformToString()]).toEqual(["1", "1"]);
  expect((await invoke(aws)).Payload?.transformToString()).toBe("2");
});

test("a deleted function finishes the events that it has, and no caller waits for them", async () => {
  const aws = await openLocalAws();
  let answer = () => {};
  const gate = createServer((_request, response) => void (answer = () => response.end("done"))).listen(
    0,
    "127.0.0.1",
  );
  onTestFinished(() => void gate.close());
  const asked = once(gate, "request");
  await makeFunction(aws, {
    source: "export const handler = async ({ url }) => (await fetch(url)).text();",
    Timeout: 20,
  });
  const running = invoke(aws, { url: `http://127.0.0.1:${(gate.address() as AddressInfo).port}` });
  await asked;
  await aws.lambda.send(new lambda.DeleteFunctionCommand({ FunctionName }));
  expect(await refusal(invoke(aws))).toMatchObject({ name: "ResourceNotFoundException" });
  answer();
  expect((await running).Payload?.transformToString()).toBe('"done"');
});

test("a version that is deleted leaves no process behind", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws, { source: "export const handler = async () => process.pid;", Publish: true });
  const pid = Number((await invoke(aws, {}, { Qualifier: "1" })).Payload?.transformToString());
  const other = Number((await invoke(aws)).Payload?.transformToString());
  expect(isAlive(pid)).toBe(true);
  await aws.lambda.send(new lambda.DeleteFunctionCommand({ FunctionName, Qualifier: "1" }));
  await until(() => !isAlive(pid));
  expect(isAlive(other)).toBe(true);
});

test("what Invoke refuses", async () => {
  const aws = await openLocalAws({ createDelayMs: 60_000 });
  await makeFunction(aws);
  expect(await refusal(invoke(aws, {}))).toMatchObject({
    name: "ResourceConflictException",
    status: 409,
    message: expect.stringMatching(/Pending$/),
  });
  expect(await refusal(invoke(aws, {}, { FunctionName: "none" }))).toMatchObject({
    name: "ResourceNotFoundException",
    status: 404,
  });
  expect(await refusal(invoke(aws, undefined, { Payload: "{" }))).toMatchObject({
    name: "InvalidRequestContentException",
    message: expect.stringMatching(
      /^Could not parse request body into json: Could not parse payload into json: /,
    ),
  });
  expect(await refusal(invoke(aws, "x".repeat(6_291_457)))).toMatchObject({
    name: "RequestTooLargeException",
    status: 413,
  });
  expect(await refusal(invoke(aws, "x".repeat(1_048_577), { InvocationType: "Event" }))).toMatchObject({
    status: 413,
  });
});

test("a function that is switched off is throttled, with the reason", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws);
  await aws.lambda.send(
    new lambda.PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }),
  );
  await expect(invoke(aws, {})).rejects.toMatchObject({
    name: "TooManyRequestsException",
    message: "Rate Exceeded.",
    Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
    $metadata: { httpStatusCode: 429 },
  });
});

test("a role that may not write logs: none; an existing group needs less permission", async () => {
  const aws = await openLocalAws();
  const { Role } = await aws.iam.send(
    new CreateRoleCommand({ RoleName: "bare", AssumeRolePolicyDocument: lambdaTrust }),
  );
  await makeFunction(aws, { source, Role: Role?.Arn ?? "" });
  await invoke(aws, {});
  expect((await aws.logs.send(new DescribeLogGroupsCommand({}))).logGroups).toEqual([]);
  await aws.logs.send(new CreateLogGroupCommand({ logGroupName: "/aws/lambda/proxy" }));
  await invoke(aws, {});
  expect(await linesOf(aws)).toEqual([]);
});

test("functions of two regions log each in its own", async () => {
  const aws = await openLocalAws();
  const west = aws.in("eu-west-1");
  await makeFunction(aws, { source });
  await makeFunction(west, { source, Role: "arn:aws:iam::000000000000:role/proxy-role" });
  await invoke(west, { echo: "west" });
  const groups = async ({ logs }: Clients) =>
    (await logs.send(new DescribeLogGroupsCommand({}))).logGroups?.map(({ logGroupName }) => logGroupName);
  expect([await groups(aws), await groups(west)]).toEqual([[], ["/aws/lambda/proxy"]]);
});

test("the request id of Invoke is that of its invocation, for every attempt of an event", async () => {
  const aws = await openLocalAws({ asyncRetryMs: [1, 1] });
  await makeFunction(aws, {
    source: `export const handler = async (event, { awsRequestId }) => {
      if (event.fail) throw new Error("boom");
      return awsRequestId;
    };`,
  });
  const answered = await invoke(aws, {}, { LogType: "Tail" });
  const { requestId } = answered.$metadata;
  expect(JSON.parse(answered.Payload?.transformToString() ?? "")).toBe(requestId);
  const tail = Buffer.from(answered.LogResult ?? "", "base64").toString();
  for (const line of ["START", "END", "REPORT"]) expect(tail).toContain(`${line} RequestId: ${requestId}`);
  const later = await invoke(aws, { fail: true }, { InvocationType: "Event" });
  const starts = async () => (await linesOf(aws)).filter((line) => line.startsWith("START"));
  await until(async () => (await starts()).length === 4);
  for (const line of (await starts()).slice(1))
    expect(line).toBe(`START RequestId: ${later.$metadata.requestId} Version: $LATEST\n`);
});

test("a handler sees the ARN that was called, and its version", async () => {
  const aws = await openLocalAws();
  const arn = await makeFunction(aws, {
    source: `export const handler = async (event, { invokedFunctionArn, functionVersion }) =>
      [invokedFunctionArn, functionVersion];`,
    Publish: true,
  });
  await aws.lambda.send(new lambda.CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  const seen = async (given: Partial<lambda.InvokeCommandInput>) =>
    JSON.parse((await invoke(aws, {}, given)).Payload?.transformToString() ?? "") as unknown;
  expect(await seen({})).toEqual([arn, "$LATEST"]);
  expect(await seen({ Qualifier: "$LATEST" })).toEqual([`${arn}:$LATEST`, "$LATEST"]);
  expect(await seen({ Qualifier: "1" })).toEqual([`${arn}:1`, "1"]);
  expect(await seen({ Qualifier: "live" })).toEqual([`${arn}:live`, "1"]);
  expect(await seen({ FunctionName: "000000000000:function:proxy:live" })).toEqual([`${arn}:live`, "1"]);
});

test("a function of one letter has a session of a longer name, another in each environment", async () => {
  const aws = await openLocalAws();
  await makeFunction(aws, {
    FunctionName: "f",
    source: `export const handler = async () => [process.env.AWS_SESSION_TOKEN, process.pid];`,
  });
  const environment = async () =>
    JSON.parse((await invoke(aws, {}, { FunctionName: "f" })).Payload?.transformToString() ?? "[]") as [
      string,
      number,
    ];
  const [token, pid] = await environment();
  process.kill(pid, "SIGKILL");
  await until(() => !isAlive(pid));
  const [other, otherPid] = await environment();
  expect([other === token, otherPid === pid]).toEqual([false, false]);
  for (const each of [token, other])
    expect(sessionIn(each)).toEqual({
      roleArn: "arn:aws:iam::000000000000:role/f-role",
      name: "f@lambda_function",
    });
});
