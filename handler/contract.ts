import type { Backend } from "./backend.ts";
import type { Deadline } from "./clock.ts";
import type { Connections } from "./connections.ts";
import type { Connect, Context, Event } from "./event.ts";
import type { Line } from "./log.ts";

/**
 * What the Lambda returns. API Gateway refuses any other key (AWS.md 1.6); `headers` is there for a chosen
 * subprotocol only.
 */
export interface Response {
  statusCode: number;
  headers?: { "Sec-WebSocket-Protocol": string };
}

/** What one event is carried out with. Everything but the last three is made once, when the module loads. */
export interface Work {
  backend: Backend;
  connections: Connections;
  invokeSelf: InvokeSelf;
  /** Where @connections is; undefined where nothing says so. */
  endpoint: URL | undefined;
  context: Context;
  deadline: Deadline;
}

/** How an event ended: the status that is returned, and what the log says about it. */
export type Result = Partial<Line> & { status: number };

export type HandlerOf<Kind> = (event: Extract<Event, { kind: Kind }>, work: Work) => Promise<Result>;

/**
 * Invokes this function asynchronously with frames for a connection that is not open yet; answers what the
 * log has to say about it.
 */
export type InvokeSelf = (
  event: Connect,
  frames: string[],
  work: Pick<Work, "context" | "deadline" | "endpoint">,
) => Promise<Partial<Line>>;
