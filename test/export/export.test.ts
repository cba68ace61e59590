import { UpdateStageCommand } from "@aws-sdk/client-apigatewayv2";
import { TagRoleCommand } from "@aws-sdk/client-iam";
import { expect, test } from "vitest";
import { serveOlder } from "../../src/aws/alias-move.ts";
import { readReleases } from "../../src/aws/releases.ts";
import { cloudFormationOf } from "../../src/export/cloudformation.ts";
import { exportedOf } from "../../src/export/model.ts";
import { terraformOf } from "../../src/export/terraform.ts";
import type { StackConfig } from "../../src/resources/stack.ts";
import { observe } from "../../src/stack/engine.ts";
import type { AnyResource } from "../../src/stack/resource.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { openTestStack } from "../support/stack.ts";

/** With what could be taken for a reference. */
const secret = "\u{F0000}Api.ApiId\u{F0001} p4ssw0rd";
/** Every setting that adds a resource, and two variables that look alike. */
const variables = { LOG_LEVEL: "DEBUG", LOGLEVEL: secret };
const region = "us-east-1";

/** A stack as it is exported, with one resource more or another one in its place. */
async function exportedStack(isDeployed: boolean, overrides: Partial<StackConfig> = {}) {
  const local = await openLocalAws();
  const { stack, aws, deploy } = await openTestStack(local.url, {
    variables,
    accessLogs: "on",
    configuredTags: { team: "chat" },
    ...overrides,
  });
  if (isDeployed) await deploy();
  const observed = await observe(stack, aws);
  const exported = (replace: (resource: AnyResource) => AnyResource = (one) => one) =>
    exportedOf({ ...stack, resources: stack.resources.map(replace) }, observed);
  return { exported, observed, stack };
}

test("S47 all that is deployed has its import block, with the id in the provider's form", async () => {
  const { exported, observed, stack } = await exportedStack(true);
  const all = exported();
  const { imports, text } = terraformOf(all, { region });
  const idOf = (name: string) =>
    Object.values(
      observed.get(stack.resources.find(({ id }) => id === name) ?? stack.api)?.attributes ?? {},
    )[0];
  const api = idOf("Api");
  expect(Object.fromEntries(imports.map(({ to, id }) => [to, id]))).toMatchObject({
    "aws_iam_role.role": "shelfshack-websocket-proxy-role",
    "aws_iam_role_policy.role_policy": "shelfshack-websocket-proxy-role:WebSocketAPIPermissions",
    "aws_cloudwatch_log_group.log_group": "/aws/lambda/shelfshack-websocket-proxy",
    "aws_apigatewayv2_api.api": api,
    "aws_apigatewayv2_integration.integration": `${api}/${idOf("Integration")}`,
    "aws_apigatewayv2_route.route_default": `${api}/${idOf("RouteDefault")}`,
    "aws_apigatewayv2_deployment.deployment": `${api}/${idOf("Deployment")}`,
    "aws_apigatewayv2_stage.stage": `${api}/dev`,
    "aws_lambda_function.function": "shelfshack-websocket-proxy",
  });
  expect(imports.map(({ to }) => to)).toContain("aws_lambda_permission.permission");
  expect(text.match(/"team" += "chat"/g)).toHaveLength(6);
  // Ids are in the import blocks alone: all else refers to the resources.
  expect(text.slice(0, text.indexOf("import {"))).not.toContain(String(api));
  expect(all.filter(({ isDrifted }) => isDrifted)).toEqual([]);
});

/** The columns of the `=` of arguments that follow each other, each on a line of its own. */
function runsIn(text: string): { columns: number[]; names: number[] }[] {
  const runs = text.split("\n").reduce<{ columns: number[]; names: number[] }[]>(
    (all, line) => {
      const [, name = "", blanks = ""] = /^( +(?:\w+|"[^"]+"))( +)= .*[^[{(]$/.exec(line) ?? [];
      if (name === "") return [...all, { columns: [], names: [] }];
      all.at(-1)?.columns.push(name.length + blanks.length);
      all.at(-1)?.names.push(name.length + 1);
      return all;
    },
    [{ columns: [], names: [] }],
  );
  return runs.filter(({ columns }) => columns.length > 0);
}

test("what is exported for Terraform is formatted as its fmt does it", async () => {
  for (const isDeployed of [true, false]) {
    const { exported } = await exportedStack(isDeployed, { throttleRate: 30 });
    const { text } = terraformOf(exported(), { region });
    for (const { columns, names } of runsIn(text))
      expect([text, ...columns]).toEqual([text, ...columns.map(() => Math.max(...names))]);
    expect(text).not.toMatch(/ $|\}, \{|\n\n\n/m);
  }
});

test("a stage has a block of limits where it has limits, and none where the account's hold", async () => {
  const blockOf = (text: string) =>
    /default_route_settings \{\s+throttling_burst_limit = (\d+)\s+throttling_rate_limit  = (\d+)\n/.exec(
      text,
    );
  for (const isDeployed of [true, false]) {
    const none = (await exportedStack(isDeployed)).exported();
    expect(terraformOf(none, { region }).text).not.toContain("default_route_settings");
    const some = (await exportedStack(isDeployed, { throttleRate: 30 })).exported();
    expect(blockOf(terraformOf(some, { region }).text)?.slice(1)).toEqual(["5000", "30"]);
  }
  const local = await openLocalAws();
  const { stack, aws, deploy } = await openTestStack(local.url);
  await deploy();
  const { ApiId } = (await observe(stack, aws)).get(stack.api)?.attributes ?? expect.unreachable();
  for (const [ThrottlingBurstLimit, ThrottlingRateLimit] of [
    [0, 0],
    [5000, 10_000],
  ] as const) {
    const DefaultRouteSettings = { ThrottlingBurstLimit, ThrottlingRateLimit };
    await local.apigatewayv2.send(new UpdateStageCommand({ ApiId, StageName: "dev", DefaultRouteSettings }));
    const own = exportedOf(stack, await observe(stack, aws));
    expect(blockOf(terraformOf(own, { region }).text)?.slice(1)).toEqual(["5000", "10000"]);
  }
});

test("a change of a route or the integration takes a new deployment, which the stage follows", async () => {
  const { exported } = await exportedStack(true, { routes: ["more"] });
  const { text } = terraformOf(exported(), { region });
  const [, list = ""] = /replace_triggered_by = \[([^\]]*)\]/.exec(text) ?? [];
  const followed = [...text.matchAll(/resource "(aws_apigatewayv2_(?:route|integration))" "(\w+)"/g)];
  expect(list.match(/[\w.]+/g)?.toSorted()).toEqual(
    followed.map(([, type, name]) => `${type}.${name}`).toSorted(),
  );
  expect(followed).toHaveLength(5);
  expect(text).toContain("deployment_id = aws_apigatewayv2_deployment.deployment.id");
});

test("what hangs on the role or the alias goes with it, and nothing else waits for the role", async () => {
  for (const isDeployed of [true, false]) {
    const { text } = terraformOf((await exportedStack(isDeployed)).exported(), { region });
    const ordered = [...text.matchAll(/depends_on = \[([^\]]*)\]/g)].map(([, list]) => list);
    expect(ordered).toEqual([
      "aws_cloudwatch_log_group.log_group",
      "aws_cloudwatch_log_group.access_log_group",
    ]);
    for (const reference of ["role.role.id", "function.function.function_name", "alias.alias.name"])
      expect(text).toContain(`${reference}\n`);
  }
});

