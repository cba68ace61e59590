import { createServer, type IncomingMessage, type ServerOptions } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Quotas } from "../contract/quotas.ts";
import { hostOrOrigin, wholeOrigin } from "../contract/host-or-origin.ts";
import { CliError } from "../errors/error.ts";
import type { AccessKey } from "../files/local-key.ts";
import { accessKeysOf } from "./access-keys.ts";
import { accessLogging } from "./access-logged.ts";
import { isLoopback } from "./allowed-hosts.ts";
import { openCallers, type Callers } from "./callers.ts";
import { createDispatch, type Dispatch } from "./dispatch.ts";
import type { Clients, ConnectionCall, FailedIntegration, Gateway } from "./gateway/contract.ts";
import { createGateway } from "./gateway/gateway.ts";
import type { Delays, Host } from "./host.ts";
import { listenOn, placesFor } from "./listening.ts";
import { newAccessKey } from "./own-key.ts";
import { openPeers } from "./peers.ts";
import { eachOnce, refusalText } from "./refused.ts";
import { errorText } from "./refusals.ts";
import { measuring } from "./measured.ts";
import type { LogEntry } from "./runtime/contract.ts";
import { runtimesFor, type Runtimes } from "./runtimes.ts";
import { apigateway } from "./services/apigateway/apigateway.ts";
import { iam } from "./services/iam/iam.ts";
import { decide, statementsIn } from "./services/iam/policy.ts";
import { sessionIn } from "./services/iam/sessions.ts";
import { lambda } from "./services/lambda/lambda.ts";
import { logs } from "./services/logs/logs.ts";
import { monitoring } from "./services/monitoring/monitoring.ts";
import { openServices, type PortOf } from "./services/service.ts";
import { services, type Call } from "./services/services.ts";
import { closeServer, shutDown } from "./shutdown.ts";
import { openProjectState } from "./project-state.ts";
import { openStateFolder, type StateFolder } from "./state-folder.ts";
import { openTls } from "./tls.ts";
import { openTraces, type Traces } from "./traces.ts";
import { offersWebSocket } from "./wire/http.ts";

export { accessKeyFor } from "./own-key.ts";
export type { LogEntry } from "./runtime/contract.ts";
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
  /** A WebSocket is closed after `idleMs` without a message, and after `maxAgeMs` in any case. */
  idleMs?: number;
  maxAgeMs?: number;
  /** What the account may do; without it all that can be served. */
  quotas?: Quotas | undefined;
  /** Lambda environments per function. */
  maxEnvironments?: number;
  /**
   * Hosts besides this machine's own names that requests may be sent to and web pages may be from, and other
   * origins, as `hostOrOrigin` has them.
   */
  allowHosts?: readonly string[];
  /** An IP address to listen at besides the loopback ones; `0.0.0.0` and `::` are all. */
  listen?: string | undefined;
  /** Gets a line about each name or sender that is refused, not without end. */
  onRefused?(message: string): void;
  /** Keeps everything in this folder and begins with what is there. */
  stateFolder?: string;
  /** Begins with nothing, whatever the folder holds. */
  fresh?: boolean;
  /**
   * Makes the folder one that may fail: what cannot be read in it is set aside, and where it cannot be used
   * nothing is kept. Gets one line about that.
   */
  onStateTrouble?(message: string): void;
  /** What this user's calls are signed with; a new one when not given. */
  accessKey?: AccessKey;
  /**
   * Takes no calls but those that are signed with this key, or with credentials that were given out here.
   * Otherwise calls of this user are taken with any credentials, where the system tells whose a
   * connection is.
   */
  verifySignatures?: boolean;
  onCall?(call: Call): void;
  /** Folders; the AWS SDK that is installed for the first that has one is what Node functions find. */
  packagesFrom?: readonly string[] | undefined;
  /**
   * Gets every line that a function writes, also where its role may not write into CloudWatch, every
   * integration that fails, and what the local AWS has to say of itself.
   */
  onLog?(entries: readonly LogEntry[]): void;
}

