import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import WebSocket from "ws";
import type { RawData } from "ws";
import { HandshakeError } from "./handshake.ts";
import type { HandshakeFailure, Source } from "./handshake.ts";
import { followPhases, type PhaseFollower, type PhaseTimes } from "./phases.ts";
import type { Route } from "../network/route.ts";

/**
 * One message of a WebSocket. `at` is an ISO time, `bytes` its size on the wire; a binary message has its
 * bytes as base64 instead of `text`.
 */
export interface Frame {
  direction: "sent" | "received";
  at: string;
  bytes: number;
  text?: string;
  base64?: string;
}

/**
 * How a WebSocket ended; `error` is what broke it, when it did not end by a close frame. `isOurs`: this side
 * closed it, with that code, because of a frame that breaks the protocol, or one that is too large.
 */
export interface Closed {
  code: number;
  reason: string;
  error?: string;
  isOurs?: true;
}

/**
 * An open WebSocket. `frames` gives what is received, once, until it is closed; reading slowly slows the peer
 * down.
 */
export interface Session {
  openMs: number;
  /** What `openMs` is made of. */
  phases: PhaseTimes;
  /** The one that the server chose of those on offer. */
  subprotocol: string | null;
  frames: AsyncIterable<Frame>;
  closed: Promise<Closed>;
  /**
   * Sends a text message; resolves when it has left, with undefined when the connection was closed before
   * (`closed` tells why).
   */
  send(text: string): Promise<Frame | undefined>;
  /** Sends a ping of the protocol; resolves with the milliseconds until its pong, if that comes. */
  ping(): Promise<number | undefined>;
  /** Sends a close frame, with 1000 or `code`; a peer that does not answer within two seconds is cut off. */
  close(code?: number): Promise<Closed>;
}

/** Headers by name, the subprotocols on offer, and the `Origin` that a browser would send. */
export interface UpgradeRequest {
  headers?: Readonly<Record<string, string>>;
  subprotocols?: readonly string[];
  origin?: string;
}

export interface SessionOptions {
  /** For DNS, TCP, TLS and the answer to the upgrade together. */
  timeoutMs: number;
  /** What the request for the upgrade says besides. */
  request?: UpgradeRequest | undefined;
  /** Through a proxy, or with other certificates. */
  route?: Route | undefined;
  signal?: AbortSignal | undefined;
  /** Decides what is advised when there is no handshake. */
  source?: Source | undefined;
  /**
   * Sends `KEEPALIVE_MESSAGE` after this time without a message in either direction; API Gateway cuts idle
   * connections after ten minutes.
   */
  keepaliveMs?: number | undefined;
  onKeepalive?: ((frame: Frame) => void) | undefined;
}

/**
 * API Gateway's limit for one WebSocket frame is 32 KB (AWS.md 1.12); a longer message goes out in fragments
 * of this many bytes.
 */
const LONGEST_FRAGMENT = 32_000;
/** API Gateway's limit for one message, in bytes (AWS.md 1.12). */
export const LONGEST_MESSAGE = 131_072;
/**
 * A message, because the idle timer of API Gateway counts messages and is not known to count pings (AWS.md
 * 1.13).
 */
const KEEPALIVE_MESSAGE = '{"type":"ping"}';

const LONGEST_RECEIVED = 16 * 1024 * 1024;
const LONGEST_BODY = 4096;
const CLOSE_MS = 2_000;

/**
 * Opens a WebSocket. Throws a HandshakeError when there is none in time, and the signal's reason when it is
 * aborted before.
 */
export async function openSession(address: URL, options: SessionOptions): Promise<Session> {
  const startedAt = performance.now();
  const { socket, phases, prepared } = await openSocket(address, options, (made) => ({
    frames: inbox(made),
    closed: ending(made),
  }));
  const sent = keptAlive(socket, (text) => send(socket, text), options);
  return {
    openMs: performance.now() - startedAt,
    phases,
    subprotocol: socket.protocol || null,
    ...prepared,
    send: sent,
    ping: () => ping(socket),
    close: (code) => close(socket, prepared.closed, code),
  };
}

/**
 * Opens the WebSocket alone; `prepare` listens to it before anything can be received. Throws as `openSession`
 * does.
 */
