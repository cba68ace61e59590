import { createServer, type IncomingMessage, type ServerOptions } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { CliError } from "../errors/error.ts";
import { createDispatch } from "./dispatch.ts";
import type { ConnectionCall, FailedIntegration } from "./gateway/contract.ts";
import type { LogEntry } from "./runtime/contract.ts";
import { servedStage } from "./services/apigateway/stages.ts";
import { createGateway } from "./gateway/gateway.ts";
import { denial, sessionIn } from "./services/iam/sessions.ts";
import { createInvoking } from "./services/lambda/invoke.ts";
import { permittedLines } from "./services/lambda/logging.ts";
import { listenOn } from "./listening.ts";
import { logs as createLogs } from "./services/logs/logs.ts";
import { errorText } from "./refusals.ts";
import { runtimesFor } from "./runtimes.ts";
import { servicesOf, type Call } from "./services/services.ts";
import { closeServer, shutDown } from "./shutdown.ts";
import { keptState } from "./state-folder.ts";
import { emptyState, type Delays, type World } from "./state.ts";
import { offersWebSocket } from "./wire/http.ts";

export type { Call } from "./services/services.ts";

/** How a local AWS is to be. Delays are in milliseconds; what is not given takes no time. */
export interface LocalAwsOptions extends Partial<Delays> {
  /** A free one when not given. */
  port?: number;
  account?: string;
  /** The most that one page of a list holds. */
  pageSize?: number;
  /** Requests per second and burst that API Gateway's control plane allows. */
  controlRate?: { rate: number; burst: number };
  /** After so long without a message a WebSocket is closed, and after so long in any case. */
  idleMs?: number;
  maxAgeMs?: number;
  /** Lambda environments per function. */
  maxEnvironments?: number;
  /** Host names besides this machine's own that requests may be sent to. */
  allowHosts?: readonly string[];
  /** Keeps everything in this folder and begins with what is there. */
  stateFolder?: string;
  onCall?(call: Call): void;
  /**
   * Told of every line that a function writes, and of every integration that fails, whoever may read it in
   * CloudWatch; and of what cannot be told here as AWS would.
   */
  onLog?(entries: readonly LogEntry[]): void;
}

/** A running local AWS. */
export interface LocalAws {
  /** `http://127.0.0.1:PORT`, the address of every service. */
  url: string;
  port: number;
  /** The last 10,000 calls of the control plane, oldest first. */
  calls: readonly Call[];
  /**
   * Closes sockets (1001, with their `$disconnect`), ends the functions' processes and frees the port.
   * Rejects with the first thing that failed on the way.
   */
  close(): Promise<void>;
}

/** How long things take on AWS, roughly (AWS.md 3.9, 4.5, 6.4). */
export const realisticDelays = {
  roleDelayMs: 6_000,
  createDelayMs: 1_500,
  updateDelayMs: 1_000,
  deploymentIntervalMs: 5_000,
} as const satisfies Partial<Delays>;

/** Two delays are AWS's own: nobody waits for them to go on. */
const noDelays: Delays = {
  roleDelayMs: 0,
  createDelayMs: 0,
  updateDelayMs: 0,
  deploymentIntervalMs: 0,
  apiChangeMs: 0,
  liveTailMs: 1_000,
  asyncRetryMs: [60_000, 120_000],
};
const CALLS_KEPT = 10_000;
/**
 * Longer than any client keeps an unused connection, so that none is closed while a request is on its way.
 */
const serverOptions: ServerOptions & { shouldUpgradeCallback: (request: IncomingMessage) => boolean } = {
  headersTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16_384,
  requireHostHeader: false,
  // From Node 24.9 on the offer of any other protocol is declined by Node itself.
  shouldUpgradeCallback: offersWebSocket,
};

/**
 * Starts AWS on this machine: the wire protocols of Lambda, API Gateway, IAM, STS and CloudWatch Logs, the
 * WebSocket data plane and `@connections`, all on one port of the loopback interface. Calls must be signed in
 * form; the signature itself is not checked. Throws a CliError (exit 2) when the port is in use or the state
 * folder is, or cannot be read.
 */
