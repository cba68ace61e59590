import {
  CreateApiCommand,
  CreateDeploymentCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
  GetApisCommand,
} from "@aws-sdk/client-apigatewayv2";
import { AddPermissionCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import type { Aws } from "../../src/aws/clients.ts";
import type { CliError } from "../../src/errors/error.ts";
import { type Call, type Fault, openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { changedIds, completeStack, inventory, nothing, openTestStack } from "../support/stack.ts";

/** Slow enough that a pause of seconds is longer than the calls around it. */
const SLOWLY = { timeScale: 0.05 };
const isCreateApi = ({ operation }: Call) => operation === "POST /v2/apis";
const isCreateIntegration = ({ operation }: Call) => /^POST .*\/integrations$/.test(operation);

/** How a deploy ended: "done", or its exit code. */
const ending = (run: Promise<unknown>): Promise<"done" | number> =>
  run.then(
    () => "done" as const,
    (error: CliError) => error.exitCode,
  );

test.each([
  ["CreateApi", "429", isCreateApi],
  ["CreateApi", "lost", isCreateApi],
  ["CreateIntegration", "429", isCreateIntegration],
  ["CreateIntegration", "lost", isCreateIntegration],
] as const)(
  "D-16 another deploy begins while %s of the first one meets %s: one of everything",
  { timeout: 120_000 },
  async (_name, fault, isIt) => {
    for (let after = 0; after < 6; after++) {
      const local = await openLocalAws();
      const second = await openTestStack(local.url, {}, SLOWLY);
      let [countdown, other]: [number, Promise<"done" | number> | undefined] = [Infinity, undefined];
      const proxy = await openFaultProxy(local, (call): Fault | undefined => {
        const isFirst = isIt(call) && countdown === Infinity;
        if (isFirst) countdown = after;
        else countdown -= 1;
        if (countdown === 0) other ??= ending(second.deploy());
        return isFirst ? fault : undefined;
      });
      const first = await openTestStack(proxy.url, {}, SLOWLY);
      const [one, two] = [await ending(first.deploy()), await (other ?? ending(second.deploy()))];
      const when = `${after} calls after it: ${one} and ${two}`;
      expect(
        [one, two].filter((end) => end !== "done" && end !== 4),
        when,
      ).toEqual([]);
      expect([one, two], when).toContain("done");
      const { aws, deploy } = await openTestStack(local.url);
      expect(await inventory(aws), when).toEqual(completeStack);
      expect(changedIds(await deploy()), when).toEqual([]);
    }
  },
);

test.each([1, 2, 3, 4, 5])(
  "D-10 a new API that is missing from %i lists: one of everything",
  async (stale) => {
    const local = await openLocalAws();
    let [reads, hidden]: [number, Set<string>] = [0, new Set()];
    const known = new Set<string>();
    const proxy = await openFaultProxy(local, (call) => {
      // The reply to the first one is lost, and for a while no list shows it.
      if (isCreateApi(call) && known.size === 0) return (known.add("first"), "lost");
      if (!call.operation.startsWith("Get /v2/apis?") || known.size === 0) return undefined;
      return {
        rewrite(payload) {
          const listed = JSON.parse(payload.toString()) as { items: { apiId: string }[] };
          if (reads === 0) hidden = new Set(listed.items.map(({ apiId }) => apiId));
          reads += 1;
          return Buffer.from(
            JSON.stringify({
              items: listed.items.filter(({ apiId }) => reads > stale || !hidden.has(apiId)),
            }),
          );
        },
      };
    });
    await (await openTestStack(proxy.url)).deploy();
    const { aws, deploy } = await openTestStack(local.url);
    expect(await inventory(aws)).toEqual(completeStack);
    expect(changedIds(await deploy())).toEqual([]);
  },
);

/** What another run does just before this call of ours, so that its name is taken. */
const taken: readonly [string, RegExp, (aws: Aws, ApiId: string) => Promise<unknown>][] = [
  [
    "stage",
    /^POST .*\/stages$/,
    async ({ apigatewayv2 }, ApiId) => {
      const { DeploymentId } = await apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
      await apigatewayv2.send(new CreateStageCommand({ ApiId, StageName: "dev", DeploymentId }));
    },
  ],
  [
    "route",
    /^POST .*\/routes$/,
    async ({ apigatewayv2 }, ApiId) => {
      const { IntegrationId } = await apigatewayv2.send(
        new CreateIntegrationCommand({ ApiId, IntegrationType: "MOCK" }),
      );
      const Target = `integrations/${IntegrationId}`;
      await apigatewayv2.send(new CreateRouteCommand({ ApiId, RouteKey: "$connect", Target }));
    },
  ],
  [
    "permission",
    /^POST .*\/policy$/,
    ({ lambda }) =>
      lambda.send(
        new AddPermissionCommand({
          FunctionName: "shelfshack-websocket-proxy",
          Qualifier: "live",
          StatementId: "shelfshack-ws",
          Action: "lambda:InvokeFunction",
          Principal: "apigateway.amazonaws.com",
        }),
      ),
  ],
];

test.each(taken)(
  "D-16 another run takes the name of the %s first: this run starts over",
  async (_name, call, take) => {
    const local = await openLocalAws();
    const other = await openTestStack(local.url);
    let isTaken = false;
    const proxy = await openFaultProxy(local, ({ operation }): Fault | undefined => {
      if (isTaken || !call.test(operation)) return undefined;
      isTaken = true;
      return {
        async before() {
          const { Items = [] } = await other.aws.apigatewayv2.send(new GetApisCommand({}));
          await take(other.aws, Items[0]?.ApiId ?? "");
        },
      };
    });
    const { deploy, progress } = await openTestStack(proxy.url);
    await deploy();
    expect(isTaken).toBe(true);
    expect(progress.filter(({ kind }) => kind === "note")).toHaveLength(1);
    expect(changedIds(await other.deploy())).toEqual([]);
    const { stages, routes, apis, functions } = completeStack;
    expect(await inventory(other.aws)).toMatchObject({ stages, routes, apis, functions });
  },
);

test("R9 destroy removes every API with our tags, also where there are several", async () => {
  const local = await openLocalAws();
  const { aws, deploy, destroy } = await openTestStack(local.url);
  await deploy();
  const [ours] = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items ?? [];
  const { Name = "", Tags = {} } = ours ?? {};
  const like = { Name, ProtocolType: "WEBSOCKET", RouteSelectionExpression: "$request.body.action" } as const;
  const twin = await aws.apigatewayv2.send(new CreateApiCommand({ ...like, Tags }));
  await aws.apigatewayv2.send(new CreateIntegrationCommand({ ApiId: twin.ApiId, IntegrationType: "MOCK" }));
  const { ApiId: foreign } = await aws.apigatewayv2.send(new CreateApiCommand(like));
  await destroy();
  expect((await aws.apigatewayv2.send(new GetApisCommand({}))).Items?.map(({ ApiId }) => ApiId)).toEqual([
    foreign,
  ]);
  expect(await inventory(aws)).toMatchObject({ ...nothing, apis: 1 });
});
