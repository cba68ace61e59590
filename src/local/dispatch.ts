import { randomUUID } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Callers, Doubt } from "./callers.ts";
import type { Gateway } from "./gateway/contract.ts";
import { newRequestId } from "./gateway/events.ts";
import { refuseUpgrade } from "./gateway/refusal.ts";
import { refusedName, type Allowed, type RefusedName } from "./allowed-hosts.ts";
import { refusalText } from "./refused.ts";
import { namesApi, stageUrlParts } from "./stage-url.ts";
import { refusals } from "./refusals.ts";
import { apigateway } from "./services/apigateway/apigateway.ts";
import { codePath } from "./services/lambda/functions.ts";
import { lambda } from "./services/lambda/lambda.ts";
import type { OpenServices } from "./services/service.ts";
import { answerCall, scopeOf, scopeWithoutSignature, type Call, type Scope } from "./services/services.ts";
import { answerTraces, tracesPath, type Traces } from "./traces.ts";
import {
  ClientLeftError,
  declineUpgrade,
  offersWebSocket,
  readRequest,
  refuseLeft,
  writeAnswer,
} from "./wire/http.ts";
import type { WireRequest } from "./wire/protocol.ts";

/** Answers one request whole. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface DispatchOptions extends OpenServices {
  allowed: Allowed;
  onRefused(refused: RefusedName): void;
  callers: Callers;
  gateway: Gateway;
  traces: Traces;
  /** Aborted when the local AWS closes. */
  closing: AbortSignal;
  record(call: Call): void;
  onBug(error: unknown): void;
}

/** Leads every request of a server to what answers it: gateway, code of a function, service or refusal. */
export interface Dispatch {
  serve(server: Server): void;
  /** Serves something else below a path, such as `/_console/`. */
  servePage(path: string, answer: Answer): void;
}

/** See {@link Dispatch}. */
export function createDispatch(options: DispatchOptions): Dispatch {
  const pages = new Map<string, Answer>();
  const { allowed, onRefused, callers, gateway, find, portOf, record, onBug } = options;
  const stages = portOf(apigateway);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    response.setHeader("x-amzn-RequestId", requestId);
    const refused = refusalFor(request);
    if (refused) return refusals.notAllowed(request, response, refused);
    const besides = namesApi(request) ? undefined : answerBesides({ ...options, pages }, request, response);
    if (besides) return await besides;
    const { connectionId, ...at } = stageUrlParts(request);
    if (connectionId !== undefined)
      return await gateway.connections(request, response, { ...at, connectionId });
    const signed = scopeOf(request.headers.authorization);
    if (signed?.service === "execute-api") return refusals.noConnection(request, response);
    if (!signed && stages.servedStage(at.apiId, at.stage)) return refusals.notUpgraded(request, response);
    const read = await readSigned(callers, request, signed);
    if ("doubt" in read) return refusals.doubted(request, response, read.doubt);
    if (!read.wire)
      return refusals.tooLarge(request, response, operationOf({ find }, request, signed?.service));
    const scope = signed ?? scopeWithoutSignature(read.wire);
    if (!scope) return refusals.unsigned(request, response);
    refuseLeft(request);
    const called = { request: read.wire, requestId, record };
    await writeAnswer(response, await answerCall({ find, portOf }, scope, called));
  }

  /** Why a request may not have come here, in words. */
  function refusalFor(request: IncomingMessage): string | undefined {
    const refused = refusedName(request, allowed);
    if (refused) onRefused(refused);
    return refused && refusalText(refused);
  }

  function upgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // The server listens to the socket again; a listener of ours would come to it with every offer.
    if (!offersWebSocket(request)) return declineUpgrade(server, request, socket, head);
    // A client that leaves before it reads the answer is none of our business.
    socket.on("error", () => socket.destroy());
    const message = refusalFor(request);
    if (message === undefined) gateway.upgrade(request, socket, head, stageUrlParts(request));
    else refuseUpgrade(socket, { requestId: newRequestId(), status: 403, message });
  }

  return {
    servePage: (path, page) => void pages.set(path, page),
    serve(server) {
      server.on("upgrade", (request, socket, head) => upgrade(server, request, socket, head));
      server.on("request", (request, response) => {
        answer(request, response).catch((error: unknown) => {
          if (error instanceof ClientLeftError) return void response.destroy();
          onBug(error);
          refusals.failed(request, response, error);
        });
      });
    },
  };
}

/** What is served beside AWS: what the local AWS tells of itself, pages, and the code of its functions. */
function answerBesides(
  { pages, portOf, ...options }: DispatchOptions & { pages: ReadonlyMap<string, Answer> },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> | undefined {
  const { url = "" } = request;
  if (url.split("?", 1)[0] === tracesPath) return answerTraces(options, request, response);
  const [, page] = [...pages].find(([path]) => url.startsWith(path)) ?? [];
  if (page) return page(request, response);
  if (!url.startsWith(codePath)) return undefined;
  return download(request, response, portOf(lambda).codeOf(url.slice(codePath.length)));
}

/** The whole request, unless it is signed and in doubt; without `wire` it is too large. */
async function readSigned(
  callers: Callers,
  request: IncomingMessage,
  signed: Scope | undefined,
): Promise<{ doubt: Doubt } | { wire: WireRequest | undefined }> {
  let reading: Promise<WireRequest | undefined> | undefined;
  const read = () => (reading ??= readRequest(request));
  const doubt = signed && (await callers.doubt(request, async () => (await read())?.body));
  if (doubt?.about === "size") return { wire: undefined };
  return doubt ? { doubt } : { wire: await read() };
}

/** What a request asks for by its path, when its body was not read. */
function operationOf(
  { find }: Pick<OpenServices, "find">,
  { method = "", url = "", headers }: IncomingMessage,
  service = "",
): string | undefined {
  const [path = "", query] = url.split("?");
  const unread = { method, path, query: new URLSearchParams(query), headers, body: Buffer.alloc(0) };
  return find(service)?.protocol.find(unread)?.name;
}

/** The code of a function, which needs no signature: its address cannot be guessed. */
async function download(
  request: IncomingMessage,
  response: ServerResponse,
  code: Uint8Array | undefined,
): Promise<void> {
  if (code)
    await writeAnswer(response, { status: 200, headers: { "content-type": "application/zip" }, body: code });
  else refusals.noCode(request, response);
}
