import type { Api, Route } from "@aws-sdk/client-apigatewayv2";
import type { Adoption, Attributes, Found, Resource, Which } from "../stack/resource.ts";
import type { RoleResource } from "./role.ts";
import { desiredTags, foundTags, writeTags, type TagProperties } from "./configured-tags.ts";
import type { Aws } from "../aws/clients.ts";
import { NO_CHANGES } from "../errors/advice.ts";
import { CliError } from "../errors/error.ts";
import { complete, everyPage, orMissing } from "../aws/answers.ts";
import { apiMembers } from "../aws/authentic.ts";
import {
  addressesOf,
  allApis,
  apiIdIn,
  apisWithOurs,
  isConfiguredRoute,
  type ApiAddresses,
} from "../aws/deployed.ts";
import { readFunction, variablesOf } from "../aws/lambda-function.ts";
import type { Variables } from "../aws/variables.ts";
import { isAdopted, isOurs, isUnclaimed, otherManagerIn, type Identity, type Tags } from "../aws/tags.ts";

interface ApiProperties extends TagProperties {
  Name: string;
  ProtocolType: "WEBSOCKET";
  RouteSelectionExpression: string;
  /** Of one that was adopted, or may be: routes of others that need another expression than the stack's. */
  OthersRoutes?: readonly string[];
}

/** How API Gateway finds the route of a message: by this member of it. */
const SELECTION = "$request.body.action";

interface ApiConfig {
  name: string;
  tags: Tags;
  configuredTags?: Tags | undefined;
  identity: Identity;
  /** Whether one of that name that was made by hand is adopted. */
  adopt?: boolean | undefined;
  /** The stage of the stack: an API with another one is not adopted. */
  stage: string;
  /** The further keys of the stack. */
  routes?: readonly string[] | undefined;
}

/**
 * The WebSocket API. Names of APIs are not unique (AWS.md 3.1) and may be changed, so it is found by our
 * tags; where none has them, the one of its name that another tool manages stands in the way.
 */
export function api(
  { name, tags, configuredTags, identity, adopt = false, stage, routes = [] }: ApiConfig,
  needs: { role: RoleResource },
): Resource<ApiProperties, ApiAddresses, typeof needs> {
  return {
    id: "Api",
    type: "AWS::ApiGatewayV2::Api",
    name,
    tags,
    step: "api",
    needs,
    foundBy: "tags",
    adoption: adoptionFor(stage),
    desired: () => ({
      Name: name,
      ProtocolType: "WEBSOCKET",
      RouteSelectionExpression: SELECTION,
      ...desiredTags(configuredTags),
    }),

    staysAsFound: (found) => (routes.length === 0 ? keptFor(found) : []),
    refuses: (_target, found) => refuseOtherSelection(name, found, routes),

    async list(aws, _within, wanted: Which = "all") {
      const isWhole = wanted === "all" || adopt;
      const apis = await (isWhole ? allApis(aws) : apisAndFunction(aws, identity));
      const ours = apis.filter(({ Tags }) => Tags && isOurs(Tags, identity));
      const candidates = ours.length === 0 && adopt ? unclaimed(apis, name) : [];
      const meant = [...ours, ...candidates].toSorted(byAge);
      if (meant.length === 0) return managedByOther(apis, name).map(foundApi);
      return await Promise.all(meant.map((one) => withOthersRoutes(aws, foundApi(one), routes)));
    },

    likely: (aws) => likelyApi(aws, identity),

    async again(aws, { attributes: { ApiId } }) {
      const found = await orMissing(aws.apigatewayv2.call("GetApi", { ApiId }));
      return found && foundApi(complete(found, [...apiMembers, "ProtocolType"]));
    },

    inUse: (aws, { attributes: { ApiId } }) => hasStages(aws, ApiId),

    async create(aws, { Name, ProtocolType, RouteSelectionExpression }) {
      return addressesOf(
        await aws.apigatewayv2.call("CreateApi", {
          Name,
          ProtocolType,
          RouteSelectionExpression,
          Tags: { ...tags },
        }),
      );
    },

    async update(aws, desired, found, changed) {
      const { ApiId } = found.attributes;
      await writeTags(desired, found, changed, taggingAt(aws, ApiId));
      if (!changed.has("Name") && !changed.has("RouteSelectionExpression")) return;
      const { Name, RouteSelectionExpression } = desired;
      await aws.apigatewayv2.call("UpdateApi", { ApiId, Name, RouteSelectionExpression });
    },

    async delete(aws, { attributes: { ApiId } }) {
      await orMissing(aws.apigatewayv2.call("DeleteApi", { ApiId }));
    },
  };
}

