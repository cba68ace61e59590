import { complete, everyPage, orDenied, orMissing } from "../aws/answers.ts";
import { accessLogFormat, accessLogGroupOf } from "../aws/access-log.ts";
import type { Aws } from "../aws/clients.ts";
import { codeOwnerIn } from "../aws/code-owner.ts";
import { addressesOf, apiOf, isOfDeploy } from "../aws/deployed.ts";
import { aliasMembers } from "../aws/authentic.ts";
import { aliasOf, isRollback } from "../aws/releases.ts";
import { ALIAS, asServed } from "../aws/served.ts";
import { findLogGroup } from "../aws/log-groups.ts";
import { logRoleOf } from "../aws/log-role.ts";
import { decisionsOn, type Decision } from "../aws/simulation.ts";
import { otherManagerIn, type CodeOwner } from "../aws/tags.ts";
import { hasStreams } from "../logs/group.ts";
import {
  Absent,
  orAbsent,
  type ExpectedCode,
  type Get,
  type Names,
  type PolicyStatement,
  type Readers,
} from "./evidence.ts";
import { integrationOf } from "./integrations.ts";
import { deployedWay, pathReaders, type Client } from "./path-readers.ts";

/** What the evidence is read with. */
export interface Reading {
  aws: Aws;
  names: Names;
  client: Client;
  /** The code that a deploy would give the function; absent where it cannot be told. */
  expected: ExpectedCode | undefined;
  /** Whose code the options name. */
  named: CodeOwner;
  /** Whether access logs are asked for. */
  accessLogs: "on" | "off" | undefined;
  /** The role of the backend, where one was named. */
  taskRole: string | undefined;
  signal: AbortSignal;
  /** Scales how long is waited for what was just deployed to spread in AWS; 0 for no wait. */
  timeScale: number;
}

/** How each piece of evidence is read from AWS. */
export function readersOf(reading: Reading): Readers {
  const { expected, named, names } = reading;
  return {
    names: () => Promise.resolve(names),
    ...accountReaders(reading),
    ...gatewayReaders(reading),
    ...ownerReaders(reading),
    ...functionReaders(reading),
    ...accessLogReaders(reading),
    ...roleReaders(reading),
    ...pathReaders(reading, deployedWay(names)),
    async expected(get) {
      if (!expected) throw new Absent("there is no code to compare it with");
      if (named === "shipped" && (await get("owner")) === "own") throw new Absent(OWN_UNNAMED);
      return expected;
    },
  };
}

const OWN_UNNAMED = "the function runs your own code: name it with --source or --zip to compare it";

function accountReaders({ aws }: Reading): Pick<Readers, "caller"> {
  return {
    async caller() {
      const answer = await aws.sts.call("GetCallerIdentity", {});
      const { Account, Arn } = complete(answer, ["Account", "Arn"]);
      const { config } = await aws.sts.client();
      const partition = Arn.split(":")[1] ?? "aws";
      return {
        account: Account,
        arn: Arn,
        partition,
        profile: aws.profile,
        clockOffMs: config.systemClockOffset,
      };
    },
  };
}

type GatewayEvidence = "api" | "stage" | "deployments" | "snapshot" | "routes" | "integrations";

