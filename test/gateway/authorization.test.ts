import { expect, test } from "vitest";
import { openSocket, refusedSocket } from "../support/socket.ts";
import {
  answered,
  functionArn,
  invokeUriOf,
  signed,
  testGateway,
  type Event,
  type TestGatewayOptions,
} from "../support/test-gateway.ts";

const authorizerArn = functionArn.replace(/proxy$/, "authorizer");
const methodArn = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/dev/$connect";

type AuthorizedEvent = Event & {
  type?: string;
  methodArn?: string;
  requestContext: { authorizer?: Record<string, unknown>; identity: Record<string, string> };
};

/** A policy that allows what its text says, and another that allows nothing. */
const allowing = { Version: "2012-10-17", Statement: [{ Effect: "Allow" }] };
const denying = { Version: "2012-10-17", Statement: [{ Effect: "Deny" }] };

/** A gateway whose `$connect` asks a function, which answers this. */
const withAuthorizer = (
  answer: () => ReturnType<typeof answered> | { kind: "forbidden" },
  given: Partial<TestGatewayOptions> = {},
) =>
  testGateway({
    routes: [
      {
        routeKey: "$connect",
        authorizationType: "CUSTOM",
        authorizer: {
          id: "auth12",
          uri: invokeUriOf(authorizerArn),
          identitySources: ["route.request.querystring.token", "route.request.header.X-Client"],
        },
      },
      "$default",
      "$disconnect",
    ],
    lambda: (_event, call) => (call.functionArn === authorizerArn ? answer() : answered({ statusCode: 200 })),
    allows: (document) => document.includes("Allow"),
    ...given,
  });

const headers = { "x-client": "shelf" };
const accepted = () =>
  answered({ principalId: "ann", policyDocument: allowing, context: { team: "web", level: 3, admin: true } });

test("an authorizer gets its own event, and what it says is in every later one (AWS.md 1.9)", async () => {
  const api = await withAuthorizer(accepted);
  const socket = await openSocket(`${api.url}?token=t`, { headers });
  const asked = await api.calls.next(({ functionArn: called }) => called === authorizerArn);
  expect(asked.sourceArn).toBe("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/authorizers/auth12");
  expect(asked.event).toMatchObject({
    type: "REQUEST",
    methodArn,
    headers: { Connection: "upgrade", Upgrade: "websocket", "content-length": "0", "x-client": "shelf" },
    queryStringParameters: { token: "t" },
    multiValueQueryStringParameters: { token: ["t"] },
    stageVariables: {},
    requestContext: { eventType: "CONNECT", routeKey: "$connect" },
  });
  expect(asked.event).not.toHaveProperty("isBase64Encoded");
  const said = { principalId: "ann", team: "web", level: 3, admin: true };
  const later = async (type: "CONNECT" | "MESSAGE" | "DISCONNECT") =>
    ((await api.event(type)) as AuthorizedEvent).requestContext.authorizer;
  expect(await later("CONNECT")).toEqual({ ...said, integrationLatency: expect.any(Number) });
  socket.send("hi");
  expect(await later("MESSAGE")).toEqual({ ...said, integrationLatency: expect.any(Number) });
  socket.close();
  expect(await later("DISCONNECT")).toEqual(said);
});

const refusing: [answer: string, status: number, given: Parameters<typeof withAuthorizer>[0]][] = [
  ["denies", 403, () => answered({ principalId: "ann", policyDocument: denying })],
  [
    "throws Unauthorized",
    401,
    () => ({ kind: "answered", functionError: "Unhandled", payload: '{"errorMessage":"Unauthorized"}' }),
  ],
  [
    "throws something else",
    500,
    () => ({ kind: "answered", functionError: "Unhandled", payload: '{"errorMessage":"x"}' }),
  ],
  ["may not be called", 500, () => ({ kind: "forbidden" })],
  ["answers no policy", 500, () => answered({ principalId: "ann" })],
  ["answers a policy without a principal id", 500, () => answered({ policyDocument: allowing })],
  [
    "has an object in its context",
    500,
    () => answered({ principalId: "ann", policyDocument: allowing, context: { a: {} } }),
  ],
  [
    "answers more than 8 KB",
    500,
    () => answered({ principalId: "a".repeat(8_192), policyDocument: allowing }),
  ],
];

test.each(refusing)("an authorizer that %s refuses with %i (AWS.md 1.5)", async (_what, status, answer) => {
  const api = await withAuthorizer(answer);
  expect((await refusedSocket(`${api.url}?token=t`, { headers })).status).toBe(status);
  expect(api.calls.all.every(({ functionArn: called }) => called === authorizerArn)).toBe(true);
});

test.each([
  ["?token=t", {}],
  ["", headers],
  ["?token=", headers],
])("without an identity source (%s, %j) it is 401, and no function is asked", async (query, given) => {
  const api = await withAuthorizer(accepted);
  expect(await refusedSocket(`${api.url}${query}`, { headers: given })).toMatchObject({
    status: 401,
    body: '{"message":"Unauthorized"}',
  });
  expect(api.calls.all).toEqual([]);
});

test("a policy that is none is a failed authorizer", async () => {
  const api = await withAuthorizer(accepted, {
    allows: () => {
      throw new Error("no policy");
    },
  });
  expect((await refusedSocket(`${api.url}?token=t`, { headers })).status).toBe(500);
});

const identity = { accountId: "123456789012", userArn: "arn:aws:iam::123456789012:user/local" };
const withIam = (caller: NonNullable<TestGatewayOptions["caller"]>) =>
  testGateway({ routes: [{ routeKey: "$connect", authorizationType: "AWS_IAM" }], caller });

test("a route with AWS_IAM takes a signed upgrade only, in headers or in the query", async () => {
  const asked: unknown[] = [];
  const api = await withIam((call) => {
    asked.push(call);
    return { identity };
  });
  expect((await refusedSocket(api.url)).status).toBe(403);
  const elsewhere = { authorization: signed.authorization.replace("us-east-1", "eu-west-1") };
  expect((await refusedSocket(api.url, { headers: elsewhere })).status).toBe(403);
  expect([asked, api.calls.all]).toEqual([[], []]);
  await openSocket(api.url, { headers: signed });
  expect(((await api.event("CONNECT")) as AuthorizedEvent).requestContext.identity).toMatchObject(identity);
  const query = new URLSearchParams({
    "X-Amz-Credential": "local/20261123/us-east-1/execute-api/aws4_request",
    "X-Amz-Security-Token": "token",
    "X-Amz-Signature": "0",
  });
  await openSocket(`${api.url}?${query.toString()}`);
  const call = { region: "us-east-1", apiId: "a1b2c3d4e5", stage: "dev" };
  expect(asked).toEqual([
    { ...call, sessionToken: undefined },
    { ...call, sessionToken: "token" },
  ]);
});

test("a caller that may not connect gets AWS's words", async () => {
  const api = await withIam(() => ({ denied: "User: a is not authorized" }));
  expect(await refusedSocket(api.url, { headers: signed })).toMatchObject({
    status: 403,
    body: '{"message":"User: a is not authorized"}',
  });
});
