import { command } from "../../src/errors/advice.ts";
import {
  CreateIntegrationCommand,
  DeleteStageCommand,
  GetApisCommand,
  GetRoutesCommand,
  UpdateRouteCommand,
} from "@aws-sdk/client-apigatewayv2";
import { GetFunctionCommand } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { CliError } from "../../src/errors/error.ts";
import { observe } from "../../src/stack/engine.ts";
import { partsOf, refuseMissingNeeds } from "../../src/stack/steps.ts";
import { type Call, type Fault, openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws } from "../support/local-aws.ts";
import { callsOfOneDeploy, changedIds, completeStack, inventory, openTestStack } from "../support/stack.ts";

/** What a run that has to fail fails with. */
async function failureOf(run: Promise<unknown>): Promise<CliError> {
  const error = await run.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CliError);
  return error as CliError;
}

/** Lets Lambda show this of the function. */
const shown =
  (state: object) =>
  ({ operation }: Pick<Call, "operation">): Fault | undefined => {
    if (!/^Get .*\/functions\/shelfshack-websocket-proxy(\/configuration)?$/.test(operation))
      return undefined;
    return {
      rewrite(payload) {
        const { Configuration, ...found } = JSON.parse(payload.toString()) as { Configuration?: object };
        return Buffer.from(
          JSON.stringify(
            Configuration
              ? { ...found, Configuration: { ...Configuration, ...state } }
              : { ...found, ...state },
          ),
        );
      },
    };
  };

test.each<[string, Fault, string, string]>([
  ["503", "503", "aws-unavailable", "503"],
  ["a proxy's page", "html", "not-an-aws-answer", "502"],
])(
  "D-09 %s for ever at any one call: a clear failure within its budget, and the next run converges",
  { timeout: 120_000 },
  async (_title, fault, code, status) => {
    const calls = await callsOfOneDeploy();
    for (let n = 0; n < calls; n++) {
      const local = await openLocalAws();
      let broken: string | undefined;
      const proxy = await openFaultProxy(local, ({ index, operation }) => {
        if (index === n) broken = operation;
        return operation === broken ? fault : undefined;
      });
      const { deploy, progress } = await openTestStack(proxy.url);
      const outcome = await deploy().then(
        () => undefined,
        (error: unknown) => error as CliError,
      );
      // Answered with a page after the work, a call whose result is looked up again has succeeded.
      if (outcome || fault === "503") {
        expect(outcome?.code, broken).toBe(code);
        expect(outcome?.message, broken).toContain(status);
      }
      if (outcome) expect(String(outcome.hint)).toContain("run the same command again to continue");
      const waited = progress.reduce((sum, event) => sum + (event.kind === "waiting" ? 1 : 0), 0);
      expect(waited, broken).toBeLessThan(60);
      expect(proxy.calls.filter(({ operation }) => operation === broken).length, broken).toBeLessThanOrEqual(
        30,
      );
      const next = await openTestStack(local.url);
      await next.deploy();
      expect(await inventory(next.aws), broken).toEqual(completeStack);
    }
  },
);

test(
  "D-04 the reply to any one call never comes: the same run lists again and continues",
  { timeout: 120_000 },
  async () => {
    const calls = await callsOfOneDeploy();
    for (let n = 0; n < calls; n++) {
      const local = await openLocalAws();
      const proxy = await openFaultProxy(local, ({ index }) => (index === n ? "hang" : undefined));
      await (await openTestStack(proxy.url, {}, { requestMs: 500 })).deploy();
      const direct = await openTestStack(local.url);
      expect(await inventory(direct.aws), `at call ${n}`).toEqual(completeStack);
      expect(changedIds(await direct.deploy()), `at call ${n}`).toEqual([]);
    }
  },
);

test("R6 tries are counted for each reason by itself: some 503 after many busy answers", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  const busy = {
    status: 409,
    name: "ResourceConflictException",
    message: "An update is in progress for resource: f",
  };
  const answers: Fault[] = [...Array.from({ length: 7 }, () => ({ refusal: busy })), "503", "503"];
  const proxy = await openFaultProxy(local, ({ operation }) =>
    operation.endsWith("/configuration") ? answers.shift() : undefined,
  );
  const { deploy } = await openTestStack(proxy.url, { timeout: 20 });
  expect(changedIds(await deploy())).toEqual(["Function", "Release", "Alias"]);
  expect(answers).toEqual([]);
});

