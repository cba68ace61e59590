import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { CliError, exitCodes } from "../errors.ts";
import { servedStage } from "./apigateway-stages.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import { isWelcome } from "./hosts.ts";
import { createInvoking } from "./lambda-invoke.ts";
import { logs as createLogs } from "./logs.ts";
import type { WireAnswer, WireRequest } from "./protocol.ts";
import { startRuntime, type LogEntry, type Runtime } from "./runtime.ts";
import { answerCall, scopeOf, servicesOf, type Call } from "./services.ts";
import { keptState } from "./state-folder.ts";
import { emptyState, type Delays, type World } from "./state.ts";

export type { Call } from "./services.ts";

/** How a local AWS is to be. Delays are in milliseconds and zero when not given. */
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
  lifeMs?: number;
  /** Lambda environments per function. */
  maxEnvironments?: number;
  /** Host names besides this machine's own that requests may be sent to. */
  allowHosts?: readonly string[];
  /** Keeps everything in this folder and begins with what is there. */
  stateFolder?: string;
  onCall?(call: Call): void;
  onLog?(entries: readonly LogEntry[]): void;
}

/** A running local AWS. */
export interface LocalAws {
  /** `http://127.0.0.1:PORT`, the address of every service. */
  url: string;
  port: number;
  /** The last calls of the control plane, oldest first. */
  calls: readonly Call[];
  /** Closes sockets (1001, with their `$disconnect`), ends the functions' processes and frees the port. */
  close(): Promise<void>;
}

/** How long things take on AWS, roughly (aws-behaviour 3.9, 4.5, 6.4). */
export const realisticDelays = {
  roleDelayMs: 6_000,
  createDelayMs: 1_500,
  updateDelayMs: 1_000,
  deploymentIntervalMs: 5_000,
} as const satisfies Partial<Delays>;

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
/** The most that a request may hold: what Lambda takes as a zip in base64 (aws-behaviour 4.4). */
const LONGEST_BODY = 70_167_211;

/**
 * Starts AWS on this machine: the wire protocols of Lambda, API Gateway, IAM, STS and CloudWatch Logs, the WebSocket data plane and
 * `@connections`, all on one port of 127.0.0.1. Throws a CliError (exit 2) when the port is in use.
 */
export async function startLocalAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const { port: wanted = 0, allowHosts = [], onCall, onLog } = options;
  const kept = options.stateFolder === undefined ? undefined : await keptState(options.stateFolder);
  const closing = new AbortController();
  const server = createServer({
    headersTimeout: 10_000,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 16_384,
    requireHostHeader: false,
  });
  const port = await listen(server, wanted);
  const url = `http://127.0.0.1:${port}`;
  const runtimes = new Map<string, Promise<Runtime>>();
  const calls: Call[] = [];

  const world: World = {
    account: options.account ?? "000000000000",
    state: kept?.state ?? emptyState(),
    delays: { ...noDelays, ...given(options, noDelays) },
    pageSize: options.pageSize,
    controlRate: options.controlRate,
    url: () => url,
    runtimeIn,
    sever: (apiId, stage) => gateway.sever(apiId, stage),
    pause,
    closing: closing.signal,
  };
  const logs = createLogs(world);
  const invoking = createInvoking(world);
  const services = servicesOf(world, { invoking, logs });
  const gateway = createGateway({
    find: (apiId, stage) => servedStage(world, apiId, stage),
    invoke: (call) => invoking.forGateway(call),
    host: () => `127.0.0.1:${port}`,
    ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
    ...(options.lifeMs === undefined ? {} : { lifeMs: options.lifeMs }),
  });

  function runtimeIn(region: string): Promise<Runtime> {
    const log = (entries: LogEntry[]) => {
      logs.append(region, entries);
      onLog?.(entries);
    };
    const found =
      runtimes.get(region) ??
      startRuntime({ endpointUrl: () => url, log, ...(options.maxEnvironments ? { maxEnvironments: options.maxEnvironments } : {}) });
    runtimes.set(region, found);
    return found;
  }

  async function pause(milliseconds: number): Promise<void> {
    if (milliseconds <= 0 || closing.signal.aborted) return;
    await Promise.race([
      delay(milliseconds, undefined, { ref: false }),
      new Promise((resolve) => closing.signal.addEventListener("abort", resolve, { once: true })),
    ]);
  }

  function record(call: Call): void {
    if (calls.push(call) > CALLS_KEPT) calls.shift();
    onCall?.(call);
    if (call.mutating) kept?.changed();
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID();
    response.setHeader("x-amzn-RequestId", requestId);
    const at = placeOf(request);
    if (!isWelcome(request, { port, allowHosts }))
      return refuse(response, 403, "this request was not sent to the local AWS by name, or comes from a web page elsewhere");
    if (at.connectionId !== undefined) return await gateway.connections(request, response, { ...at, connectionId: at.connectionId });
    const scope = scopeOf(request.headers.authorization);
    if (!scope) return refuseUnsigned(response, servedStage(world, at.apiId, at.stage) !== undefined);
    const wire = await readRequest(request);
    if (!wire) return refuse(response, 413, `Request must be smaller than ${LONGEST_BODY} bytes`, "RequestEntityTooLargeException");
    await write(response, await answerCall(services, scope, { request: wire, requestId, record }));
  }

  server.on("request", (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, `the local AWS has a bug: ${String(error)}`, "ServiceException");
    });
  });
  server.on("upgrade", (request, socket, head) => {
    if (isWelcome(request, { port, allowHosts })) gateway.upgrade(request, socket, head, placeOf(request));
    else
      socket.end(
        'HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 23\r\n\r\n{"message":"Forbidden"}',
      );
  });

  return { url, port, calls, close: () => close({ closing, gateway, server, runtimes, kept }) };
}

