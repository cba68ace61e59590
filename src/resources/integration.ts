import {
  CreateIntegrationCommand,
  DeleteIntegrationCommand,
  GetIntegrationsCommand,
  UpdateIntegrationCommand,
  type Integration,
} from "@aws-sdk/client-apigatewayv2";
import { LostRace } from "../stack/create.ts";
import { type Found, type Resource } from "../stack/resource.ts";
import type { Aws } from "../aws/clients.ts";
import type { AccountResource } from "./account.ts";
import type { ApiResource } from "./api.ts";
import { everyPage, orMissing } from "../aws/answers.ts";

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
 * The one integration that all routes point to: API Gateway invokes the function with the event as it is
 * (AWS.md 3.2).
 */
export function integration(
  { functionName, region }: { functionName: string; region: string },
  needs: { account: AccountResource; api: ApiResource },
): Resource<IntegrationProperties, IntegrationAttributes, typeof needs> {
  return {
    id: "Integration",
    type: "AWS::ApiGatewayV2::Integration",
    name: "AWS_PROXY",
    step: "integration",
    needs,
    within: needs.api,
    ambiguous: true,

    desired: ({ account, api: { ApiId } }) => ({ ApiId, ...settingsOf({ functionName, region }, account) }),

    async read(aws, { ApiId = "" }) {
      const [found] = await oursIn(aws, ApiId);
      return found && foundIntegration(ApiId, found);
    },

    async create(aws, desired) {
      const { IntegrationId = "" } = await aws.apigatewayv2.send(new CreateIntegrationCommand(desired));
      return { IntegrationId };
    },

    // Integrations have no dates: whoever sees another one withdraws its own, which no route points to yet,
    // and takes that.
    async settle(aws, made, { answered, within: { ApiId = "" } }) {
      const others = async () =>
        (await oursIn(aws, ApiId)).filter(({ IntegrationId }) => IntegrationId !== made.IntegrationId);
      if (!answered || (await others()).length === 0) return made;
      await orMissing(aws.apigatewayv2.send(new DeleteIntegrationCommand({ ApiId, ...made })));
      const [left] = await others();
      if (left?.IntegrationId === undefined) throw new LostRace("Integration AWS_PROXY");
      return { IntegrationId: left.IntegrationId };
    },

    async update(aws, desired, { attributes }) {
      await aws.apigatewayv2.send(new UpdateIntegrationCommand({ ...desired, ...attributes }));
    },
  };
}

async function oursIn(aws: Aws, ApiId: string): Promise<Integration[]> {
  const items = await everyPage((NextToken) =>
    aws.apigatewayv2.send(new GetIntegrationsCommand({ ApiId, NextToken, MaxResults: "100" })),
  );
  return items.filter(({ Description }) => Description === DESCRIPTION);
}

/** What the integration is set to, wherever it is. */
export const settingsOf = (
  { functionName, region }: { functionName: string; region: string },
  { Account, Partition }: { Account: string; Partition: string },
): Omit<IntegrationProperties, "ApiId"> => ({
  Description: DESCRIPTION,
  IntegrationType: "AWS_PROXY",
  IntegrationMethod: "POST",
  // A WebSocket API takes the function's ARN only in this form; the plain one fails at run time.
  IntegrationUri: `arn:${Partition}:apigateway:${region}:lambda:path/2015-03-31/functions/arn:${Partition}:lambda:${region}:${Account}:function:${functionName}/invocations`,
  TimeoutInMillis: 29_000,
});

export type IntegrationResource = ReturnType<typeof integration>;

function foundIntegration(
  ApiId: string,
  found: Integration,
): Found<IntegrationProperties, IntegrationAttributes> {
  const {
    IntegrationId = "",
    Description = "",
    IntegrationType,
    IntegrationMethod = "",
    IntegrationUri = "",
    TimeoutInMillis = 29_000,
  } = found;
  return {
    attributes: { IntegrationId },
    properties: {
      ApiId,
      Description,
      ...(IntegrationType === "AWS_PROXY" ? { IntegrationType } : {}),
      IntegrationMethod,
      IntegrationUri,
      TimeoutInMillis,
    },
  };
}
