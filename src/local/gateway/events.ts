import { randomBytes, randomFillSync } from "node:crypto";

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
 * A connection id or a message id: 11 random bytes with a 2 at byte 8, base64url with its pad, 16 characters
 * (AWS.md 1.1).
 */
export const newConnectionId = (): string => newId(2);

/** A message id has the same form. */
export const newMessageId = (): string => newId(2);

/** A request id: like a connection id, with a 5 at byte 8 (AWS.md 1.1). */
export const newRequestId = (): string => newId(5);

/**
 * Whether a text could be a connection id at all; one that could not is a 400 at `@connections`, not a 410
 * (AWS.md 2.3).
 */
export const isConnectionId = (text: string): boolean => /^[\w-]{15}=$/.test(text);

const idBytes = 11;
/** Random bytes for the next ids: asking the system for each id alone costs a seventh of a message's time. */
const unusedBytes = Buffer.alloc(idBytes * 256);
let used = unusedBytes.length;

function newId(kind: number): string {
  if (used === unusedBytes.length) {
    randomFillSync(unusedBytes);
    used = 0;
  }
  const bytes = unusedBytes.subarray(used, used + idBytes);
  used += idBytes;
  bytes[8] = kind;
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
      messageId: newMessageId(),
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
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    requestContext: {
      routeKey: "$disconnect",
      disconnectStatusCode: code,
      eventType: "DISCONNECT",
      disconnectReason: reason,
      ...contextOf(peer, requestId, now),
    },
    isBase64Encoded: false,
  };
}

function contextOf(peer: Peer, requestId: string, now: number) {
  return {
    extendedRequestId: requestId,
    requestTime: commonLogTime(now),
    messageDirection: "IN",
    stage: peer.stage,
    connectedAt: peer.connectedAt,
    requestTimeEpoch: now,
    identity: { ...(peer.userAgent !== undefined && { userAgent: peer.userAgent }), sourceIp: peer.sourceIp },
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
