import { createBackend } from "./backend.ts";
import { deadlineOf } from "./clock.ts";
import type { Configuration } from "./config.ts";
import { connect } from "./connect.ts";
import { connectionsAt } from "./connections.ts";
import type { HandlerOf, Response, Result, Work } from "./contract.ts";
import { disconnect } from "./disconnect.ts";
import { readEvent, type Context, type Event } from "./event.ts";
import { createInvokeSelf, initial } from "./initial.ts";
import { createLog, type Level } from "./log.ts";
import { message } from "./message.ts";
import { proof } from "./proof.ts";

export type Handler = (event: unknown, context?: Context | null) => Promise<Response>;

/** Time limit of one event, milliseconds (CONTRACT.md 5). */
const budgetMs: Record<Event["kind"], number> = {
  connect: 8_000,
  message: 25_000,
  disconnect: 5_000,
  initial: 25_000,
  proof: 8_000,
};

/**
 * The handler for one environment. It never throws: an unknown event is 400, a bug of the handler 500, each
 * with a log line.
 */
export function createHandler(configuration: Configuration, write: (line: string) => void): Handler {
  const log = createLog(configuration.logLevel, write);
  const backend = createBackend(configuration);
  const connectionsOf = connectionsAt(configuration);
  const invokeSelf = createInvokeSelf(configuration);
  const { keys, problems } = configuration;
  for (const reason of problems) log("ERROR", { event: "load", code: "configuration", reason });
  if (!keys[0] && !problems[0])
    log("WARN", { event: "load", code: "unsigned", reason: "SIGNING_KEYS is not set" });
  const handle = async (value: unknown, context: Context): Promise<Response> => {
    const started = Date.now();
    const event = readEvent(value, context);
    if (event === undefined) {
      log("WARN", { event: "malformed", status: 400, code: "malformed_event" });
      return { statusCode: 400 };
    }
    const endpoint = configuration.endpoint ?? event.endpoint;
    const deadline = deadlineOf(budgetMs[event.kind], context, started);
    const result = await dispatch(event, {
      backend,
      connections: connectionsOf(endpoint),
      invokeSelf,
      endpoint,
      context,
      deadline,
    });
    // Of the context only Lambda's own request id is written.
    log(levelOf(result), { ...context, ...event, event: event.kind, ms: Date.now() - started, ...result });
    return responseOf(event, result);
  };
  return async (event, context) => {
    try {
      return await handle(event, context ?? {});
    } catch (error) {
      log("ERROR", { event: "crash", status: 500, code: "internal", reason: errorLocation(error) });
      return { statusCode: 500 };
    }
  };
}

const handlers: { [Kind in Event["kind"]]: HandlerOf<Kind> } = {
  connect,
  message,
  disconnect,
  initial,
  proof,
};

function dispatch<Kind extends Event["kind"]>(
  event: Extract<Event, { kind: Kind }>,
  work: Work,
): Promise<Result> {
  return handlers[event.kind](event, work);
}

/** WARN for a refusal or a failed frame, where the result does not say its level itself. */
function levelOf({ code, failed, level }: Result): Level {
  return level ?? (code !== undefined || failed ? "WARN" : "INFO");
}

/**
 * A client that offers subprotocols gets the first one back: without one, browsers and `ws` close the
 * connection. A client that offers none must not get the header (AWS.md 1.10).
 */
function responseOf(event: Event, { status: statusCode, proof: proven }: Result): Response {
  const subprotocol = event.kind === "connect" && statusCode === 200 ? event.subprotocol : undefined;
  return {
    statusCode,
    ...(subprotocol !== undefined && { headers: { "Sec-WebSocket-Protocol": subprotocol } }),
    ...(proven && { proof: proven }),
  };
}

/** An error's name and where it was thrown. Without its message, which can contain what a client sent. */
function errorLocation(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return [error.name, ...(error.stack ?? "").split("\n    at ").slice(1, 3)].join(" at ");
}
