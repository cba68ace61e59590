import {
  CreateApiCommand,
  DeleteApiCommand,
  GetApisCommand,
  GetStagesCommand,
  UpdateApiCommand,
  type Api,
  type CreateApiCommandOutput,
} from "@aws-sdk/client-apigatewayv2";
import { CliError, exitCodes } from "../errors.ts";
import { isOfThisRun, isOurs, type Identity } from "../stack/ownership.ts";
import { everyPage, orMissing, type Found, type Resource, type Tags } from "../stack/resource.ts";
import type { Aws } from "../target.ts";
import type { RoleResource } from "./role.ts";

interface ApiProperties {
  Name: string;
  ProtocolType: "WEBSOCKET";
  RouteSelectionExpression: string;
}
type ApiAttributes = {
  ApiId: string;
  /** Where clients connect, without the stage: `wss://…`. */
  ApiEndpoint: string;
  /** The same address for `@connections`: `https://…`, never `wss`. */
  ManagementEndpoint: string;
};

/** The WebSocket API. Names of APIs are not unique (aws-behaviour 3.1), so it is found by its name and our tags together. */
export function api(
  { name, tags, identity }: { name: string; tags: Tags; identity: Identity },
  needs: { role: RoleResource },
): Resource<ApiProperties, ApiAttributes, typeof needs> {
  return {
    id: "Api",
    type: "AWS::ApiGatewayV2::Api",
    name,
    needs,
    exclusive: "api",
    desired: () => ({ Name: name, ProtocolType: "WEBSOCKET", RouteSelectionExpression: "$request.body.action" }),

    async read(aws) {
      const mine = await findOurs(aws, name, identity);
      if (mine.length > 1) throw tooMany(name, mine);
      return mine[0] && foundApi(mine[0]);
    },

    async create(aws, { Name, ProtocolType, RouteSelectionExpression }) {
      const created = await aws.apigatewayv2.send(
        new CreateApiCommand({ Name, ProtocolType, RouteSelectionExpression, Tags: { ...tags } }),
      );
      return attributesOf(await settle(aws, created, name, identity));
    },

    async update(aws, { attributes: { ApiId } }, { RouteSelectionExpression }) {
      await aws.apigatewayv2.send(new UpdateApiCommand({ ApiId, RouteSelectionExpression }));
    },

    async delete(aws, { attributes: { ApiId } }) {
      await orMissing(aws.apigatewayv2.send(new DeleteApiCommand({ ApiId })));
    },
  };
}

export type ApiResource = ReturnType<typeof api>;

/** Every API of this name, whoever made it. */
async function apisNamed(aws: Aws, name: string): Promise<Api[]> {
  const apis = await everyPage((NextToken) => aws.apigatewayv2.send(new GetApisCommand({ MaxResults: "100", NextToken })));
  return apis.filter(({ Name }) => Name === name);
}

/** Our API of that name, or the only one of it, whoever made it; undefined for none. Throws a CliError (exit 4) that lists several. */
export async function deployedApi(
  aws: Aws,
  { apiName, functionName }: { apiName: string; functionName: string },
): Promise<Api | undefined> {
  const named = await apisNamed(aws, apiName);
  const ours = named.filter(({ Tags = {} }) => isOurs(Tags, { stack: functionName, region: aws.region, run: "" }));
  const candidates = ours.length > 0 ? ours : named;
  if (candidates.length <= 1) return candidates[0];
  const list = candidates.map(({ ApiId, ApiEndpoint }) => `  ${ApiId}  ${ApiEndpoint}`).join("\n");
  throw new CliError(`there are ${candidates.length} APIs named ${apiName}:\n${list}`, {
    hint: "choose one with --url wss://… (connect), another one with --api-name NAME, or remove the ones that nobody uses",
    exitCode: exitCodes.refused,
  });
}

const findOurs = async (aws: Aws, name: string, identity: Identity): Promise<Api[]> =>
  (await apisNamed(aws, name)).filter(({ Tags = {} }) => isOurs(Tags, identity));

/** What AWS tells of an API, as attributes; `http` for an endpoint that is plain `ws`. */
export function attributesOf({ ApiId = "", ApiEndpoint = "" }: CreatedApi): ApiAttributes {
  return { ApiId, ApiEndpoint, ManagementEndpoint: ApiEndpoint.replace(/^ws/, "http") };
}

function foundApi(found: Api): Found<ApiProperties, ApiAttributes> {
  const { Name = "", RouteSelectionExpression = "", Tags = {}, CreatedDate } = found;
  return {
    attributes: attributesOf(found),
    properties: { Name, ProtocolType: "WEBSOCKET", RouteSelectionExpression },
    tags: Tags,
    ...(CreatedDate ? { createdAt: CreatedDate } : {}),
  };
}

type CreatedApi = Api | CreateApiCommandOutput;

/**
 * After creating: looks whether there is exactly one of ours (faults.md R3). The oldest stays; another one is removed only
 * when this run made it and no stage serves it. Anything else is for a person to decide.
 */
async function settle(aws: Aws, created: CreatedApi, name: string, identity: Identity): Promise<CreatedApi> {
  const listed = (await findOurs(aws, name, identity)).filter(({ ApiId }) => ApiId !== created.ApiId);
  const [oldest = created, ...others]: CreatedApi[] = [created, ...listed].toSorted(byAge);
  for (const other of others) {
    if (!isOfThisRun(other.Tags ?? {}, identity) || (await hasStages(aws, other))) throw tooMany(name, [oldest, ...others]);
    await orMissing(aws.apigatewayv2.send(new DeleteApiCommand({ ApiId: other.ApiId })));
  }
  return oldest;
}

const byAge = (one: CreatedApi, other: CreatedApi): number =>
  Number(one.CreatedDate ?? 0) - Number(other.CreatedDate ?? 0) || String(one.ApiId).localeCompare(String(other.ApiId));

async function hasStages(aws: Aws, { ApiId }: CreatedApi): Promise<boolean> {
  const stages = await orMissing(aws.apigatewayv2.send(new GetStagesCommand({ ApiId })));
  return (stages?.Items ?? []).length > 0;
}

function tooMany(name: string, apis: readonly CreatedApi[]): CliError {
  const list = apis
    .map(({ ApiId, ApiEndpoint, CreatedDate }) => `  ${ApiId}  ${ApiEndpoint}  made ${CreatedDate?.toISOString()}`)
    .join("\n");
  return new CliError(`there are ${apis.length} APIs named ${name} with this stack's tags:\n${list}`, {
    hint: "remove the ones that nobody uses: aws apigatewayv2 delete-api --api-id ID",
    exitCode: exitCodes.refused,
  });
}