export async function openSocket<Prepared>(
  address: URL,
  options: SessionOptions,
  prepare: (socket: WebSocket) => Prepared,
): Promise<{ socket: WebSocket; phases: PhaseTimes; prepared: Prepared }> {
  options.signal?.throwIfAborted();
  const startedAt = performance.now();
  const { headers, subprotocols = [], origin } = options.request ?? {};
  const { proxy, agent, ca } = options.route ?? {};
  let phases: PhaseFollower | undefined;
  const socket = new WebSocket(address, [...new Set(subprotocols)], {
    perMessageDeflate: false,
    maxPayload: LONGEST_RECEIVED,
    headers: { "User-Agent": "shelfshack-ws", ...headers },
    ...(origin === undefined ? {} : { origin }),
    ...(agent && { agent }),
    ...(ca && { ca }),
    finishRequest: (request) => {
      phases = followPhases(request, { address, isProxied: agent !== undefined, startedAt });
      request.end();
    },
  });
  const prepared = prepare(socket);
  await opened(socket, address, options, {
    proxy,
    phase: () => phases?.current() ?? "lookup",
    proxyStatus: () => phases?.proxyStatus(),
  });
  return { socket, phases: phases?.times() ?? { http: 0 }, prepared };
}

/** How far an opening has got, and through which proxy it goes. */
interface Way {
  proxy: string | undefined;
  phase: PhaseFollower["current"];
  proxyStatus: PhaseFollower["proxyStatus"];
}

/** The proxy that did not make a tunnel yet: then it is the one that failed. */
const failingProxy = ({ proxy, proxyStatus }: Way) =>
  proxy !== undefined && proxyStatus() === undefined ? { proxy } : {};

/** Resolves when the WebSocket is open; otherwise rejects once, with the first reason that there was. */
function opened(
  socket: WebSocket,
  address: URL,
  { timeoutMs, signal, source }: SessionOptions,
  way: Way,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let refusal: (() => HandshakeFailure) | undefined;
    const end = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      finish();
    };
    const fail = (error: unknown) => end(() => (reject(error), socket.terminate()));
    const refuse = (failure: HandshakeFailure, cause?: unknown) =>
      fail(new HandshakeError(address, failure, { source, cause }));
    const onAbort = () => fail(signal?.reason);
    const timer = setTimeout(
      () =>
        refuse(
          refusal?.() ?? { kind: "timeout", phase: way.phase(), afterMs: timeoutMs, ...failingProxy(way) },
        ),
      timeoutMs,
    );
    signal?.addEventListener("abort", onAbort);
    socket.once("open", () => end(resolve));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      refuse(refusal?.() ?? failureOf(error, way), error),
    );
    socket.once("unexpected-response", (_request, response) => {
      const status = way.proxyStatus();
      if (way.proxy !== undefined && status !== undefined && status !== 200)
        return refuse({ kind: "proxy", status, proxy: way.proxy });
      refusal = readRefusal(response, (failure) => refuse(failure));
    });
  });
}

/**
 * Collects the body of a refused upgrade, up to a limit; the returned function tells what is known so far,
 * for a body that never ends.
 */
function readRefusal(
  response: IncomingMessage,
  done: (failure: HandshakeFailure) => void,
): () => HandshakeFailure {
  let body = Buffer.alloc(0);
  const failure = (): HandshakeFailure => ({
    kind: "status",
    status: response.statusCode ?? 0,
    body: body.toString(),
    ...refusalHeaders(response),
  });
  response.on("data", (chunk: Buffer) => {
    body = Buffer.concat([body, chunk]).subarray(0, LONGEST_BODY);
    if (body.length === LONGEST_BODY) done(failure());
  });
  response.once("close", () => done(failure()));
  return failure;
}

function refusalHeaders({ headers }: IncomingMessage): { requestId?: string; location?: string } {
  const requestId =
    headers["x-amzn-requestid"] ??
    headers["apigw-requestid"] ??
    headers["x-amz-apigw-id"] ??
    headers["x-request-id"];
  return {
    ...(requestId ? { requestId: String(requestId) } : {}),
    ...(headers.location ? { location: headers.location } : {}),
  };
}

/**
 * Errors of the HTTP parser and of `ws` itself mean that something else than a WebSocket server answered; the
 * others are the network's.
 */
function failureOf(error: NodeJS.ErrnoException, way: Way): HandshakeFailure {
  const { code = "", message } = error;
  const failing = failingProxy(way);
  if (failing.proxy !== undefined && code === "")
    return { kind: "network", phase: "http", code: "HPE_PROXY", detail: message, ...failing };
  if (/subprotocol/.test(message)) return { kind: "subprotocol", detail: message };
  return code === "" || code.startsWith("HPE_") || code.startsWith("WS_ERR_")
    ? { kind: "protocol", detail: message }
    : { kind: "network", phase: way.phase(), code, detail: message, ...failing };
}