/** The API of the stack's stage, which leads clients to the stack's function from then on. */
const adoptionFor = (stage: string): Adoption<ApiProperties, ApiAddresses> => ({
  unfit: (aws, { attributes: { ApiId } }) => unfitness(aws, ApiId, stage),
  addTags: (aws, { attributes: { ApiId } }, all) => taggingAt(aws, ApiId).set({ ...all }),
  removeTags: (aws, { attributes: { ApiId } }, names) => taggingAt(aws, ApiId).remove(names),
  says: (found) => [
    "its routes $connect, $disconnect and $default lead to the function; " +
      "other routes, integrations and tags stay",
    ...(keptFor(found).length > 0 ? [`${selectionOf(found)} stays`] : []),
  ],
  keeps: "its routes, integrations and stages",
});

/**
 * Reads which routes of others an API has that was made by hand and selects them otherwise: with the stack's
 * expression no message would find them.
 */
async function withOthersRoutes(aws: Aws, found: FoundApi, routes: readonly string[]): Promise<FoundApi> {
  const { attributes, properties, tags = {} } = found;
  const isByHand = isAdopted(tags) || isUnclaimed(tags);
  if (!isByHand || properties.RouteSelectionExpression === SELECTION) return found;
  const items = await allRoutes(aws, attributes.ApiId);
  const OthersRoutes = items
    .filter((one) => !ownKeys.has(one.RouteKey) && !isConfiguredRoute(one))
    .flatMap(({ RouteKey = "" }) => (routes.includes(RouteKey) ? [] : [RouteKey]));
  return { ...found, properties: { ...properties, OthersRoutes } };
}

export type FoundApi = Found<ApiProperties, ApiAddresses>;

const keptFor = ({ properties: { OthersRoutes = [] } }: FoundApi): string[] =>
  OthersRoutes.length > 0 ? ["RouteSelectionExpression"] : [];

const selectionOf = ({ properties: { RouteSelectionExpression, OthersRoutes = [] } }: FoundApi): string =>
  `its RouteSelectionExpression ${RouteSelectionExpression} for ${OthersRoutes.join(", ")}`;

/** Throws (exit 4) where others' routes and further ones of the stack need different expressions. */
function refuseOtherSelection(name: string, found: FoundApi | undefined, routes: readonly string[]): void {
  if (!found || routes.length === 0 || keptFor(found).length === 0) return;
  throw new CliError(
    "unfit-to-adopt",
    `Api ${name} cannot have the routes ${routes.join(", ")}: they need ${SELECTION}, and ` +
      `${selectionOf(found)} stays`,
    {
      hint:
        `${NO_CHANGES}; leave out the configured routes, or let the stack make an API of its own ` +
        "(--api-name NAME)",
    },
  );
}

/**
 * The list of the APIs, and beside it the function, which may be asked which is ours: one call with the
 * others that ask for it as a stack is read.
 */
function apisAndFunction(aws: Aws, identity: Identity): Promise<Api[]> {
  const reading = variablesOfStack(aws, identity);
  // Where the list has one page, this is not asked for its answer.
  reading.catch(() => {});
  return apisWithOurs(aws, identity.stack, async () => {
    const variables = await reading;
    return variables && { variables };
  });
}

async function likelyApi(aws: Aws, identity: Identity): Promise<Attributes | undefined> {
  const ApiId = apiIdIn(await variablesOfStack(aws, identity));
  return ApiId === undefined ? undefined : { ApiId };
}

async function variablesOfStack(aws: Aws, { stack }: Identity): Promise<Variables | undefined> {
  const { Configuration } = (await readFunction(aws, stack)) ?? {};
  return Configuration && variablesOf(Configuration);
}

async function hasStages(aws: Aws, ApiId: string): Promise<boolean> {
  const stages = await orMissing(aws.apigatewayv2.call("GetStages", { ApiId }));
  return stages !== undefined && complete(stages, ["Items"]).Items.length > 0;
}

/** The routes that the stack sets. */
const ownKeys: ReadonlySet<string | undefined> = new Set(["$connect", "$disconnect", "$default"]);

