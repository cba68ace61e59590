import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { type RuntimeRequest, startRequestReader } from "./runtime-requests.ts";

/** One event for a runtime client. */
interface RuntimeEvent {
  requestId: string;
  /** JSON text */
  payload: string;
  /** When the handler is cut off, ms since 1970. */
  deadlineMs: number;
  functionArn: string;
  traceId: string;
}

/** The calls of a runtime client. `false`: that request is not in progress. */
export interface RuntimeListener {
  asksForNext(): void;
  /** `undefined` instead of the body: it was larger than Lambda passes on */
  responds(requestId: string, body: string | undefined): boolean;
  fails(requestId: string, body: string): boolean;
  failsToInit(body: string): void;
  /** The client went away while it was asking for an event. */
  hangsUp(): void;
}

/** Lambda's Runtime API for one environment (AWS.md 5.1). */
export interface RuntimeApi {
  /**
   * `AWS_LAMBDA_RUNTIME_API`: `127.0.0.1:PORT/SECRET`. Clients put calls behind it, and every user of this
   * machine can connect, so that a call without the secret is refused.
   */
  address: string;
  /** Whether the client is waiting for an event. */
  isWaiting(): boolean;
  /** Gives an event to the client; only when it is waiting. */
  deliver(event: RuntimeEvent): void;
  /** Resolves when the connections of a process that has ended are closed: all that it sent has been read. */
  drained(): Promise<void>;
  close(): void;
}

const longestDrainMs = 1_000;
const ok = '{"status":"OK"}';

/** Listens on its own loopback port, so that no environment can answer for another one. */
export async function startRuntimeApi(listener: RuntimeListener): Promise<RuntimeApi> {
  let waiting: Socket | undefined;
  const secret = randomBytes(24).toString("base64url");
  const sockets = new Set<Socket>();
  const take = (socket: Socket, request: RuntimeRequest) => {
    // Answers keep the order of their requests, and there is no event yet.
    if (waiting === socket) return void socket.destroy();
    const path = pathBehind(secret, request.path);
    const refusal = refusalOf({ ...request, path }, host, waiting !== undefined);
    if (refusal || request.method === "POST")
      return void socket.write(response(...(refusal ?? notify(listener, { ...request, path }))));
    waiting = socket;
    listener.asksForNext();
  };
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const reader = startRequestReader({
      request: (request) => take(socket, request),
      expected: () => socket.write("HTTP/1.1 100 Continue\r\n\r\n"),
      malformed: (message) => socket.end(response(400, "Bad Request", errorBody("InvalidRequest", message))),
    });
    socket.on("data", reader);
    // A child that is killed resets its connection; its exit is handled elsewhere.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      if (waiting !== socket) return;
      waiting = undefined;
      listener.hangsUp();
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    address: `${host}/${secret}`,
    isWaiting: () => waiting !== undefined,
    deliver(event) {
      const socket = waiting;
      waiting = undefined;
      socket?.write(eventResponse(event));
    },
    async drained() {
      const closed = Promise.all([...sockets].map((socket) => once(socket, "close")));
      // A process that a handler detached may hold its connection open.
      await Promise.race([closed, setTimeout(longestDrainMs, undefined, { ref: false })]);
    },
    close() {
      waiting = undefined;
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

type Answer = [status: number, reason: string, body: string];

/** What is asked for behind the secret; empty without it. */
function pathBehind(secret: string, path: string): string {
  const known = Buffer.from(`/${secret}/`);
  const given = Buffer.from(path.slice(0, known.length));
  const isKnown = given.length === known.length && timingSafeEqual(given, known);
  return isKnown ? path.slice(known.length - 1) : "";
}

/**
 * A browser sends an Origin, or another Host when a name was bound to 127.0.0.1: no page may take an event
 * (FAULTS.md G-19), and no other user of this machine (FAULTS.md F-03).
 */
function refusalOf(request: RuntimeRequest, host: string, waiting: boolean): Answer | undefined {
  if (request.host !== host || request.fromBrowser || request.path === "")
    return [403, "Forbidden", errorBody("Forbidden", "only the function's own process may ask")];
  if (request.method === "POST") return undefined;
  if (request.method !== "GET" || request.path !== "/2018-06-01/runtime/invocation/next") return notFound;
  return waiting
    ? [403, "Forbidden", errorBody("InvalidStateTransition", "the next event was asked for already")]
    : undefined;
}

const notFound: Answer = [
  404,
  "Not Found",
  errorBody("NotFound", "there is no such call in the Runtime API"),
];

function notify(listener: RuntimeListener, { path, body }: RuntimeRequest): Answer {
  const accepted: Answer = [202, "Accepted", ok];
  if (path === "/2018-06-01/runtime/init/error") {
    listener.failsToInit(body ?? "{}");
    return accepted;
  }
  const [, version, runtime, invocation, requestId = "", verb] = path.split("/");
  if (version !== "2018-06-01" || runtime !== "runtime" || invocation !== "invocation") return notFound;
  if (verb !== "response" && verb !== "error") return notFound;
  const known =
    verb === "response" ? listener.responds(requestId, body) : listener.fails(requestId, body ?? "{}");
  if (!known) return [400, "Bad Request", errorBody("InvalidRequestID", `${requestId} is not in progress`)];
  return body === undefined
    ? [413, "Payload Too Large", errorBody("RequestEntityTooLarge", "the answer is too large")]
    : accepted;
}

function response(status: number, reason: string, body: string, headers = ""): string {
  const length = Buffer.byteLength(body);
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\n${headers}`;
  return `${head}Content-Length: ${length}\r\n\r\n${body}`;
}

function eventResponse({ requestId, payload, deadlineMs, functionArn, traceId }: RuntimeEvent): string {
  const headers =
    `Lambda-Runtime-Aws-Request-Id: ${requestId}\r\n` +
    `Lambda-Runtime-Deadline-Ms: ${deadlineMs}\r\n` +
    `Lambda-Runtime-Invoked-Function-Arn: ${functionArn}\r\n` +
    `Lambda-Runtime-Trace-Id: ${traceId}\r\n`;
  return response(200, "OK", payload, headers);
}

function errorBody(errorType: string, errorMessage: string): string {
  return JSON.stringify({ errorType, errorMessage });
}