/** What is received, as a stream that stops the peer while it is not read. */
function inbox(socket: WebSocket): Readable {
  const frames = new Readable({ objectMode: true, highWaterMark: 256, read: () => socket.resume() });
  socket.on("message", (payload, isBinary) => {
    if (!frames.destroyed && !frames.push(received(payload, isBinary))) socket.pause();
  });
  socket.once("close", () => frames.push(null));
  return frames;
}

function received(payload: RawData, isBinary: boolean): Frame {
  const bytes = Buffer.isBuffer(payload)
    ? payload
    : Array.isArray(payload)
      ? Buffer.concat(payload)
      : Buffer.from(payload);
  const content = isBinary ? { base64: bytes.toString("base64") } : { text: bytes.toString() };
  return { direction: "received", at: new Date().toISOString(), bytes: bytes.length, ...content };
}

/** What this side closes with, by what `ws` finds wrong with a frame; everything else is 1002. */
const ourCodes: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_INVALID_UTF8: 1007,
};

function ending(socket: WebSocket): Promise<Closed> {
  let error: NodeJS.ErrnoException | undefined;
  socket.on("error", (one: NodeJS.ErrnoException) => (error ??= one));
  return new Promise((resolve) => {
    socket.once("close", (code, reason) => {
      const found = error?.code ?? "";
      const ours = found.startsWith("WS_ERR_") && { code: ourCodes[found] ?? 1002, isOurs: true as const };
      resolve({ code, reason: reason.toString(), ...(error && { error: error.message }), ...ours });
    });
  });
}

interface Fragment {
  bytes: Buffer;
  isLast: boolean;
}

/** One text message, in as many fragments as API Gateway's frame limit asks for. */
function fragmentsOf(payload: Buffer): Fragment[] {
  const pieces = Math.max(1, Math.ceil(payload.length / LONGEST_FRAGMENT));
  return Array.from({ length: pieces }, (_, piece) => ({
    bytes: payload.subarray(piece * LONGEST_FRAGMENT, (piece + 1) * LONGEST_FRAGMENT),
    isLast: piece === pieces - 1,
  }));
}

async function send(socket: WebSocket, text: string): Promise<Frame | undefined> {
  const payload = Buffer.from(text);
  const left = await Promise.all(fragmentsOf(payload).map((fragment) => sendFragment(socket, fragment)));
  return left.every(Boolean)
    ? { direction: "sent", at: new Date().toISOString(), bytes: payload.length, text }
    : undefined;
}

/** Sends one text message, without a word of whether it leaves. */
export function sendText(socket: WebSocket, text: string): void {
  // No character takes more than three bytes for each of its UTF-16 units.
  if (text.length * 3 <= LONGEST_FRAGMENT) return socket.send(text);
  for (const { bytes, isLast } of fragmentsOf(Buffer.from(text)))
    socket.send(bytes, { binary: false, fin: isLast });
}

/** Whether the fragment has left: `ws` has an error for it only when the connection is closed. */
function sendFragment(socket: WebSocket, { bytes, isLast }: Fragment): Promise<boolean> {
  return new Promise((resolve) =>
    socket.send(bytes, { binary: false, fin: isLast }, (error) => resolve(!error)),
  );
}

function ping(socket: WebSocket): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sentAt = performance.now();
    socket.once("pong", () => resolve(performance.now() - sentAt));
    socket.once("close", () => resolve(undefined));
    if (socket.readyState === WebSocket.OPEN) socket.ping();
    else resolve(undefined);
  });
}

async function close(socket: WebSocket, closed: Promise<Closed>, code = 1000): Promise<Closed> {
  socket.resume();
  socket.close(code);
  const cutOff = setTimeout(() => socket.terminate(), CLOSE_MS);
  try {
    return await closed;
  } finally {
    clearTimeout(cutOff);
  }
}

/** `sending` that also puts off the next keep-alive message, as every message in either direction does. */
function keptAlive(
  socket: WebSocket,
  sending: Session["send"],
  { keepaliveMs, onKeepalive = () => {} }: SessionOptions,
): Session["send"] {
  if (!keepaliveMs) return sending;
  const timer = setTimeout(() => void send().then((frame) => frame && onKeepalive(frame)), keepaliveMs);
  const send = (text = KEEPALIVE_MESSAGE) => {
    timer.refresh();
    return sending(text);
  };
  socket.on("message", () => timer.refresh());
  socket.once("close", () => clearTimeout(timer));
  return send;
}
