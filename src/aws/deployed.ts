import type { Api, Deployment, Route } from "@aws-sdk/client-apigatewayv2";
import { command } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { allTelling } from "../errors/telling.ts";
import { complete, everyPage, orDenied, orMissing } from "./answers.ts";
import { apiMembers } from "./authentic.ts";
import type { Aws } from "./clients.ts";
import { tellOfDeploys } from "./code-owner.ts";
import { tellObjection } from "./objection.ts";
import { deployedFunction, type DeployedFunction } from "./lambda-function.ts";
import { isOurs, otherManagerIn } from "./tags.ts";
import type { Variables } from "./variables.ts";

/** What the description of a deployment of ours begins with; a hash of its routes follows. */
export const DEPLOYMENT_PREFIX = "shelfshack-ws routes ";

/** Whether a deploy made this deployment. */
export const isOfDeploy = ({ Description }: Deployment): boolean =>
  Description?.startsWith(DEPLOYMENT_PREFIX) ?? false;

/** The operation of a further route that a deploy has made. */
export const CONFIGURED_ROUTE = "shelfshack-ws";
export const isConfiguredRoute = ({ OperationName }: Route): boolean => OperationName === CONFIGURED_ROUTE;

interface StackNames {
  apiName: string;
  functionName: string;
  stage: string;
}

/** What others need to know of a deployed stack. */
export interface Deployed {
  apiId: string;
  /** Where clients connect: `wss://…/stage`. */
  url: string;
  /** The same for `@connections`: `https://…/stage`. */
  endpoint: string;
  functionArn: string;
  functionName: string;
  stage: string;
  region: string;
  signingKeys: string | undefined;
  /** The other tool that manages the API; null where none does. */
  managedBy: string | null;
}

/**
 * Looks up what is deployed, also when it is not ours. Throws a CliError (exit 1) that names what is missing.
 */
export async function deployedStack(
  aws: Aws,
  { apiName, functionName, stage }: StackNames,
): Promise<Deployed> {
  const reading = deployedFunction(aws, functionName);
  const stageOf = (ApiId: string | undefined) =>
    orMissing(aws.apigatewayv2.call("GetStage", { ApiId, StageName: stage }));
  // Beside the look for the API, which takes a call more where there are many.
  const beside = reading.then((found) => {
    const ApiId = apiIdIn(found?.variables);
    const begun = ApiId === undefined ? undefined : stageOf(ApiId);
    // It may be another's: then its answer is not waited for.
    begun?.catch(() => {});
    return { ApiId, begun };
  });
  beside.catch(() => {});
  const [api, lambda] = await allTelling([
    deployedApi(aws, { apiName, functionName }, () => reading),
    reading,
  ]);
  const likely = await beside;
  const isRight = likely.begun !== undefined && api?.ApiId === likely.ApiId;
  const served = api && (await (isRight ? likely.begun : stageOf(api.ApiId)));
  if (!api || !served || !lambda) {
    if (lambda) await tellOfDeploys(aws, functionName);
    const missing = [
      ...(api ? [] : [`API ${apiName}`]),
      ...(served ? [] : [`stage ${stage}`]),
      ...(lambda ? [] : [`function ${functionName}`]),
    ];
    throw new CliError(
      "not-deployed",
      `not deployed in ${aws.region}: there is no ${missing.join(", no ")}`,
      {
        hint: ["run: ", command("deploy")],
      },
    );
  }
  const { ApiId, ApiEndpoint, ManagementEndpoint } = addressesOf(api);
  return {
    apiId: ApiId,
    url: `${ApiEndpoint}/${stage}`,
    endpoint: `${ManagementEndpoint}/${stage}`,
    functionArn: lambda.arn,
    functionName,
    stage,
    region: aws.region,
    signingKeys: lambda.variables["SIGNING_KEYS"],
    managedBy: otherManagerIn(api.Tags ?? {}) ?? null,
  };
}

const pageOfApis = (aws: Aws, NextToken?: string) =>
  aws.apigatewayv2.call("GetApis", { MaxResults: "100", NextToken });

/** Every API of the account in this region. */
export const allApis = (aws: Aws): Promise<Api[]> => everyPage((NextToken) => pageOfApis(aws, NextToken));

/**
 * The same; but where they are more than a page has, the stack's own alone, as far as its function tells
 * which that is: an account with many APIs is no slower then.
 */
export async function apisWithOurs(
  aws: Aws,
  functionName: string,
  read: ReadVariables = () => deployedFunction(aws, functionName),
): Promise<Api[]> {
  const first = pageOfApis(aws);
  if ((await first).NextToken === undefined) return complete(await first, ["Items"]).Items;
  const named = await apiNamedBy(aws, functionName, read);
  if (named) return [named];
  return await everyPage((NextToken) => (NextToken === undefined ? first : pageOfApis(aws, NextToken)));
}

