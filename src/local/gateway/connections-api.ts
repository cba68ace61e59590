import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { closings, end, isOpen, send } from "./connections.ts";
import type { Connection, ConnectionCall, StageAddress, Traffic } from "./contract.ts";
import { isConnectionId } from "./events.ts";
import { maxMessageBytes } from "./frame-limits.ts";
import { takeOfAccount } from "./throttle.ts";
import { signatureOf, wrongRegion, type Signed } from "./signature.ts";

/** An answer of the management API; an error has a type, which AWS puts into a header (AWS.md 2.3). */
interface Answer {
  status: number;
  type?: string;
  body?: object;
}

/** A closed connection and one that never existed get the same answer, without a body. */
const gone: Answer = { status: 410, type: "GoneException" };
const unsigned: Answer = {
  status: 403,
  type: "MissingAuthenticationTokenException",
  body: { message: "Missing Authentication Token" },
};
const tooLarge: Answer = {
  status: 413,
  type: "PayloadTooLargeException",
  body: { message: "Message too long" },
};

const tooMany: Answer = {
  status: 429,
  type: "LimitExceededException",
  body: { message: "Too Many Requests" },
};

/** A wrong address, which tells nothing of any connection: no stage, or one that is not there. */
const wrongAddress: Answer = { status: 403, type: "ForbiddenException", body: { message: "Forbidden" } };

const methods: Record<
  string,
  (connection: Connection, body: Promise<Body>, requestId: string) => Answer | Promise<Answer | undefined>
> = {
  POST: post,
  GET: get,
  DELETE: remove,
};

/**
 * Answers `POST`, `GET` and `DELETE {stage}/@connections/{id}` (AWS.md 2). A Signature Version 4 must be
 * there, which also keeps web pages out, for the API's region and by this user; a role's session may do only
 * what its policies allow. An id is valid within its API and stage
 * only, and only after `$connect` has accepted it.
 */
export async function answerConnectionCall(
  traffic: Traffic,
  request: IncomingMessage,
  response: ServerResponse,
  at: StageAddress & { connectionId: string },
): Promise<void> {
  const begun = Date.now();
  const requestId = randomUUID();
  const signed = signatureOf(request);
  const body = bodyOf(request);
  const answer = await answerTo(traffic, { request, requestId, signed, body, at });
  if (!answer) return;
  write(response, requestId, answer);
  const { onSeen } = traffic.options;
  if (!onSeen || request.method !== "POST") return;
  const ended = { ms: Date.now() - begun, status: answer.status, problem: problemOf(answer) };
  const bytes = whole(await body)?.length ?? 0;
  const { accessKeyId } = signed;
  onSeen({ kind: "delivery", ...at, requestId, accessKeyId, at: begun, ...ended, bytes });
}

/** That a client has left is none. */
const problemOf = (answer: Answer): string | undefined => (answer === gone ? undefined : answer.type);

interface Asked {
  requestId: string;
  request: IncomingMessage;
  signed: Signed;
  body: Promise<Body>;
  at: StageAddress & { connectionId: string };
}

async function answerTo(
  { live, options, throttle }: Traffic,
  { request, requestId, signed: { region, sessionToken }, body, at: { apiId, stage, connectionId } }: Asked,
): Promise<Answer | undefined> {
  const { method: name = "" } = request;
  const method = methods[name];
  if (!method || region === undefined) return unsigned;
  const doubt = await options.doubt?.(request, async () => whole(await body));
  // A caller that has left while it was asked for gets nothing done.
  if (request.socket.destroyed) return undefined;
  if (doubt) return doubted(doubt);
  const call = { region, apiId, stage, method: name, connectionId, sessionToken };
  const refused = refusalOf(options, call);
  if (refused) return refused;
  if (!takeOfAccount({ throttle, options }, "requests", Date.now())) return tooMany;
  const connection = live.get(connectionId);
  const known = connection?.apiId === apiId && connection.stage === stage && isOpen(connection);
  return known ? await method(connection, body, requestId) : gone;
}

/** Why a call may not be made, whether or not there is such a connection. */
function refusalOf(options: Traffic["options"], call: ConnectionCall): Answer | undefined {
  const { region, apiId, stage, connectionId } = call;
  const served = options.find(apiId, stage);
  if (!served) return wrongAddress;
  if (served.region !== region) return notValidHere(region);
  const denied = options.denied?.(call);
  if (denied !== undefined) return forbidden(denied);
  return isConnectionId(connectionId) ? undefined : malformedId(connectionId);
}

/**
 * The client gets a text frame (AWS.md 1.11); bytes that are not UTF-8 are replaced, because they would end
 * the connection.
 */
async function post(
  connection: Connection,
  reading: Promise<Body>,
  requestId: string,
): Promise<Answer | undefined> {
  const body = await reading;
  if (body === "aborted") return undefined;
  if (body === "too large") return tooLarge;
  return send(connection, isUtf8(body) ? body : body.toString(), requestId) ? { status: 200 } : gone;
}

function get({ connectedAt, lastActiveAt, sourceIp, userAgent }: Connection): Answer {
  const identity = { sourceIp, userAgent: userAgent ?? null };
  const body = {
    connectedAt: new Date(connectedAt).toISOString(),
    identity,
    lastActiveAt: new Date(lastActiveAt).toISOString(),
  };
  return { status: 200, body };
}

function remove(connection: Connection): Answer {
  end(connection, closings.deleted);
  return { status: 204 };
}

/** The body is unverified, the status and the kind of name are not (AWS.md 2.3). */
function forbidden(message: string): Answer {
  return { status: 403, type: "AccessDeniedException", body: { message } };
}

function notValidHere(region: string): Answer {
  return { status: 403, type: "InvalidSignatureException", body: { message: wrongRegion(region) } };
}

function malformedId(connectionId: string): Answer {
  return {
    status: 400,
    type: "BadRequestException",
    body: { message: `Invalid connectionId: ${connectionId}` },
  };
}

type Doubt = NonNullable<Awaited<ReturnType<NonNullable<Traffic["options"]["doubt"]>>>>;

/** The names are those of other services (AWS.md 8.8). */
function doubted({ about, message }: Doubt): Answer {
  if (about === "size") return tooLarge;
  const type = about === "key" ? "UnrecognizedClientException" : "InvalidSignatureException";
  return { status: 403, type, body: { message } };
}

type Body = Buffer | "too large" | "aborted";
const whole = (body: Body): Buffer | undefined => (typeof body === "string" ? undefined : body);

/** Reads a body of at most 128 KB; the rest of a larger one is discarded as it arrives. */
function bodyOf(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxMessageBytes) chunks.push(chunk);
      else resolve("too large");
    });
    request.on("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on("error", () => resolve("aborted"));
  });
}

function write(response: ServerResponse, requestId: string, { status, type, body }: Answer): void {
  const text = body ? JSON.stringify(body) : "";
  response.writeHead(status, {
    "x-amzn-RequestId": requestId,
    ...(body && { "content-type": "application/json" }),
    ...(status !== 204 && { "content-length": Buffer.byteLength(text) }),
    ...(type !== undefined && { "x-amzn-ErrorType": type }),
  });
  response.end(text);
}
