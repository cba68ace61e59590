import type * as sdk from "@aws-sdk/client-apigatewayv2";
import { notEmulated } from "../../aws-error.ts";
import type { MockIntegration } from "../../gateway/contract.ts";
import { isPlainTemplate } from "../../gateway/mock.ts";
import type { ApiState } from "./api-state.ts";

/** Refuses templates that say more than text and `$context` variables. */
export function checkTemplates(templates: Readonly<Record<string, string>> = {}): void {
  if (!Object.values(templates).every(isPlainTemplate))
    throw notEmulated("a template with more than text and $context variables");
}

/** A MOCK integration as a deployment serves it. */
export function servedMock(
  { integrationResponses }: ApiState,
  { IntegrationId = "", RequestTemplates = {}, TemplateSelectionExpression = "" }: sdk.Integration,
): MockIntegration {
  const responses = [...(integrationResponses?.get(IntegrationId)?.values() ?? [])];
  return {
    requestTemplates: { ...RequestTemplates },
    templateSelection: TemplateSelectionExpression,
    responses: responses.map((each) => ({
      key: each.IntegrationResponseKey ?? "",
      templateSelection: each.TemplateSelectionExpression ?? "",
      templates: { ...each.ResponseTemplates },
    })),
  };
}