/** A running local AWS. */
export interface LocalAws {
  /** `http://127.0.0.1:PORT`, the address of every service. */
  url: string;
  port: number;
  /** Whether other machines reach it. */
  isOpen: boolean;
  /** The hosts besides this machine's own names at which it is served. */
  hosts: readonly string[];
  /** Where it keeps its state, if it does. */
  stateFolder: string | undefined;
  accessKey: AccessKey;
  /** Whether calls must be signed with it: that is asked for, or the system does not tell whose they are. */
  needsSignatures: boolean;
  /** The last 10,000 calls of the control plane, oldest first. */
  calls: readonly Call[];
  /** What becomes known of messages. */
  traces: Pick<Traces, "kept" | "listen">;
  /** The open WebSockets. */
  clients: Clients;
  /** What nothing may show: its access key's secret, and what is secret in the functions' variables. */
  secrets(): string[];
  /**
   * Whether a request comes from this user by its connection, or is signed with a key of this local AWS; the
   * control plane takes no others.
   */
  isOwn(request: IncomingMessage): Promise<boolean>;
  /** Serves something else below a path, to the names and pages that everything is served to. */
  servePage: Dispatch["servePage"];
  /**
   * Starts a function once with other code, beside those that run; why it does not start, undefined where it
   * does. Throws an error where there is no such function.
   */
  tryOut(code: { region: string; name: string; zip: Uint8Array }): Promise<string | undefined>;
  /**
   * Closes sockets (1001, with their `$disconnect`), ends the functions' processes and frees the port.
   * Rejects with the first failure.
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

/** Two delays are AWS's own: no caller waits for them. */
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
/** Longer than any client keeps an unused connection, so that none is closed just before a request comes. */
const serverOptions: ServerOptions & {
  headersTimeout: number;
  shouldUpgradeCallback: (request: IncomingMessage) => boolean;
} = {
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
 * WebSocket data plane and `@connections`, all on one port of the loopback interface. Calls are taken from
 * this user alone (see {@link Callers}), WebSockets from all. Throws a CliError (exit 2) when the port is in
 * use or the state folder is, or cannot be read.
 */
export async function startLocalAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const { folder, troubles } = await openState(options);
  const { servers, port } = await listenAt(options).catch(async (error: unknown) => {
    await folder?.release();
    throw error;
  });
  for (const trouble of troubles) options.onStateTrouble?.(trouble);
  const url = `http://127.0.0.1:${port}`;
  const closing = new AbortController();
  const traces = openTraces();
  const tls = openTls();
  const onLog = loggedTo(traces, options);
  const { onBug, logOnce, throwUnreported } = messagesOf(options);
  const { keys, callers, accessKey, needsSignatures } = openAccess(options, port, logOnce);
  const log = (region: string, entries: readonly LogEntry[]) => {
    portOf(lambda).writeLog(region, entries);
    onLog(entries);
  };
  const runtimes = runtimesFor({ ...options, url, tls, keys, log, traces, onBug });
  const disconnect: Host["disconnect"] = (apiId, stage) => gateway.disconnect(apiId, stage);
  tellLeftOut(folder, logOnce);
  const host = hostFor(options, { url, keys, runtimes, disconnect, logOnce, closing: closing.signal });
  const { find, portOf } = openServices(services, { host, saved: folder?.saved ?? new Map() });
  const parts = { port, account: host.account, callers, portOf, traces, onBug, closing: closing.signal };
  const gateway = openGateway({ ...options, onLog }, parts);

  const { calls, record } = recorder(options, folder);
  const { allowed, onRefused } = allowing(options, port);
  const dispatch = createDispatch({ ...parts, allowed, onRefused, gateway, find, record });
  for (const { server } of servers) dispatch.serve(server);
  for (const { server } of servers) tls.serve(server, serverOptions.headersTimeout);

  let closed: Promise<void> | undefined;
  /**
   * In this order: sockets first, because their `$disconnect` still needs the functions, which still need the
   * port.
   */
  const close = () =>
    shutDown([
      () => gateway.close(),
      () => closing.abort(),
      () => runtimes.close(),
      () => tls.close(),
      () => Promise.all(servers.map(({ server }) => closeServer(server))),
      () => folder?.save(),
      () => folder?.release(),
      () => throwUnreported(),
    ]);
  return {
    url,
    port,
    isOpen: servers.some(({ place }) => !isLoopback(place.host)),
    hosts: allowed.allowHosts.filter((name) => !wholeOrigin.test(name)),
    stateFolder: folder?.folder,
    accessKey,
    needsSignatures: await needsSignatures(),
    calls,
    traces,
    clients: gateway.clients,
    secrets: () => [accessKey.secretAccessKey, ...portOf(lambda).secrets()],
    isOwn: async (request) => (await callers.doubt(request, async () => new Uint8Array())) === undefined,
    servePage: dispatch.servePage,
    tryOut: (code) => portOf(lambda).tryOut(code),
    close: () => (closed ??= close()),
  };
}

/** Whom it serves, and who is told of those that it refuses. */
function allowing(options: LocalAwsOptions, port: number) {
  return {
    allowed: { port, allowHosts: allowedHosts(options) },
    onRefused: eachOnce((refused) => options.onRefused?.(refusalText(refused))),
  };
}

/** Says which variables a state folder has for functions that do not get them. */
function tellLeftOut(folder: StateFolder | undefined, logOnce: Host["logOnce"]): void {
  for (const name of folder?.leftOut ?? [])
    logOnce(`${name} is not taken from a state folder: functions there run without it`);
}

/** Every line is kept for traces, and told. */
const loggedTo =
  (traces: Traces, { onLog }: LocalAwsOptions) =>
  (entries: readonly LogEntry[]): void => {
    traces.logged(entries);
    onLog?.(entries);
  };

/** Servers at every place where it is to listen, on one port. */
async function listenAt({ port, listen }: LocalAwsOptions) {
  const servers = placesFor(listen).map((place) => ({ place, server: createServer(serverOptions) }));
  try {
    return { servers, port: await listenOn(port ?? 0, servers) };
  } catch (error) {
    await Promise.all(servers.map(({ server }) => closeServer(server)));
    throw error;
  }
}

/** An address that it was told to listen at is a name of this machine; all of them are none. */
function allowedHosts({ allowHosts = [], listen }: LocalAwsOptions): readonly string[] {
  const added = placesFor(listen).filter(({ host }) => host === listen && !isOwnOrAll(host));
  return [...allowHosts, ...added.flatMap(({ host }) => hostOrOrigin(host) ?? [])];
}

const isOwnOrAll = (address: string): boolean => ["127.0.0.1", "::1", "0.0.0.0", "::"].includes(address);

/** What is kept, with what there is to say of that once the local AWS has its port. */
async function openState({ stateFolder, fresh, onStateTrouble }: LocalAwsOptions) {
  const troubles: string[] = [];
  if (stateFolder === undefined) return { folder: undefined, troubles };
  const folder = onStateTrouble
    ? await openProjectState(stateFolder, { fresh, tell: (message) => troubles.push(message) })
    : await openStateFolder(stateFolder, { fresh });
  return { folder, troubles };
}

/** Keeps the last calls, and tells of each. */
function recorder({ onCall }: LocalAwsOptions, folder: StateFolder | undefined) {
  const calls: Call[] = [];
  function record(call: Call): void {
    if (calls.push(call) > CALLS_KEPT) calls.shift();
    if (call.mutating) folder?.changed();
    onCall?.(call);
  }
  return { calls, record };
}

/** Who may call, and what new callers get. */
function openAccess(
  { accessKey = newAccessKey(), verifySignatures = false, onRefused }: LocalAwsOptions,
  port: number,
  logOnce: Host["logOnce"],
) {
  const keys = accessKeysOf(accessKey);
  const peers = openPeers();
  const callers = openCallers({ keys, peers, verifySignatures, tell: onRefused ?? logOnce });
  const needsSignatures = async () => verifySignatures || !(await peers.tellsUsers(port));
  return { accessKey, keys, callers, needsSignatures };
}

interface Surroundings extends Pick<Host, "url" | "keys" | "disconnect" | "logOnce" | "closing"> {
  runtimes: Runtimes;
}

/** What the services share, out of the options. */
function hostFor(options: LocalAwsOptions, given: Surroundings): Host {
  const { account = "000000000000", pageSize, controlRate, quotas } = options;
  return {
    ...given,
    account,
    pageSize,
    controlRate,
    concurrency: quotas?.concurrency ?? Infinity,
    delays: { ...noDelays, ...delaysIn(options) },
    pause: (milliseconds) => pause(milliseconds, given.closing),
  };
}

interface GatewayParts {
  port: number;
  account: string;
  callers: Callers;
  portOf: PortOf;
  traces: Traces;
  onBug(error: unknown): void;
}

/** The gateway, between the services that it asks. */
function openGateway(
  { idleMs, maxAgeMs, quotas, onLog }: LocalAwsOptions,
  { port, account, callers, portOf, traces, onBug }: GatewayParts,
): Gateway {
  const [roles, functions, stages] = [portOf(iam), portOf(lambda), portOf(apigateway)];
  const measure = measuring(
    portOf(monitoring),
    ({ apiId, stage }) => stages.servedStage(apiId, stage)?.region,
  );
  const writeAccessLog = accessLogging({ logs: portOf(logs), roles, ...stages });
  return createGateway({
    find: stages.servedStage,
    doubt: (request, body) => callers.doubt(request, body),
    invoke: functions.invokeForGateway,
    denied: ({ sessionToken, ...call }) =>
      roles.denial(sessionIn(sessionToken), manageConnections(account, call), {
        ...manageConnections(masked(account), { ...call, connectionId: "{connectionId}" }),
        reason: false,
      }),
    allows: (document, access) => decide(statementsIn(document), access) === "allowed",
    caller({ sessionToken, region, apiId, stage }) {
      const session = sessionIn(sessionToken);
      const route = (shown: string) => `arn:aws:execute-api:${region}:${shown}:${apiId}/${stage}/$connect`;
      const access = { action: "execute-api:Invoke", resource: route(account) };
      const denied = roles.denial(session, access, { resource: route(masked(account)), reason: false });
      if (denied !== undefined) return { denied };
      const { arn, userId } = roles.caller(session);
      return { identity: { accountId: account, caller: userId, user: userId, userArn: arn } };
    },
    host: () => `127.0.0.1:${port}`,
    onFailure: (failure) => onLog?.([executionLog(failure)]),
    onSeen(seen) {
      traces.seen(seen);
      measure(seen);
      writeAccessLog(seen);
    },
    onBug,
    ...(quotas ? { quotas } : {}),
    ...(idleMs === undefined ? {} : { idleMs }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  });
}

/** What the local AWS has to say of itself: to the log, or at the end. */
function messagesOf({ onLog }: LocalAwsOptions) {
  const logged = new Set<string>();
  /** Bugs that were reported nowhere; the first one is the outcome of `close`. */
  const unreportedErrors: unknown[] = [];
  return {
    logOnce(message: string): void {
      if (!logged.has(message)) onLog?.([ownLog(message)]);
      logged.add(message);
    },
    onBug(error: unknown): void {
      if (onLog) onLog([bugLog(error)]);
      else unreportedErrors.push(error);
    },
    throwUnreported: () =>
      unreportedErrors.length > 0 ? Promise.reject(unreportedErrors[0]) : Promise.resolve(),
  };
}

const isDelay = (name: string): boolean => name in noDelays;
const delaysIn = (options: LocalAwsOptions): Partial<Delays> =>
  Object.fromEntries(Object.entries(options).filter(([name, value]) => isDelay(name) && value !== undefined));

/** An account as API Gateway's refusals show it: its last four digits (AWS.md 2.3). */
const masked = (account: string): string => account.replaceAll(/\d(?=\d{4})/g, "*");

/** The permission that a call of `@connections` needs (AWS.md 2.2). */
const manageConnections = (
  account: string,
  { region, apiId, stage, method, connectionId }: Omit<ConnectionCall, "sessionToken">,
) => ({
  action: "execute-api:ManageConnections",
  resource: [
    `arn:aws:execute-api:${region}:${account}:${apiId}`,
    stage,
    method,
    "@connections",
    connectionId,
  ].join("/"),
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

/** A bug where no caller waits for an answer. */
const bugLog = (error: unknown): LogEntry =>
  ownLog(
    error instanceof Error && !(error instanceof CliError)
      ? `${errorText(error)}\n${error.stack}`
      : errorText(error),
  );
