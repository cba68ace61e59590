/**
 * What is read of an access log, by the variables of API Gateway that tell it: of several the first that a
 * format has (AWS.md 1.15).
 */
export const accessLogVariables = {
  requestId: ["requestId", "extendedRequestId"],
  connectionId: ["connectionId"],
  eventType: ["eventType"],
  routeKey: ["routeKey"],
  status: ["status"],
  at: ["requestTimeEpoch"],
  ms: ["integration.latency", "integrationLatency"],
  error: ["integration.error", "integrationErrorMessage"],
  /** Where API Gateway itself refuses an event. */
  refusal: ["error.message"],
} as const;

/** The format of the access log that a deploy switches on: one line of JSON for each event. */
export const accessLogFormat = JSON.stringify(
  Object.fromEntries(
    Object.entries(accessLogVariables).map(([fact, [variable]]) => [fact, `$context.${variable}`]),
  ),
);

/** The log group of that access log; the one of API Gateway's own log ends in `/API-ID/STAGE`. */
export const accessLogGroupOf = (functionName: string): string => `/aws/apigateway/${functionName}/access`;
