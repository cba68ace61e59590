/**
 * The events that API Gateway sends, field by field (AWS.md 1.2 to 1.4); `request` replaces members of the
 * requestContext.
 */

type Members = Record<string, unknown>;

export const connectionId = "UbT2acX1IAMCJpw=";
const domainName = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";
const identity = { userAgent: "shelfshack-cli/1.0", sourceIp: "203.0.113.7" };
const common = {
  messageDirection: "IN",
  stage: "prod",
  connectedAt: 1795446280123,
  identity,
  domainName,
  connectionId,
  apiId: "a1b2c3d4e5",
};

/** A handshake; without a query the two keys are absent, as on AWS. */
export function connectEvent(query?: Record<string, string>, headers: Members = {}, request: Members = {}) {
  const multi = Object.entries(query ?? {}).map(([name, value]) => [name, [value]]);
  return {
    headers: {
      Host: domainName,
      Origin: "https://shelfshack.example",
      "Sec-WebSocket-Key": "q0v3Yl2yQ8m1Wq0m3m2f7g==",
      "Sec-WebSocket-Version": "13",
      "User-Agent": "shelfshack-cli/1.0",
      "X-Forwarded-For": "203.0.113.7, 198.51.100.9",
      Cookie: `session=${"c".repeat(4_000)}`,
      ...headers,
    },
    multiValueHeaders: { Host: [domainName], "X-Forwarded-For": ["203.0.113.7"] },
    ...(query && {
      queryStringParameters: query,
      multiValueQueryStringParameters: Object.fromEntries(multi),
    }),
    requestContext: {
      routeKey: "$connect",
      eventType: "CONNECT",
      extendedRequestId: "UbT2aF9yIAMFkQg=",
      requestTime: "23/Nov/2026:15:04:40 +0000",
      requestTimeEpoch: 1795446280124,
      requestId: "UbT2aF9yIAMFkQg=",
      ...common,
      ...request,
    },
    isBase64Encoded: false,
  };
}

export function messageEvent(body: string, request: Members = {}) {
  return {
    requestContext: {
      routeKey: "$default",
      messageId: "UbT2ncYVoAMCJpw=",
      eventType: "MESSAGE",
      extendedRequestId: "UbT2nH5bIAMFSnA=",
      requestTime: "23/Nov/2026:15:05:01 +0000",
      requestTimeEpoch: 1795446301456,
      requestId: "UbT2nH5bIAMFSnA=",
      ...common,
      ...request,
    },
    body,
    isBase64Encoded: false,
  };
}

export function disconnectEvent(request: Members = {}) {
  const headers = { Host: domainName, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "" };
  return {
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    requestContext: {
      routeKey: "$disconnect",
      disconnectStatusCode: 1005,
      eventType: "DISCONNECT",
      extendedRequestId: "UbT3zHqFIAMFZgA=",
      requestTime: "23/Nov/2026:15:09:12 +0000",
      disconnectReason: "Client-side close frame status not set",
      requestTimeEpoch: 1795446552001,
      requestId: "UbT3zHqFIAMFZgA=",
      ...common,
      ...request,
    },
    isBase64Encoded: false,
  };
}

/** The event that tests a stack made by hand: what the Lambda console's Test button sends. */
export const consoleTestEvent = {
  requestContext: {
    routeKey: "$connect",
    connectionId: "test-connection-123",
    domainName: "test.execute-api.us-east-1.amazonaws.com",
    stage: "dev",
  },
  queryStringParameters: { booking_id: "1", token: "test-token", type: "booking" },
};