/**
 * Why an API that was made by hand is not adopted. Its routes are those of all its stages, and the function
 * lets only the stack's own call it; what lets clients in would be lost without a word.
 */
async function unfitness(aws: Aws, ApiId: string, stage: string): Promise<readonly string[]> {
  const pageOf = { ApiId, MaxResults: "100" };
  const [{ DisableExecuteApiEndpoint: isOff = false }, stages, routes] = await Promise.all([
    aws.apigatewayv2.call("GetApi", { ApiId }),
    everyPage((NextToken) => aws.apigatewayv2.call("GetStages", { ...pageOf, NextToken })),
    allRoutes(aws, ApiId),
  ]);
  const others = stages.flatMap(({ StageName = "" }) => (StageName === stage ? [] : [StageName]));
  return [
    // As people do behind a domain of their own; the function sends frames to the API's own address.
    ...(isOff
      ? ["its own address, which frames are sent to, is off (DisableExecuteApiEndpoint); switch it on"]
      : []),
    ...(others.length > 0
      ? [`its routes serve other stages too: ${others.join(", ")}; remove or move them`]
      : []),
    ...routes.filter(({ RouteKey }) => ownKeys.has(RouteKey)).flatMap(guardsOf),
  ];
}

const allRoutes = (aws: Aws, ApiId: string): Promise<Route[]> =>
  everyPage((NextToken) => aws.apigatewayv2.call("GetRoutes", { ApiId, NextToken, MaxResults: "100" }));

/** What the stack would take off a route. */
function guardsOf(found: Route): readonly string[] {
  const { RouteKey, AuthorizationType = "NONE", ApiKeyRequired, RequestModels = {} } = found;
  const guards = [
    ...(AuthorizationType === "NONE" ? [] : [`the authorization ${AuthorizationType}`]),
    ...(ApiKeyRequired ? ["a required API key"] : []),
    ...(Object.keys(RequestModels).length > 0 ? ["request models"] : []),
  ];
  return guards.length > 0 ? [`its route ${RouteKey} has ${guards.join(" and ")}; remove it first`] : [];
}

/** The calls about the tags of an API, by its id, or of a stage, by its path in that (AWS.md 3.8). */
export function taggingAt(aws: Aws, path: string) {
  const ResourceArn = arnOf(aws, path);
  return {
    set: async (Tags: Record<string, string>) => aws.apigatewayv2.call("TagResource", { ResourceArn, Tags }),
    remove: async (TagKeys: string[]) => aws.apigatewayv2.call("UntagResource", { ResourceArn, TagKeys }),
  };
}

export type ApiResource = ReturnType<typeof api>;

function foundApi(found: Api): FoundApi {
  const { Name, RouteSelectionExpression, Tags, CreatedDate } = complete(found, [...apiMembers, "Tags"]);
  return {
    attributes: addressesOf(found),
    properties: { Name, ProtocolType: "WEBSOCKET", RouteSelectionExpression, ...foundTags(Tags) },
    tags: Tags,
    ...(CreatedDate ? { createdAt: CreatedDate } : {}),
  };
}

/** What can be adopted of that name. */
const unclaimed = (apis: readonly Api[], name: string): readonly Api[] =>
  apis.filter(
    ({ Name, ProtocolType, Tags = {} }) => Name === name && ProtocolType === "WEBSOCKET" && isUnclaimed(Tags),
  );

/** The API of that name that another tool manages: a deploy is refused then. Of several none is meant. */
function managedByOther(apis: readonly Api[], name: string): readonly Api[] {
  const named = apis.filter(({ Name, Tags = {} }) => Name === name && otherManagerIn(Tags) !== undefined);
  return named.length === 1 ? named : [];
}

/** Tags have no call but by ARN, and this one has no account in it (AWS.md 3.8). */
const arnOf = ({ region }: Pick<Aws, "region">, ApiId: string): string =>
  `arn:${partitionOf(region)}:apigateway:${region}::/apis/${ApiId}`;

const partitionOf = (region: string): string =>
  region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";

/** By age where both have a date: one without is neither the older nor the younger one. */
const byAge = (one: Api, other: Api): number =>
  (one.CreatedDate && other.CreatedDate ? Number(one.CreatedDate) - Number(other.CreatedDate) : 0) ||
  String(one.ApiId).localeCompare(String(other.ApiId));
