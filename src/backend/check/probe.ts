import { randomBytes } from "node:crypto";
import { webhookSignature } from "../../contract/signature.ts";
import { isAnswered, isGood } from "./answer.ts";
import { openPost, type Exchange } from "./exchange.ts";

/** The backend's three endpoints, by what they are told of. */
export type Endpoint = "register" | "message" | "disconnect";
export const endpoints = ["register", "message", "disconnect"] as const satisfies readonly Endpoint[];

/**
 * How long the handler waits for an answer to one attempt, in milliseconds. A request that took longer is not
 * repeated (CONTRACT.md 5).
 */
export const ATTEMPT_MS: Readonly<Record<Endpoint, number>> = {
  register: 5_000,
  message: 20_000,
  disconnect: 3_000,
};

/** What is asked, and as whom. */
export interface Subject {
  backendUrl: string;
  /** Below the backend's address; the one of `register` may hold `{type}` and `{booking_id}`. */
  paths: Readonly<Record<Endpoint, string>>;
  /** `whsec_…`, newest first; none where they are not known. */
  keys: readonly string[];
  token: string | undefined;
  type: string;
  booking: string;
  /** How long each endpoint may take to answer, in milliseconds. */
  attemptMs: Readonly<Record<Endpoint, number>>;
}

/** Who comes in a handshake; the subject's booking where none is given. */
export interface Visitor {
  type: string;
  token: string | null;
  booking?: string | null;
}

/** How a request differs from what the proxy would send. */
export interface Forgery {
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
export interface Asked {
  endpoint: Endpoint;
  connectionId: string;
  /** The members of the envelope after the common ones. */
  members: Readonly<Record<string, unknown>>;
  /** The client's message as JSON text. */
  message?: string;
  webhookId: string;
  forgery?: Forgery;
}

/** What became known while checking. */
export interface Findings {
  /** The endpoints that cannot be asked, with the reason. */
  missing: Map<Endpoint, string>;
  isReachable: boolean;
  isLetIn: boolean;
  /** A registered connection that messages can come from. */
  connection: string | undefined;
  /** What the successful registration was asked with. */
  registeredAs: Visitor | undefined;
  /** How many requests stayed without an answer although the backend was reached. */
  silences: number;
  /** The backend's clock minus ours, in milliseconds; 0 as far as can be told. */
  clockOffMs: number;
  times: { endpoint: Endpoint; ms: number }[];
}

/** What may differ between two requests of the same sort. */
interface More {
  webhookId?: string;
  forgery?: Forgery;
}

/** Asks a backend what the proxy would ask it, and remembers what came of it. */
export interface Probe {
  subject: Subject;
  findings: Findings;
  url(endpoint: Endpoint, type?: string): URL;
  /** Posts without an envelope or a signature: a stranger's request. */
  stranger(endpoint: Endpoint, body: string): Promise<Exchange>;
  ask(asked: Asked): Promise<Exchange>;
  register(connectionId: string, who: Visitor, more?: More): Promise<Exchange>;
  message: (connectionId: string, message: string, more?: More) => Promise<Exchange>;
  disconnect(connectionId: string, forgery?: Forgery): Promise<Exchange>;
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

  const ask = async (asked: Asked, until = signal): Promise<Exchange> => {
    const { endpoint, connectionId, members } = asked;
    if (endpoint === "register") tried.add(connectionId);
    const address = url(endpoint, endpoint === "register" ? String(members["type"]) : undefined);
    const exchange = await transport.post({
      url: address,
      ...signedRequest(asked, address.pathname, subject.keys),
      timeMs: attemptMs[endpoint],
      signal: until,
    });
    note(findings, asked, exchange);
    return exchange;
  };

  return {
    subject,
    findings,
    url,
    ask,
    stranger: (endpoint, body) =>
      transport.post({
        url: url(endpoint),
        headers: { "content-type": "application/json" },
        body,
        timeMs: attemptMs[endpoint],
        signal,
      }),
    register: (connectionId, who, more) =>
      ask(handshake(connectionId, { booking: subject.booking, ...who }, more)),
    message: (connectionId, message, more) => ask(clientMessage(connectionId, message, more)),
    disconnect: (connectionId, forgery) => ask(ending(connectionId, forgery)),
    async cleanUp() {
      await Promise.all(
        [...tried].map((connectionId) =>
          ask(ending(connectionId), AbortSignal.timeout(attemptMs.disconnect)),
        ),
      );
    },
    close: () => transport.close(),
  };
}

const nothingFound = (): Findings => ({
  missing: new Map(),
  isReachable: false,
  isLetIn: false,
  connection: undefined,
  registeredAs: undefined,
  silences: 0,
  clockOffMs: 0,
  times: [],
});

/** The path of `register` for one handshake: its templates filled in, percent-encoded. */
const filled = (path: string, type: string, booking: string): string =>
  path.replaceAll("{type}", encodeURIComponent(type)).replaceAll("{booking_id}", encodeURIComponent(booking));

function handshake(
  connectionId: string,
  { type, token, booking }: Required<Visitor>,
  more: More = {},
): Asked {
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
): Asked {
  const members = { message_id: webhookId.replace(/^msg_m_/, ""), route_key: "$default" };
  return { endpoint: "message", connectionId, members, message, webhookId, ...more };
}

const ending = (connectionId: string, forgery: Forgery = {}): Asked => ({
  endpoint: "disconnect",
  connectionId,
  members: { reason: "client", code: 1000, detail: null },
  webhookId: `msg_d_${connectionId}`,
  forgery,
});

const CLIENT = { ip: "192.0.2.1", user_agent: "shelfshack-ws backend check", origin: null };
/** `.invalid` is no domain (RFC 6761): a backend that pushes to a connection of ours reaches nobody. */
const CALLBACK_URL = "https://backend-check.invalid/check";

/** The request as the proxy sends it (CONTRACT.md 1), with what the forgery changes. */
function signedRequest(
  asked: Asked,
  path: string,
  known: readonly string[],
): { headers: Record<string, string>; body: string } {
  const {
    keys = known,
    timestamp = Math.floor(Date.now() / 1_000),
    headers = {},
    body: tampered = (text: string) => text,
    path: claimed = path,
  } = asked.forgery ?? {};
  const requestId = unique();
  const body = envelope(asked, claimed, requestId);
  const all: Record<string, string | undefined> = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "shelfshack-ws",
    "x-connection-id": asked.connectionId,
    "x-request-id": requestId,
    "webhook-id": asked.webhookId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature":
      keys.length > 0 ? webhookSignature(keys, asked.webhookId, timestamp, body) : undefined,
    ...headers,
  };
  const present = Object.entries(all).filter((header): header is [string, string] => header[1] !== undefined);
  return { headers: Object.fromEntries(present), body: tampered(body) };
}

const events: Readonly<Record<Endpoint, string>> = {
  register: "connect",
  message: "message",
  disconnect: "disconnect",
};

function envelope(
  { endpoint, connectionId, members, message }: Asked,
  path: string,
  requestId: string,
): string {
  const head = JSON.stringify({
    v: 1,
    path,
    event: events[endpoint],
    connection_id: connectionId,
    request_id: requestId,
    ...members,
  });
  return message === undefined ? head : `${head.slice(0, -1)},"message":${message}}`;
}

function note(findings: Findings, { endpoint }: Asked, exchange: Exchange): void {
  if (isGood(exchange)) findings.times.push({ endpoint, ms: exchange.ms });
  if (!isAnswered(exchange) && exchange.phase === "time") {
    findings.silences += 1;
    findings.times.push({ endpoint, ms: Infinity });
  }
}
