import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { readConfiguration } from "../../handler/config.ts";
import { createHandler } from "../../handler/handler.ts";
import { zipFiles } from "../../src/artifact/zip.ts";
import type { GatewayOptions, ServedStage } from "../../src/local/gateway/contract.ts";
import { createGateway } from "../../src/local/gateway/gateway.ts";
import type { FunctionToRun } from "../../src/local/runtime/contract.ts";
import { startRuntime } from "../../src/local/runtime/runtime.ts";
import { assetUrl } from "../../src/artifact/assets.ts";
import type { Row } from "./row.ts";

/**
 * One message's way: socket → gateway → handler → backend → `@connections` → socket, as many times as it goes
 * with some sockets that each send the next message when the answer to the last one is there. Measured twice
 * in one run: with the handler in a process of its own, and called in this one. Only the ratio means
 * something; the figures are this machine's.
 */
const SOCKETS = 50;
const WARM_UP_MS = 1_500;
const MEASURED_MS = 4_000;
const apiId = "a1b2c3d4e5";
const functionArn = "arn:aws:lambda:us-east-1:123456789012:function:proxy";

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

const closed = (server: Server): Promise<unknown> => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
};

/** A backend that costs next to nothing: it answers every message with the same object. */
function backend(): Server {
  const reply = JSON.stringify({ response: "processed" });
  return createServer((request, response) => {
    request
      .resume()
      .on("end", () =>
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(request.url?.endsWith("/message") ? reply : "{}"),
      );
  });
}

const stageOf = (): ServedStage => {
  const integration = {
    type: "AWS_PROXY",
    uri: `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${functionArn}/invocations`,
    timeoutMs: 29_000,
  };
  const routes = ["$connect", "$disconnect", "$default"].map(
    (routeKey) => [routeKey, { routeKey, authorizationType: "NONE", twoWay: false, integration }] as const,
  );
  return {
    apiId,
    stage: "dev",
    region: "us-east-1",
    account: "123456789012",
    routeSelectionExpression: "$request.body.action",
    routes: new Map(routes),
    stageVariables: {},
    throttle: () => ({ rate: 1e9, burst: 1e9 }),
  };
};

/** What the stage's function is: given its environment variables, how to invoke it and how to end it. */
type Lambda = (
  environment: Record<string, string>,
) => Promise<{ invoke: GatewayOptions["invoke"]; close(): Promise<void> }>;

/** What Lambda gives a function to sign with; an environment of its own gets them from the runtime. */
const credentials = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };

const inThisProcess: Lambda = async (environment) => {
  const handler = createHandler(readConfiguration({ ...environment, ...credentials }), () => {});
  return {
    invoke: async ({ event }) => ({ kind: "answered", payload: JSON.stringify(await handler(event)) }),
    close: async () => {},
  };
};

const inItsOwnProcess: Lambda = async (environment) => {
  const { zip } = await zipFiles(new Map([["index.mjs", await readFile(assetUrl("handler/index.mjs"))]]));
  const runtime = await startRuntime({
    endpointUrl: () => environment.API_GATEWAY_ENDPOINT ?? "",
    log: () => {},
  });
  const target: FunctionToRun = {
    arn: functionArn,
    name: "proxy",
    version: "$LATEST",
    region: "us-east-1",
    account: "123456789012",
    runtime: "nodejs24.x",
    handler: "index.handler",
    timeoutSeconds: 30,
    memoryMb: 256,
    environment,
    zip,
    logGroup: "/aws/lambda/proxy",
    role: "arn:aws:iam::123456789012:role/proxy",
    traced: false,
    revision: "1",
  };
  return {
    async invoke({ event }) {
      const { payload, functionError } = await runtime.invoke(target, JSON.stringify(event));
      return { kind: "answered", payload, ...(functionError ? { functionError } : {}) };
    },
    close: () => runtime.close(),
  };
};

/** Messages per second that make the whole way. */
async function throughput(lambda: Lambda): Promise<number> {
  const behind = backend();
  const front = createServer();
  const BACKEND_URL = `http://127.0.0.1:${await listening(behind)}`;
  const port = await listening(front);
  const { invoke, close } = await lambda({
    BACKEND_URL,
    API_GATEWAY_ENDPOINT: `http://127.0.0.1:${port}/${apiId}/dev`,
    LOG_LEVEL: "ERROR",
  });
  const stage = stageOf();
  const gateway = createGateway({ find: () => stage, invoke, host: () => `127.0.0.1:${port}` });
  front.on("upgrade", (request, socket, head) =>
    gateway.upgrade(request, socket, head, { apiId, stage: "dev" }),
  );
  front.on("request", (request, response) => {
    const connectionId = decodeURIComponent(request.url?.split("/").at(-1) ?? "");
    void gateway.connections(request, response, { apiId, stage: "dev", connectionId });
  });
  const counter = { answers: 0 };
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, () => chatter(`ws://127.0.0.1:${port}/${apiId}/dev?type=feed`, counter)),
  );
  await delay(WARM_UP_MS);
  const [before, startedAt] = [counter.answers, performance.now()];
  await delay(MEASURED_MS);
  const perSecond = ((counter.answers - before) * 1_000) / (performance.now() - startedAt);
  for (const socket of sockets) socket.terminate();
  await gateway.close();
  await Promise.all([close(), closed(front), closed(behind)]);
  return perSecond;
}

/** A socket that answers every frame with its next message. */
function chatter(url: string, counter: { answers: number }): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.once("error", reject);
    socket.on("message", () => {
      counter.answers++;
      socket.send('{"body":"hi"}');
    });
    socket.once("open", () => {
      socket.send('{"body":"hi"}');
      resolve(socket);
    });
  });
}

/** Its floor calls the handler in this process, so that the function processes are all that it leaves out. */
export const row: Row = {
  title: `a message through the local gateway, ${SOCKETS} sockets`,
  rounds: 3,
  async open() {
    const perSecond = (lambda: Lambda) => async () => ({ rate: await throughput(lambda) });
    return {
      lines: [{ figure: "rate", what: "messages", unit: "/s", floor: "handler in this process", goal: 0.6 }],
      contenders: { ours: perSecond(inItsOwnProcess), "handler in this process": perSecond(inThisProcess) },
    };
  },
};
