import { WebSocket } from "ws";
import { MAX_WAITING_BYTES } from "./backlog.ts";
import type { Closing, Connection, ServedRoute, ServedStage, Traffic } from "./contract.ts";
import { disconnectEvent, newRequestId, type Peer } from "./events.ts";
import { callIntegration, type Outcome, type RouteEvent } from "./integration.ts";
import { endedBy, tell } from "./seen.ts";
import { show, shown } from "./watch.ts";

/**
 * The ends that the gateway chooses. Documented: 1003 for binary, 1009 for size. Reported: what `$disconnect`
 * says after `DELETE`. Unverified, and chosen here: 1001 "Going away" for idle, age, a deleted stage and a
 * stop; every other text; that the client is told the same (AWS.md 1.4, 1.12).
 */
export const closings = {
  goingAway: { code: 1001, reason: "Going away" },
  deleted: { code: 1000, reason: "Connection Closed Normally" },
  binary: { code: 1003, reason: "Binary frames are not supported" },
  lost: { code: 1006, reason: "Connection lost" },
  slow: { code: 1006, reason: "Client reads too slowly" },
} as const satisfies Record<string, Closing>;

/** How ws's errors about frames end a connection; an error that is not listed is a protocol error, 1002. */
const frameErrors: Record<string, Closing> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: { code: 1009, reason: "Frame or message too large" },
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: { code: 1009, reason: "Frame or message too large" },
  WS_ERR_INVALID_UTF8: { code: 1007, reason: "Text is not UTF-8" },
  WS_ERR_TOO_MANY_BUFFERED_PARTS: { code: 1008, reason: "Too many fragments" },
};

const maxUnansweredPings = 2;
const asText = { binary: false };

/**
 * Adds a new socket to the live connections, and handles its pings, errors and end; `receive` gets its
 * messages.
 */
export function open(
  traffic: Traffic,
  { peer, secrets }: { peer: Peer; secrets: readonly string[] },
  socket: WebSocket,
  receive: (connection: Connection, data: Buffer, isBinary: boolean) => void,
): Connection {
  const connection: Connection = {
    ...peer,
    socket,
    secrets,
    backlog: traffic.backlog,
    watchers: traffic.watchers,
    lastActiveAt: peer.connectedAt,
    pingedAt: peer.connectedAt,
    unansweredPings: 0,
  };
  traffic.live.set(peer.connectionId, connection);
  show(traffic.watchers, () => ({ kind: "opened", ...shown(connection) }));
  const resetPings = () => void (connection.unansweredPings = 0);
  socket.on("ping", resetPings).on("pong", resetPings);
  socket.on("message", (data: Buffer, isBinary) => {
    resetPings();
    receive(connection, data, isBinary);
  });
  socket.on("error", (error: Error & { code?: string }) => {
    connection.ending ??= frameErrors[error.code ?? ""] ?? { code: 1002, reason: "Protocol error" };
  });
  socket.on("close", (code, reason) => {
    traffic.live.delete(connection.connectionId);
    traffic.backlog.forget(connection);
    const closing = connection.ending ?? clientClosing(code, reason);
    const { connectionId } = connection;
    show(traffic.watchers, () => ({ kind: "closed", connectionId, at: Date.now(), ...closing }));
    track(traffic, deliverDisconnect(traffic, connection, closing));
  });
  return connection;
}

/**
 * Sends a text frame; false when the connection is no longer open, or was dropped just now because its client
 * does not read. Where too much waits for all clients together, the one that reads least is dropped.
 * `requestId` is that of the call of `@connections` by which it came.
 */
export function send(connection: Connection, text: string | Buffer, requestId?: string): boolean {
  const { socket } = connection;
  if (!isOpen(connection)) return false;
  if (socket.bufferedAmount > MAX_WAITING_BYTES) {
    drop(connection, closings.slow);
    return false;
  }
  connection.lastActiveAt = Date.now();
  socket.send(text, asText);
  show(connection.watchers, () => ({
    kind: "frame",
    connectionId: connection.connectionId,
    at: connection.lastActiveAt,
    direction: "out",
    bytes: Buffer.byteLength(text),
    text: text.toString(),
    ...(requestId !== undefined && { requestId }),
  }));
  const slowest = connection.backlog.update(connection);
  if (slowest) drop(slowest, closings.slow);
  return slowest !== connection;
}

