import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type {
  FailedIntegration,
  Gateway,
  GatewayOptions,
  LambdaAnswer,
  ServedRoute,
  ServedStage,
} from "../../src/local/gateway/contract.ts";
import { createGateway } from "../../src/local/gateway/gateway.ts";
import { createQueue, type Queue } from "./queue.ts";

/** What the events of all three types have in common, and what only some have. */
export interface Event {
  headers?: Record<string, string>;
  multiValueHeaders?: Record<string, string[]>;
  queryStringParameters?: Record<string, string>;
  stageVariables?: Record<string, string>;
  body?: string;
  requestContext: {
    eventType: "CONNECT" | "MESSAGE" | "DISCONNECT";
    routeKey: string;
    connectionId: string;
    requestId: string;
    domainName: string;
    identity: { sourceIp: string; userAgent?: string };
    disconnectStatusCode?: number;
    disconnectReason?: string;
  };
}

export interface Call {
  functionArn: string;
  sourceArn: string;
  account: string;
  event: Event;
}

/** What a test says about its stage; everything else is as a first deploy leaves it. */
export interface TestGatewayOptions extends Partial<Omit<GatewayOptions, "find" | "invoke" | "host">> {
  routes?: (string | (Partial<ServedRoute> & { routeKey: string }))[];
  stage?: Partial<Omit<ServedStage, "routes">>;
  /** What the function does with an event; without it answers `{"statusCode":200}`. */
  lambda?: (event: Event, call: Call) => LambdaAnswer | Promise<LambdaAnswer>;
}

/** A gateway behind a real HTTP server, with one API and one stage. */
export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  /** `ws://127.0.0.1:PORT/{apiId}/{stage}` */
  readonly url: string;
  /** `http://127.0.0.1:PORT/{apiId}/{stage}` */
  readonly endpoint: string;
  readonly calls: Queue<Call>;
  readonly failures: Queue<FailedIntegration>;
  /** The next event of a type. */
  event(type: Event["requestContext"]["eventType"]): Promise<Event>;
  /** Makes the stage one that is not there. */
  deleteStage(): void;
}

export const functionArn = "arn:aws:lambda:us-east-1:123456789012:function:proxy";
export const invokeUriOf = (arn: string): string =>
  `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${arn}/invocations`;

/** What a signed call of `@connections` has to carry; the signature itself is not checked. */
export const signed = {
  authorization:
    "AWS4-HMAC-SHA256 Credential=local/20261123/us-east-1/execute-api/aws4_request, " +
    "SignedHeaders=host, Signature=0",
};

/** Sends to one connection; resolves to the status. */
export const post = ({ endpoint }: TestGateway, id: string, body: string | Buffer): Promise<number> =>
  fetch(`${endpoint}/@connections/${encodeURIComponent(id)}`, { method: "POST", headers: signed, body }).then(
    ({ status }) => status,
  );

/** Lambda's answer with this value as its payload. */
export const answered = (value: unknown): LambdaAnswer => ({
  kind: "answered",
  payload: JSON.stringify(value) ?? "null",
});

const integration = { type: "AWS_PROXY", uri: invokeUriOf(functionArn), timeoutMs: 29_000 };

/** Starts a gateway for one test; it is closed when the test ends. */
export async function testGateway({
  routes = ["$connect", "$disconnect", "$default"],
  stage = {},
  lambda = () => answered({ statusCode: 200 }),
  ...options
}: TestGatewayOptions = {}): Promise<TestGateway> {
  const calls = createQueue<Call>();
  const failures = createQueue<FailedIntegration>();
  let served: ServedStage | undefined = stageOf(stage, routes);
  const { apiId, stage: name } = served;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const gateway = createGateway({
    find: (wantedApi, wantedStage) => (wantedApi === apiId && wantedStage === name ? served : undefined),
    async invoke(call) {
      const known = call as Call;
      calls.put(known);
      return lambda(known.event, known);
    },
    host: () => `127.0.0.1:${port}`,
    onFailure: (failure) => failures.put(failure),
    ...options,
  });
  serve(server, gateway);
  onTestFinished(async () => {
    await gateway.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    gateway,
    port,
    url: `ws://127.0.0.1:${port}/${apiId}/${name}`,
    endpoint: `http://127.0.0.1:${port}/${apiId}/${name}`,
    calls,
    failures,
    event: async (type) => (await calls.next(({ event }) => event.requestContext.eventType === type)).event,
    deleteStage: () => void (served = undefined),
  };
}

function stageOf(
  stage: NonNullable<TestGatewayOptions["stage"]>,
  routes: NonNullable<TestGatewayOptions["routes"]>,
): ServedStage {
  const plain = { authorizationType: "NONE", twoWay: false, integration };
  const all = routes.map((route): ServedRoute => ({
    ...plain,
    ...(typeof route === "string" ? { routeKey: route } : route),
  }));
  return {
    apiId: "a1b2c3d4e5",
    stage: "dev",
    region: "us-east-1",
    account: "123456789012",
    routeSelectionExpression: "$request.body.action",
    stageVariables: {},
    throttle: () => ({ rate: 10_000, burst: 5_000 }),
    ...stage,
    routes: new Map(all.map((route) => [route.routeKey, route])),
  };
}

const paths = /^\/(?<apiId>\w+)\/(?<stage>[\w$-]+)(?:\/(?:@|%40)connections\/(?<connectionId>[^/?]*))?/;

function serve(server: Server, gateway: Gateway): void {
  const at = (url = "") => {
    const { apiId = "", stage = "", connectionId = "" } = paths.exec(url)?.groups ?? {};
    return { apiId, stage, connectionId: decodeURIComponent(connectionId) };
  };
  server.on("upgrade", (request, socket, head) => gateway.upgrade(request, socket, head, at(request.url)));
  server.on("request", (request, response) => void gateway.connections(request, response, at(request.url)));
}
