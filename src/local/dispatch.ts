import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Gateway } from "./gateway/contract.ts";
import { newRequestId } from "./gateway/events.ts";
import { refuseUpgrade } from "./gateway/refusal.ts";
import { isAllowedOrigin } from "./allowed-hosts.ts";
import { stageUrlParts } from "./stage-url.ts";
import { refusals } from "./refusals.ts";
import { servedStage } from "./services/apigateway/stages.ts";
import { codeOf, codePath } from "./services/lambda/lambda.ts";
import { answerCall, scopeOf, type Call, type Services } from "./services/services.ts";
import type { World } from "./state.ts";
import { declineUpgrade, offersWebSocket, readRequest, writeAnswer } from "./wire/http.ts";

interface Doors {
  port: number;
  allowHosts: readonly string[];
  world: World;
  gateway: Gateway;
  services: Services;
  record(call: Call): void;
  broke(error: unknown): void;
}

/**
 * Leads every request of a server to who answers it: the gateway, the code of a function, a service, or
 * nobody.
 */
export function createDispatch({ port, allowHosts, world, gateway, services, record, broke }: Doors): {
  serve(server: Server): void;
} {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    response.setHeader("x-amzn-RequestId", requestId);
    if (!isAllowedOrigin(request, { port, allowHosts })) return refusals.unwelcome(response);
    const { connectionId, ...at } = stageUrlParts(request);
    if (connectionId !== undefined)
      return await gateway.connections(request, response, { ...at, connectionId });
    if (request.url?.startsWith(codePath))
      return await download(response, codeOf(world, request.url.slice(codePath.length)));
    const scope = scopeOf(request.headers.authorization);
    if (!scope)
      return servedStage(world, at.apiId, at.stage)
        ? refusals.notUpgraded(response)
        : refusals.unsigned(response);
    const wire = await readRequest(request);
    if (!wire) return refusals.tooLarge(response);
    await writeAnswer(response, await answerCall(services, scope, { request: wire, requestId, record }));
  }

  function upgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // The server listens to the socket again; a listener of ours would come to it with every offer.
    if (!offersWebSocket(request)) return declineUpgrade(server, request, socket, head);
    // A client that leaves before it reads the answer is none of our business.
    socket.on("error", () => socket.destroy());
    if (isAllowedOrigin(request, { port, allowHosts }))
      gateway.upgrade(request, socket, head, stageUrlParts(request));
    else refuseUpgrade(socket, { requestId: newRequestId(), status: 403 });
  }

  return {
    serve(server) {
      server.on("upgrade", (request, socket, head) => upgrade(server, request, socket, head));
      server.on("request", (request, response) => {
        answer(request, response).catch((error: unknown) => {
          // A client that breaks off in the middle of its request is no bug.
          if (request.complete || !response.destroyed) broke(error);
          refusals.failed(response, error);
        });
      });
    },
  };
}

/**
 * The code of a function, which needs no signature: who has the address was given it, and it cannot be
 * guessed.
 */
async function download(response: ServerResponse, code: Uint8Array | undefined): Promise<void> {
  if (code)
    await writeAnswer(response, { status: 200, headers: { "content-type": "application/zip" }, body: code });
  else refusals.noCode(response);
}
