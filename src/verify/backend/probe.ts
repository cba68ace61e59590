import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { events, type Endpoint } from "../../contract/envelope.ts";
import { webhookSignature } from "../../contract/signature.ts";
import { isBroken, isGood, isTimeout } from "./answer.ts";
import { openPost, type Exchange } from "./exchange.ts";

/** The backend to check, and as which client. */
export interface Subject {
  backendUrl: string;
  /** Whether that is the address that the deployed function has. */
  isOfFunction: boolean;
  /** Below the backend's address; the one of `register` may hold `{type}` and `{booking_id}`. */
  paths: Readonly<Record<Endpoint, string>>;
  /** `whsec_…`, newest first; empty where they are not known. */
  keys: readonly string[];
  token: string | undefined;
  type: string;
  booking: string;
  /** How long each endpoint may take to answer, in milliseconds. */
  attemptMs: Readonly<Record<Endpoint, number>>;
}

/** The client of a handshake; the subject's booking where none is given. */
export interface Client {
  type: string;
  token: string | null;
  booking?: string | null;
}

/** How a request differs from one of the proxy. */
export interface Tampering {
  /** Before it is signed. */
  keys?: readonly string[];
  /** Seconds since 1970. */
  timestamp?: number;
  path?: string;
  /** After it was signed; undefined leaves a header out. */
  headers?: Readonly<Record<string, string | undefined>>;
  body?: (body: string) => string;
}

/** One request in the proxy's form. */
export interface ProxyRequest {
  endpoint: Endpoint;
  connectionId: string;
  /** The members of the envelope after the common ones. */
  members: Readonly<Record<string, unknown>>;
  /** The client's message as JSON text. */
  message?: string;
  webhookId: string;
  tampering?: Tampering;
  /** Over a TCP connection of its own. */
  isSeparate?: boolean;
}

/** What became known while checking. */
export interface Findings {
  /** The endpoints that cannot be checked, with the reason. */
  unusable: Map<Endpoint, string>;
  isReachable: boolean;
  /** The title of the check during which the backend stopped answering. */
  endedAt: string | undefined;
  /** Whether requests in the proxy's form are accepted. */
  isAccepted: boolean;
  /** A registered connection that messages can come from. */
  connection: string | undefined;
  /** Why there is none although a handshake was accepted. */
  noConnection: string | undefined;
  /** No endpoint checks the signature. */
  isUnchecked: boolean;
  /** How many requests had no answer, other than by our own time limit. */
  broken: number;
  /** The client that was registered. */
  registeredAs: Client | undefined;
  /** How many requests timed out although the backend was reached. */
  timeouts: number;
  /** The backend's clock minus ours, in milliseconds; 0 as far as can be told. */
  clockOffMs: number;
  times: { endpoint: Endpoint; ms: number }[];
  /** The version of the FastAPI kit that the backend's answers name. */
  kit: string | undefined;
}

/** What may differ between two requests of the same sort. */
interface More {
  webhookId?: string;
  tampering?: Tampering;
  isSeparate?: boolean;
}

/** Sends a backend what the proxy would send, and remembers what became known. */
export interface Probe {
  subject: Subject;
  findings: Findings;
  url(endpoint: Endpoint, type?: string): URL;
  /** Posts without an envelope or a signature. */
  unsignedRequest(endpoint: Endpoint, body: string): Promise<Exchange>;
  send(request: ProxyRequest): Promise<Exchange>;
  register(connectionId: string, who: Client, more?: More): Promise<Exchange>;
  message: (connectionId: string, message: string, more?: More) => Promise<Exchange>;
  disconnect(connectionId: string, tampering?: Tampering): Promise<Exchange>;
  /** Disconnects every connection id that a handshake was tried with; not ended by the probe's signal. */
  cleanUp(): Promise<void>;
  close(): void;
}

const unique = (): string => randomBytes(9).toString("base64url");

/** A connection id that shows where it comes from; like API Gateway's it ends with `=`. */
export const markedConnection = (): string => `shelfshackCheck${unique()}=`;
export const messageWebhookId = (): string => `msg_m_${unique()}`;

