import { accessLogRole } from "./access-log-role.ts";
import { account, type AccountResource } from "./account.ts";
import { alias } from "./alias.ts";
import { api, type ApiResource } from "./api.ts";
import { deployment } from "./deployment.ts";
import { lambdaFunction } from "./function.ts";
import type { FunctionSettings } from "./function-settings.ts";
import { givenRole } from "./given-role.ts";
import { integration } from "./integration.ts";
import { logGroup } from "./log-group.ts";
import { formerPermission, permission } from "./permission.ts";
import { release } from "./release.ts";
import { rolePolicy } from "./role-policy.ts";
import { role, type RoleResource } from "./role.ts";
import { formerRoutes, route } from "./route.ts";
import { stage } from "./stage.ts";
import type { AlsoServed } from "../stack/deploy.ts";
import type { Change, Observed, Stack } from "../stack/engine.ts";
import { KNOWN_AFTER_DEPLOY, unknownAttributes, type AnyResource } from "../stack/resource.ts";
import { tagsAtCreation } from "./configured-tags.ts";
import { extrasOf, functionPolicy, type PolicyDocument } from "../aws/policies.ts";
import { accessLogGroupOf } from "../aws/access-log.ts";
import type { CodeConfig } from "../aws/own-code.ts";
import { given } from "../aws/answers.ts";
import { changedBetween } from "../aws/function-content.ts";
import { tagsFor, type Identity, type Tags } from "../aws/tags.ts";

/** Everything that decides what a stack is. */
export interface StackConfig extends FunctionSettings, CodeConfig {
  region: string;
  apiName: string;
  roleName: string;
  /** A role that others own, in place of one of the stack's own. */
  roleArn?: string | undefined;
  /** Whether what was made by hand under these names is adopted. */
  adopt?: boolean | undefined;
  rolePath?: string | undefined;
  permissionsBoundary?: string | undefined;
  stage: string;
  /** Whatever is absent of the following stays as it is. */
  runtime?: string | undefined;
  handler?: string | undefined;
  /** Seconds. */
  timeout?: number | undefined;
  /** MB. */
  memory?: number | undefined;
  /** Days. */
  logRetention?: number | undefined;
  accessLogs?: "on" | "off" | undefined;
  /** The ARN of the KMS key that encrypts the function's variables. */
  kmsKey?: string | undefined;
  /** Messages and handshakes a second, and at once. */
  throttleRate?: number | undefined;
  throttleBurst?: number | undefined;
  backendUrl: string | undefined;
  /** More variables for the function. */
  variables: Readonly<Record<string, string>>;
  /** Further keys of routes to the function; absent where they are not asked about. */
  routes?: readonly string[] | undefined;
  /** Tags for everything that AWS keeps tags of, beside our own; absent where they are not asked about. */
  configuredTags?: Tags | undefined;
  /** The account that it must be, if the configuration says so. */
  account: string | undefined;
  /** The code; without it the stack can be read, compared and deleted, but no function created. */
  zip?: Uint8Array | undefined;
  zipSha256?: string | undefined;
  /** How many releases are kept. */
  keepReleases: number;
  /** 128 random bits, new for every run. */
  run: string;
}

/** The stack, and those of its resources that other commands ask about. */
export interface WebSocketStack extends Stack {
  account: AnyResource;
  role: AnyResource;
  api: AnyResource;
  deployment: AnyResource;
  stage: AnyResource;
  lambdaFunction: AnyResource;
  release: AnyResource;
  alias: AnyResource;
}

/**
 * The stack: THE description of what exists in AWS after a deploy, in an order in which needs come first.
 *
 *     account   role ─┬─ log group ──────────────────────┐
 *                     ├─ api ─┬─ role policy             ├─ function ─ release ─ alias ─ permission
 *                     │       │                          │
 *                     │       ├──────────────────────────┘
 *                     │       └─ integration ─ 3 routes ─ deployment ─┐
 *                     └─ access log group ────────────────────────────┼─ stage ─ (former permission)
 *                        access log role ─────────────────────────────┘
 *
 * The circle of doing it by hand (the endpoint needs the API, the API needs the function, the function needs
 * the endpoint) opens when the API is made first: its endpoint is known before the function exists, and the
 * function's ARN is its name. The integration calls the alias of the function, which serves one of its
 * releases: a change of the integration follows the permission to call that.
 */