function gatewayReaders({ aws, names }: Reading): Pick<Readers, GatewayEvidence> {
  const { apigatewayv2 } = aws;
  const page = { MaxResults: "100" };
  return {
    async api() {
      const found = await apiOf(aws, names);
      if (!found) throw new Absent(`there is no API ${names.apiName}`);
      return complete(found, ["ApiId"]);
    },
    async stage(get) {
      const { ApiId } = await get("api");
      const found = await orMissing(apigatewayv2.call("GetStage", { ApiId, StageName: names.stage }));
      if (!found) throw new Absent(`there is no stage ${names.stage}`);
      return found;
    },
    async deployments(get) {
      const { ApiId } = await get("api");
      return await everyPage((NextToken) =>
        apigatewayv2.call("GetDeployments", { ApiId, NextToken, ...page }),
      );
    },
    async snapshot(get) {
      // Without a stage nothing is served, which its own check tells.
      const [stage, deployments = []] = await Promise.all([
        orAbsent(get("stage")),
        orAbsent(get("deployments")),
      ]);
      const served = deployments.find(({ DeploymentId }) => DeploymentId === stage?.DeploymentId);
      return { isOfDeploy: !stage?.AutoDeploy && served !== undefined && isOfDeploy(served) };
    },
    async routes(get) {
      const { ApiId } = await get("api");
      return await everyPage((NextToken) => apigatewayv2.call("GetRoutes", { ApiId, NextToken, ...page }));
    },
    async integrations(get) {
      const { ApiId } = await get("api");
      return await everyPage((NextToken) =>
        apigatewayv2.call("GetIntegrations", { ApiId, NextToken, ...page }),
      );
    },
  };
}

function ownerReaders({ aws, names, named }: Reading): Pick<Readers, "kept" | "owner" | "managedBy"> {
  return {
    async owner(get) {
      // A caller that may read what serves may still not read the tags.
      const [served, kept] = await Promise.all([get("lambda"), orDenied(get("kept"))]);
      return codeOwnerIn(kept?.Tags, served) ?? named;
    },
    async kept(get) {
      await get("lambda");
      return await aws.lambda.call("GetFunction", { FunctionName: names.functionName });
    },
    async managedBy(get) {
      // What is not there has no owner; whose it is that cannot be read is not known.
      const tagsOf = async (name: "api" | "kept") => (await orAbsent(get(name)))?.Tags ?? {};
      const all = await Promise.all([tagsOf("api"), tagsOf("kept")]);
      return all.map(otherManagerIn).find((manager) => manager !== undefined) ?? null;
    },
  };
}

type FunctionEvidence = "lambda" | "latest" | "serving" | "concurrency" | "policy" | "log";

function functionReaders({ aws, names }: Reading): Pick<Readers, FunctionEvidence> {
  const { functionName: FunctionName } = names;
  return {
    async lambda() {
      const found = await asServed((of) =>
        aws.lambda.call("GetFunctionConfiguration", { FunctionName, ...of }),
      );
      if (!found) throw new Absent(`there is no function ${FunctionName}`);
      return found;
    },
    async latest(get) {
      await get("lambda");
      return await aws.lambda.call("GetFunctionConfiguration", { FunctionName });
    },
    async serving(get) {
      await get("lambda");
      const found = await aliasOf(aws, FunctionName);
      if (!found) throw new Absent(`the function has no alias ${ALIAS}`);
      const { FunctionVersion: version } = complete(found, aliasMembers);
      return { version, isRolledBack: isRollback(found.Description) };
    },
    async concurrency(get) {
      const [{ Concurrency }, ofAccount] = await Promise.all([
        get("kept"),
        aws.lambda.call("GetAccountSettings", {}),
      ]);
      const { AccountLimit } = complete(ofAccount, ["AccountLimit"]);
      const { ConcurrentExecutions } = complete(AccountLimit, ["ConcurrentExecutions"]);
      return { reserved: Concurrency?.ReservedConcurrentExecutions, account: ConcurrentExecutions };
    },
    async policy(get) {
      const [routes, integrations] = await Promise.all([get("routes"), get("integrations"), get("lambda")]);
      // Without $connect another route tells which alias is called.
      const called = ["$connect", "$default", "$disconnect"].map((key) =>
        integrationOf(key, { routes, integrations }),
      );
      const first = called.find((one) => one !== undefined);
      if (!first) throw new Absent("no route leads to an integration");
      const { qualifier } = first;
      const asked = { FunctionName, ...(qualifier === undefined ? {} : { Qualifier: qualifier }) };
      const answer = await orMissing(aws.lambda.call("GetPolicy", asked));
      return { qualifier, statements: answer ? statementsIn(complete(answer, ["Policy"]).Policy) : [] };
    },
    async log(get) {
      const usual = `/aws/lambda/${FunctionName}`;
      const group = (await get("lambda")).LoggingConfig?.LogGroup ?? usual;
      // A function that was never called before has a log by then.
      await get("invocation").catch(() => undefined);
      if (!(await findLogGroup(aws.logs, group))) throw new Absent(`there is no log group ${group}`);
      return { group, usual, hasStreams: await hasStreams(aws.logs, { name: group, arn: "" }) };
    },
  };
}