/** Opens a probe. `signal` ends its requests. */
export function openProbe(subject: Subject, { signal }: { signal: AbortSignal }): Probe {
  const { attemptMs } = subject;
  const transport = openPost();
  const tried = new Set<string>();
  const findings = nothingFound();
  const url = (endpoint: Endpoint, type = subject.type) =>
    new URL(`${subject.backendUrl}${filled(subject.paths[endpoint], type, subject.booking)}`);

  const send = async (request: ProxyRequest, until = signal): Promise<Exchange> => {
    const { endpoint, connectionId, members } = request;
    if (endpoint === "register") tried.add(connectionId);
    const address = url(endpoint, endpoint === "register" ? String(members["type"]) : undefined);
    const exchange = await transport.post({
      url: address,
      ...signedRequest(request, address, subject.keys),
      timeMs: attemptMs[endpoint],
      signal: until,
      ...(request.isSeparate && { isSeparate: true }),
    });
    record(findings, request, exchange);
    return exchange;
  };

  return {
    subject,
    findings,
    url,
    send,
    async unsignedRequest(endpoint, body) {
      const exchange = await transport.post({
        url: url(endpoint),
        headers: { "content-type": "application/json" },
        body,
        timeMs: attemptMs[endpoint],
        signal,
      });
      if (isBroken(exchange)) findings.broken += 1;
      return exchange;
    },
    register: (connectionId, who, more) =>
      send(handshake(connectionId, { booking: subject.booking, ...who }, more)),
    message: (connectionId, message, more) => send(clientMessage(connectionId, message, more)),
    disconnect: (connectionId, tampering) => send(ending(connectionId, tampering)),
    async cleanUp() {
      await Promise.all(
        [...tried].map((connectionId) =>
          send(ending(connectionId), AbortSignal.timeout(attemptMs.disconnect)),
        ),
      );
    },
    close: () => transport.close(),
  };
}

const nothingFound = (): Findings => ({
  unusable: new Map(),
  isReachable: false,
  endedAt: undefined,
  isAccepted: false,
  connection: undefined,
  noConnection: undefined,
  isUnchecked: false,
  broken: 0,
  registeredAs: undefined,
  timeouts: 0,
  clockOffMs: 0,
  times: [],
  kit: undefined,
});

/** The path of `register` for one handshake: its templates filled in, percent-encoded. */
const filled = (path: string, type: string, booking: string): string =>
  path.replaceAll("{type}", encodeURIComponent(type)).replaceAll("{booking_id}", encodeURIComponent(booking));

function handshake(
  connectionId: string,
  { type, token, booking }: Required<Client>,
  more: More = {},
): ProxyRequest {
  const members = {
    type,
    booking_id: booking,
    token,
    query: {},
    client: CLIENT,
    connected_at: Date.now(),
    callback_url: CALLBACK_URL,
  };
  return { endpoint: "register", connectionId, members, webhookId: `msg_c_${unique()}`, ...more };
}

function clientMessage(
  connectionId: string,
  message: string,
  { webhookId = messageWebhookId(), ...more }: More = {},
): ProxyRequest {
  const members = { message_id: webhookId.replace(/^msg_m_/, ""), route_key: "$default" };
  return { endpoint: "message", connectionId, members, message, webhookId, ...more };
}

const ending = (connectionId: string, tampering: Tampering = {}): ProxyRequest => ({
  endpoint: "disconnect",
  connectionId,
  members: { reason: "client", code: 1000, detail: null },
  webhookId: `msg_d_${connectionId}`,
  tampering,
});

const CLIENT = { ip: "192.0.2.1", user_agent: "shelfshack-ws backend check", origin: null };
/** `.invalid` is no domain (RFC 6761): a push of the backend to a connection of ours goes nowhere. */
const CALLBACK_URL = "https://backend-check.invalid/check";

/** The request as the proxy sends it (CONTRACT.md 1), with the changes of the tampering. */
function signedRequest(
  request: ProxyRequest,
  { host, pathname: path }: URL,
  known: readonly string[],
): { headers: Record<string, string>; body: string } {
  const {
    keys = known,
    timestamp = Math.floor(Date.now() / 1_000),
    headers = {},
    body: tampered = (text: string) => text,
    path: claimed = path,
  } = request.tampering ?? {};
  const requestId = unique();
  const body = envelope(request, { host, path: claimed }, requestId);
  const all: Record<string, string | undefined> = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "shelfshack-ws",
    "x-connection-id": request.connectionId,
    "x-request-id": requestId,
    "webhook-id": request.webhookId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature":
      keys.length > 0 ? webhookSignature(keys, request.webhookId, timestamp, body) : undefined,
    ...headers,
  };
  const present = Object.entries(all).filter((header): header is [string, string] => header[1] !== undefined);
  return { headers: Object.fromEntries(present), body: tampered(body) };
}

function envelope(
  { endpoint, connectionId, members, message }: ProxyRequest,
  address: { host: string; path: string },
  requestId: string,
): string {
  const head = JSON.stringify({
    v: 1,
    ...address,
    event: events[endpoint],
    connection_id: connectionId,
    request_id: requestId,
    ...members,
  });
  return message === undefined ? head : `${head.slice(0, -1)},"message":${message}}`;
}

function record(findings: Findings, { endpoint }: ProxyRequest, exchange: Exchange): void {
  if (isGood(exchange)) {
    findings.times.push({ endpoint, ms: exchange.ms });
    findings.kit ??= kitVersionIn(exchange.headers);
  }
  if (isBroken(exchange)) findings.broken += 1;
  if (isTimeout(exchange)) {
    findings.timeouts += 1;
    findings.times.push({ endpoint, ms: Infinity });
  }
}

/** The kit names its version in answers to signed requests. */
const kitVersionIn = ({ "shelfshack-kit": version }: IncomingHttpHeaders): string | undefined =>
  typeof version === "string" && /^[\w.+-]{1,40}$/.test(version) ? version : undefined;
