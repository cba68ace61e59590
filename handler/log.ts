/** How much is logged: everything from this level on. */
export const levels = ["DEBUG", "INFO", "WARN", "ERROR"] as const;
export type Level = (typeof levels)[number];

/**
 * What a log line may hold: no body, no token, no query string, no URL, and nothing that a client wrote but
 * the type of its connection and an id.
 */
export interface Line {
  /** What happened: connect, message, disconnect, initial, proof, malformed, load or crash. */
  event: string;
  requestId?: string;
  /** Lambda's own id, by which its REPORT belongs to this line. */
  awsRequestId?: string | undefined;
  connectionId?: string;
  messageId?: string;
  route?: string;
  /** Of a connection: what its client subscribes to. */
  type?: string | undefined;
  booking?: string | undefined;
  /** What the Lambda returns. */
  status?: number;
  /** What the backend answered. */
  backendStatus?: number | undefined;
  attempts?: number;
  /** How long the backend took, with all attempts. */
  backendMs?: number | undefined;
  ms?: number;
  /** Length of the client's message. */
  bytes?: number;
  /** Frames to connections, counted by how they ended; `failed` holds the closes that failed too. */
  sent?: number;
  gone?: number;
  failed?: number;
  /** The code of CONTRACT.md 3, or of the check that refused the event. */
  code?: string | undefined;
  /** A Node error code, or a fixed sentence for the operator. */
  reason?: string | undefined;
  /** The AWS host that did not take what was sent: @connections, or Lambda for the self-invocation. */
  host?: string | undefined;
  /** An ARN that the function's role may not use. */
  resource?: string | undefined;
}

export type Log = (level: Level, line: Line) => void;

/** The only members that are written, in this order. */
const written = (
  "level event requestId awsRequestId connectionId messageId route type booking status backendStatus " +
  "attempts backendMs ms bytes sent gone failed code reason host resource"
).split(" ");

/**
 * What a terminal interprets or hides, beyond what JSON escapes: DEL, C1 controls, line separators,
 * bidirectional and zero-width marks.
 */
const unsafe = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A log of one JSON object per line, `level` first. */
export function createLog(minimum: Level, write: (line: string) => void): Log {
  return (level, line) => {
    if (levels.indexOf(level) < levels.indexOf(minimum)) return;
    const text = JSON.stringify({ level, ...line }, written).replace(
      unsafe,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    write(`${text}\n`);
  };
}