/** The options that are delays. */
const given = (options: LocalAwsOptions, delays: Delays): Partial<Delays> =>
  Object.fromEntries(Object.entries(options).filter(([name, value]) => name in delays && value !== undefined));

async function listen(server: Server, port: number): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? `port ${port} is in use` : `port ${port} cannot be listened on (${code})`;
    throw new CliError(why, {
      hint: "another local AWS may be running; stop it, or pass --port 0 for a free one",
      exitCode: exitCodes.usage,
      cause,
    });
  }
  return (server.address() as AddressInfo).port;
}

interface Open {
  closing: AbortController;
  gateway: Gateway;
  server: Server;
  runtimes: ReadonlyMap<string, Promise<Runtime>>;
  kept: Awaited<ReturnType<typeof keptState>> | undefined;
}

/** In this order: sockets first, because their `$disconnect` still needs the functions, which still need the port. */
async function close({ closing, gateway, server, runtimes, kept }: Open): Promise<void> {
  if (closing.signal.aborted) return;
  await gateway.close();
  closing.abort();
  await Promise.all([...runtimes.values()].map(async (runtime) => (await runtime).close()));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await kept?.save();
}

/** Where in the data plane a request goes: `/{apiId}/{stage}` with any host, or `/{stage}` at `{apiId}.execute-api.localhost`. */
function placeOf({ url = "", headers }: IncomingMessage): { apiId: string; stage: string; connectionId?: string } {
  const [, ownApi] = /^([a-z0-9]+)\.execute-api\.localhost(?::\d+)?$/i.exec(headers.host ?? "") ?? [];
  const path = ownApi ? `/${ownApi}${url}` : url;
  const [, apiId = "", stage = "", connectionId] = /^\/([^/?]*)\/?([^/?]*)(?:\/(?:@|%40)connections\/([^/?]*))?/i.exec(path) ?? [];
  return { apiId, stage: decoded(stage), ...(connectionId === undefined ? {} : { connectionId: decoded(connectionId) }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** The whole request; undefined when it is longer than AWS takes. */
async function readRequest(request: IncomingMessage): Promise<WireRequest | undefined> {
  const { method = "", url = "", headers } = request;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) return undefined;
    chunks.push(chunk);
  }
  const [path = "", query] = url.split("?", 2);
  return { method, path, query: new URLSearchParams(query), headers, body: Buffer.concat(chunks) };
}

async function write(response: ServerResponse, { status, headers, body }: WireAnswer): Promise<void> {
  response.writeHead(status, headers);
  if (typeof body === "string" || body instanceof Uint8Array) return void response.end(body);
  response.flushHeaders();
  try {
    await pipeline(Readable.from(body), response);
  } catch (error) {
    // A client that leaves a live tail cuts the stream; that is how it ends.
    if (!response.destroyed) throw error;
  }
}

function refuse(response: ServerResponse, status: number, message: string, type = "ForbiddenException"): void {
  response
    .writeHead(status, { "content-type": "application/json", "x-amzn-ErrorType": type, connection: "close" })
    .end(JSON.stringify({ message }));
}

/** An unsigned request: a browser or curl at a stage, or a call of the control plane without a signature. */
function refuseUnsigned(response: ServerResponse, isStage: boolean): void {
  if (isStage) return refuse(response, 426, "this is a WebSocket API: connect with ws://", "UpgradeRequiredException");
  refuse(response, 403, "Missing Authentication Token", "MissingAuthenticationTokenException");
}
