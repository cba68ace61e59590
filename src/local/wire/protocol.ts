import type { AwsError } from "../aws-error.ts";
import type { OperationShape } from "./schema.ts";

/**
 * A signed request, read completely. `query` and `path` are as they came; the path is still percent-encoded.
 */
export interface WireRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
}

/** What goes back over the wire. */
export interface WireAnswer {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array | AsyncIterable<Uint8Array>;
}

/** One wire protocol, spoken from the server's side. */
export interface Protocol {
  /**
   * The operation that the request names; `undefined` when the service has no such operation. Reads nothing
   * else, so that it can be named in errors.
   */
  find(request: WireRequest): OperationShape | undefined;
  /** The operation's input. Throws an AwsError when it cannot be read. */
  read(operation: OperationShape, request: WireRequest): Record<string, unknown>;
  write(operation: OperationShape, output: Record<string, unknown>, requestId: string): WireAnswer;
  refuse(error: AwsError, requestId: string): WireAnswer;
}
