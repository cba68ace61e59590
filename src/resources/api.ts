import {
  CreateApiCommand,
  DeleteApiCommand,
  GetStagesCommand,
  UpdateApiCommand,
  type Api,
} from "@aws-sdk/client-apigatewayv2";
import { LostRace } from "../stack/create.ts";
import { several } from "../stack/ownership.ts";
import { type Found, type Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { RoleResource } from "./role.ts";
import { orMissing } from "../aws/answers.ts";
import { addressesOf, allApis, type ApiAddresses } from "../aws/deployed.ts";
import type { Tags } from "../aws/tags.ts";
import { isOfThisRun, isOurs, type Identity } from "../aws/tags.ts";

interface ApiProperties {
  Name: string;
  ProtocolType: "WEBSOCKET";
  RouteSelectionExpression: string;
}
/**
 * The WebSocket API. Names of APIs are not unique (AWS.md 3.1) and may be changed, so it is found by our
 * tags.
 */
export function api(
  { name, tags, identity }: { name: string; tags: Tags; identity: Identity },
  needs: { role: RoleResource },
): Resource<ApiProperties, ApiAddresses, typeof needs> {
  return {
    id: "Api",
    type: "AWS::ApiGatewayV2::Api",
    name,
    step: "api",
    needs,
    ambiguous: true,
    desired: () => ({
      Name: name,
      ProtocolType: "WEBSOCKET",
      RouteSelectionExpression: "$request.body.action",
    }),

    async read(aws) {
      const [oldest, ...duplicates] = (await findOurs(aws, identity)).toSorted(byAge).map(foundApi);
      return oldest && { ...oldest, duplicates };
    },

    async create(aws, { Name, ProtocolType, RouteSelectionExpression }) {
      return addressesOf(
        await aws.apigatewayv2.send(
          new CreateApiCommand({ Name, ProtocolType, RouteSelectionExpression, Tags: { ...tags } }),
        ),
      );
    },

    settle: (aws, made, { pause }) => theOnlyOne(aws, made, { name, identity, pause }),

    async update(aws, { Name, RouteSelectionExpression }, { attributes: { ApiId } }) {
      await aws.apigatewayv2.send(new UpdateApiCommand({ ApiId, Name, RouteSelectionExpression }));
    },

    async delete(aws, { attributes: { ApiId } }) {
      await orMissing(aws.apigatewayv2.send(new DeleteApiCommand({ ApiId })));
    },
  };
}

export type ApiResource = ReturnType<typeof api>;

const findOurs = async (aws: Aws, identity: Identity): Promise<Api[]> =>
  (await allApis(aws)).filter(({ Tags = {} }) => isOurs(Tags, identity));

function foundApi(found: Api): Found<ApiProperties, ApiAddresses> {
  const { Name = "", RouteSelectionExpression = "", Tags = {}, CreatedDate } = found;
  return {
    attributes: addressesOf(found),
    properties: { Name, ProtocolType: "WEBSOCKET", RouteSelectionExpression },
    tags: Tags,
    ...(CreatedDate ? { createdAt: CreatedDate } : {}),
  };
}

interface Rivals {
  name: string;
  identity: Identity;
  pause(): Promise<void>;
}

const LOOKS = 3;

/**
 * Looks whether there is exactly one API of ours (FAULTS.md R3). Of those that this run made the oldest
 * stays. Where another run made one too, the younger one withdraws, and so does one without a stage beside
 * one that serves. What does not become clear is refused (exit 4).
 */
async function theOnlyOne(
  aws: Aws,
  made: ApiAddresses,
  { name, identity, pause }: Rivals,
): Promise<ApiAddresses> {
  let kept = made;
  for (let look = 1; ; look++) {
    const listed = (await findOurs(aws, identity)).toSorted(byAge);
    kept = await oldestOfThisRun(aws, kept, listed, identity);
    const others = listed.filter(({ Tags = {} }) => !isOfThisRun(Tags, identity));
    if (others.length === 0) return kept;
    if (await isToWithdraw(aws, kept, listed, others)) {
      await orMissing(aws.apigatewayv2.send(new DeleteApiCommand({ ApiId: kept.ApiId })));
      throw new LostRace(`Api ${name}`);
    }
    if (look === LOOKS) throw several({ id: "Api", name }, listed.map(foundApi));
    await pause();
  }
}

/**
 * Removes what this run made twice, after an answer that was lost, but for the oldest. What serves a stage is
 * left alone and found by the next look.
 */
async function oldestOfThisRun(
  aws: Aws,
  made: ApiAddresses,
  listed: readonly Api[],
  identity: Identity,
): Promise<ApiAddresses> {
  const mine = listed.filter(({ Tags = {} }) => isOfThisRun(Tags, identity)).map(addressesOf);
  const isListed = mine.some(({ ApiId }) => ApiId === made.ApiId);
  const [oldest = made, ...younger] = isListed ? mine : [...mine, made];
  for (const { ApiId } of younger) {
    if (!(await hasStages(aws, ApiId)))
      await orMissing(aws.apigatewayv2.send(new DeleteApiCommand({ ApiId })));
  }
  return oldest;
}

/**
 * Whether ours is the one that gives way: it serves nothing, and another one is older or serves. One that is
 * not listed yet is the youngest.
 */
async function isToWithdraw(
  aws: Aws,
  { ApiId }: ApiAddresses,
  listed: readonly Api[],
  others: readonly Api[],
): Promise<boolean> {
  if (await hasStages(aws, ApiId)) return false;
  const at = listed.findIndex((one) => one.ApiId === ApiId);
  const isYounger = at === -1 || listed.slice(0, at).some((older) => others.includes(older));
  return isYounger || (await Promise.all(others.map((other) => hasStages(aws, other.ApiId)))).some(Boolean);
}

const byAge = (one: Api, other: Api): number =>
  Number(one.CreatedDate ?? 0) - Number(other.CreatedDate ?? 0) ||
  String(one.ApiId).localeCompare(String(other.ApiId));

async function hasStages(aws: Aws, ApiId: string | undefined): Promise<boolean> {
  const stages = await orMissing(aws.apigatewayv2.send(new GetStagesCommand({ ApiId })));
  return (stages?.Items ?? []).length > 0;
}
