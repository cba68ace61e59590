/** The stations of a message, in the order in which it passes them. */
export const hopNames = ["gateway", "function", "backend", "deliver"] as const;

/** One station of a message. What a source does not tell is left out. */
export interface Hop {
  /**
   * `gateway`: API Gateway, from the event to its end; `function`: one invocation; `backend`: all attempts of
   * one request; `deliver`: frames through `@connections`, all together or, with `to`, one of them.
   */
  hop: (typeof hopNames)[number];
  /** Epoch milliseconds. */
  startedAt?: number | undefined;
  ms?: number | undefined;
  /** An HTTP status, or a word such as `timeout`. */
  status?: number | string | undefined;
  /** The connection that a frame was for. */
  to?: string | undefined;
  bytes?: number | undefined;
}

/**
 * What happened to a connection. `initial`: the frames that a backend gives a new client; `push`: one that a
 * caller sent through `@connections`, outside of every event of a function.
 */
export const tracedEvents = ["connect", "message", "disconnect", "initial", "push"] as const;
export type TracedEvent = (typeof tracedEvents)[number];

/**
 * One event of one connection, whatever it is put together from; what nothing tells is left out. Times are
 * epoch milliseconds.
 */
export interface Trace {
  /**
   * API Gateway's, which an error frame has too. `initial` has that of its connect, `push` that of the call's
   * answer (`x-amzn-RequestId`).
   */
  requestId?: string | undefined;
  event?: TracedEvent | undefined;
  connectionId?: string | undefined;
  /** Which stage of which API it came to, where API Gateway itself tells. */
  apiId?: string | undefined;
  stage?: string | undefined;
  /** Of the function that was invoked for it, and where, where the local AWS tells. */
  functionName?: string | undefined;
  region?: string | undefined;
  at: number;
  /** Lambda's own id of the invocation. */
  lambdaRequestId?: string | undefined;
  routeKey?: string | undefined;
  /** What the client subscribed to when it connected. */
  type?: string | undefined;
  booking?: string | undefined;
  hops: readonly Hop[];
  /** Requests to the backend. */
  attempts?: number | undefined;
  /** How long the function's environment took to start; only where this event waited for it. */
  coldMs?: number | undefined;
  /** The client's message. */
  bytesIn?: number | undefined;
  /** Frames by how they ended. */
  sent?: number | undefined;
  gone?: number | undefined;
  failed?: number | undefined;
  /**
   * A code of CONTRACT.md 3, of the handler, or of API Gateway's; of a push the type of its error, of an
   * invocation that failed AWS's `errorType`.
   */
  problem?: string | undefined;
  /** Why, in words: of an invocation that failed AWS's `errorMessage`. */
  reason?: string | undefined;
  /** A test of this program's: of `test`, `doctor`, or the end of a deploy. */
  test?: true | undefined;
}

/** The connection id of the test event. */
export const TEST_CONNECTION = "test-connection-123";
/** The user agent of a client that tests a stage. No access log of ours has it: on AWS it marks nothing. */
export const TEST_AGENT = "shelfshack-ws-test";

/**
 * What a source tells of an event. It belongs to the event by `requestId` with `event`, or by
 * `lambdaRequestId` alone.
 */
export type TracePart = Omit<Trace, "at" | "hops"> & {
  at?: number | undefined;
  hops: readonly Hop[];
  /** Which of the things that are waited for this is. */
  fact: TraceFact;
  /** From before the time that is followed: it only tells who a connection is. */
  isPast?: true;
  /** Nothing else will be told of the event, such as of one that no function was called for. */
  isAll?: true;
};

/** `gateway`: what API Gateway says; `line`: the handler's; `report`: Lambda's. */
export type TraceFact = "gateway" | "line" | "report";
