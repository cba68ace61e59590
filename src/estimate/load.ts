/** What is asked of a stack, as people think of it. */
export interface Load {
  /** Open at the same time, all day. */
  connections: number;
  /** That one client sends in a minute. */
  messagesPerMinute: number;
  /** Who get each message: the clients of one booking, the sender among them. */
  peoplePerBooking: number;
  /** How long a client stays connected; API Gateway ends it after two hours. */
  sessionMinutes: number;
  messageBytes: number;
  /** How long the function works on one event, in ms. */
  invocationMs: number;
  memoryMb: number;
}

/** What is taken where nothing is said. */
export const assumedLoad = {
  messagesPerMinute: 1,
  peoplePerBooking: 2,
  sessionMinutes: 30,
  messageBytes: 500,
  invocationMs: 60,
  memoryMb: 256,
} as const satisfies Partial<Load>;

/** What is said of a load, by any source. */
export type GivenLoad = { connections: number } & { [N in keyof typeof assumedLoad]?: number | undefined };

/** What an estimate is about. */
export interface Estimate {
  load: Load;
  /** The names of the figures that were neither given nor measured. */
  assumed: string[];
  /** Those of them which a measurement bounds: the figure is the most that it can be, not a usual one. */
  atMost: string[];
  /** Those of them which were to be measured, and could not be. */
  untold: Untold[];
}

/** A figure that a measurement does not tell, and why. */
export interface Untold {
  figure: keyof typeof assumedLoad;
  why: string;
}

/**
 * A load out of what is given, then what was measured, then bounds that were; which figures had to be assumed
 * stands beside it.
 */
export function loadOf(
  given: GivenLoad,
  measured: Partial<Load> = {},
  bounds: Partial<Load> = {},
  untold: readonly Untold[] = [],
): Estimate {
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const known = { ...measured, ...said };
  return {
    load: { ...assumedLoad, ...bounds, ...known, connections: given.connections },
    assumed: Object.keys(assumedLoad).filter((name) => !(name in known)),
    atMost: Object.keys(bounds).filter((name) => !(name in known)),
    untold: untold.filter(({ figure }) => !(figure in known)),
  };
}

/** A connection without a message for ten minutes is closed: clients send one in time (AWS.md 1.13). */
const KEEP_ALIVE_MINUTES = 9;

/** The same per second. */
export interface Rates {
  connects: number;
  /** From clients, those that keep a connection alive among them. */
  messages: number;
  /** To clients. */
  frames: number;
  /** Of the function: each message, `$connect` and `$disconnect`. */
  invocations: number;
  /** Of the backend; what keeps a connection alive is answered by the function. */
  backendRequests: number;
}

/** What a load amounts to each second. */
export function ratesOf(load: Load): Rates {
  const { connections, messagesPerMinute, peoplePerBooking, sessionMinutes } = load;
  const connects = connections / sessionMinutes / 60;
  const messages = (connections * messagesPerMinute) / 60;
  const isQuiet = messagesPerMinute * (1 + peoplePerBooking) < 1 / KEEP_ALIVE_MINUTES;
  const keepAlives = isQuiet ? connections / KEEP_ALIVE_MINUTES / 60 : 0;
  return {
    connects,
    messages: messages + keepAlives,
    frames: messages * peoplePerBooking + keepAlives,
    invocations: messages + keepAlives + 2 * connects,
    backendRequests: messages + 2 * connects,
  };
}
