import { isObject } from "./json.ts";

/**
 * The part of Lambda's context that is used. All of it may be missing when the function is invoked by hand.
 */
export interface Context {
  awsRequestId?: string;
  invokedFunctionArn?: string;
  getRemainingTimeInMillis?(): number;
}

/** What every event of API Gateway says about its connection. */
export interface Source {
  connectionId: string;
  requestId: string;
  route: string;
  /** Of the event's domain; undefined when no connection can be reached at it. */
  endpoint: URL | undefined;
}

/** A handshake, before anything that the client wrote has been judged. */
export interface Connect extends Source {
  kind: "connect";
  query: Record<string, string>;
  client: { ip: string | null; user_agent: string | null; origin: string | null };
  /** Epoch milliseconds. */
  connectedAt: number;
  /** The first subprotocol that the client offered. */
  subprotocol: string | undefined;
  /** A test event, for example the Lambda console's: its connection is made up, and no frame can reach it. */
  isByHand: boolean;
}

export interface Message extends Source {
  kind: "message";
  messageId: string;
  /** The client's text, exactly. */
  text: string;
  /** The event carried it as base64. */
  wasBase64: boolean;
}

export interface Disconnect extends Source {
  kind: "disconnect";
  closeCode: number | null;
  closeReason: string | null;
}

/**
 * What the handler sends to itself: frames (JSON texts) for a connection whose handshake was not finished.
 */
export interface Initial {
  kind: "initial";
  connectionId: string;
  requestId: string;
  /** Undefined when it is not one of API Gateway's own. */
  endpoint: URL | undefined;
  frames: string[];
}

/**
 * A frame through @connections is asked for, by a client on its own connection, or by a caller of Invoke.
 */
export interface Proof {
  kind: "proof";
  connectionId: string;
  requestId: string;
  endpoint: URL | undefined;
  /** By a caller of Invoke, who gets the outcome. */
  isInvoked: boolean;
}

export type Event = Connect | Message | Disconnect | Initial | Proof;

/** The one text of a client that no backend gets: a client that sends it gets one fixed frame back. */
const prove = '{"type":"shelfshack.prove"}';

/**
 * 128 KB: the longest message that API Gateway takes, and the longest frame that it sends (AWS.md 1.12).
 */
export const maxMessageBytes = 131_072;

const connectionIds = /^[A-Za-z0-9_=-]{1,128}$/;
const ids = /^[A-Za-z0-9_-]{1,110}={0,2}$/;
const domains = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/i;
/**
 * Any caller of the function can forge the events that API Gateway does not send, so only its own domains
 * count in them.
 */
const ownEndpoints = /^https:\/\/([^/]+\.amazonaws\.com(?:\.cn)?)\/([^/]+)$/;
const stages = /^[A-Za-z0-9_-]{1,128}$/;

/** Whether a value has the form of a connection id; any other never enters a path, a header or a log. */
export function isConnectionId(value: unknown): value is string {
  return typeof value === "string" && connectionIds.test(value);
}

/**
 * Reads an event (AWS.md 1.2 to 1.4); undefined when it is not an event of this handler. Only
 * `requestContext` decides what it is, because a client may send `{"action":"$connect"}`. The Lambda
 * console's test event has neither `eventType` nor `requestId`: the route key and the invocation's id stand
 * in.
 */
export function readEvent(event: unknown, context: Context): Event | undefined {
  if (!isObject(event)) return undefined;
  // API Gateway makes all members of its events itself, so only a caller of Invoke can send these two.
  if ("shelfshackInitial" in event) return readInitial(event["shelfshackInitial"]);
  if ("shelfshackProof" in event) return readProof(event["shelfshackProof"], requestIdOf({}, context));
  const request = event["requestContext"];
  if (!isObject(request)) return undefined;
  const { connectionId, eventType, routeKey } = request;
  const read =
    readers.get(eventType ?? routeKey) ??
    (eventType === undefined && typeof routeKey === "string" ? readMessage : undefined);
  if (read === undefined || !isConnectionId(connectionId)) return undefined;
  const requestId = requestIdOf(request, context);
  return read(event, request, {
    connectionId,
    requestId,
    route: (orNull(routeKey) ?? "").slice(0, 128),
    endpoint: endpointOf(request),
  });
}