function accessLogReaders({ aws, names, accessLogs: wanted }: Reading): Pick<Readers, "accessLog"> {
  return {
    async accessLog(get) {
      const { AccessLogSettings: { DestinationArn = "", Format = accessLogFormat } = {} } =
        await get("stage");
      const [, set] = /:log-group:([^:]+)/.exec(DestinationArn) ?? [];
      if (set === undefined && wanted !== "on") return undefined;
      const group = set ?? accessLogGroupOf(names.functionName);
      const [found, role] = await Promise.all([findLogGroup(aws.logs, group), logRoleOf(aws, group)]);
      return { wanted, isOn: set !== undefined, group, exists: found !== undefined, format: Format, role };
    },
  };
}

const statementsIn = (policy: string): PolicyStatement[] =>
  complete(JSON.parse(policy) as { Statement?: PolicyStatement[] }, ["Statement"]).Statement;

/** The methods of `@connections` that a function or a backend uses (AWS.md 2.1). */
const methods = ["POST", "DELETE"] as const;

function roleReaders({ aws, names, taskRole }: Reading): Pick<Readers, "role" | "rights" | "taskRole"> {
  const simulated = async (
    arn: string,
    asked: readonly Parameters<typeof decisionsOn>[2][],
  ): Promise<Decision[]> => (await Promise.all(asked.map((one) => decisionsOn(aws, arn, one)))).flat();
  return {
    async role(get) {
      const arn = complete(await get("lambda"), ["Role"]).Role;
      const RoleName = arn.split("/").at(-1);
      const found = await orMissing(aws.iam.call("GetRole", { RoleName }));
      if (!found) throw new Absent(`there is no role ${RoleName}`);
      const { Role } = complete(found, ["Role"]);
      const { AssumeRolePolicyDocument } = complete(Role, ["AssumeRolePolicyDocument"]);
      // Percent-encoded once, as every policy document that IAM answers (AWS.md 6.3).
      return { arn, trust: JSON.parse(decodeURIComponent(AssumeRolePolicyDocument)) };
    },
    async rights(get) {
      const [{ arn }, caller, log, push] = await Promise.all([
        get("role"),
        get("caller"),
        get("lambda"),
        pushResources(get, names),
      ]);
      const group = log.LoggingConfig?.LogGroup ?? `/aws/lambda/${names.functionName}`;
      const place = `${caller.partition}:logs:${names.region}:${caller.account}`;
      const stream = `arn:${place}:log-group:${group}:log-stream:any`;
      return await simulated(arn, [
        { actions: [PUSH], resources: push },
        { actions: ["logs:CreateLogStream", "logs:PutLogEvents"], resources: [stream] },
      ]);
    },
    async taskRole(get) {
      if (taskRole === undefined) throw new Absent("no --task-role was given");
      const resources = await pushResources(get, names);
      const decisions = await orMissing(simulated(taskRole, [{ actions: [PUSH], resources }]));
      return { arn: taskRole, decisions: decisions ?? [] };
    },
  };
}

const PUSH = "execute-api:ManageConnections";

/** What a push to this API's stage is called in a policy. */
async function pushResources(get: Get, { region, stage }: Names): Promise<string[]> {
  const [{ partition, account }, api] = await Promise.all([get("caller"), get("api")]);
  const { ApiId } = addressesOf(api);
  const base = `arn:${partition}:execute-api:${region}:${account}:${ApiId}/${stage}`;
  return methods.map((method) => `${base}/${method}/@connections/any`);
}