test.each([
  ["State", { State: "Failed", StateReason: "The image cannot be read.", StateReasonCode: "InvalidImage" }],
  [
    "LastUpdateStatus",
    {
      LastUpdateStatus: "Failed",
      LastUpdateStatusReason: "No room.",
      LastUpdateStatusReasonCode: "SubnetOutOfIPAddresses",
    },
  ],
])(
  "D-14 a function whose %s is Failed: plan names it, deploy fails with Lambda's reason and its code",
  async (what, state) => {
    const local = await openLocalAws();
    await (await openTestStack(local.url)).deploy();
    const proxy = await openFaultProxy(local, ({ operation }) => {
      if (!/^Get .*\/functions\/shelfshack-websocket-proxy(\/configuration)?$/.test(operation))
        return undefined;
      return {
        rewrite(payload) {
          const found = JSON.parse(payload.toString()) as { Configuration?: object };
          return Buffer.from(
            JSON.stringify(
              found.Configuration
                ? { ...found, Configuration: { ...found.Configuration, ...state } }
                : { ...found, ...state },
            ),
          );
        },
      };
    });
    const { plan, deploy } = await openTestStack(proxy.url);
    const [reason, code] = Object.values(state).slice(1);
    const trouble = `${what} Failed: ${reason} (${code})`;
    expect((await plan()).filter(({ action }) => action !== "none")).toMatchObject([
      { action: "update", differences: [{ path: "State", from: trouble, to: "Active" }] },
    ]);
    const { message, hint } = await failureOf(deploy());
    expect(message).toContain(`the function shelfshack-websocket-proxy is not usable: ${trouble}`);
    expect(hint).toContainEqual(command("destroy"));
  },
);

test("D-14 an update that Lambda could not carry out is written once more", async () => {
  const local = await openLocalAws();
  await (await openTestStack(local.url)).deploy();
  let written = false;
  const failed = {
    LastUpdateStatus: "Failed",
    LastUpdateStatusReason: "No room.",
    LastUpdateStatusReasonCode: "SubnetOutOfIPAddresses",
  };
  const proxy = await openFaultProxy(local, ({ operation }) => {
    if (operation.startsWith("PUT ")) return { after: () => void (written = true) };
    return written ? undefined : shown(failed)({ operation });
  });
  expect(changedIds(await (await openTestStack(proxy.url)).deploy())).toEqual(["Function"]);
  expect(changedIds(await (await openTestStack(proxy.url)).deploy())).toEqual([]);
});

test("D-13 a function that is still pending when a run begins is waited for", async () => {
  const local = await openLocalAws({ createDelayMs: 300 });
  const first = await openTestStack(local.url);
  const creating = first.deploy();
  const second = await openTestStack(local.url);
  await Promise.all([creating, second.deploy()]);
  const { Configuration } = await second.aws.lambda.send(
    new GetFunctionCommand({ FunctionName: "shelfshack-websocket-proxy" }),
  );
  expect(Configuration?.State).toBe("Active");
});

test("the step stage alone refuses to copy routes that were changed by hand", async () => {
  const local = await openLocalAws();
  const { aws, stack, deploy } = await openTestStack(local.url);
  await deploy();
  const ApiId = (await aws.apigatewayv2.send(new GetApisCommand({}))).Items?.[0]?.ApiId ?? "";
  const { Items = [] } = await aws.apigatewayv2.send(new GetRoutesCommand({ ApiId }));
  const standard = Items.find(({ RouteKey }) => RouteKey === "$default");
  const { IntegrationId } = await aws.apigatewayv2.send(
    new CreateIntegrationCommand({ ApiId, IntegrationType: "MOCK" }),
  );
  const Target = `integrations/${IntegrationId}`;
  await aws.apigatewayv2.send(new UpdateRouteCommand({ ApiId, RouteId: standard?.RouteId, Target }));
  await aws.apigatewayv2.send(new DeleteStageCommand({ ApiId, StageName: "dev" }));
  const refused = async (only: ("stage" | "routes")[]) =>
    refuseMissingNeeds(stack, await observe(stack, aws), partsOf({ only }));
  const { code, hint } = await failureOf(refused(["stage"]));
  expect(code).toBe("step-needs-drifted");
  expect(hint).toEqual(["first run: ", command("deploy", { only: ["routes"] })]);
  await refused(["routes", "stage"]);
  expect(changedIds(await deploy(["routes", "stage"]))).toEqual(["RouteDefault", "Stage"]);
});
