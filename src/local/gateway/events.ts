import { randomBytes, randomInt } from "node:crypto";

/** One end of a connection as every event of it describes it (AWS.md 1.2). Times are epoch milliseconds. */
export interface Peer {
  readonly connectionId: string;
  readonly apiId: string;
  readonly stage: string;
  readonly connectedAt: number;
  readonly domainName: string;
  readonly sourceIp: string;
  /** Absent when the client sent no `User-Agent`. */
  readonly userAgent?: string;
  /** What an authorizer said of the client, with the milliseconds that it took (AWS.md 1.9). */
  readonly authorizer?: Readonly<Record<string, unknown>> & { integrationLatency: number };
  /** Who signed the upgrade request of a route with `AWS_IAM`. */
  readonly caller?: Readonly<Record<string, string>>;
}

/** The upgrade request as far as the `$connect` event shows it. */
export interface Upgrade {
  /** Path and query as they came. */
  readonly url: string;
  /** Names and values in turn, as `IncomingMessage.rawHeaders` has them. */
  readonly rawHeaders: readonly string[];
  /** The port that the client reached. */
  readonly port: number;
}

/**
 * A connection id: time, place and chance in 11 bytes, base64url with its pad, 16 characters (AWS.md 1.1). No
 * secret: most of it can be guessed.
 */
export const newConnectionId = (region: string): string =>
  newId(kinds.connection, placeOf(region), randomInt(0x1_0000));

/** The id of a message, which ends as its connection's does. */
export function newMessageId(connectionId: string): string {
  const connection = Buffer.from(connectionId, "base64url");
  return newId(kinds.connection, connection.readUInt16BE(placeAt), connection.readUInt16BE(endAt));
}

/** A request id, of the same place as the connection that it belongs to, where there is one. */
export const newRequestId = (connectionId = newConnectionId("us-east-1")): string =>
  newId(kinds.request, Buffer.from(connectionId, "base64url").readUInt16BE(placeAt), randomInt(0x1_0000));

/**
 * Whether a text could be a connection id at all; one that could not is a 400 at `@connections`, not a 410
 * (AWS.md 2.3).
 */
export const isConnectionId = (text: string): boolean => /^[\w-]{15}=$/.test(text);

const idBytes = 11;
/** Which byte says what an id belongs to, and what it says. */
const kindAt = 8;
const kinds = { connection: 2, request: 5 } as const;
/** Where an id's place and its end stand, two bytes each. */
const placeAt = 6;
const endAt = 9;
/** An id's clock goes on by one in this many milliseconds; where it began is unknown. */
const tickMs = 25;

/** The places that are known; those of other regions are made up. */
const places: Readonly<Record<string, number>> = { "us-east-1": 0x2003, "ap-northeast-1": 0x2917 };
const placeOf = (region: string): number =>
  places[region] ?? Buffer.from(region).reduce((place, byte) => (place * 31 + byte) & 0x7fff, 0);

/** Counts ids, so that no two of one tick are equal. */
let counted = randomInt(0x1_0000);
/** Odd, so that numbers in a row are scattered over all that two bytes hold. */
const scatter = 40_503;

function newId(kind: number, place: number, end: number): string {
  counted = (counted + 1) & 0xffff;
  const bytes = Buffer.alloc(idBytes);
  bytes.writeUInt32BE(Math.floor(Date.now() / tickMs) >>> 0);
  bytes.writeUInt16BE((counted * scatter) & 0xffff, 4);
  // Its top bit changes from id to id and belongs to no place.
  bytes.writeUInt16BE((place & 0x7fff) | (randomInt(2) << 15), placeAt);
  bytes[kindAt] = kind;
  bytes.writeUInt16BE(end, endAt);
  return `${bytes.toString("base64url")}=`;
}

