import type { Backend } from "./backend.ts";
import type { Deadline } from "./clock.ts";
import type { Connections } from "./connections.ts";
import type { Connect, Context, Event } from "./event.ts";
import type { Level, Line } from "./log.ts";

/**
 * What the Lambda returns. API Gateway refuses any other key (AWS.md 1.6); `headers` is only there for a
 * chosen subprotocol, `proof` only for a caller of Invoke who asked for it.
 */
export interface Response {
  statusCode: number;
  headers?: { "Sec-WebSocket-Protocol": string };
  proof?: Proven;
}

/** What became of a proof's frame (CONTRACT.md 9). */
export interface Proven {
  /** `gone` is good too: @connections was reached, knows the stage and accepted the role. */
  outcome: "sent" | "gone" | "failed";
  /** Why it failed, and what @connections answered, where it did. */
  cause?: string;
  status?: number | undefined;
  /** Where the handler sends frames; undefined where nothing says so. */
  endpoint: string | undefined;
  /** The ARN that the role may not use. */
  resource: string | undefined;
}

/**
 * What handling one event needs. `backend` and `invokeSelf` are made once, when the module loads.
 */
export interface Work {
  backend: Backend;
  connections: Connections;
  invokeSelf: InvokeSelf;
  /** Where @connections is; undefined when neither configuration nor event says so. */
  endpoint: URL | undefined;
  context: Context;
  deadline: Deadline;
}

/** How an event ended: the status that is returned, and what the log says about it. */
export type Result = Partial<Line> & {
  status: number;
  /** ERROR for what only a person can repair. */
  level?: Level;
  /** For the caller, not for the log. */
  proof?: Proven;
};

/** Handles the events of one kind. */
export type HandlerOf<Kind> = (event: Extract<Event, { kind: Kind }>, work: Work) => Promise<Result>;

/**
 * Invokes this function asynchronously with frames for a connection that is not open yet; resolves to what
 * the log says about it.
 */
export type InvokeSelf = (
  event: Connect,
  frames: string[],
  work: Pick<Work, "context" | "deadline" | "endpoint">,
) => Promise<Omit<Result, "status">>;
