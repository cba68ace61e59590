import { callRoute, closings, end, guard, isOpen, send } from "./connections.ts";
import type { Connection, ServedRoute, ServedStage, Traffic } from "./contract.ts";
import { messageEvent, newRequestId } from "./events.ts";
import { maxMessageBytes } from "./frame-limits.ts";
import { selectRoute } from "./route-selection.ts";
import { endedBy, tell, type Ended } from "./seen.ts";
import { takeOfAccount } from "./throttle.ts";
import { show } from "./watch.ts";

/**
 * Error messages that a client gets in a frame; the connection stays open (AWS.md 1.6). The texts for a
 * timeout and for throttling are those of REST APIs, unverified for WebSocket APIs.
 */
const errors = {
  failed: "Internal server error",
  timeout: "Endpoint request timed out",
  noRoute: "Forbidden",
  throttled: "Too Many Requests",
} as const;

/**
 * Takes one message from a client: route, function, and what goes back. Messages of one connection run
 * concurrently (AWS.md 1.14). A binary message closes the connection with 1003 (1.11).
 */
export function receive(traffic: Traffic, connection: Connection, data: Buffer, isBinary: boolean): void {
  if (!isOpen(connection)) return;
  if (isBinary) return end(connection, closings.binary);
  connection.lastActiveAt = Date.now();
  const requestId = newRequestId(connection.connectionId);
  const { apiId, stage, connectionId, lastActiveAt: at } = connection;
  const told = { event: "message", apiId, stage, connectionId, requestId, at, bytes: data.length } as const;
  show(traffic.watchers, () => ({
    kind: "frame",
    connectionId,
    at,
    direction: "in",
    bytes: data.length,
    text: data.toString(),
    requestId,
  }));
  const served = serve(traffic, connection, requestId, data).then((ended) => tell(traffic, told, ended));
  void guard(traffic, served, () => sendError(connection, errors.failed, requestId));
}

async function serve(
  traffic: Traffic,
  connection: Connection,
  requestId: string,
  data: Buffer,
): Promise<Ended> {
  const stage = traffic.options.find(connection.apiId, connection.stage);
  if (!stage) return { status: 403, problem: "no_stage" };
  const body = data.toString();
  const routeKey = selectRoute(stage.routeSelectionExpression, body, stage.routes);
  const route = routeKey === undefined ? undefined : stage.routes.get(routeKey);
  if (!route) {
    sendError(connection, errors.noRoute, requestId);
    return { status: 403, problem: "no_route" };
  }
  const bucket = `${stage.apiId}/${stage.stage}/${route.routeKey}`;
  const { lastActiveAt: now } = connection;
  const isAllowed =
    takeOfAccount(traffic, "requests", now) &&
    traffic.throttle.take(bucket, stage.throttle(route.routeKey), now);
  if (!isAllowed) {
    sendError(connection, errors.throttled, requestId);
    return { status: 429, problem: "throttled", routeKey: route.routeKey };
  }
  return await answer(traffic, connection, { stage, route, requestId, body });
}

async function answer(
  traffic: Traffic,
  connection: Connection,
  {
    stage,
    route,
    requestId,
    body,
  }: { stage: ServedStage; route: ServedRoute; requestId: string; body: string },
): Promise<Ended> {
  const { routeKey } = route;
  const event = messageEvent(connection, {
    routeKey,
    requestId,
    body,
    stageVariables: stage.stageVariables,
    now: connection.lastActiveAt,
  });
  const outcome = await callRoute(traffic, { stage, route, peer: connection, requestId, event });
  if (outcome.kind === "failed")
    sendError(connection, outcome.failure === "timeout" ? errors.timeout : errors.failed, requestId);
  else if (route.twoWay) sendBody(connection, outcome.answer.body, requestId);
  return { routeKey, ...endedBy(outcome) };
}

/**
 * Sends the `body` of a two-way route as a frame, whatever its status (AWS.md 1.8); no `body`, no frame.
 * Unverified, and chosen here: `isBase64Encoded` changes nothing, and a body over 128 KB is a failed
 * integration.
 */
export function sendBody(connection: Connection, body: string | undefined, requestId: string): void {
  if (body === undefined) return;
  if (Buffer.byteLength(body) > maxMessageBytes) sendError(connection, errors.failed, requestId);
  else send(connection, body);
}

/** AWS's own spacing (AWS.md 1.6). */
function sendError(connection: Connection, message: string, requestId: string): void {
  send(
    connection,
    `{"message": "${message}", "connectionId":"${connection.connectionId}", "requestId":"${requestId}"}`,
  );
}
