import type { ServerResponse } from "node:http";
import { CliError } from "../errors/error.ts";
import { longestBody, refuse } from "./wire/http.ts";

const notAllowed = {
  type: "ForbiddenException",
  message: "Host or Origin is not allowed",
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

/** How requests that reach no service are refused. */
export const refusals = {
  notAllowed: (response: ServerResponse) => refuse(response, 403, notAllowed),
  tooLarge: (response: ServerResponse) => refuse(response, 413, tooLarge),
  noCode: (response: ServerResponse) => refuse(response, 404, noCode),
  /** A browser or curl at a stage. */
  notUpgraded: (response: ServerResponse) =>
    refuse(response.setHeader("upgrade", "websocket"), 426, notUpgraded),
  /** A call of the control plane without a signature. */
  unsigned: (response: ServerResponse) => refuse(response, 403, unsigned),
  /** The request has been read by then, so only the response shows whether the client is still connected. */
  failed(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) response.destroy();
    else refuse(response, 500, { type: "ServiceException", message: errorText(error) });
  },
};

/** The message of a CliError; any other error is called a bug. */
export function errorText(error: unknown): string {
  return error instanceof CliError ? error.message : `the local AWS has a bug: ${String(error)}`;
}
