import type { Integration, Route } from "@aws-sdk/client-apigatewayv2";

/** What API Gateway calls for a route. */
export interface Called {
  type: string | undefined;
  /** The function's ARN without a qualifier; undefined where the integration calls no function. */
  functionArn: string | undefined;
  /** The alias or version that is called. */
  qualifier: string | undefined;
  timeoutMs: number | undefined;
}

/** The integration that a route points to; undefined where there is no such route or integration. */
export function integrationOf(
  routeKey: string,
  { routes, integrations }: { routes: readonly Route[]; integrations: readonly Integration[] },
): Called | undefined {
  const target = routes.find(({ RouteKey }) => RouteKey === routeKey)?.Target;
  const found = integrations.find(({ IntegrationId }) => target === `integrations/${IntegrationId}`);
  if (!found) return undefined;
  // The form that a WebSocket API takes (AWS.md 3.2).
  const arn = /\/functions\/(arn:[^/]+)\/invocations$/.exec(found.IntegrationUri ?? "")?.[1];
  const [functionArn, qualifier] = arn === undefined ? [] : partsOf(arn);
  return { type: found.IntegrationType, functionArn, qualifier, timeoutMs: found.TimeoutInMillis };
}

/** `arn:aws:lambda:REGION:ACCOUNT:function:NAME`, and what may follow it. */
function partsOf(arn: string): [string, string | undefined] {
  const parts = arn.split(":");
  return [parts.slice(0, 7).join(":"), parts[7]];
}
