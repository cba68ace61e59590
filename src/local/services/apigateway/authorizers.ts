import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { notEmulated } from "../../aws-error.ts";
import { all, kept, only } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { assignGiven, findApi, newId, type Apigateway, type ApiState } from "./api-state.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, conflict, notFound } from "./refusals.ts";
import { redeploy } from "./stages.ts";

const op = operations<typeof sdk, Apigateway>();
const authorizer = { ApiId: all, AuthorizerId: all } as const;
const settings = {
  ApiId: all,
  Name: kept,
  AuthorizerType: only("REQUEST"),
  AuthorizerUri: all,
  IdentitySource: all,
  AuthorizerResultTtlInSeconds: only(0),
} as const;

/** Lambda authorizers of `$connect` (AWS.md 1.9). */
export const authorizerOperations = [
  op("CreateAuthorizer", settings, ({ ApiId, ...given }, at) => {
    const api = findApi(at, ApiId);
    checkAuthorizer(given);
    if (!given.AuthorizerUri) throw badRequest("AuthorizerUri is required for a REQUEST authorizer");
    const made: sdk.Authorizer = { ...given, AuthorizerId: newId(6) };
    (api.authorizers ??= new Map<string, sdk.Authorizer>()).set(made.AuthorizerId ?? "", made);
    return made;
  }),
  op("GetAuthorizer", authorizer, ({ ApiId, AuthorizerId }, at) =>
    authorizerOf(findApi(at, ApiId), AuthorizerId),
  ),
  op("GetAuthorizers", { ApiId: all, MaxResults: all, NextToken: all }, ({ ApiId, ...page }, at) =>
    pageOfItems(at.host, [...(findApi(at, ApiId).authorizers?.values() ?? [])], page),
  ),
  op("UpdateAuthorizer", { ...settings, AuthorizerId: all }, ({ ApiId, AuthorizerId, ...changes }, at) => {
    const api = findApi(at, ApiId);
    const found = authorizerOf(api, AuthorizerId);
    checkAuthorizer(changes);
    assignGiven(found, changes);
    redeploy(api, at.now);
    return found;
  }),
  op("DeleteAuthorizer", authorizer, ({ ApiId, AuthorizerId }, at) => {
    const api = findApi(at, ApiId);
    authorizerOf(api, AuthorizerId);
    if ([...api.routes.values()].some(({ route }) => route.AuthorizerId === AuthorizerId))
      throw conflict(`Cannot delete Authorizer '${AuthorizerId}' because it is referenced by a Route`);
    api.authorizers?.delete(AuthorizerId);
  }),
];

function authorizerOf({ authorizers }: ApiState, id: string): sdk.Authorizer {
  const found = authorizers?.get(id);
  if (!found) throw notFound(`Invalid Authorizer identifier specified ${id}`);
  return found;
}

function checkAuthorizer({ IdentitySource = [] }: Pick<sdk.Authorizer, "IdentitySource">): void {
  const other = IdentitySource.find(
    (source) => !/^route\.request\.(header|querystring)\.[^.\s]+$/.test(source),
  );
  if (other !== undefined) throw notEmulated(`the identity source ${other}`);
}