/**
 * Whether messages can still pass. A closing connection stays among the live ones until its socket is closed.
 */
export function isOpen({ socket }: Connection): boolean {
  return socket.readyState === WebSocket.OPEN;
}

/**
 * Closes with a close frame, unless it is closing already; no message passes from now on.
 */
export function end(connection: Connection, closing: Closing): void {
  if (!isOpen(connection)) return;
  connection.ending = closing;
  connection.socket.close(closing.code, closing.reason);
}

function drop(connection: Connection, closing: Closing): void {
  connection.ending = closing;
  connection.backlog.forget(connection);
  connection.socket.terminate();
}

/**
 * Ends connections that are too old or idle for too long, and pings the others to find dead ones.
 */
export function closeExpired({ live, times }: Traffic, now: number): void {
  for (const connection of live.values()) {
    if (!isOpen(connection)) continue;
    if (now - connection.connectedAt >= times.maxAgeMs || now - connection.lastActiveAt >= times.idleMs)
      end(connection, closings.goingAway);
    else if (now - connection.pingedAt >= times.pingMs) ping(connection, now);
  }
}

function ping(connection: Connection, now: number): void {
  if (connection.unansweredPings >= maxUnansweredPings) {
    drop(connection, closings.lost);
    return;
  }
  connection.unansweredPings += 1;
  connection.pingedAt = now;
  connection.socket.ping();
}

/** The two pairs with an empty reason and with the text for 1005 are AWS's own (AWS.md 1.4). */
function clientClosing(code: number, reason: Buffer): Closing {
  if (code === 1005) return { code, reason: "Client-side close frame status not set" };
  return code === 1006 ? closings.lost : { code, reason: reason.toString() };
}

/**
 * Sends `$disconnect` to the function. Its answer is ignored; a deleted stage gets no event.
 */
export async function deliverDisconnect(
  traffic: Traffic,
  peer: Peer,
  { code, reason }: Closing,
): Promise<void> {
  const stage = traffic.options.find(peer.apiId, peer.stage);
  const route = stage?.routes.get("$disconnect");
  if (!stage || !route) return;
  const requestId = newRequestId(peer.connectionId);
  const at = Date.now();
  const event = disconnectEvent(peer, { requestId, code, reason, now: at });
  const outcome = await callRoute(traffic, { stage, route, peer, requestId, event });
  const { apiId, connectionId } = peer;
  const told = { event: "disconnect", apiId, stage: peer.stage, connectionId, requestId, at } as const;
  tell(traffic, told, { routeKey: route.routeKey, ...endedBy(outcome) });
}

/** Calls a route's integration with an event, and reports a failure to `onFailure`. */
export async function callRoute(
  { options }: Traffic,
  {
    stage,
    route,
    peer,
    requestId,
    event,
  }: { stage: ServedStage; route: ServedRoute; peer: Peer; requestId: string; event: RouteEvent },
): Promise<Outcome> {
  const outcome = await callIntegration(options, stage, route, event);
  if (outcome.kind === "failed") reportFailure({ options }, { route, peer, requestId }, outcome.message);
  return outcome;
}

/** Tells `onFailure` what the client is not told. */
export function reportFailure(
  { options }: Pick<Traffic, "options">,
  { route, peer, requestId }: { route: ServedRoute; peer: Peer; requestId: string },
  message: string,
): void {
  const { apiId, stage, connectionId } = peer;
  options.onFailure?.({ apiId, stage, routeKey: route.routeKey, connectionId, requestId, message });
}

/** Keeps work in `traffic.work` until it is finished; after a bug the client is told by `tellClient`. */
export function track(traffic: Traffic, promise: Promise<void>, tellClient?: () => void): void {
  const guarded = guard(traffic, promise, tellClient).then(() => void traffic.work.delete(guarded));
  traffic.work.add(guarded);
}

/** Reports a bug that one event meets to `onBug`, so that it ends nothing else. */
export async function guard(
  { options }: Traffic,
  promise: Promise<void>,
  tellClient?: () => void,
): Promise<void> {
  try {
    await promise;
  } catch (error) {
    if (!options.onBug) throw error;
    options.onBug(error);
    tellClient?.();
  }
}
