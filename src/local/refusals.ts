import type { IncomingMessage, ServerResponse } from "node:http";
import { CliError } from "../errors/error.ts";
import { AwsError } from "./aws-error.ts";
import type { Doubt } from "./callers.ts";
import { longestBody, writeAnswer } from "./wire/http.ts";
import { jsonRpc } from "./wire/json-rpc.ts";
import type { Protocol } from "./wire/protocol.ts";
import { query } from "./wire/query.ts";
import { restJson } from "./wire/rest-json.ts";

interface Refusal {
  status: number;
  type: string;
  message: string;
}

/** AWS has no such refusal: its name is ours, so that no advice for AWS is given about it. */
const notAllowed = { status: 403, type: "NotAllowedByLocalAwsException" };
const tooLarge = (operation: string | undefined): Refusal => ({
  status: 413,
  type: "RequestEntityTooLargeException",
  message:
    `Request must be smaller than ${longestBody} bytes` +
    (operation === undefined ? "" : ` for the ${operation} operation`),
});
const unsigned = {
  status: 403,
  type: "MissingAuthenticationTokenException",
  message: "Missing Authentication Token",
};
const noCode = { status: 404, type: "NoSuchKey", message: "The specified key does not exist." };
const notUpgraded = {
  status: 426,
  type: "UpgradeRequiredException",
  message: "this is a WebSocket API: connect with ws://",
};
const noConnection = { status: 403, type: "ForbiddenException", message: "Forbidden" };

/** How requests that reach no service are refused, each in the protocol that its client speaks. */
export const refusals = {
  /** A foreign name, page or caller; the message says which. */
  notAllowed: (request: IncomingMessage, response: ServerResponse, message: string) =>
    write(request, response, { ...notAllowed, message }),
  /** Names the operation as Lambda does (AWS.md 4.4), where it is known. */
  tooLarge: (request: IncomingMessage, response: ServerResponse, operation: string | undefined) =>
    write(request, response, tooLarge(operation)),
  noCode: (request: IncomingMessage, response: ServerResponse) => write(request, response, noCode),
  /** A browser or curl at a stage. */
  notUpgraded: (request: IncomingMessage, response: ServerResponse) =>
    write(request, response.setHeader("upgrade", "websocket"), notUpgraded),
  /** A call of the control plane without a signature. */
  unsigned: (request: IncomingMessage, response: ServerResponse) => write(request, response, unsigned),
  /** A signed call that is not taken for one of this user (AWS.md 8.8). */
  doubted: (request: IncomingMessage, response: ServerResponse, { about, message }: Doubt) =>
    write(request, response, { status: 403, message, type: typeOf(about, request) }),
  /** A call that is signed for an API and names no connection (AWS.md 2.3). */
  noConnection: (request: IncomingMessage, response: ServerResponse) =>
    write(request, response, noConnection),
  /** The request has been read by then, so only the response shows whether the client is still connected. */
  failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) response.destroy();
    else write(request, response, { status: 500, type: "ServiceException", message: errorText(error) });
  },
};

/** Services that are asked by a form have names of their own for it. */
const doubtful = {
  key: ["UnrecognizedClientException", "InvalidClientTokenId"],
  signature: ["InvalidSignatureException", "SignatureDoesNotMatch"],
  size: ["RequestEntityTooLargeException", "RequestEntityTooLarge"],
} as const satisfies Record<Doubt["about"], readonly [string, string]>;
const typeOf = (about: Doubt["about"], { headers }: IncomingMessage): string =>
  doubtful[about][isForm(headers) ? 1 : 0];

/** The message of a CliError; any other error is called a bug. */
export function errorText(error: unknown): string {
  return error instanceof CliError ? error.message : `the local AWS has a bug: ${String(error)}`;
}

/**
 * XML for a form, else JSON. The connection is closed, for the rest of the request may be unread.
 */
function write(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { status, type, message }: Refusal,
): void {
  const requestId = String(response.getHeader("x-amzn-RequestId") ?? "");
  const name = isForm(headers) ? type.replace(/Exception$/, "") : type;
  const answer = protocolOf(headers).refuse(new AwsError(name, message, { status }), requestId);
  void writeAnswer(response.setHeader("connection", "close"), answer);
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const isForm = (headers: Headers): boolean => String(headers["content-type"]).includes("form-urlencoded");
const unknownShapes = { operations: new Map(), errors: new Map() };

/**
 * The wire protocol in which a client understands a refusal, whatever service it calls: by the type of its
 * request's body.
 */
export function protocolOf(headers: Headers): Protocol {
  if (String(headers["content-type"]).includes("x-amz-json")) return jsonRpc(unknownShapes);
  return isForm(headers) ? query(unknownShapes, "https://local.invalid/") : restJson(unknownShapes);
}