export async function startLocalAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const { allowHosts = [], onCall, onLog, pageSize, controlRate } = options;
  const kept = options.stateFolder === undefined ? undefined : await keptState(options.stateFolder);
  const servers = { ipv4: createServer(serverOptions), ipv6: createServer(serverOptions) };
  const port = await listenOn(options.port ?? 0, servers).catch(async (error: unknown) => {
    await kept?.release();
    throw error;
  });
  const url = `http://127.0.0.1:${port}`;
  const closing = new AbortController();
  const calls: Call[] = [];
  /** Bugs that nobody was told of; the first one is the outcome of `close`. */
  const untold: unknown[] = [];
  const runtimes = runtimesFor({ url, maxEnvironments: options.maxEnvironments, log, onBug: broke });
  const noted = new Set<string>();
  let closed: Promise<void> | undefined;

  const world: World = {
    account: options.account ?? "000000000000",
    state: kept?.state ?? emptyState(),
    delays: { ...noDelays, ...delaysIn(options) },
    pageSize,
    controlRate,
    url: () => url,
    runtimeIn: (region) => runtimes.runtimeIn(region),
    retire: (region, arn) => runtimes.retire(region, arn),
    sever: (apiId, stage) => gateway.disconnect(apiId, stage),
    note,
    pause: async (milliseconds) => pause(milliseconds, closing.signal),
    closing: closing.signal,
  };
  const logs = createLogs(world);
  const invoking = createInvoking(world);
  const services = servicesOf(world, { invoking, logs });
  const gateway = createGateway({
    find: (apiId, stage) => servedStage(world, apiId, stage),
    invoke: (call) => invoking.forGateway(call),
    denied: ({ sessionToken, ...call }) =>
      denial(world, sessionIn(sessionToken), manageConnections(world.account, call)),
    host: () => `127.0.0.1:${port}`,
    onFailure: (failure) => onLog?.([executionLog(failure)]),
    onBug: broke,
    ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
    ...(options.maxAgeMs === undefined ? {} : { maxAgeMs: options.maxAgeMs }),
  });

  function log(region: string, entries: readonly LogEntry[]): void {
    logs.append(region, permittedLines(world, region, entries));
    onLog?.(entries);
  }

  function note(message: string): void {
    if (!noted.has(message)) onLog?.([ownLog(message)]);
    noted.add(message);
  }

  function broke(error: unknown): void {
    if (onLog) onLog([bugLog(error)]);
    else untold.push(error);
  }

  function record(call: Call): void {
    if (calls.push(call) > CALLS_KEPT) calls.shift();
    if (call.mutating) kept?.changed();
    onCall?.(call);
  }

  const { serve } = createDispatch({ port, allowHosts, world, gateway, services, record, broke });
  for (const server of Object.values(servers)) serve(server);

  /**
   * In this order: sockets first, because their `$disconnect` still needs the functions, which still need the
   * port.
   */
  const close = () =>
    shutDown([
      () => gateway.close(),
      () => closing.abort(),
      () => runtimes.close(),
      () => Promise.all(Object.values(servers).map(closeServer)),
      () => kept?.save(),
      () => kept?.release(),
      () => (untold.length > 0 ? Promise.reject(untold[0]) : undefined),
    ]);
  return { url, port, calls, close: () => (closed ??= close()) };
}

const isDelay = (name: string): boolean => name in noDelays;
const delaysIn = (options: LocalAwsOptions): Partial<Delays> =>
  Object.fromEntries(Object.entries(options).filter(([name, value]) => isDelay(name) && value !== undefined));

/** The permission that a call of `@connections` needs (AWS.md 2.2). */
const manageConnections = (
  account: string,
  { region, apiId, stage, method, connectionId }: Omit<ConnectionCall, "sessionToken">,
) => ({
  action: "execute-api:ManageConnections",
  resource: `arn:aws:execute-api:${region}:${account}:${apiId}/${stage}/${method}/@connections/${connectionId}`,
});

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    if (milliseconds > 0) await delay(milliseconds, undefined, { ref: false, signal });
  } catch (error) {
    // Closing ends every pause.
    if (!signal.aborted) throw error;
  }
}

/** What API Gateway would write into its execution log, had the stage one (AWS.md 1.15). */
const executionLog = ({
  apiId,
  stage,
  connectionId,
  requestId,
  routeKey,
  message,
}: FailedIntegration): LogEntry => ({
  group: `/aws/apigateway/${apiId}/${stage}`,
  stream: connectionId,
  timestamp: Date.now(),
  message: `(${requestId}) ${routeKey}: ${message}\n`,
});

/** A line of the local AWS itself. */
const ownLog = (message: string): LogEntry => ({
  group: "local",
  stream: "local",
  timestamp: Date.now(),
  message: `${message}\n`,
});

/** A bug where nobody waits for an answer. */
const bugLog = (error: unknown): LogEntry =>
  ownLog(
    error instanceof Error && !(error instanceof CliError)
      ? `${errorText(error)}\n${error.stack}`
      : errorText(error),
  );
