import type { Agent, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Socket } from "node:net";

// An ESM import of node:http also loads undici from Node 22 on, which more than doubles the start of an empty
// script; this does not.
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");
const { isIP } = process.getBuiltinModule("node:net");

/** A server as a request needs it: made once from a URL. */
export interface Address {
  secure: boolean;
  host: string;
  port: number;
  /** The Host header: with the port only when it is not the protocol's default. */
  authority: string;
  /** The URL's path without a slash at the end. */
  prefix: string;
}

export interface Exchange {
  address: Address;
  method: "POST" | "DELETE";
  /** As it goes over the wire, prefix included. */
  path: string;
  headers: OutgoingHttpHeaders;
  body: string;
  /**
   * From when the request has a socket to the last byte of the answer, connecting included. A request that
   * waits for one of the sockets has not begun, so it has not failed either. Time in which this process had
   * no CPU does not count: the server was not silent in it.
   */
  timeMs: number;
  /** For everything, by the clock, the wait for a socket included. */
  leftMs: number;
  /** An answer that is longer is cut off and comes back without its body. */
  maxBytes: number;
}

/** What a server answered. `body` is undefined where it was longer than allowed. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer | undefined;
}

/**
 * Why there is no answer: a Node error code such as ECONNREFUSED, or `timeout`, or `cut off` in the middle of
 * the answer.
 */
export interface Failure {
  status?: undefined;
  headers?: undefined;
  reason: string;
  /** Nothing of an answer had come and the time was not up: a retry can help. */
  repeatable: boolean;
  /** A kept-alive socket had been closed by its peer before. */
  stale?: boolean;
}

export type Outcome = Answer | Failure;

type Endpoint = Pick<Address, "host" | "port">;
type Ready = (error: Error | null, socket: Socket) => void;

/** Documented members of an agent that Node's types leave out. */
interface Connecting {
  options: object;
  createConnection: (this: Agent, options: object, ready?: Ready) => Socket;
}

/**
 * At most this many sockets to one server: with the backend and @connections together 50 in one container.
 */
const maxSockets = 25;
/** Below the 5 s after which uvicorn closes an idle connection. */
const idleMs = 4_000;
const earlyMs = 1_000;
/** The time of a request passes in steps: one that ends late because there was no CPU counts as one. */
const stepsOfTime = 10;

const early = new Map<string, Socket>();
const openedEarly = new WeakSet<object>();
const agents = {
  http: takingEarly(new http.Agent({ keepAlive: true, maxSockets, timeout: idleMs })),
  https: takingEarly(new https.Agent({ keepAlive: true, maxSockets, timeout: idleMs })),
};

/** The address behind an http or https URL. */
export function addressOf({ protocol, hostname, port, host, pathname }: URL): Address {
  const secure = protocol === "https:";
  const usualPort = secure ? 443 : 80;
  return {
    secure,
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || usualPort,
    authority: host,
    prefix: pathname.replace(/\/+$/, ""),
  };
}

/**
 * Sends one request and reads its answer; never throws and never follows a redirect. A kept-alive socket that
 * its peer closed before any byte of the answer is replaced once, at once: the peer had closed it before the
 * request.
 */
export async function exchange(request: Exchange): Promise<Outcome> {
  const started = Date.now();
  const outcome = await attempt(request);
  if (outcome.status !== undefined || !outcome.stale) return outcome;
  return attempt({ ...request, leftMs: request.leftMs - (Date.now() - started) });
}

/**
 * Opens one socket to each address, TLS included, and leaves it for the first request to that address. Waits
 * a second at most and ignores what fails, because the first request meets the same failure and reports it.
 * While a function loads, Lambda gives it a full CPU; a handshake in the first event costs several hundred
 * milliseconds at 256 MB.
 */
export async function openEarly(addresses: readonly Address[]): Promise<void> {
  await Promise.all(addresses.map(openOne));
}

