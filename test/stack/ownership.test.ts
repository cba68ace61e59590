import { createHash } from "node:crypto";
import { CreateApiCommand, GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand } from "@aws-sdk/client-cloudwatch-logs";
import { CreateRoleCommand, TagRoleCommand } from "@aws-sdk/client-iam";
import {
  DeleteFunctionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { command } from "../../src/errors/advice.ts";
import { CliError } from "../../src/errors/error.ts";
import { servedCodeOwner } from "../../src/aws/code-owner.ts";
import { serveOlder } from "../../src/aws/alias-move.ts";
import { deployedStack } from "../../src/aws/deployed.ts";
import { readReleases } from "../../src/aws/releases.ts";
import { newRun, tagNames, type CodeOwner } from "../../src/aws/tags.ts";
import { steps } from "../../src/settings/table.ts";
import { checkOfTags } from "../../src/stack/again.ts";
import { deployStack } from "../../src/stack/deploy.ts";
import { openFaultProxy } from "../support/fault-proxy.ts";
import { FunctionName, makeByHand } from "../support/hand-made.ts";
import { mutating, openLocalAws } from "../support/local-aws.ts";
import { zipOf } from "../support/zip.ts";
import { changedIds, completeStack, inventory, openTestStack, serveNewest } from "../support/stack.ts";

const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});
const RoleName = "shelfshack-websocket-proxy-role";
const ProtocolType = "WEBSOCKET";
const RouteSelectionExpression = "$request.body.action";

async function refusal(run: Promise<unknown>): Promise<CliError> {
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CliError);
  return error as CliError;
}

test("D-22 a role and an access log's group of our names, not ours: exit 4, both listed", async () => {
  const local = await openLocalAws();
  const { aws, deploy } = await openTestStack(local.url, { accessLogs: "on" });
  const logGroupName = "/aws/apigateway/shelfshack-websocket-proxy/access";
  await aws.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }));
  await aws.logs.send(new CreateLogGroupCommand({ logGroupName }));
  const before = mutating(local).length;
  const { message, exitCode } = await refusal(deploy());
  expect(exitCode).toBe(4);
  expect(message).toContain(
    "Role shelfshack-websocket-proxy-role exists and was not created by shelfshack-ws",
  );
  expect(message).toContain(`AccessLogGroup ${logGroupName}`);
  expect(mutating(local)).toHaveLength(before);
});

test("S11 a function that Terraform manages: exit 4 with the alternatives", async () => {
  const local = await openLocalAws();
  const first = await openTestStack(local.url);
  await first.deploy();
  const Resource = "arn:aws:lambda:us-east-1:000000000000:function:shelfshack-websocket-proxy";
  // An adoption that was cut does not outweigh its owner.
  for (const Tags of [{ ManagedBy: "terraform" }, { [tagNames.adopted]: "begun" }]) {
    await first.aws.lambda.send(new TagResourceCommand({ Resource, Tags }));
    const { message, hint, exitCode } = await refusal((await openTestStack(local.url)).deploy());
    expect(exitCode).toBe(4);
    expect(message).toContain("is managed by terraform");
    expect(hint).toContainEqual(command("package", { out: "websocket_proxy.zip" }));
  }
});

test("D-23 other APIs of the same name are ignored: tags decide", async () => {
  const local = await openLocalAws();
  const { aws, deploy } = await openTestStack(local.url);
  for (let n = 0; n < 3; n++)
    await aws.apigatewayv2.send(
      new CreateApiCommand({ Name: "shelfshack-websocket-api", ProtocolType, RouteSelectionExpression }),
    );
  await deploy();
  expect((await aws.apigatewayv2.send(new GetApisCommand({}))).Items).toHaveLength(4);
  expect(changedIds(await (await openTestStack(local.url)).deploy())).toEqual([]);
});

test.each([
  ["57 tags", [...Array(40).keys()].map((nth) => `${nth}`.padEnd(63, "n"))],
  ["does not fit into a tag", [`a${" ".repeat(126)}b`]],
])("names that make more of tags than AWS keeps: %s, and nothing is written", async (words, names) => {
  const local = await openLocalAws();
  const configuredTags = Object.fromEntries(names.map((name) => [name, ""]));
  const { deploy } = await openTestStack(local.url, { configuredTags });
  const { code, message } = await refusal(deploy());
  expect(code).toBe("tags-too-many");
  expect(message).toContain(words);
  expect(mutating(local)).toEqual([]);
});