export function stackOf(config: StackConfig): WebSocketStack {
  const identity: Identity = { stack: config.functionName, region: config.region, run: config.run };
  const tags = (component: string) => tagsOf(component, identity, config);

  const caller = account(config.account);
  const ownRole = role(config, tags("Role"));
  const executionRole = config.roleArn === undefined ? ownRole : givenRole(config.roleArn);
  const { logs, accessGroup, accessRole } = logsOf(config, executionRole, tags);
  const webSocketApi = api(
    { ...config, name: config.apiName, tags: tags("Api"), identity },
    { role: executionRole },
  );
  const policy = rolePolicy(config, { role: ownRole, account: caller, api: webSocketApi });
  const policies = config.roleArn === undefined ? [policy] : [];
  const lambda = lambdaFunction(
    { ...config, tags: tags("Function") },
    {
      account: caller,
      role: executionRole,
      api: webSocketApi,
      logGroup: logs,
      ...(config.subnets && policies[0] && { policy }),
    },
  );
  const newest = release(config, { account: caller, lambdaFunction: lambda });
  const live = alias(config, { lambdaFunction: lambda, release: newest });
  const invokePermission = permission(config, { account: caller, api: webSocketApi, alias: live });
  const served = routing(
    config,
    { account: caller, api: webSocketApi, accessGroup, accessRole },
    { tags: tags("Stage"), follows: [policy, invokePermission] },
  );

  return {
    identity,
    ...given({ adopts: config.adopt }),
    account: caller,
    role: executionRole,
    api: webSocketApi,
    deployment: served.deployment,
    stage: served.stage,
    lambdaFunction: lambda,
    release: newest,
    alias: live,
    tellingWhose: [webSocketApi, lambda],
    resources: [
      caller,
      executionRole,
      logs,
      accessGroup,
      accessRole,
      webSocketApi,
      ...policies,
      lambda,
      newest,
      live,
      invokePermission,
      ...served.resources,
      formerPermission(config, { lambdaFunction: lambda }, [served.stage]),
    ],
  };
}

/** What a resource is created with: the tags of the configuration, and our own. */
const tagsOf = (component: string, identity: Identity, { configuredTags }: StackConfig): Tags => ({
  ...tagsAtCreation(configuredTags),
  ...tagsFor(identity, component),
});

/** The function's log group, and what API Gateway's access log needs. */
function logsOf(
  { functionName, region, logRetention: retentionInDays, accessLogs, configuredTags }: StackConfig,
  executionRole: RoleResource,
  tags: (component: string) => Tags,
) {
  const group = (of: { id: string; name: string; isWanted: boolean | undefined; isTakenOver: boolean }) =>
    logGroup({ ...of, retentionInDays, configuredTags, tags: tags(of.id) }, { role: executionRole });
  const isWanted = accessLogs === "on";
  const accessGroup = group({
    id: "AccessLogGroup",
    name: accessLogGroupOf(functionName),
    isWanted,
    isTakenOver: false,
  });
  return {
    // Lambda makes it again for a function that writes while its stack is deleted (AWS.md 6.2).
    logs: group({
      id: "LogGroup",
      name: `/aws/lambda/${functionName}`,
      isWanted: undefined,
      isTakenOver: true,
    }),
    accessGroup,
    accessRole: accessLogRole({ region, group: accessGroup.name, isWanted, configuredTags }),
  };
}

/** What a role that others own has to allow. */
export interface RightsNeeded {
  roleArn: string;
  document: PolicyDocument;
}

/**
 * What a role that others own has to allow, as far as the changes tell; undefined where the stack has one of
 * its own, and where no API was read: then nothing is changed that the role is for.
 */