test("whose a stack is stays as it is; one that is not deployed becomes Terraform's", async () => {
  const managerIn = (text: string) => /variable "managed_by" \{[^}]*default += "([^"]*)"/.exec(text)?.[1];
  expect(managerIn(terraformOf((await exportedStack(false)).exported(), { region }).text)).toBe("terraform");
  const local = await openLocalAws();
  const { stack, aws, deploy } = await openTestStack(local.url);
  await deploy();
  const manager = async () =>
    managerIn(terraformOf(exportedOf(stack, await observe(stack, aws)), { region }).text);
  expect(await manager()).toBe("shelfshack-ws");
  const Tags = [{ Key: "ManagedBy", Value: "terraform" }];
  await local.iam.send(new TagRoleCommand({ RoleName: stack.role.name, Tags }));
  expect(await manager()).toBe("terraform");
});

test("what may be secret is a variable in either format, and one that the stack makes itself", async () => {
  for (const isDeployed of [true, false]) {
    const all = (await exportedStack(isDeployed)).exported();
    const [terraform, cloudFormation] = [terraformOf(all, { region }), cloudFormationOf(all)];
    expect(terraform.text + cloudFormation.text).not.toMatch(/whsec_|p4ssw0rd/);
    expect(terraform.variables.toSorted()).toEqual(["env_LOGLEVEL", "env_LOG_LEVEL", "env_SIGNING_KEYS"]);
    expect(new Set(cloudFormation.parameters).size).toBe(4);
    // The function publishes its versions by itself.
    const imported = all.filter(({ resource }) => resource.id !== "Release");
    expect(terraform.imports.length).toBe(isDeployed ? imported.length : 0);
  }
});

test("a larger value that a deploy leaves is exported as it is", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url, { memory: 512 })).deploy();
  const { stack, aws } = await openTestStack(local.url, { memory: 256 });
  const all = exportedOf(stack, await observe(stack, aws));
  expect(terraformOf(all, { region }).text).toMatch(/memory_size += 512$/m);
});

test("a stack whose alias a rollback has moved is exported as any other", async () => {
  const local = await openLocalAws();
  for (const memory of [256, 512]) await (await openTestStack(local.url, { memory })).deploy();
  const { stack, aws } = await openTestStack(local.url, { memory: 512 });
  const FunctionName = "shelfshack-websocket-proxy";
  const releases = await readReleases(aws, FunctionName);
  const check = () => undefined;
  expect(await serveOlder(aws, FunctionName, releases!, { serves: "1", by: "x", check })).toBe("1");
  const all = exportedOf(stack, await observe(stack, aws));
  const aliases = terraformOf(all, { region }).imports.map(({ to }) => to);
  expect(aliases).toContain("aws_lambda_alias.alias");
  expect(JSON.parse(cloudFormationOf(all).text)).toMatchObject({
    Resources: { Alias: { Type: "AWS::Lambda::Alias" } },
  });
});

test("a resource or a property that a format has no words for fails the export by its name", async () => {
  const { exported } = await exportedStack(false);
  const renamed = exported((one) => (one.id === "Stage" ? { ...one, type: "AWS::New::Thing" } : one));
  const grown = exported((one) =>
    one.id === "Stage" ? { ...one, desired: (needs) => ({ ...one.desired?.(needs), Shiny: true }) } : one,
  );
  for (const write of [cloudFormationOf, (all: typeof grown) => terraformOf(all, { region })]) {
    expect(() => write(renamed)).toThrow(/^Stage \(AWS::New::Thing\) cannot be expressed/);
    expect(() => write(grown)).toThrow(/^Stage\.Shiny cannot be expressed/);
  }
});