test("D-24 S12 two APIs with our tags: exit 4 with both ids", async () => {
  const local = await openLocalAws();
  const first = await openTestStack(local.url);
  await first.deploy();
  const [ours] = (await first.aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  const twin = await first.aws.apigatewayv2.send(
    new CreateApiCommand({
      Name: "shelfshack-websocket-api",
      ProtocolType,
      RouteSelectionExpression,
      Tags: ours?.Tags,
    }),
  );
  const { message, exitCode } = await refusal((await openTestStack(local.url)).deploy());
  expect(exitCode).toBe(4);
  expect(message).toContain(ours?.ApiId);
  expect(message).toContain(twin.ApiId);
});

test("D-21 the same stack in another region is refused, with the region where it lives", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url, { region: "us-east-1" })).deploy();
  const { message, exitCode } = await refusal(
    (await openTestStack(local.url, { region: "eu-west-1" })).deploy(),
  );
  expect(exitCode).toBe(4);
  expect(message).toContain("us-east-1");
});

test("D-20 S12 another account than the configuration says: exit 4 before any change", async () => {
  const local = await openLocalAws({ account: "111111111111" });
  const { exitCode, message } = await refusal(
    (await openTestStack(local.url, { account: "222222222222" })).deploy(),
  );
  expect(exitCode).toBe(4);
  expect(message).toContain("111111111111");
  expect(mutating(local)).toEqual([]);
});

test("D-11 our API is found on a later page", async () => {
  const local = await openLocalAws({ pageSize: 25 });
  const first = await openTestStack(local.url);
  for (let n = 0; n < 60; n++)
    await first.aws.apigatewayv2.send(
      new CreateApiCommand({ Name: `other-${n}`, ProtocolType, RouteSelectionExpression }),
    );
  await first.deploy();
  for (let n = 60; n < 120; n++)
    await first.aws.apigatewayv2.send(
      new CreateApiCommand({ Name: `other-${n}`, ProtocolType, RouteSelectionExpression }),
    );
  const before = local.calls.length;
  expect(changedIds(await (await openTestStack(local.url)).deploy())).toEqual([]);
  // The function tells which it is, so that the other pages are not read, and is itself read once.
  const asked = local.calls.slice(before).map(({ operation }) => operation);
  expect(asked.filter((operation) => /^GetApis?$/.test(operation))).toEqual(["GetApis", "GetApi"]);
  expect(asked.filter((operation) => operation.startsWith("GetFunction"))).toEqual(["GetFunction"]);
  // What is within the API is read beside the look for it, and not once more.
  const inside = ["GetDeployments", "GetIntegrations", "GetRoutes", "GetStage"];
  expect(asked.filter((operation) => inside.includes(operation)).toSorted()).toEqual(inside);
});

test("D-11 a function that tells of an API of others: ours is read, and the function set right", async () => {
  const local = await openLocalAws();
  const { deploy } = await openTestStack(local.url);
  await deploy();
  const api = await local.apigatewayv2.send(
    new CreateApiCommand({ Name: "other", ProtocolType, RouteSelectionExpression }),
  );
  await local.lambda.send(
    new UpdateFunctionConfigurationCommand({
      FunctionName,
      Environment: { Variables: { API_GATEWAY_ENDPOINT: `https://${api.ApiId}.execute-api.example/dev` } },
    }),
  );
  await serveNewest(local.lambda, FunctionName);
  // What is asked of the other one is never waited for.
  const proxy = await openFaultProxy(local, ({ operation }) =>
    operation.includes(`/apis/${api.ApiId}/`) ? "hang" : undefined,
  );
  const { aws, deploy: again } = await openTestStack(proxy.url);
  const names = { apiName: "shelfshack-websocket-api", functionName: FunctionName, stage: "dev" };
  expect((await deployedStack(aws, names)).apiId).not.toBe(api.ApiId);
  const changes = await again();
  expect(changes.find(({ resource }) => resource.id === "Function")?.action).toBe("update");
  expect(changedIds(changes).filter((id) => /Api|Route|Integration|Stage|Deployment/.test(id))).toEqual([]);
});

