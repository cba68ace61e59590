import type { ServerResponse } from "node:http";
import { CliError } from "../errors/error.ts";
import { longestBody, refuse } from "./wire/http.ts";

const unwelcome = {
  type: "ForbiddenException",
  message: "this request was not sent to the local AWS by its own name, or comes from a web page elsewhere",
};
const tooLarge = {
  type: "RequestEntityTooLargeException",
  message: `Request must be smaller than ${longestBody} bytes`,
};
const unsigned = { type: "MissingAuthenticationTokenException", message: "Missing Authentication Token" };
const noCode = { type: "NoSuchKey", message: "The specified key does not exist." };
const notUpgraded = {
  type: "UpgradeRequiredException",
  message: "this is a WebSocket API: connect with ws://",
};

/** What reaches no service, and how it is refused. */
export const refusals = {
  unwelcome: (response: ServerResponse) => refuse(response, 403, unwelcome),
  tooLarge: (response: ServerResponse) => refuse(response, 413, tooLarge),
  noCode: (response: ServerResponse) => refuse(response, 404, noCode),
  /** A browser or curl at a stage. */
  notUpgraded: (response: ServerResponse) =>
    refuse(response.setHeader("upgrade", "websocket"), 426, notUpgraded),
  /** A call of the control plane without a signature. */
  unsigned: (response: ServerResponse) => refuse(response, 403, unsigned),
  /** The request has been read by then, so only the answer tells whether anybody waits for it. */
  failed(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) response.destroy();
    else refuse(response, 500, { type: "ServiceException", message: errorText(error) });
  },
};

/** What went wrong in words: what is for people as it is, anything else as the bug that it is. */
export function errorText(error: unknown): string {
  return error instanceof CliError ? error.message : `the local AWS has a bug: ${String(error)}`;
}