/** Reads the function, of which the variables are needed; undefined where there is none. */
type ReadVariables = () => Promise<Pick<DeployedFunction, "variables"> | undefined>;

/** The id of the API whose address a function has, which may be another's or gone. */
export const apiIdIn = (variables: Variables = {}): string | undefined =>
  /[a-z0-9]{10}(?=\.execute-api\.|\/[^/]+$)/.exec(variables["API_GATEWAY_ENDPOINT"] ?? "")?.[0];

/** The API whose address the function has, where that carries the stack's tags; undefined otherwise. */
async function apiNamedBy(aws: Aws, functionName: string, read: ReadVariables): Promise<Api | undefined> {
  // One that may not be read tells nothing: the list is asked then.
  const lambda = await orDenied(read());
  const endpoint = lambda?.variables["API_GATEWAY_ENDPOINT"] ?? "";
  const ApiId = apiIdIn(lambda?.variables);
  const answer = ApiId && (await orMissing(aws.apigatewayv2.call("GetApi", { ApiId })));
  if (!answer) return undefined;
  const found = complete(answer, [...apiMembers, "ProtocolType"]);
  const isNamed = endpoint.startsWith(`${addressesOf(found).ManagementEndpoint}/`);
  return isNamed && isStacks(aws, functionName, found) ? found : undefined;
}

const isStacks = ({ region }: Aws, functionName: string, { Tags }: Api): boolean =>
  Tags !== undefined && isOurs(Tags, { stack: functionName, region, run: "" });

/** The stack's API as `apiOf` finds it, having told of another tool that manages it. */
export async function deployedApi(...[aws, names, read]: Parameters<typeof apiOf>): Promise<Api | undefined> {
  const api = await apiOf(aws, names, read);
  const tags = api?.Tags ?? {};
  if (api) tellObjection({ tags }, { stack: names.functionName, region: aws.region }, aws.report);
  const manager = otherManagerIn(tags);
  if (manager !== undefined)
    aws.report({ kind: "note", message: `the API ${api?.Name} is managed by ${manager}` });
  return api;
}

/**
 * Our API by its tags, or the only one of that name; undefined for none. `read` reads the function, where
 * that is needed. Throws a CliError (exit 4) that lists several.
 */
export async function apiOf(
  aws: Aws,
  { apiName, functionName }: Pick<StackNames, "apiName" | "functionName">,
  read?: ReadVariables,
): Promise<Api | undefined> {
  const all = await apisWithOurs(aws, functionName, read);
  const named = all.filter(({ Name }) => Name === apiName);
  const ours = all.filter((api) => isStacks(aws, functionName, api));
  const candidates = ours.length > 0 ? ours : named;
  if (candidates.length <= 1) return candidates[0];
  const list = candidates.map(({ ApiId, ApiEndpoint }) => `  ${ApiId}  ${ApiEndpoint}`).join("\n");
  throw new CliError("api-ambiguous", `there are ${candidates.length} APIs named ${apiName}:\n${list}`, {
    hint:
      "choose one with --url wss://… (connect), another one with --api-name NAME, " +
      "or delete the unused ones",
  });
}

/** What AWS gives an API, as texts. */
export type ApiAddresses = {
  ApiId: string;
  /** Where clients connect, without the stage: `wss://…`. */
  ApiEndpoint: string;
  /** The same address for `@connections`: `https://…`, never `wss`. */
  ManagementEndpoint: string;
};

/**
 * The addresses of an API. An endpoint that comes as http(s), as from an emulator or a proxy, is ws(s) for
 * clients. Throws a CliError where it is no address at all: nothing may be given it then.
 */
export function addressesOf(api: Pick<Api, "ApiId" | "ApiEndpoint">): ApiAddresses {
  const { ApiId, ApiEndpoint } = complete(api, ["ApiId", "ApiEndpoint"]);
  const address = ApiEndpoint.replace(/\/+$/, "");
  if (!/^(ws|http)s?:\/\//.test(address) || !URL.canParse(address))
    throw new CliError(
      "api-endpoint-invalid",
      `the endpoint that AWS gave the API ${ApiId} is not a valid URL: ${JSON.stringify(ApiEndpoint)}`,
      { hint: "an emulator or proxy may have answered; check --endpoint-url and its settings" },
    );
  return {
    ApiId,
    ApiEndpoint: address.replace(/^http/, "ws"),
    ManagementEndpoint: address.replace(/^ws/, "http"),
  };
}