test("D-11 an API of ours that no function tells of is found on a later page", async () => {
  const local = await openLocalAws({ pageSize: 2 });
  const { deploy, aws } = await openTestStack(local.url);
  await deploy();
  for (let n = 0; n < 5; n++)
    await aws.apigatewayv2.send(
      new CreateApiCommand({ Name: `other-${n}`, ProtocolType, RouteSelectionExpression }),
    );
  await aws.lambda.send(new DeleteFunctionCommand({ FunctionName: "shelfshack-websocket-proxy" }));
  const changed = changedIds(await (await openTestStack(local.url)).deploy());
  expect(changed).toEqual(["Function", "Release", "Alias", "Permission"]);
});

test("the steps one by one create the whole stack", async () => {
  const local = await openLocalAws();
  const steps = [
    "role",
    "logs",
    "api",
    "policy",
    "integration",
    "routes",
    "function",
    "permission",
    "stage",
  ] as const;
  const one = await openTestStack(local.url);
  for (const step of steps) await one.deploy([step]);
  expect(await inventory(one.aws)).toEqual(completeStack);
  expect(changedIds(await (await openTestStack(local.url)).deploy())).toEqual([]);
  await one.aws.lambda.send(new DeleteFunctionCommand({ FunctionName: "shelfshack-websocket-proxy" }));
});

test("destroy leaves what is not ours", async () => {
  const local = await openLocalAws();
  const { deploy, destroy, aws } = await openTestStack(local.url);
  await deploy();
  await aws.iam.send(new TagRoleCommand({ RoleName, Tags: [{ Key: "ManagedBy", Value: "terraform" }] }));
  expect((await destroy()).map(({ id }) => id).toSorted()).toEqual(["Api", "Function", "LogGroup"]);
  expect((await inventory(aws)).roles).toBe(1);
});

test("an API of ours whose name is to be another one is renamed, not made a second time", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  const { aws, deploy } = await openTestStack(local.url, { apiName: "another name" });
  expect(changedIds(await deploy())).toEqual(["Api"]);
  expect(await inventory(aws)).toEqual(completeStack);
  expect((await aws.apigatewayv2.send(new GetApisCommand({}))).Items?.[0]?.Name).toBe("another name");
});

test("what a run of single steps left out on purpose is not waited for", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url, { run: newRun({ isPartial: true }) })).deploy(["role"]);
  const { deploy, progress } = await openTestStack(local.url);
  await deploy();
  expect(progress.filter((event) => event.kind === "waiting" && event.id === "other-run")).toEqual([]);
});

const terraform = { ManagedBy: "terraform" };
/** What others own of the stack's names, and what a refusal says of it. */
const ofOthers: readonly [string, Parameters<typeof makeByHand>[1], { hasFunction: boolean }][] = [
  ["is managed by terraform", { functionTags: terraform }, { hasFunction: true }],
  ["exists and was not created by shelfshack-ws", {}, { hasFunction: true }],
  ["is managed by terraform", { apiTags: terraform }, { hasFunction: false }],
];

test.each(ofOthers)(
  "D-22 of no step alone is anything written where what %s: %j",
  async (says, extras, { hasFunction }) => {
    const local = await openLocalAws();
    await makeByHand(local, extras);
    if (!hasFunction) await local.lambda.send(new DeleteFunctionCommand({ FunctionName }));
    const { aws, stack } = await openTestStack(local.url, { logRetention: 1 });
    const before = mutating(local).length;
    const open = {
      stack,
      told: [],
      run: { aws, report: () => undefined, signal: new AbortController().signal, timeScale: 0.01 },
      urlIn: () => null,
      backendIn: () => null,
      accountIn: () => null,
      code: { bytes: 0, sha256: "" },
    };
    for (const step of steps) {
      const { code, message, exitCode } = await refusal(deployStack(open, { only: [step] }));
      expect([step, code, exitCode]).toEqual([step, "not-ours", 4]);
      expect(message).toContain(says);
    }
    expect(mutating(local)).toHaveLength(before);
  },
);

/** A stack whose function gets this code of that owner. */
async function coded(url: string, codeFrom: CodeOwner, text: string, handler = "app.handler") {
  const zip = await zipOf({ "app.mjs": `export const handler = async () => ({});// ${text}` });
  const zipSha256 = createHash("sha256").update(zip).digest("base64");
  const code = { zip, zipSha256, codeFrom, handler, replacesCode: text !== "refused" };
  return await openTestStack(url, code);
}

