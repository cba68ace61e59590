import { GetApisCommand } from "@aws-sdk/client-apigatewayv2";
import { expect, test } from "vitest";
import type { CliError } from "../../src/errors/error.ts";
import { explain } from "../../src/errors/explain.ts";
import { describeChanges } from "../../src/stack/describe.ts";
import { type Call, type Fault, openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { changedIds, inventory, nothing, openTestStack } from "../support/stack.ts";

const denied: Fault = {
  refusal: {
    status: 403,
    name: "AccessDeniedException",
    message: "User: u is not authorized to perform: a:Get on resource: r",
  },
};

/** A deployed stack behind a proxy that denies these calls. */
async function deployedWithout(pattern: RegExp, overrides: Parameters<typeof openTestStack>[1] = {}) {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  const proxy = await openFaultProxy(local, ({ operation }: Call) =>
    pattern.test(operation) ? denied : undefined,
  );
  return { local, direct: await openTestStack(local.url), ...(await openTestStack(proxy.url, overrides)) };
}

/** Each kind, by its reading call, and what cannot be known without it. */
const kinds: readonly [string, RegExp, string[]][] = [
  ["the role", /^GetRole$/, ["Role", "RolePolicy"]],
  ["the role's policy", /^GetRolePolicy$/, ["RolePolicy"]],
  ["the log group", /^DescribeLogGroups$/, ["LogGroup"]],
  ["its tags", /^ListTagsForResource$/, ["LogGroup"]],
  [
    "the APIs",
    /^Get \/v2\/apis\?/,
    ["Api", "Integration", "RouteConnect", "RouteDisconnect", "RouteDefault", "Deployment", "Stage"],
  ],
  ["the integrations", /\/integrations\?/, ["Integration"]],
  ["the routes", /\/routes\?/, ["RouteConnect", "RouteDisconnect", "RouteDefault"]],
  ["the deployments", /\/deployments\?/, ["Deployment"]],
  ["the stage", /^Get .*\/stages\/dev/, ["Stage"]],
  ["the function", /^Get .*\/functions\/[^/]+$/, ["Function", "Release", "Alias", "FormerPermission"]],
  ["the alias", /^Get .*\/aliases\/live$/, ["Alias"]],
  ["the policies", /^Get .*\/policy(\?|$)/, ["Permission", "FormerPermission"]],
  ["the account", /^GetCallerIdentity$/, ["Account"]],
];

test.each(kinds)(
  "%s cannot be read: the rest is compared, and it is said which is not",
  async (_kind, pattern, expected) => {
    const { planReadable, progress } = await deployedWithout(pattern, { timeout: 20 });
    const changes = await planReadable();
    const unread = changes.filter((change) => change.unread);
    expect(unread.map(({ resource }) => resource.id)).toEqual(expected);
    expect(new Set(unread.map((change) => change.unread?.code))).toEqual(new Set(["denied"]));
    const changed = ["Function", "Release", "Alias"].filter((id) => !expected.includes(id));
    expect(changedIds(changes)).toEqual(changed);
    expect(progress.filter(({ kind }) => kind === "warning").length).toBeGreaterThan(0);
    const lines = describeChanges(changes);
    expect(lines.filter((line) => line.unread).map(({ compared }) => compared)).not.toContain(true);
  },
);

test("where nothing can be read there is nothing to go on with", async () => {
  const { planReadable } = await deployedWithout(/./);
  expect(
    await planReadable().then(
      () => "read",
      (error: unknown) => explain(error).code,
    ),
  ).toBe("denied");
});

test.each([
  /\/deployments\?/,
  /\/integrations\?/,
  /\/routes\?/,
  /\/stages/,
  /\/policy(\?|$)/,
  /^GetRolePolicy$/,
])("destroy reads what it deletes, and needs no %s", async (pattern) => {
  const { destroy, direct } = await deployedWithout(pattern);
  await destroy();
  expect(await inventory(direct.aws)).toEqual(nothing);
});

test("destroy removes what it can read, and says what it could not", async () => {
  const { destroy, direct, local } = await deployedWithout(/^DescribeLogGroups$/);
  const error = await destroy().then(
    () => undefined,
    (thrown: unknown) => thrown as CliError,
  );
  expect(error?.code).toBe("denied");
  expect(error?.message).toContain("LogGroup /aws/lambda/shelfshack-websocket-proxy");
  expect(await inventory(direct.aws)).toEqual({ ...nothing, logGroups: 1 });
  // What a list that lags behind shows no more is not taken for gone.
  let isAsked = false;
  const lagging = await openFaultProxy(local, ({ operation }) =>
    isAsked && operation === "DescribeLogGroups"
      ? { rewrite: () => Buffer.from('{"logGroups":[]}') }
      : undefined,
  );
  const late = await openTestStack(lagging.url);
  expect(await late.destroy(async () => void (isAsked = true))).toMatchObject([{ id: "LogGroup" }]);
  expect(await inventory(direct.aws)).toEqual(nothing);
});

/** The endpoint that AWS answers for every API. */
const endpointIs =
  (endpoint: string) =>
  ({ operation }: Call): Fault | undefined =>
    /^(Get|POST) \/v2\/apis(\?|$)/.test(operation)
      ? {
          rewrite: (payload) =>
            Buffer.from(
              payload.toString().replaceAll(/"apiEndpoint":"[^"]*"/g, `"apiEndpoint":"${endpoint}"`),
            ),
        }
      : undefined;

test.each([
  ["http://id.localhost:4566", "ws://id.localhost:4566", "http://id.localhost:4566"],
  ["https://id.example.com/", "wss://id.example.com", "https://id.example.com"],
  ["wss://id.example.com", "wss://id.example.com", "https://id.example.com"],
])(
  "an endpoint that comes as %s is a WebSocket address for clients",
  async (given, forClients, forBackends) => {
    const local = await openLocalAws();
    const proxy = await openFaultProxy(local, endpointIs(given));
    const { deploy } = await openTestStack(proxy.url);
    const api = (await deploy()).find(({ resource }) => resource.id === "Api");
    expect(api?.attributes).toMatchObject({ ApiEndpoint: forClients, ManagementEndpoint: forBackends });
  },
);

test.each(["http://id.execute-api.127.0.0.1:4599", "id.example.com", "ftp://id.example.com", ""])(
  "an endpoint that is no address (%j) is refused, and nothing is given it",
  async (given) => {
    const local = await openLocalAws();
    const proxy = await openFaultProxy(local, endpointIs(given));
    const { deploy, aws } = await openTestStack(proxy.url);
    const code = await deploy().then(
      () => "deployed",
      (error: unknown) => explain(error).code,
    );
    expect(code).toBe("api-endpoint-invalid");
    expect((await inventory((await openTestStack(local.url)).aws)).functions).toBe(0);
    await expect(aws.apigatewayv2.send(new GetApisCommand({}))).resolves.toBeDefined();
  },
);
