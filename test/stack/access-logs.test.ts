import { APIGatewayClient, GetAccountCommand, UpdateAccountCommand } from "@aws-sdk/client-api-gateway";
import { GetApisCommand, GetStageCommand, UpdateStageCommand } from "@aws-sdk/client-apigatewayv2";
import { CreateLogGroupCommand, DescribeLogGroupsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  GetRoleCommand,
  ListRolesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { expect, onTestFinished, test } from "vitest";
import { accessLogFormat } from "../../src/aws/access-log.ts";
import { explain } from "../../src/errors/explain.ts";
import { openFaultProxy, type Fault } from "../support/fault-proxy.ts";
import { lambdaTrust, mutating, openLocalAws, policy } from "../support/local-aws.ts";
import { changedIds, nothing, inventory, openTestStack } from "../support/stack.ts";

const group = "/aws/apigateway/shelfshack-websocket-proxy/access";
const DestinationArn = `arn:aws:logs:us-east-1:000000000000:log-group:${group}`;
const ownRole = "arn:aws:iam::000000000000:role/shelfshack-ws-api-gateway-logs";
const on = { accessLogs: "on" } as const;
const gatewayTrust = policy({ Principal: { Service: "apigateway.amazonaws.com" }, Action: "sts:AssumeRole" });

/** A local AWS, with what is read and set behind the program's back. */
async function scene() {
  const aws = await openLocalAws();
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const account = new APIGatewayClient({ endpoint: aws.url, region: "us-east-1", credentials });
  onTestFinished(() => account.destroy());
  const patched = (value: string) =>
    account.send(
      new UpdateAccountCommand({ patchOperations: [{ op: "replace", path: "/cloudwatchRoleArn", value }] }),
    );
  const stage = async () => {
    const ApiId = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items?.[0]?.ApiId;
    return { ApiId, StageName: "dev" };
  };
  return {
    aws,
    roleOfAccount: async () => (await account.send(new GetAccountCommand({}))).cloudwatchRoleArn,
    /** Another role than ours, set for the account. */
    async others() {
      const RoleName = "others";
      const { Role } = await aws.iam.send(
        new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: gatewayTrust }),
      );
      const PolicyDocument = policy({ Action: "logs:*", Resource: "*" });
      await aws.iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "logs", PolicyDocument }));
      await patched(Role?.Arn ?? "");
      return { RoleName, arn: Role?.Arn };
    },
    log: async () => (await aws.apigatewayv2.send(new GetStageCommand(await stage()))).AccessLogSettings,
    logTo: async (AccessLogSettings: { DestinationArn: string; Format: string }) =>
      aws.apigatewayv2.send(new UpdateStageCommand({ ...(await stage()), AccessLogSettings })),
    groups: async () =>
      (await aws.logs.send(new DescribeLogGroupsCommand({}))).logGroups?.map(
        ({ logGroupName, retentionInDays }) => [logGroupName, retentionInDays],
      ),
  };
}

test("on: role, group and setting are made once; off and destroy leave the role alone", async () => {
  const { aws, log, groups, roleOfAccount } = await scene();
  const first = await openTestStack(aws.url, on);
  const lambdas = ["/aws/lambda/shelfshack-websocket-proxy", 30];
  expect(changedIds(await first.deploy())).toEqual(
    expect.arrayContaining(["AccessLogGroup", "AccessLogRole"]),
  );
  expect([await log(), await roleOfAccount()]).toEqual([
    { DestinationArn, Format: accessLogFormat },
    ownRole,
  ]);
  expect(await groups()).toEqual([[group, 30], lambdas]);

  for (const config of [on, {}]) {
    const before = mutating(aws).length;
    const again = await openTestStack(aws.url, config);
    expect([changedIds(await again.deploy()), changedIds(await again.plan())]).toEqual([[], []]);
    expect(mutating(aws).slice(before)).toEqual([]);
  }

  const off = await openTestStack(aws.url, { accessLogs: "off" });
  const [change] = (await off.plan()).filter(({ action }) => action !== "none");
  expect(change).toMatchObject({
    resource: { id: "Stage" },
    differences: [{ path: "AccessLogSettings", from: { DestinationArn }, to: "off" }],
  });
  await off.deploy();
  expect([await log(), changedIds(await off.plan())]).toEqual([undefined, []]);
  expect(off.progress.filter(({ kind }) => kind === "note")).toEqual([
    { kind: "note", message: `the log group ${group} stays, with its lines` },
  ]);
  // What was logged stays until the stack goes.
  expect(await groups()).toEqual([[group, 30], lambdas]);
  expect((await off.destroy()).map(({ id }) => id)).toContain("AccessLogGroup");
  expect(await inventory(off.aws)).toEqual({ ...nothing, roles: 1 });
  expect(await roleOfAccount()).toBe(ownRole);
});

test("a format or a destination that was changed by hand is drift; the retention too", async () => {
  const { aws, log, logTo } = await scene();
  await (await openTestStack(aws.url, on)).deploy();
  await logTo({ DestinationArn, Format: "$context.requestId" });
  const next = await openTestStack(aws.url, { ...on, logRetention: 14 });
  const changes = (await next.plan()).filter(({ action }) => action !== "none");
  expect(changes.map(({ resource, differences }) => [resource.id, differences])).toEqual([
    ["LogGroup", [{ path: "RetentionInDays", from: 30, to: 14 }]],
    ["AccessLogGroup", [{ path: "RetentionInDays", from: 30, to: 14 }]],
    ["Stage", [{ path: "AccessLogSettings.Format", from: "$context.requestId", to: accessLogFormat }]],
  ]);
  await next.deploy();
  expect([(await log())?.Format, changedIds(await next.plan())]).toEqual([accessLogFormat, []]);
});

