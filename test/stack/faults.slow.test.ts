import {
  DeleteRouteCommand,
  GetApisCommand,
  GetIntegrationsCommand,
  GetRoutesCommand,
  UpdateApiCommand,
  UpdateIntegrationCommand,
  UpdateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { PutRolePolicyCommand, UpdateAssumeRolePolicyCommand } from "@aws-sdk/client-iam";
import { RemovePermissionCommand } from "@aws-sdk/client-lambda";
import { afterAll, expect, test } from "vitest";
import type { Aws } from "../../src/aws/clients.ts";
import { explain } from "../../src/errors/explain.ts";
import { type Call, type Fault, openFaultProxy } from "../support/fault-proxy.ts";
import { openLocalAws, policy } from "../support/local-aws.ts";
import { changedIds, completeStack, inventory, nothing, openTestStack } from "../support/stack.ts";
import { zipOf } from "../support/zip.ts";

/**
 * The matrix of faults: each run meets one fault at one of its calls, and the stack must be as it should be
 * afterwards: after the same run, or after the next one where the fault ends a run. `npm run faults` runs all
 * of it, the test suite every `STRIDE`th cell, spread over calls and faults.
 */
const STRIDE = process.env["FAULTS"] === "whole" ? 1 : 12;
const AT_ONCE = 4;
/** How long a call may take where one hangs; elsewhere a computer that is busy ends none. */
const HANG_MS = 1_500;

/** What happens to the call with the number `at`, and to those after it. */
type Plan = (at: number) => (call: Call) => Fault | undefined;

const once =
  (fault: Fault): Plan =>
  (at) =>
  ({ number }) =>
    number === at ? fault : undefined;

/** The call and its repeats, `count` in all. */
const times =
  (count: number, fault: Fault): Plan =>
  (at) => {
    let [operation, left]: [string | undefined, number] = [undefined, count];
    return (call) => {
      if (call.number === at) operation = call.operation;
      return call.operation === operation && left-- > 0 ? fault : undefined;
    };
  };

const refusal = (status: number, name: string, message: string): Fault => ({
  refusal: { status, name, message },
});
const EXPIRED = refusal(
  403,
  "ExpiredTokenException",
  "The security token included in the request is expired",
);

/** From this call on the program is not there any more. */
const killed =
  (when: "before" | "after"): Plan =>
  (at) => {
    let isDead = false;
    return ({ number }) => {
      if (isDead || (when === "before" && number === at)) return ((isDead = true), "cut-before");
      return number === at ? { after: () => void (isDead = true) } : undefined;
    };
  };

/** Each service has its own name for a change that is in the way of another one (AWS.md 4.4, 3.9). */
const conflict: Plan = (at) => (call) => {
  if (call.number !== at) return undefined;
  if (/functions/.test(call.operation))
    return refusal(409, "ResourceConflictException", "An update is in progress for resource: f");
  if (/v2\/apis/.test(call.operation))
    return refusal(409, "ConflictException", "Unable to complete operation due to concurrent modification.");
  return refusal(409, "ConcurrentModificationException", "Another request is in progress.");
};

/** Whether the same run has to succeed, the fault, and how long its calls may take. */
type Case = readonly [expectation: "goes on" | "may end", plan: Plan, requestMs?: number];
const faults: Readonly<Record<string, Case>> = {
  "D-01 killed before": ["may end", killed("before")],
  "D-02 killed after": ["may end", killed("after")],
  "D-03 answer lost of": ["goes on", once("lost")],
  "D-04 no answer to": ["goes on", once("hang"), HANG_MS],
  "D-05 500 after the work of": ["goes on", once("500-after")],
  "D-06 connection reset before": ["goes on", once("cut-before")],
  "D-06 half an answer to": ["goes on", once("truncated")],
  "D-06 200 with nothing to": ["goes on", once("empty")],
  "D-06 200 with a page to": ["goes on", once("page")],
  "D-06 502 with a page to": ["goes on", once("html")],
  "D-07 429 three times to": ["goes on", times(3, "429")],
  "D-07 429 eight times to": ["goes on", times(8, "429")],
  "D-08 503 three times to": ["goes on", times(3, "503")],
  "R6 409 to": ["goes on", conflict],
  "D-09 expired credentials from": [
    "may end",
    (at) =>
      ({ number }) =>
        number >= at ? EXPIRED : undefined,
  ],
  "D-09 403 to": ["may end", once(refusal(403, "AccessDeniedException", "User: u is not authorized"))],
  "R3 delivered twice:": ["goes on", once("twice")],
};

/** Changes by hand everything that a deploy sets right again. */
async function spoil({ apigatewayv2, iam, lambda }: Aws): Promise<void> {
  const RoleName = "shelfshack-websocket-proxy-role";
  const ApiId = (await apigatewayv2.send(new GetApisCommand({}))).Items?.[0]?.ApiId;
  const integrations = (await apigatewayv2.send(new GetIntegrationsCommand({ ApiId }))).Items;
  const routes = (await apigatewayv2.send(new GetRoutesCommand({ ApiId }))).Items ?? [];
  const [IntegrationId, RouteId] = [integrations?.[0]?.IntegrationId, routes[0]?.RouteId];
  const PolicyDocument = policy({ Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });
  const grants = policy({ Action: "logs:*", Resource: "*" });
  await apigatewayv2.send(new UpdateApiCommand({ ApiId, Name: "renamed" }));
  await apigatewayv2.send(new UpdateIntegrationCommand({ ApiId, IntegrationId, TimeoutInMillis: 5_000 }));
  await apigatewayv2.send(new DeleteRouteCommand({ ApiId, RouteId }));
  const DefaultRouteSettings = { ThrottlingBurstLimit: 0, ThrottlingRateLimit: 0 };
  await apigatewayv2.send(new UpdateStageCommand({ ApiId, StageName: "dev", DefaultRouteSettings }));
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
  const PolicyName = "WebSocketAPIPermissions";
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: grants }));
  const FunctionName = "shelfshack-websocket-proxy";
  await lambda.send(
    new RemovePermissionCommand({ FunctionName, Qualifier: "live", StatementId: "shelfshack-ws" }),
  );
}

