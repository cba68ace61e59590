import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Quotas } from "../../contract/quotas.ts";
import type { Backlog } from "./backlog.ts";
import type { Peer } from "./events.ts";
import type { Allowance, Throttle } from "./throttle.ts";
import type { ShownConnection, Sight, Watchers } from "./watch.ts";

/** A route as the stage's deployment has it. */
export interface ServedRoute {
  routeKey: string;
  authorizationType: string;
  /** The Lambda authorizer of a route whose type is `CUSTOM`. */
  authorizer?: { id: string; uri: string; identitySources: readonly string[] };
  /**
   * Whether a route response is in place, so that the function's `body` goes back to the client (AWS.md 1.8).
   */
  twoWay: boolean;
  integration?: { type: string; uri: string; timeoutMs: number; mock?: MockIntegration };
}

/** What API Gateway answers itself, by templates (AWS.md 3.2). */
export interface MockIntegration {
  requestTemplates: Readonly<Record<string, string>>;
  /** The expression that selects a request template. */
  templateSelection: string;
  /** By `$default`, or by a pattern of statuses such as `/2../`. */
  responses: readonly {
    key: string;
    templateSelection: string;
    templates: Readonly<Record<string, string>>;
  }[];
}

/** The access log of a stage: where it is written, and how a line of it is made. */
export interface AccessLogSettings {
  /** The name of the log group. */
  group: string;
  /** A text with `$context` variables. */
  format: string;
}

/** A stage with the routes of the deployment that it serves. */
export interface ServedStage {
  apiId: string;
  stage: string;
  region: string;
  account: string;
  routeSelectionExpression: string;
  routes: ReadonlyMap<string, ServedRoute>;
  stageVariables: Record<string, string>;
  accessLog?: AccessLogSettings;
  /** Requests per second, and at once, that the stage allows on one route. */
  throttle(routeKey: string): Allowance;
}

/** How calling a function ended: its answer as JSON text, or why it was not called. */
export type LambdaAnswer =
  | { kind: "answered"; payload: string; functionError?: string; requestId?: string }
  /** No statement of the function's resource policy allows the call. */
  | { kind: "forbidden" }
  | { kind: "missing" }
  | { kind: "throttled" };

/** What a gateway tells of its traffic, when it is over. Times are epoch milliseconds. */
export type Seen = StageAddress & (SeenEvent | SeenDelivery);

type SeenEvent = {
  kind: "event";
  event: "connect" | "message" | "disconnect";
  connectionId: string;
  requestId: string;
  /** Lambda's id of the invocation, where there was one. */
  lambdaRequestId?: string | undefined;
  at: number;
  ms: number;
  routeKey?: string | undefined;
  /** What the client got, or would have got as a status. */
  status: number;
  bytes?: number | undefined;
  /** Why the integration failed, or was not called. */
  problem?: string | undefined;
  /** The same in words, as an execution log has it. */
  reason?: string | undefined;
  /** Of a connect: the client tests the stage. */
  test?: true;
};

type SeenDelivery = {
  kind: "delivery";
  connectionId: string;
  /** Of the call itself, as its answer has it. */
  requestId: string;
  at: number;
  ms: number;
  status: number;
  bytes: number;
  /** Why it was refused: the type of an error of AWS. */
  problem?: string | undefined;
  /** Which credentials the call was signed with; empty for one without a signature. */
  accessKeyId: string;
};

/** A failed integration, as an execution log describes it. */
export interface FailedIntegration {
  apiId: string;
  stage: string;
  routeKey: string;
  connectionId: string;
  requestId: string;
  message: string;
}

/** A signed upgrade request, to be authorized. */
export interface SignedConnect {
  region: string;
  apiId: string;
  stage: string;
  sessionToken: string | string[] | undefined;
}

/** One call of `@connections`, to be authorized. */
export interface ConnectionCall {
  /** The one that the call was signed for. */
  region: string;
  apiId: string;
  stage: string;
  method: string;
  connectionId: string;
  sessionToken: string | string[] | undefined;
}

/**
 * What the gateway works with, and its times. Times are milliseconds; the defaults are AWS's limits (AWS.md
 * 1.12).
 */
