import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { TEST_AGENT } from "../../contract/trace.ts";
import { authorize } from "./authorization.ts";
import { callRoute, closings, deliverDisconnect, open, reportFailure, track } from "./connections.ts";
import type { ServedStage, StageAddress, Traffic } from "./contract.ts";
import {
  connectEvent,
  domainNameOf,
  newConnectionId,
  newRequestId,
  type Peer,
  type Upgrade,
} from "./events.ts";
import { limitFrames, maxMessageBytes } from "./frame-limits.ts";
import { secretsIn } from "./handshake-secrets.ts";
import { receive, sendBody } from "./messages.ts";
import type { ProxyAnswer } from "./proxy-answer.ts";
import { refuseUpgrade, type Refusal } from "./refusal.ts";
import { endedBy, tell, type Ended } from "./seen.ts";
import { takeOfAccount } from "./throttle.ts";

type Decision = ({ refusal: Refusal } | { answer: ProxyAnswer; twoWay: boolean; peer: Peer }) & {
  /** Of the `$connect` route, where it was called. */
  ended?: Ended;
};

const maxUrlLength = 4096;
const maxHeaderBytes = 8 * 1024;
const maxPendingHandshakes = 1_000;

/**
 * No extension is ever negotiated (AWS.md 1.11); a client that does not answer a close frame is disconnected
 * after a second.
 */
const socketOptions = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: maxMessageBytes,
  closeTimeout: 1_000,
};
/** Turns accepted requests into WebSockets; it keeps no list of them. */
const sockets = new WebSocketServer(socketOptions);

/** Checks of an upgrade request before `$connect` is called, each with its refusal. */
const requestChecks: [refused: (request: IncomingMessage) => boolean, refusal: Refusal][] = [
  [({ url = "", headers }) => `ws://${headers.host}${url}`.length > maxUrlLength, { status: 414 }],
  [({ rawHeaders }) => headerBytes(rawHeaders) > maxHeaderBytes, { status: 431 }],
  [({ httpVersion }) => httpVersion !== "1.1", { status: 426, headers: { Upgrade: "websocket" } }],
  [({ method }) => method !== "GET", { status: 405 }],
  [({ headers }) => headers.upgrade?.toLowerCase() !== "websocket", { status: 400 }],
  [
    ({ headers }) => headers["sec-websocket-version"] !== "13",
    { status: 426, headers: { "Sec-WebSocket-Version": "13" } },
  ],
  [({ headers }) => !/^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? ""), { status: 400 }],
];

/** Why an integration that failed refuses the handshake, and with what (AWS.md 1.5; 504 is unverified). */
const failures = {
  configuration: { status: 500, message: "Internal server error" },
  function: { status: 502, message: "Internal server error" },
  timeout: { status: 504, message: "Endpoint request timed out" },
} as const satisfies Record<string, Refusal>;

/**
 * Answers an upgrade request: 101 when `$connect` has accepted it, else its status with AWS's small JSON body
 * (AWS.md 1.5). Counts as the gateway's work until the connection is open or refused; for a client that has
 * left meanwhile `$disconnect` is delivered.
 */
export function connect(
  traffic: Traffic,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  at: StageAddress,
): void {
  socket.on("error", destroy);
  const { find, host } = traffic.options;
  const stage = find(at.apiId, at.stage);
  const peer = peerOf(request, at, { region: stage?.region ?? noRegion, listening: host() });
  const requestId = newRequestId(peer.connectionId);
  const handshake = performHandshake(traffic, { request, socket, head, stage, peer, requestId });
  track(traffic, handshake, () => refuseUpgrade(socket, { requestId, status: 500 }));
}

/** Where the id of a refused handshake comes from when no API is there. */
const noRegion = "us-east-1";

interface Handshake {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  stage: ServedStage | undefined;
  peer: Peer;
  requestId: string;
}

async function performHandshake(
  traffic: Traffic,
  { request, socket, head, stage, peer, requestId }: Handshake,
): Promise<void> {
  const refusal = immediateRefusal(traffic, request);
  if (refusal) return refuseUpgrade(socket, { requestId, ...refusal });
  traffic.pending.set(socket, peer);
  const decision = await askConnectRoute(traffic, { request, stage, peer, requestId }).finally(() =>
    traffic.pending.delete(socket),
  );
  const { apiId, stage: of, connectionId, connectedAt: at } = peer;
  const status = "refusal" in decision ? decision.refusal.status : 200;
  const isTest = peer.userAgent === TEST_AGENT;
  tell(
    traffic,
    { event: "connect", apiId, stage: of, connectionId, requestId, at, ...(isTest && { test: true }) },
    { ...decision.ended, status },
  );
  if ("refusal" in decision) return refuseUpgrade(socket, { requestId, ...decision.refusal });
  const accepted = accept(request, socket, head, decision.answer.subprotocol);
  if (!accepted) return deliverDisconnect(traffic, decision.peer, closings.lost);
  const opened = { peer: decision.peer, secrets: secretsIn(upgradeOf(request)) };
  const connection = open(traffic, opened, accepted, (from, data, isBinary) =>
    receive(traffic, from, data, isBinary),
  );
  if (decision.twoWay) sendBody(connection, decision.answer.body, requestId);
}

