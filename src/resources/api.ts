import type { Api } from "@aws-sdk/client-apigatewayv2";
import type { Found, Resource, Which } from "../stack/resource.ts";
import type { RoleResource } from "./role.ts";
import { complete, orMissing } from "../aws/answers.ts";
import { apiMembers } from "../aws/authentic.ts";
import { addressesOf, allApis, apisWithOurs, type ApiAddresses } from "../aws/deployed.ts";
import { isOurs, otherManagerIn, type Identity, type Tags } from "../aws/tags.ts";

interface ApiProperties {
  Name: string;
  ProtocolType: "WEBSOCKET";
  RouteSelectionExpression: string;
}

/**
 * The WebSocket API. Names of APIs are not unique (AWS.md 3.1) and may be changed, so it is found by our
 * tags; where none has them, the one of its name that another tool manages stands in the way.
 */
export function api(
  { name, tags, identity }: { name: string; tags: Tags; identity: Identity },
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
    desired: () => ({
      Name: name,
      ProtocolType: "WEBSOCKET",
      RouteSelectionExpression: "$request.body.action",
    }),

    async list(aws, _within, wanted: Which = "all") {
      const apis = await (wanted === "all" ? allApis(aws) : apisWithOurs(aws, identity.stack));
      const ours = apis.filter(({ Tags }) => Tags && isOurs(Tags, identity));
      return (ours.length > 0 ? ours.toSorted(byAge) : managedByOther(apis, name)).map(foundApi);
    },

    async inUse(aws, { attributes: { ApiId } }) {
      const stages = await orMissing(aws.apigatewayv2.call("GetStages", { ApiId }));
      return stages !== undefined && complete(stages, ["Items"]).Items.length > 0;
    },

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

    async update(aws, { Name, RouteSelectionExpression }, { attributes: { ApiId } }) {
      await aws.apigatewayv2.call("UpdateApi", { ApiId, Name, RouteSelectionExpression });
    },

    async delete(aws, { attributes: { ApiId } }) {
      await orMissing(aws.apigatewayv2.call("DeleteApi", { ApiId }));
    },
  };
}

export type ApiResource = ReturnType<typeof api>;

function foundApi(found: Api): Found<ApiProperties, ApiAddresses> {
  const { Name, RouteSelectionExpression, Tags, CreatedDate } = complete(found, [...apiMembers, "Tags"]);
  return {
    attributes: addressesOf(found),
    properties: { Name, ProtocolType: "WEBSOCKET", RouteSelectionExpression },
    tags: Tags,
    ...(CreatedDate ? { createdAt: CreatedDate } : {}),
  };
}

/** The API of that name that another tool manages: a deploy is refused then. Of several none is meant. */
function managedByOther(apis: readonly Api[], name: string): readonly Api[] {
  const named = apis.filter(({ Name, Tags = {} }) => Name === name && otherManagerIn(Tags) !== undefined);
  return named.length === 1 ? named : [];
}

/** By age where both have a date: one without is neither the older nor the younger one. */
const byAge = (one: Api, other: Api): number =>
  (one.CreatedDate && other.CreatedDate ? Number(one.CreatedDate) - Number(other.CreatedDate) : 0) ||
  String(one.ApiId).localeCompare(String(other.ApiId));
