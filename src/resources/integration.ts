import type { Integration } from "@aws-sdk/client-apigatewayv2";
import type { AnyResource, Found, Resource } from "../stack/resource.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import { ALIAS } from "../aws/served.ts";
import { complete, everyPage, given, orMissing } from "../aws/answers.ts";

interface IntegrationProperties {
  ApiId: string;
  Description: string;
  IntegrationType: "AWS_PROXY";
  IntegrationMethod: string;
  IntegrationUri: string;
  TimeoutInMillis: number;
}
type IntegrationAttributes = { IntegrationId: string };

/** Integrations have neither name nor tags: the description says which one of our API is ours. */
const DESCRIPTION = "shelfshack-ws";

/**
 * The one integration that all routes point to: API Gateway invokes the release that the alias serves with
 * the event as it is (AWS.md 3.2). A change of it `follows` what lets it do so.
 */
export function integration(
  { functionName, region }: { functionName: string; region: string },
  needs: { account: AccountResource; api: ApiResource },
  follows: readonly AnyResource[],
): Resource<IntegrationProperties, IntegrationAttributes, typeof needs> {
  return {
    id: "Integration",
    type: "AWS::ApiGatewayV2::Integration",
    name: "AWS_PROXY",
    step: "integration",
    needs,
    within: needs.api,
    follows,
    foundBy: "content",
    adoption: "marked",

    desired: ({ account, api: { ApiId } }) => ({ ApiId, ...settingsOf({ functionName, region }, account) }),

    async list(aws, within) {
      const { ApiId } = complete(within, ["ApiId"]);
      const items = await everyPage((NextToken) =>
        aws.apigatewayv2.call("GetIntegrations", { ApiId, NextToken, MaxResults: "100" }),
      );
      return items
        .filter(({ Description }) => Description === DESCRIPTION)
        .map((found) => foundIntegration(ApiId, found));
    },

    async inUse(aws, { attributes: { IntegrationId }, properties: { ApiId } }) {
      const routes = await everyPage((NextToken) =>
        aws.apigatewayv2.call("GetRoutes", { ApiId, NextToken, MaxResults: "100" }),
      );
      return routes.some(({ Target }) => Target === `integrations/${IntegrationId}`);
    },

    async create(aws, desired) {
      const created = await aws.apigatewayv2.call("CreateIntegration", desired);
      const { IntegrationId } = complete(created, ["IntegrationId"]);
      return { IntegrationId };
    },

    async update(aws, desired, { attributes }) {
      await aws.apigatewayv2.call("UpdateIntegration", { ...desired, ...attributes });
    },

    async delete(aws, { attributes, properties: { ApiId } }) {
      await orMissing(aws.apigatewayv2.call("DeleteIntegration", { ApiId, ...attributes }));
    },
  };
}

/** What the integration is set to, wherever it is. */
export const settingsOf = (
  { functionName, region }: { functionName: string; region: string },
  { Account, Partition }: { Account: string; Partition: string },
): Omit<IntegrationProperties, "ApiId"> => ({
  Description: DESCRIPTION,
  IntegrationType: "AWS_PROXY",
  IntegrationMethod: "POST",
  IntegrationUri: invocationUri(
    { Partition, region },
    `arn:${Partition}:lambda:${region}:${Account}:function:${functionName}:${ALIAS}`,
  ),
  TimeoutInMillis: 29_000,
});

/** A WebSocket API takes the function's ARN only in this form; the plain one fails at run time. */
const invocationUri = ({ Partition, region }: { Partition: string; region: string }, arn: string): string =>
  `arn:${Partition}:apigateway:${region}:lambda:path/2015-03-31/functions/${arn}/invocations`;

export type IntegrationResource = ReturnType<typeof integration>;

function foundIntegration(
  ApiId: string,
  found: Integration,
): Found<IntegrationProperties, IntegrationAttributes> {
  const { IntegrationId } = complete(found, ["IntegrationId"]);
  const { Description, IntegrationType, IntegrationMethod, IntegrationUri, TimeoutInMillis } = found;
  return {
    attributes: { IntegrationId },
    properties: given({
      ApiId,
      Description,
      IntegrationType: IntegrationType === "AWS_PROXY" ? IntegrationType : undefined,
      IntegrationMethod,
      IntegrationUri,
      TimeoutInMillis,
    }),
  };
}