export interface GatewayOptions {
  /**
   * What a stage serves now; asked anew for every event, because a deployment also reaches open connections.
   */
  find(apiId: string, stage: string): ServedStage | undefined;
  /** Calls a function on behalf of the API; a rejection counts as an integration that is set up wrongly. */
  invoke(call: {
    functionArn: string;
    sourceArn: string;
    account: string;
    event: unknown;
  }): Promise<LambdaAnswer>;
  /**
   * What speaks against a signed call or a signed upgrade being of this user; absent where every signature is
   * taken. `body` reads the whole body, undefined where that is too large.
   */
  doubt?(
    request: IncomingMessage,
    body: () => Promise<Uint8Array | undefined>,
  ): Promise<{ about: "key" | "signature" | "size"; message: string } | undefined>;
  /**
   * Why a call of `@connections` with this session token is denied, in AWS's words; absent when every call is
   * allowed.
   */
  denied?(call: ConnectionCall): string | undefined;
  /** Whether a policy that an authorizer answered allows this; throws for what is no policy. */
  allows?(document: string, access: { action: string; resource: string }): boolean;
  /**
   * Who wants to connect to a route with `AWS_IAM`, as events name the caller, or why that is denied, in
   * AWS's words.
   */
  caller?(call: SignedConnect): { identity: Readonly<Record<string, string>> } | { denied: string };
  /** The `host:port` that the server listens on. */
  host(): string;
  /** Closes a connection after this long without a message in either direction; 10 minutes. */
  idleMs?: number;
  /** Closes a connection this long after its handshake; 2 hours. */
  maxAgeMs?: number;
  /**
   * Between pings, which find half-open connections; two may go unanswered. 30 seconds. AWS sends no pings.
   */
  pingMs?: number;
  /** An upper limit to every integration's own time limit; 29 seconds. */
  integrationTimeoutMs?: number;
  /** What the account may do, besides what each stage allows; no limit without it. */
  quotas?: Omit<Quotas, "concurrency">;
  /** Called for every failed integration, with the reason that the client does not get. */
  onFailure?(failure: FailedIntegration): void;
  /** Gets what has happened to each connection; without it nothing is put together. */
  onSeen?(seen: Seen): void;
  /**
   * Called with a bug of the local AWS: the client gets an internal error, other clients are not affected.
   * Without it the process ends.
   */
  onBug?(error: unknown): void;
}

/** The WebSocket side of the local AWS: sockets on one side, functions on the other. */
export interface Gateway {
  /** Takes an upgrade request for a stage: asks `$connect`, then opens or refuses the connection. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, at: StageAddress): void;
  /** Answers POST, GET and DELETE on one connection id (`@connections`). */
  connections(
    request: IncomingMessage,
    response: ServerResponse,
    at: StageAddress & { connectionId: string },
  ): Promise<void>;
  clients: Clients;
  /** Drops the connections of a deleted API, or of one deleted stage of it. */
  disconnect(apiId: string, stage?: string): void;
  /** Closes every connection with 1001 and delivers its `$disconnect`; resolves within 3 seconds. */
  close(): Promise<void>;
}

/** What became of an order: `slow` is a client that was dropped just now, as it does not read. */
export type Acted = "done" | "gone" | "slow";

/** The open connections, for who runs the gateway. */
export interface Clients {
  list(): ShownConnection[];
  /** Tells of frames, and of connections that come and go, until the returned function is called. */
  watch(watcher: (sight: Sight) => void): () => void;
  /** Sends a frame to the client. */
  send(connectionId: string, text: string): Acted;
  close(connectionId: string): Acted;
  /** Takes a message as if the client had sent it just now. */
  receive(connectionId: string, text: string): Acted;
  /** The tokens, cookies and the like that its handshake carried. */
  secretsOf(connectionId: string): readonly string[];
}

/** Which stage of which API something belongs to. */
export interface StageAddress {
  readonly apiId: string;
  readonly stage: string;
}

/** An open connection. Times are epoch milliseconds. */
export interface Connection extends Peer {
  readonly socket: WebSocket;
  /** What its handshake carried and nothing may show. */
  readonly secrets: readonly string[];
  /** The gateway's, for all its connections. */
  readonly backlog: Backlog<Connection>;
  /** The gateway's too. */
  readonly watchers: Watchers;
  /** The last message in either direction; pings do not count (AWS.md 1.13, unverified). */
  lastActiveAt: number;
  pingedAt: number;
  unansweredPings: number;
  /** Why this side ended the connection; without it the client did. */
  ending?: Closing;
}

/** What all connections of one gateway share. */
export interface Traffic {
  readonly options: GatewayOptions;
  readonly times: { idleMs: number; maxAgeMs: number; pingMs: number };
  /** By connection id, from the upgrade until the socket is closed. */
  readonly live: Map<string, Connection>;
  /** The sockets whose `$connect` is not answered yet. */
  readonly pending: Map<Duplex, StageAddress>;
  /** What must finish before the gateway is closed: handshakes and `$disconnect` deliveries. */
  readonly work: Set<Promise<void>>;
  readonly throttle: Throttle;
  readonly backlog: Backlog<Connection>;
  readonly watchers: Watchers;
  closed: boolean;
}

/** A close code and its reason, as the other end and the `$disconnect` event see them. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}