function immediateRefusal(traffic: Traffic, request: IncomingMessage): Refusal | undefined {
  if (traffic.closed) return { status: 503 };
  if (traffic.pending.size >= maxPendingHandshakes) return { status: 429 };
  return requestChecks.find(([refused]) => refused(request))?.[1];
}

/**
 * Asks the stage and its `$connect` route, first whether it lets the client in at all. Without such a route
 * every client is accepted (AWS.md 1.1).
 */
async function askConnectRoute(
  traffic: Traffic,
  { request, stage, peer, requestId }: Pick<Handshake, "request" | "stage" | "peer" | "requestId">,
): Promise<Decision> {
  if (!stage) return refused({ status: 403 }, "no_stage");
  const bucket = `${stage.apiId}/${stage.stage}/$connect`;
  const { connectedAt: now } = peer;
  const isAllowed =
    takeOfAccount(traffic, "connects", now) &&
    takeOfAccount(traffic, "requests", now) &&
    traffic.throttle.take(bucket, stage.throttle("$connect"), now);
  if (!isAllowed) return refused({ status: 429 }, "throttled");
  const route = stage.routes.get("$connect");
  if (!route) return { answer: { statusCode: 200 }, twoWay: false, peer };
  const upgrade = upgradeOf(request);
  const connecting = { request, upgrade, stage, route, peer, requestId };
  const authorized = await authorize(traffic.options, connecting);
  if ("refusal" in authorized) {
    const { refusal, message } = authorized;
    if (message !== undefined) reportFailure(traffic, connecting, message);
    return refused(refusal, "not_authorized", message);
  }
  const { stageVariables } = stage;
  const event = connectEvent(authorized.peer, { upgrade, requestId, stageVariables, now: Date.now() });
  const outcome = await callRoute(traffic, { stage, route, peer: authorized.peer, requestId, event });
  const ended = { routeKey: route.routeKey, ...endedBy(outcome) };
  if (outcome.kind === "failed") return { refusal: failures[outcome.failure], ended };
  const { answer } = outcome;
  return answer.statusCode < 300
    ? { answer, twoWay: route.twoWay, peer: authorized.peer, ended }
    : { refusal: { status: answer.statusCode }, ended };
}

/** Without having asked the integration. */
const refused = (refusal: Refusal, problem: string, reason?: string): Decision => ({
  refusal,
  ended: { status: refusal.status, problem, ...(reason !== undefined && { reason }) },
});

const upgradeOf = ({ url = "", rawHeaders, socket }: IncomingMessage): Upgrade => ({
  url,
  rawHeaders,
  port: socket.localPort ?? 0,
});

function peerOf(
  { headers, socket }: IncomingMessage,
  { apiId, stage }: StageAddress,
  { region, listening }: { region: string; listening: string },
): Peer {
  const userAgent = headers["user-agent"];
  return {
    connectionId: newConnectionId(region),
    apiId,
    stage,
    connectedAt: Date.now(),
    domainName: domainNameOf(apiId, headers.host, listening),
    sourceIp: socket.remoteAddress?.replace(/^::ffff:/, "") ?? "",
    ...(userAgent !== undefined && { userAgent }),
  };
}

/**
 * Writes the 101; `undefined` when the client is gone, which ws checks itself. Only the function chooses the
 * subprotocol (AWS.md 1.10).
 */
function accept(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  subprotocol: string | undefined,
): WebSocket | undefined {
  // ws would choose among what the client offers.
  delete request.headers["sec-websocket-protocol"];
  const choose = (lines: string[]) =>
    void (subprotocol !== undefined && lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`));
  let accepted: WebSocket | undefined;
  sockets.on("headers", choose);
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    limitFrames(webSocket);
    accepted = webSocket;
  });
  sockets.off("headers", choose);
  return accepted;
}

function headerBytes(rawHeaders: readonly string[]): number {
  const separators = 2;
  return rawHeaders.reduce((bytes, text) => bytes + text.length + separators, 0);
}

function destroy(this: Duplex): void {
  this.destroy();
}