/**
 * The host of the API, as `requestContext.domainName` names it.
 *
 * The host that the client used where it names the API; for a client that came by path an address of the same
 * form under `localhost`. It never has the form of a real endpoint: a handler that builds
 * `https://{domainName}/{stage}` from a local event would otherwise talk to AWS.
 */
export function domainNameOf(apiId: string, hostHeader: string | undefined, listening: string): string {
  const [name, port = ""] = hostHeader?.toLowerCase().split(":") ?? [];
  if (name?.startsWith(`${apiId}.`) && name.endsWith(".localhost")) return port ? `${name}:${port}` : name;
  return `${apiId}.execute-api.localhost${/:\d+$/.exec(listening)?.[0] ?? ""}`;
}

/** The event of `$connect` (AWS.md 1.2). Keys that AWS leaves out are absent, not null. */
export function connectEvent(
  peer: Peer,
  {
    upgrade,
    requestId,
    stageVariables,
    now,
  }: { upgrade: Upgrade; requestId: string; stageVariables: Record<string, string>; now: number },
) {
  const headers = headersOf(upgrade, peer.sourceIp, now);
  const query = queryOf(upgrade.url);
  return {
    headers: lastValues(headers),
    multiValueHeaders: Object.fromEntries(headers),
    ...(query.size > 0 && {
      queryStringParameters: lastValues(query),
      multiValueQueryStringParameters: Object.fromEntries(query),
    }),
    ...variablesOf(stageVariables),
    requestContext: { routeKey: "$connect", eventType: "CONNECT", ...contextOf(peer, requestId, now) },
    isBase64Encoded: false,
  };
}

/**
 * The event of a Lambda authorizer (AWS.md 1.9): that of `$connect`, with what its members are called there.
 */
export function authorizerEvent(
  peer: Peer,
  { methodArn, ...connecting }: Parameters<typeof connectEvent>[1] & { methodArn: string },
) {
  const { headers, multiValueHeaders, requestContext, ...event } = connectEvent(peer, connecting);
  const { queryStringParameters = {}, multiValueQueryStringParameters = {} } = event;
  const upgrade = { Connection: "upgrade", "content-length": "0", Upgrade: "websocket" };
  return {
    type: "REQUEST",
    methodArn,
    headers: { ...upgrade, ...headers },
    multiValueHeaders: { ...multiValues(upgrade), ...multiValueHeaders },
    queryStringParameters,
    multiValueQueryStringParameters,
    stageVariables: connecting.stageVariables,
    requestContext,
  };
}

const multiValues = (headers: Record<string, string>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));

/** The event of a message (AWS.md 1.3): the text as it came, and no header. */
export function messageEvent(
  peer: Peer,
  {
    routeKey,
    requestId,
    body,
    stageVariables,
    now,
  }: {
    routeKey: string;
    requestId: string;
    body: string;
    stageVariables: Record<string, string>;
    now: number;
  },
) {
  return {
    ...variablesOf(stageVariables),
    requestContext: {
      routeKey,
      messageId: newMessageId(peer.connectionId),
      eventType: "MESSAGE",
      ...contextOf(peer, requestId, now),
    },
    body,
    isBase64Encoded: false,
  };
}

/**
 * The event of `$disconnect` with its four made-up headers (AWS.md 1.4). It has no stage variables here;
 * AWS's side of that is unverified.
 */
export function disconnectEvent(
  peer: Peer,
  { requestId, code, reason, now }: { requestId: string; code: number; reason: string; now: number },
) {
  const headers = { Host: peer.domainName, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "" };
  return {
    headers,
    multiValueHeaders: multiValues(headers),
    requestContext: {
      routeKey: "$disconnect",
      disconnectStatusCode: code,
      eventType: "DISCONNECT",
      disconnectReason: reason,
      ...contextOf(withoutLatency(peer), requestId, now),
    },
    isBase64Encoded: false,
  };
}