function requestIdOf(request: Record<string, unknown>, context: Context): string {
  return [request["requestId"], context.awsRequestId].find(isId) ?? crypto.randomUUID();
}

type Reader = (
  event: Record<string, unknown>,
  request: Record<string, unknown>,
  source: Source,
) => Event | undefined;

const readers = new Map<unknown, Reader>([
  ["CONNECT", readConnect],
  ["$connect", readConnect],
  ["MESSAGE", readMessage],
  ["DISCONNECT", readDisconnect],
  ["$disconnect", readDisconnect],
]);

function readConnect(
  event: Record<string, unknown>,
  request: Record<string, unknown>,
  source: Source,
): Connect | undefined {
  const query = event["queryStringParameters"] ?? {};
  const headers = event["headers"] ?? {};
  const identity = request["identity"] ?? {};
  if (!isObject(query) || !isObject(headers) || !isObject(identity)) return undefined;
  if (!Object.values(query).every((value) => typeof value === "string")) return undefined;
  const offered = header(headers, "sec-websocket-protocol")?.split(",")[0]?.trim() ?? "";
  return {
    ...source,
    kind: "connect",
    query: query as Record<string, string>,
    client: {
      ip: orNull(identity["sourceIp"]),
      user_agent: orNull(identity["userAgent"]),
      origin: header(headers, "origin"),
    },
    connectedAt: typeof request["connectedAt"] === "number" ? request["connectedAt"] : Date.now(),
    subprotocol: /^[!#$%&'*+.^_`|~\w-]{1,256}$/.test(offered) ? offered : undefined,
    isByHand: request["eventType"] === undefined,
  };
}

function readMessage(
  event: Record<string, unknown>,
  request: Record<string, unknown>,
  source: Source,
): Message | Proof | undefined {
  const body = event["body"] ?? "";
  if (typeof body !== "string") return undefined;
  const wasBase64 = event["isBase64Encoded"] === true;
  const text = wasBase64 ? Buffer.from(body, "base64").toString("utf8") : body;
  if (text === prove) return { ...source, kind: "proof", isInvoked: false };
  if (Buffer.byteLength(text) > maxMessageBytes) return undefined;
  const messageId = isId(request["messageId"]) ? request["messageId"] : source.requestId;
  return { ...source, kind: "message", messageId, text, wasBase64 };
}

function readDisconnect(_event: unknown, request: Record<string, unknown>, source: Source): Disconnect {
  const code = request["disconnectStatusCode"];
  return {
    ...source,
    kind: "disconnect",
    closeCode: typeof code === "number" ? code : null,
    closeReason: orNull(request["disconnectReason"]),
  };
}

function readInitial(value: unknown): Initial | undefined {
  const { connectionId, requestId, endpoint, frames } = isObject(value) ? value : {};
  if (!isConnectionId(connectionId) || !isId(requestId) || typeof endpoint !== "string" || !isTexts(frames))
    return undefined;
  return { kind: "initial", connectionId, requestId, endpoint: ownEndpoint(endpoint), frames };
}

function readProof(value: unknown, requestId: string): Proof | undefined {
  const { connectionId, endpoint } = isObject(value) ? value : {};
  if (!isConnectionId(connectionId)) return undefined;
  return { kind: "proof", connectionId, requestId, endpoint: ownEndpoint(endpoint), isInvoked: true };
}

function ownEndpoint(endpoint: unknown): URL | undefined {
  const [, domainName, stage] = ownEndpoints.exec(orNull(endpoint) ?? "") ?? [];
  return endpointOf({ domainName, stage });
}

/**
 * Right for API Gateway's own domains; with a custom domain API_GATEWAY_ENDPOINT has to say where
 * @connections is (AWS.md 2.6).
 */
function endpointOf({ domainName, stage }: Record<string, unknown>): URL | undefined {
  const usable =
    typeof domainName === "string" &&
    domains.test(domainName) &&
    typeof stage === "string" &&
    stages.test(stage);
  return usable ? new URL(`https://${domainName}/${stage}`) : undefined;
}

function header(headers: Record<string, unknown>, name: string): string | null {
  return orNull(Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]);
}

function orNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Nothing else becomes a text here: an object may have a `toString` that is no function. */
function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

/** Whether a value has the form of API Gateway's ids, or of Lambda's. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && ids.test(value);
}
