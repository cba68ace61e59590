import type { Seen } from "./contract.ts";

type SeenEvent = Extract<Seen, { kind: "event" }>;

/** What a format can name of an event (AWS.md 1.15). What is not here is written as `-`. */
const variables: Readonly<Record<string, (event: SeenEvent) => string | number | undefined>> = {
  requestId: ({ requestId }) => requestId,
  extendedRequestId: ({ requestId }) => requestId,
  connectionId: ({ connectionId }) => connectionId,
  eventType: ({ event }) => event.toUpperCase(),
  routeKey: ({ routeKey }) => routeKey,
  status: ({ status }) => status,
  apiId: ({ apiId }) => apiId,
  stage: ({ stage }) => stage,
  requestTime: ({ at }) => clfTime(at),
  requestTimeEpoch: ({ at }) => at,
  "integration.status": ({ status, problem }) => (problem === undefined ? status : undefined),
  "integration.latency": ({ ms }) => ms,
  integrationLatency: ({ ms }) => ms,
  "integration.error": ({ problem }) => problem,
  integrationErrorMessage: ({ problem }) => problem,
  "error.message": ({ problem }) => problem,
  "error.messageString": ({ problem }) => problem && JSON.stringify(problem),
};

/** A line of an access log, ended as API Gateway ends it. */
export const accessLogLine = (format: string, event: SeenEvent): string =>
  format.replaceAll(/\$context\.(\w+(?:\.\w+)*)/g, (_, name: string) =>
    String((Object.hasOwn(variables, name) ? variables[name]?.(event) : undefined) ?? "-"),
  );

/** `23/Nov/2026:15:04:40 +0000` */
function clfTime(at: number): string {
  const [, day, month, year, time] =
    /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(at).toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
}
