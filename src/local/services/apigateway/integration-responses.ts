import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { notEmulated } from "../../aws-error.ts";
import { all } from "../../wire/members.ts";
import { operations } from "../operations.ts";
import { assignGiven, findApi, newId, type Apigateway, type ApiState } from "./api-state.ts";
import { checkTemplates } from "./mock-integration.ts";
import { pageOfItems } from "./pages.ts";
import { badRequest, conflict, notFound } from "./refusals.ts";
import { redeploy } from "./stages.ts";

const op = operations<typeof sdk, Apigateway>();
const integration = { ApiId: all, IntegrationId: all } as const;
const response = { ...integration, IntegrationResponseId: all } as const;
const settings = {
  ...integration,
  IntegrationResponseKey: all,
  ResponseTemplates: all,
  TemplateSelectionExpression: all,
} as const;

/** What MOCK integrations answer by the status that they made (AWS.md 3.2). */
export const integrationResponseOperations = [
  op("CreateIntegrationResponse", settings, ({ ApiId, IntegrationId, ...given }, at) => {
    const api = findApi(at, ApiId);
    const responses = responsesOf(api, IntegrationId);
    checkResponse(responses, given);
    const made: sdk.IntegrationResponse = { ...given, IntegrationResponseId: newId(6) };
    responses.set(made.IntegrationResponseId ?? "", made);
    redeploy(api, at.now);
    return made;
  }),
  op("GetIntegrationResponse", response, ({ ApiId, IntegrationId, IntegrationResponseId }, at) =>
    responseOf(responsesOf(findApi(at, ApiId), IntegrationId), IntegrationResponseId),
  ),
  op(
    "GetIntegrationResponses",
    { ...integration, MaxResults: all, NextToken: all },
    ({ ApiId, IntegrationId, ...page }, at) =>
      pageOfItems(at.host, [...responsesOf(findApi(at, ApiId), IntegrationId).values()], page),
  ),
  op(
    "UpdateIntegrationResponse",
    { ...settings, IntegrationResponseId: all },
    ({ ApiId, IntegrationId, IntegrationResponseId, ...changes }, at) => {
      const api = findApi(at, ApiId);
      const responses = responsesOf(api, IntegrationId);
      const found = responseOf(responses, IntegrationResponseId);
      checkResponse(responses, changes, IntegrationResponseId);
      assignGiven(found, changes);
      redeploy(api, at.now);
      return found;
    },
  ),
  op("DeleteIntegrationResponse", response, ({ ApiId, IntegrationId, IntegrationResponseId }, at) => {
    const api = findApi(at, ApiId);
    const responses = responsesOf(api, IntegrationId);
    responseOf(responses, IntegrationResponseId);
    responses.delete(IntegrationResponseId);
    redeploy(api, at.now);
  }),
];

type Responses = Map<string, sdk.IntegrationResponse>;

function responsesOf(api: ApiState, integrationId: string): Responses {
  const found = api.integrations.get(integrationId);
  if (!found) throw notFound(`Invalid Integration identifier specified ${integrationId}`);
  if (found.IntegrationType !== "MOCK")
    throw badRequest("Integration responses are not supported for proxy integrations");
  const kept = (api.integrationResponses ??= new Map<string, Responses>());
  const responses: Responses = kept.get(integrationId) ?? new Map<string, sdk.IntegrationResponse>();
  kept.set(integrationId, responses);
  return responses;
}

function responseOf(responses: Responses, id: string): sdk.IntegrationResponse {
  const found = responses.get(id);
  if (!found) throw notFound(`Invalid IntegrationResponse identifier specified ${id}`);
  return found;
}

type Given = Pick<sdk.IntegrationResponse, "ResponseTemplates" | "TemplateSelectionExpression"> & {
  IntegrationResponseKey?: string | undefined;
};

function checkResponse(
  responses: Responses,
  { IntegrationResponseKey: key, ResponseTemplates, TemplateSelectionExpression = "" }: Given,
  own?: string,
): void {
  if (key !== undefined && key !== "$default" && !isStatusPattern(key))
    throw badRequest(`Invalid integration response key: ${key}`);
  if ([...responses].some(([id, other]) => id !== own && other.IntegrationResponseKey === key))
    throw conflict(`IntegrationResponse with key ${key} already exists for this integration`);
  if (TemplateSelectionExpression.includes("{")) throw notEmulated("a template that a response selects");
  checkTemplates(ResponseTemplates);
}

function isStatusPattern(key: string): boolean {
  try {
    return /^\/.+\/$/.test(key) && Boolean(new RegExp(key.slice(1, -1)));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