const changed = {
  timeout: 20,
  memory: 512,
  logRetention: 14,
  accessLogs: "on",
  backendUrl: "https://other.example.com",
  zip: await zipOf({ "index.mjs": "export const handler = async () => ({ statusCode: 204 });" }),
} as const;

type TestStack = Awaited<ReturnType<typeof openTestStack>>;

/** What is there before, what the run does, and what must be there afterwards. */
interface Scenario {
  config: Parameters<typeof openTestStack>[1];
  prepare(url: string): Promise<void>;
  run(stack: TestStack): Promise<unknown>;
  there: object;
}

const deployed = async (url: string, config: Scenario["config"] = {}): Promise<TestStack> => {
  const stack = await openTestStack(url, config);
  await stack.deploy();
  return stack;
};
// Deployments are snapshots, kept as they are made.
const one = { ...completeStack, deployments: expect.any(Number) };
const logged = { ...one, roles: 2, logGroups: 2 };

const scenarios: Readonly<Record<string, Scenario>> = {
  create: { config: {}, prepare: async () => {}, run: ({ deploy }) => deploy(), there: one },
  update: {
    config: changed,
    prepare: async (url) => spoil((await deployed(url)).aws),
    run: ({ deploy }) => deploy(),
    there: logged,
  },
  destroy: {
    config: {},
    prepare: async (url) => void (await deployed(url, { accessLogs: "on" })),
    run: ({ destroy }) => destroy(),
    // The role is the account's.
    there: { ...nothing, roles: 1 },
  },
};

/** A stack of this scenario behind a proxy, its run about to begin. */
async function prepared({ config, prepare }: Scenario, plan: (call: Call) => Fault | undefined) {
  const local = await openLocalAws();
  await prepare(local.url);
  const proxy = await openFaultProxy(local, plan);
  const open = (url: string, requestMs?: number) =>
    openTestStack(url, config, requestMs === undefined ? {} : { requestMs });
  return { local, proxy, open };
}

/** How many calls a run makes that meets no fault. */
const countOf = new Map<string, Promise<number>>();
function callsOf(name: string, scenario: Scenario): Promise<number> {
  const counted = countOf.get(name) ?? count(scenario);
  countOf.set(name, counted);
  return counted;
}
async function count(scenario: Scenario): Promise<number> {
  const { proxy, open } = await prepared(scenario, () => undefined);
  await scenario.run(await open(proxy.url));
  return proxy.calls.length;
}

/** What is wrong after a run with this fault; undefined where all is as it should be. */
async function wrongAfter(
  scenario: Scenario,
  [expectation, plan, requestMs]: Case,
  at: number,
): Promise<string | undefined> {
  const { local, proxy, open } = await prepared(scenario, plan(at));
  const code = await scenario.run(await open(proxy.url, requestMs)).then(
    () => undefined,
    (error: unknown) => explain(error).code,
  );
  const where = `${proxy.calls[at]?.operation} (call ${at}), which ended ${code ?? "well"}`;
  const next = await open(local.url);
  try {
    if (code === "bug" || (code && expectation === "goes on")) return where;
    if (code) await scenario.run(next);
    expect(await inventory(next.aws)).toEqual(scenario.there);
    if (scenario !== scenarios["destroy"]) expect(changedIds(await next.plan())).toEqual([]);
    return undefined;
  } catch (error) {
    return `${where}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Does the work for all, some at a time. */
async function spread<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const [results, rest]: [R[], T[]] = [[], [...all]];
  const worker = async () => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) results.push(await work(next));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

const tally = { converged: 0, all: 0 };
afterAll(() => void process.stdout.write(`faults: ${tally.converged} of ${tally.all} runs converged\n`));

const cells = Object.keys(scenarios).flatMap((name) =>
  Object.keys(faults).map((title, index) => [title, name, index] as const),
);

test.each(cells)(
  "%s any one call of %s: afterwards all is as it should be",
  { timeout: 600_000 },
  async (title, name, index) => {
    const [scenario, fault] = [scenarios[name], faults[title]];
    if (!scenario || !fault) throw new Error(`there is no ${title} of ${name}`);
    const calls = await callsOf(name, scenario);
    const chosen = Array.from({ length: calls }, (_, at) => at).filter((at) => (at + index) % STRIDE === 0);
    const wrong = await spread(chosen, (at) => wrongAfter(scenario, fault, at));
    tally.all += wrong.length;
    tally.converged += wrong.filter((one) => one === undefined).length;
    expect(wrong.filter((one) => one !== undefined)).toEqual([]);
  },
);
