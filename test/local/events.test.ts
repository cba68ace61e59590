import {
  CreateDeploymentCommand,
  CreateRouteResponseCommand,
  CreateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { expect, test } from "vitest";
import { until } from "../support/functions.ts";
import { makeApi, makeFunction, openLocalAws, permit, type AwsForTest } from "../support/local-aws.ts";
import { openSocket } from "../support/socket.ts";

interface Context {
  connectionId: string;
  requestId: string;
  connectedAt: number;
  requestTimeEpoch: number;
}
type Event = { requestContext: Context } & Record<string, unknown>;

/** A function that answers its event, and writes it into its log. */
const mirror = `export const handler = async (event) => {
  console.log("EVENT " + JSON.stringify(event));
  return { statusCode: 200, body: JSON.stringify(event) };
};`;

/** A deployed API whose routes answer, `$connect` included, with the event that their function got. */
async function mirrorOf(aws: AwsForTest, StageVariables?: Record<string, string>) {
  const { apigatewayv2 } = aws;
  const functionArn = await makeFunction(aws, { source: mirror });
  const { ApiId, RouteIds } = await makeApi(aws, {
    functionArn,
    routes: ["$connect", "$default", "join", "$disconnect"],
  });
  await permit(aws, { apiId: ApiId });
  for (const RouteId of RouteIds.slice(0, 3))
    await apigatewayv2.send(new CreateRouteResponseCommand({ ApiId, RouteId, RouteResponseKey: "$default" }));
  const { DeploymentId } = await apigatewayv2.send(new CreateDeploymentCommand({ ApiId }));
  await apigatewayv2.send(new CreateStageCommand({ ApiId, StageName: "dev", DeploymentId, StageVariables }));
  return {
    apiId: ApiId,
    url: `ws://127.0.0.1:${aws.port}/${ApiId}/dev`,
    domainName: `${ApiId}.execute-api.localhost:${aws.port}`,
  };
}

const eventIn = (text: string): Event => JSON.parse(text) as Event;
const id = (kind: "C" | "F") => expect.stringMatching(new RegExp(`^[\\w-]{11}${kind}[\\w-]{3}=$`));

/** What every requestContext holds, and nothing else does (AWS.md 1.2 to 1.4). */
const commonContext = ({ apiId, domainName }: { apiId: string; domainName: string }, event: Event) => ({
  extendedRequestId: event.requestContext.requestId,
  requestTime: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
  messageDirection: "IN",
  stage: "dev",
  connectedAt: expect.any(Number),
  requestTimeEpoch: expect.any(Number),
  identity: { userAgent: "shelf/1.0", sourceIp: "127.0.0.1" },
  requestId: id("F"),
  domainName,
  connectionId: id("C"),
  apiId,
});

const headers = {
  "User-Agent": "shelf/1.0",
  Origin: "http://localhost:5173",
  HeaderAuth1: "x",
  "x-api-key": "k",
};

test("the event of $connect is AWS's, field by field, as the function gets it", async () => {
  const aws = await openLocalAws();
  const api = await mirrorOf(aws, { backend: "blue" });
  const socket = await openSocket(`${api.url}?token=a%2Fb&type=booking&type=feed`, { headers });
  const event = eventIn(await socket.next());
  const values = {
    HeaderAuth1: "x",
    Host: `127.0.0.1:${aws.port}`,
    Origin: "http://localhost:5173",
    "Sec-WebSocket-Key": expect.stringMatching(/^.{24}$/),
    "Sec-WebSocket-Version": "13",
    "User-Agent": "shelf/1.0",
    "X-Amzn-Trace-Id": expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/),
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Port": String(aws.port),
    "X-Forwarded-Proto": "http",
    "x-api-key": "k",
  };
  expect(event).toEqual({
    headers: values,
    multiValueHeaders: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]])),
    queryStringParameters: { token: "a/b", type: "feed" },
    multiValueQueryStringParameters: { token: ["a/b"], type: ["booking", "feed"] },
    stageVariables: { backend: "blue" },
    requestContext: { routeKey: "$connect", eventType: "CONNECT", ...commonContext(api, event) },
    isBase64Encoded: false,
  });
  const { connectedAt, requestTimeEpoch } = event.requestContext;
  expect(requestTimeEpoch - connectedAt).toBeGreaterThanOrEqual(0);
});

test("what a client did not send is absent from its events, not null", async () => {
  const aws = await openLocalAws();
  const api = await mirrorOf(aws);
  const socket = await openSocket(api.url);
  const event = eventIn(await socket.next());
  expect(Object.keys(event).toSorted()).toEqual([
    "headers",
    "isBase64Encoded",
    "multiValueHeaders",
    "requestContext",
  ]);
  expect(event.requestContext).toMatchObject({ identity: { sourceIp: "127.0.0.1" } });
  expect(event.requestContext).not.toHaveProperty("identity.userAgent");
});

test("the event of a message has its text, the route that was selected and no header", async () => {
  const aws = await openLocalAws();
  const api = await mirrorOf(aws);
  const socket = await openSocket(`${api.url}?token=t`, { headers });
  const { connectionId, connectedAt } = eventIn(await socket.next()).requestContext;
  const bodies: [body: string, routeKey: string][] = [
    ['{"action":"join",\n "text":"grüße 🎉"}', "join"],
    ['{"action":"unknown"}', "$default"],
    ["not JSON", "$default"],
  ];
  for (const [body, routeKey] of bodies) {
    socket.send(body);
    const event = eventIn(await socket.next());
    expect(event).toEqual({
      requestContext: {
        routeKey,
        messageId: id("C"),
        eventType: "MESSAGE",
        ...commonContext(api, event),
        connectionId,
        connectedAt,
      },
      body,
      isBase64Encoded: false,
    });
  }
});

test("the event of $disconnect has four made-up headers, how it ended, and no body", async () => {
  const aws = await openLocalAws();
  const api = await mirrorOf(aws);
  const socket = await openSocket(`${api.url}?token=t`, { headers });
  const { connectionId, connectedAt } = eventIn(await socket.next()).requestContext;
  socket.close();
  await socket.closed();
  const logged = async () => {
    const filter = { logGroupName: "/aws/lambda/proxy", filterPattern: "EVENT DISCONNECT" };
    const { events = [] } = await aws.logs.send(new FilterLogEventsCommand(filter));
    return events.map(({ message = "" }) => message);
  };
  await until(async () => (await logged()).length === 1);
  const event = eventIn((await logged())[0]?.split("EVENT ")[1] ?? "");
  const synthetic = { Host: api.domainName, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "" };
  expect(event).toEqual({
    headers: synthetic,
    multiValueHeaders: Object.fromEntries(Object.entries(synthetic).map(([name, value]) => [name, [value]])),
    requestContext: {
      routeKey: "$disconnect",
      disconnectStatusCode: 1005,
      eventType: "DISCONNECT",
      disconnectReason: "Client-side close frame status not set",
      ...commonContext(api, event),
      connectionId,
      connectedAt,
    },
    isBase64Encoded: false,
  });
});
