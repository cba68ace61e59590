import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { answerConnectionCall } from "./connections-api.ts";
import { closings, end, sweep, type StageAddress, type Traffic } from "./connections.ts";
import { connect } from "./handshake.ts";
import { createThrottle, type Allowance } from "./throttle.ts";

/** A route as the stage's deployment has it. */
export interface ServedRoute {
  routeKey: string;
  authorizationType: string;
  /**
   * Whether a route response is in place, so that the function's `body` goes back to the client (AWS.md 1.8).
   */
  twoWay: boolean;
  integration?: { type: string; uri: string; timeoutMs: number };
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
  /** Requests per second, and at once, that the stage allows on one route. */
  throttle(routeKey: string): Allowance;
}

/** What became of a call of a function: its answer as JSON text, or why it was not called. */
export type LambdaAnswer =
  | { kind: "answered"; payload: string; functionError?: string }
  /** No statement of the function's resource policy allows the call. */
  | { kind: "forbidden" }
  | { kind: "missing" }
  | { kind: "throttled" };

/** An integration that failed, in the words of an execution log. */
export interface FailedIntegration {
  apiId: string;
  stage: string;
  routeKey: string;
  connectionId: string;
  requestId: string;
  message: string;
}

/** One call of `@connections`, for those who decide whether it is permitted. */
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
   * Why a call of `@connections` with this session token is not permitted, in AWS's words; absent where
   * everybody may.
   */
  denied?(call: ConnectionCall): string | undefined;
  /** The `host:port` that the server listens on. */
  host(): string;
  /** Without a message in either direction; 10 minutes. */
  idleMs?: number;
  /** From the handshake on; 2 hours. */
  lifeMs?: number;
  /**
   * Between the pings that find half-open connections, two of which may go unanswered; 30 seconds. AWS sends
   * none.
   */
  pingMs?: number;
  /** An upper limit to every integration's own time limit; 29 seconds. */
  integrationTimeoutMs?: number;
  /** Told of every integration that failed, with the reason that the client is not given. */
  failed?(failure: FailedIntegration): void;
  /**
   * Told of a bug of ours: the client gets an internal error, and everybody else is served on. Without it the
   * process ends.
   */
  broke?(error: unknown): void;
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
  /** Drops the connections of a deleted API, or of one deleted stage of it. */
  sever(apiId: string, stage?: string): void;
  /** Closes every connection with 1001 and delivers its `$disconnect`; settles within 3 seconds. */
  close(): Promise<void>;
}

const closingTimeMs = 3_000;

/** Makes a gateway; it listens on nothing itself, and one timer serves all its connections. */
export function createGateway(options: GatewayOptions): Gateway {
  const { idleMs = 600_000, lifeMs = 7_200_000, pingMs = 30_000 } = options;
  const traffic: Traffic = {
    options,
    times: { idleMs, lifeMs, pingMs },
    live: new Map(),
    pending: new Map(),
    work: new Set(),
    throttle: createThrottle(),
    closed: false,
  };
  const timer = setInterval(
    () => sweep(traffic, Date.now()),
    Math.min(1_000, idleMs / 4, lifeMs / 4, pingMs / 4),
  );
  timer.unref();
  return {
    upgrade: (request, socket, head, at) => connect(traffic, request, socket, head, at),
    connections: (request, response, at) => answerConnectionCall(traffic, request, response, at),
    sever(apiId, stage) {
      sever(traffic, (at) => at.apiId === apiId && (stage === undefined || at.stage === stage));
      traffic.throttle.forget(stage === undefined ? `${apiId}/` : `${apiId}/${stage}/`);
    },
    async close() {
      traffic.closed = true;
      clearInterval(timer);
      sever(traffic, () => true);
      await within(closingTimeMs, settled(traffic));
    },
  };
}

/**
 * Also cuts handshakes that wait for their `$connect`; they deliver a `$disconnect` when it accepts them
 * after all.
 */
function sever(traffic: Traffic, matches: (at: StageAddress) => boolean): void {
  for (const [socket, at] of traffic.pending) if (matches(at)) socket.destroy();
  for (const connection of traffic.live.values())
    if (matches(connection)) end(connection, closings.goingAway);
}

/** Settles when the last socket is closed and the last `$disconnect` delivered. */
async function settled({ live, work }: Traffic): Promise<void> {
  await Promise.all(
    [...live.values()].map(({ socket }) => new Promise((resolve) => socket.once("close", resolve))),
  );
  await Promise.all(work);
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, tooLong]);
  clearTimeout(timer);
}