export function rightsNeeded(
  config: StackConfig,
  stack: WebSocketStack,
  changes: readonly Change[],
): RightsNeeded | undefined {
  const changeOf = (wanted: AnyResource) => changes.find(({ resource }) => resource === wanted);
  const { Account = "", Partition = "" } = changeOf(stack.account)?.attributes ?? {};
  const { ApiId } = changeOf(stack.api)?.attributes ?? {};
  const { isForeign = false, attributes } = changeOf(stack.role)?.found ?? {};
  if (!isForeign || attributes?.Arn === undefined || ApiId === undefined) return undefined;
  const knownId = ApiId === KNOWN_AFTER_DEPLOY ? "*" : ApiId;
  const names = { ...config, Account, Partition, ApiId: knownId };
  return { roleArn: attributes.Arn, document: functionPolicy(names, extrasOf(config)) };
}

interface RoutingNeeds {
  account: AccountResource;
  api: ApiResource;
  accessGroup: ReturnType<typeof logGroup>;
  accessRole: ReturnType<typeof accessLogRole>;
}

/** What is within the API: the way from a client's message to the function. */
function routing(
  config: StackConfig,
  { accessGroup, accessRole, ...needs }: RoutingNeeds,
  { tags, follows }: { tags: Tags; follows: readonly AnyResource[] },
) {
  const { api: webSocketApi } = needs;
  const proxy = integration(config, needs, follows);
  const keys = ["$connect", "$disconnect", "$default", ...(config.routes ?? [])];
  const routes = keys.map((key) => route(key, { api: webSocketApi, integration: proxy }, follows));
  const former = formerRoutes(config.routes, { api: webSocketApi });
  const snapshot = deployment(config, { ...needs, integration: proxy, former }, routes);
  const served = stage(
    { ...config, name: config.stage, tags },
    { ...needs, deployment: snapshot, accessGroup, accessRole },
  );
  return {
    deployment: snapshot,
    stage: served,
    resources: [proxy, former, ...routes, snapshot, served],
  };
}

/** Where clients connect; null as long as the API or the stage is not there. */
export function webSocketUrl(stack: WebSocketStack, changes: readonly Change[]): string | null {
  const attributesOf = (wanted: AnyResource) =>
    changes.find(({ resource }) => resource === wanted)?.attributes ?? unknownAttributes;
  const isThere = [stack.api, stack.stage].every((resource) => attributesOf(resource) !== unknownAttributes);
  return isThere ? `${attributesOf(stack.api).ApiEndpoint}/${stack.stage.name}` : null;
}

/** The account that the credentials belong to; null where it could not be read. */
export const accountIn = (stack: WebSocketStack, observed: Observed): string | null =>
  observed.get(stack.account)?.attributes.Account ?? null;

/** The release that serves clients; null where there is none, or it could not be read. */
export function servedRelease({ alias: live }: WebSocketStack, observed: Observed): string | null {
  const { FunctionVersion = null } = (observed.get(live)?.properties ?? {}) as { FunctionVersion?: string };
  return FunctionVersion;
}

/**
 * What a deploy that has these changes serves beside them; undefined without a release before, and where the
 * function gets what is known only then, such as the address of a new API.
 */
export function alsoServedWith(
  { lambdaFunction, release: newest }: WebSocketStack,
  changes: readonly Change[],
): AlsoServed | undefined {
  const of = (wanted: AnyResource) => changes.find(({ resource }) => resource === wanted);
  const { found: before, target } = of(newest) ?? {};
  const written = of(lambdaFunction)?.found;
  if (!before || !target || !written) return undefined;
  const contentIn = (one: object) => (one as { Content: string }).Content;
  const [served, wanted] = [contentIn(before.properties), contentIn(target)] as const;
  if (wanted === KNOWN_AFTER_DEPLOY) return undefined;
  const { Content: now = "{}", Version: release = "" } = { ...written.attributes, ...before.attributes };
  const set = changedBetween(now, wanted);
  const names = changedBetween(served, wanted).filter((name) => !set.includes(name));
  return names.length > 0 ? { names, release } : undefined;
}

/** The backend that the function calls, or will call; null where it has none, or cannot be read. */
export function backendIn(stack: WebSocketStack, changes: readonly Change[]): string | null {
  const change = changes.find(({ resource }) => resource === stack.lambdaFunction);
  const { Environment = {} } = (change?.target ?? change?.found?.properties ?? {}) as {
    Environment?: Readonly<Record<string, string>>;
  };
  return Environment["BACKEND_URL"] ?? null;
}