/** The last event of a connection does not say how long its authorizer took (AWS.md 1.9). */
function withoutLatency({ authorizer, ...peer }: Peer): Omit<Peer, "authorizer"> & { authorizer?: object } {
  if (!authorizer) return peer;
  const { integrationLatency: _untold, ...said } = authorizer;
  return { ...peer, authorizer: said };
}

function contextOf(peer: Omit<Peer, "authorizer"> & { authorizer?: object }, requestId: string, now: number) {
  return {
    ...(peer.authorizer && { authorizer: peer.authorizer }),
    extendedRequestId: requestId,
    requestTime: commonLogTime(now),
    messageDirection: "IN",
    stage: peer.stage,
    connectedAt: peer.connectedAt,
    requestTimeEpoch: now,
    identity: {
      ...peer.caller,
      ...(peer.userAgent !== undefined && { userAgent: peer.userAgent }),
      sourceIp: peer.sourceIp,
    },
    requestId,
    domainName: peer.domainName,
    connectionId: peer.connectionId,
    apiId: peer.apiId,
  };
}

/** `23/Nov/2026:15:04:40 +0000`, cut from `Mon, 23 Nov 2026 15:04:40 GMT`. */
function commonLogTime(now: number): string {
  const text = new Date(now).toUTCString();
  return `${text.slice(5, 7)}/${text.slice(8, 11)}/${text.slice(12, 16)}:${text.slice(17, 25)} +0000`;
}

function variablesOf(stageVariables: Record<string, string>) {
  return Object.keys(stageVariables).length > 0 ? { stageVariables } : {};
}

const canonicalNames = new Map(
  [
    "Host Origin User-Agent Cookie Authorization Referer Pragma Cache-Control DNT",
    "Accept Accept-Charset Accept-Encoding Accept-Language Content-Type",
    "Sec-WebSocket-Extensions Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version",
    "Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site X-Forwarded-For X-Amzn-Trace-Id",
  ]
    .flatMap((names) => names.split(" "))
    .map((name) => [name.toLowerCase(), name]),
);

/** Headers that the gateway drops or sets itself, whatever the client sent. */
const ownHeaders = new Set([
  "connection",
  "upgrade",
  "content-length",
  "x-forwarded-port",
  "x-forwarded-proto",
]);

/**
 * All values of each header under the name that AWS gives it: canonical for well-known ones, the client's own
 * for the others.
 */
function headersOf({ rawHeaders, port }: Upgrade, sourceIp: string, now: number): Map<string, string[]> {
  const names = new Map(canonicalNames);
  const headers = new Map<string, string[]>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    if (ownHeaders.has(lower)) continue;
    if (!names.has(lower)) names.set(lower, name);
    append(headers, names.get(lower) ?? name, rawHeaders[index + 1] ?? "");
  }
  // A proxy's chain is passed on and the peer added to it, as on AWS; `sourceIp` never comes from a header.
  headers.set("X-Forwarded-For", [[...(headers.get("X-Forwarded-For") ?? []), sourceIp].join(", ")]);
  headers.set("X-Forwarded-Port", [String(port)]);
  headers.set("X-Forwarded-Proto", ["http"]);
  if (!headers.has("X-Amzn-Trace-Id")) headers.set("X-Amzn-Trace-Id", [newTraceRoot(now)]);
  return new Map([...headers].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function newTraceRoot(now: number): string {
  return `Root=1-${Math.floor(now / 1000).toString(16)}-${randomBytes(12).toString("hex")}`;
}

function queryOf(url: string): Map<string, string[]> {
  const query = new Map<string, string[]>();
  const start = url.indexOf("?");
  if (start < 0) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start))) append(query, name, value);
  return query;
}

function append(values: Map<string, string[]>, name: string, value: string): void {
  const present = values.get(name);
  if (present) present.push(value);
  else values.set(name, [value]);
}

/** The single-value form holds the last value of a name. */
function lastValues(values: Map<string, string[]>): Record<string, string> {
  return Object.fromEntries([...values].map(([name, all]) => [name, all.at(-1) ?? ""]));
}