function openOne(address: Address): Promise<void> {
  const { host, secure } = address;
  return new Promise((resolve) => {
    const socket = agents[secure ? "https" : "http"].connect({
      ...address,
      servername: isIP(host) ? "" : host,
    });
    const timer = setTimeout(() => socket.destroy(), earlyMs);
    const done = () => {
      clearTimeout(timer);
      socket.unref();
      resolve();
    };
    socket.on("error", done).once("close", done);
    socket.once(secure ? "secureConnect" : "connect", () => {
      early.set(keyOf(address), socket);
      done();
    });
  });
}

/**
 * An agent that takes a socket that was opened early before it opens one, and `connect`, which opens one as
 * the agent itself would.
 */
function takingEarly<Kind extends Agent>(agent: Kind): Kind & { connect(options: object): Socket } {
  const { createConnection: open, options: own } = agent as Kind & Connecting;
  const connect = (options: object, ready?: Ready) => open.call(agent, { ...options, ...own }, ready);
  const createConnection = (options: Endpoint, ready?: Ready) =>
    takeEarly(options) ?? connect(options, ready);
  return Object.assign(agent, { createConnection, connect });
}

function takeEarly(options: Endpoint): Socket | undefined {
  const key = keyOf(options);
  const socket = early.get(key);
  early.delete(key);
  if (socket === undefined || socket.destroyed) return undefined;
  openedEarly.add(socket);
  return socket.ref();
}

function keyOf({ host, port }: Endpoint): string {
  return `${host}:${port}`;
}

function attempt(exchange: Exchange): Promise<Outcome> {
  const { address, body, headers, method, path, timeMs, leftMs } = exchange;
  return new Promise((resolve) => {
    const [module, agent] = address.secure ? [https, agents.https] : [http, agents.http];
    const length = Buffer.byteLength(body);
    const request = module.request({
      host: address.host,
      port: address.port,
      agent,
      method,
      path,
      headers: { ...headers, host: address.authority, "content-length": length },
    });
    const finish = (outcome: Outcome) => {
      clearTimeout(whole);
      clearTimeout(step);
      resolve(outcome);
    };
    const expire = () => {
      finish({ reason: "timeout", repeatable: false });
      request.destroy();
    };
    // At the end the answer may be there unread: it is read before an immediate runs.
    const whole = setTimeout(setImmediate, leftMs, expire);
    let step: NodeJS.Timeout | undefined;
    const run = (steps: number) => {
      if (steps > 0) step = setTimeout(run, timeMs / stepsOfTime, steps - 1);
      else setImmediate(expire);
    };
    request.on("socket", () => run(stepsOfTime));
    request.on("error", (error: NodeJS.ErrnoException) =>
      finish(failure(error, request.reusedSocket || openedEarly.has(request.socket ?? {}))),
    );
    const closed = () => finish({ reason: "closed", repeatable: false });
    request.on("close", closed).on("response", (response) => {
      // With "connection: close" the request closes before the last of its answer has been read.
      request.off("close", closed);
      collect(response, exchange.maxBytes, finish);
    });
    request.end(body);
  });
}

function collect(response: IncomingMessage, maxBytes: number, finish: (outcome: Outcome) => void): void {
  const { statusCode: status = 0, headers } = response;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const tooLong = () => {
    finish({ status, headers, body: undefined });
    response.destroy();
  };
  const cutOff = () => finish({ reason: "cut off", repeatable: false });
  response
    .on("error", cutOff)
    .on("close", cutOff)
    .on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) tooLong();
      else chunks.push(chunk);
    })
    .on("end", () => finish({ status, headers, body: Buffer.concat(chunks) }));
  if (Number(headers["content-length"]) > maxBytes) tooLong();
}

const noConnection = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
]);

function failure(error: NodeJS.ErrnoException, used: boolean): Failure {
  const reason = error.code ?? error.name;
  return {
    reason,
    repeatable: noConnection.has(reason),
    stale: used && (reason === "ECONNRESET" || reason === "EPIPE"),
  };
}