test("each release keeps whose code it has, however many came after it", async () => {
  const { url } = await openLocalAws();
  const owners: readonly CodeOwner[] = ["shipped", "shipped", "own", "own", "shipped"];
  for (const [index, owner] of owners.entries()) await (await coded(url, owner, `${index}`)).deploy();
  const { aws } = await coded(url, "own", "");
  const judged: CodeOwner[] = [];
  for (const number of owners.keys()) {
    const releases = await readReleases(aws, FunctionName);
    await serveOlder(aws, FunctionName, releases!, {
      serves: `${number + 1}`,
      by: "x",
      check: () => undefined,
    });
    judged.push(await servedCodeOwner(aws, FunctionName, "own"));
  }
  expect(judged).toEqual(owners);
  await expectOwnerAsTold(url);
});

/** Of two readings that tell whose code it is (shipped) one fails: what is denied tells nothing alone. */
async function expectOwnerAsTold(url: string): Promise<void> {
  for (const [path, name, told] of [
    [`/functions/${FunctionName}`, "AccessDeniedException", "shipped"],
    ["/configuration?Qualifier=live", "AccessDeniedException", "shipped"],
    [`/functions/${FunctionName}`, "InvalidRequestContentException", undefined],
    ["/configuration?Qualifier=live", "InvalidRequestContentException", undefined],
  ] as const) {
    const refusal = { status: 400, name, message: name };
    const proxy = await openFaultProxy({ url }, ({ operation }) =>
      operation.endsWith(path) ? { refusal } : undefined,
    );
    const { aws } = await openTestStack(proxy.url);
    const asked = servedCodeOwner(aws, FunctionName, "own").catch((error: Error) => error.name);
    expect([path, name, await asked]).toEqual([path, name, told ?? name]);
  }
}

test("a tag of the code's owner that says nothing, or is gone, opens no way around its guard", async () => {
  const { url } = await openLocalAws();
  const { aws, deploy } = await coded(url, "own", "mine");
  await deploy();
  const Resource = `arn:aws:lambda:us-east-1:000000000000:function:${FunctionName}`;
  const shipped = await coded(url, "shipped", "refused", "index.handler");
  for (const value of ["own", "OWN", "", undefined]) {
    if (value === undefined) {
      await aws.lambda.send(new UntagResourceCommand({ Resource, TagKeys: [tagNames.code] }));
    } else await aws.lambda.send(new TagResourceCommand({ Resource, Tags: { [tagNames.code]: value } }));
    expect(await refusal(shipped.deploy())).toMatchObject({ exitCode: 4, code: "own-code-replaced" });
  }
  // Nor does own code that is called as the shipped handler is.
  const { lambda } = aws;
  await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Handler: "index.handler" }));
  expect((await refusal(shipped.deploy())).message).toContain("runs your own code");
  // A release says it of the same code alone.
  await (await coded(url, "shipped", "replaces", "index.handler")).deploy();
  await lambda.send(new UntagResourceCommand({ Resource, TagKeys: [tagNames.code] }));
  const newer = await coded(url, "shipped", "refused", "index.handler");
  expect(changedIds(await newer.plan())).toContain("Function");
  const ZipFile = await zipOf({ "index.mjs": "export const handler = async () => ({});// by hand" });
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  expect((await refusal(newer.deploy())).message).toContain("code that may be your own");
});

const becoming: readonly [how: string, change: Record<string, string | undefined>, says?: string][] = [
  ["nothing", {}],
  ["tags of others", { team: "theirs" }],
  ["claimed", { ManagedBy: "terraform" }, "it is managed by terraform"],
  ["another stack's", { [tagNames.stack]: "other" }, "it belongs to the stack other"],
  ["without our tags", { ManagedBy: undefined }, "it exists and was not created by"],
  ["made anew", { [tagNames.run]: "another" }, "another one is in its place"],
  ["adopted", { [tagNames.adopted]: "true" }, "another one is in its place"],
];

test.each(becoming)("what is asked of the tags right before a write: %s", async (_how, change, says) => {
  const { stack } = await openTestStack("http://127.0.0.1:9");
  const { lambdaFunction } = stack;
  const { tags = {} } = lambdaFunction;
  const now = Object.fromEntries(
    Object.entries({ ...tags, ...change }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
  for (const found of [undefined, { attributes: {}, properties: {}, tags }]) {
    const asking = () => checkOfTags(lambdaFunction, found, stack)(now, "the rest is undone");
    if (says === undefined) asking();
    else expect(asking).toThrow(expect.objectContaining({ code: "not-ours", exitCode: 4 }));
    if (says !== undefined) expect(asking).toThrow(says);
  }
});