test("a log that was set by hand stays and is told of, until one is asked for", async () => {
  const { aws, log, logTo, others } = await scene();
  await others();
  await (await openTestStack(aws.url)).deploy();
  await aws.logs.send(new CreateLogGroupCommand({ logGroupName: "/own" }));
  const own = {
    DestinationArn: "arn:aws:logs:us-east-1:000000000000:log-group:/own",
    Format: "$context.requestId",
  };
  await logTo(own);
  const kept = await openTestStack(aws.url);
  expect(changedIds(await kept.deploy())).toEqual([]);
  expect(await log()).toEqual(own);
  expect(kept.progress).toContainEqual({
    kind: "note",
    message: `AccessLogSettings of dev stay: set by hand, to ${own.DestinationArn}`,
  });
  await (await openTestStack(aws.url, on)).deploy();
  expect((await log())?.DestinationArn).toBe(DestinationArn);
});

test("a role of others by the name of ours gets no right, and is not set", async () => {
  const { aws, roleOfAccount } = await scene();
  const RoleName = "shelfshack-ws-api-gateway-logs";
  const others = [
    policy({ Principal: { AWS: "arn:aws:iam::666666666666:root" }, Action: "sts:AssumeRole" }),
    gatewayTrust,
  ];
  const Tags = [{ Key: "ManagedBy", Value: "terraform" }];
  for (const AssumeRolePolicyDocument of others) {
    await aws.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument, Tags }));
    const { deploy } = await openTestStack(aws.url, on);
    await expect(deploy()).rejects.toMatchObject({ code: "not-ours" });
    await aws.iam.send(new DeleteRoleCommand({ RoleName }));
  }
  await aws.iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: others[0] }));
  await expect((await openTestStack(aws.url, on)).deploy()).rejects.toMatchObject({ code: "not-ours" });
  const written = mutating(aws).map(({ operation }) => operation);
  expect(written).not.toContain("AttachRolePolicy");
  expect(written).not.toContain("UpdateAccount");
  expect(await roleOfAccount()).toBeUndefined();
});

test("a role of the account is used, never replaced; what is wrong with it is a warning", async () => {
  const { aws, others, roleOfAccount, log } = await scene();
  const { RoleName, arn } = await others();
  const warnings = async () => {
    const before = mutating(aws).length;
    const { deploy, progress } = await openTestStack(aws.url, on);
    await deploy();
    expect(
      mutating(aws)
        .slice(before)
        .map(({ operation }) => operation),
    ).not.toContain("UpdateAccount");
    expect(await roleOfAccount()).toBe(arn);
    return progress.flatMap((one) => (one.kind === "warning" ? [one.message] : []));
  };
  expect(await warnings()).toEqual([]);
  expect((await log())?.DestinationArn).toBe(DestinationArn);
  expect((await aws.iam.send(new ListRolesCommand({}))).Roles).toHaveLength(2);

  await aws.iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "logs" }));
  const why = "no access log may be written: the account's role for API Gateway's logs, ";
  expect(await warnings()).toEqual([
    `${why}${arn}, has no right to logs:CreateLogStream and logs:PutLogEvents`,
  ]);
  await aws.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: lambdaTrust }));
  expect(await warnings()).toEqual([`${why}${arn}, does not trust apigateway.amazonaws.com`]);
});

const denied = (action: string): Fault => ({
  refusal: {
    status: 403,
    name: "AccessDeniedException",
    message: `User: u is not authorized to perform: ${action} on resource: x`,
  },
});

test("without the right to set the account's role: what an administrator can do", async () => {
  for (const [operation, method, action] of [
    ["/account", "PATCH", "apigateway:PATCH"],
    ["AttachRolePolicy", "POST", "iam:AttachRolePolicy"],
  ] as const) {
    const { aws, roleOfAccount } = await scene();
    const proxy = await openFaultProxy(aws, (call) =>
      call.operation === `${method} ${operation}` || call.operation === operation
        ? denied(action)
        : undefined,
    );
    const failure = await (await openTestStack(proxy.url, on)).deploy().catch(explain);
    expect(failure).toMatchObject({ code: "denied", message: expect.stringContaining(`perform: ${action}`) });
    expect(JSON.stringify(Object(failure))).toContain("aws apigateway update-account");
    expect(await roleOfAccount()).toBeUndefined();
    await (await openTestStack(aws.url, on)).deploy();
    expect(await roleOfAccount()).toBe(ownRole);
  }
});

test("without the right to read the account's role it is taken to be set, with a warning", async () => {
  const { aws, others, log } = await scene();
  await others();
  const proxy = await openFaultProxy(aws, ({ operation }) =>
    operation.endsWith("/account") ? denied("apigateway:GET") : undefined,
  );
  const { deploy, progress } = await openTestStack(proxy.url, on);
  await deploy();
  expect((await log())?.DestinationArn).toBe(DestinationArn);
  expect(progress).toContainEqual(
    expect.objectContaining({ kind: "warning", message: expect.stringContaining("cannot be read") }),
  );
});

test("a role that another program sets at the same moment stays", async () => {
  const { aws, others, roleOfAccount } = await scene();
  let arn: string | undefined;
  const proxy = await openFaultProxy(aws, ({ operation }) =>
    operation === "AttachRolePolicy" ? { before: async () => ({ arn } = await others()) } : undefined,
  );
  await (await openTestStack(proxy.url, on)).deploy();
  expect([arn, await roleOfAccount()]).toEqual([expect.any(String), arn]);
  const own = await aws.iam.send(new GetRoleCommand({ RoleName: "shelfshack-ws-api-gateway-logs" }));
  expect(own.Role?.Arn).toBe(ownRole);
});
