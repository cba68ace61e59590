import { callsTo, causeOf, isDenied } from "./call.ts";
import type { Configuration } from "./config.ts";
import { isConnectionId, maxMessageBytes } from "./event.ts";
import { encodeSegment } from "./sigv4.ts";
import { addressOf, type Exchange, type Outcome } from "./transport.ts";

/**
 * How one call to @connections ended (AWS.md 2.3): `gone` is 410, the connection is closed or not open yet.
 */
export type Sent = "sent" | "gone" | Undelivered;

/** Why a frame was not sent, or a connection not closed. */
export interface Undelivered {
  /** For the log, without the host. */
  cause: string;
  /** What @connections answered, where it did. */
  status?: number | undefined;
}

/** The role lacks execute-api:ManageConnections. */
export const denied: Undelivered = { cause: "the role lacks execute-api:ManageConnections", status: 403 };
/** Over 128 KB, and therefore not sent. */
export const tooLarge: Undelivered = { cause: "a frame over 128 KB" };

/**
 * The @connections API of one stage. Every call resolves by `until` (epoch milliseconds) and never throws; an
 * impossible connection id is not asked about.
 */
export interface Connections {
  /** Where it is, for the log; undefined where nothing says so. */
  host: string | undefined;
  /** Sends one frame, JSON text, to one client. */
  send(connectionId: string, frame: string, until: number): Promise<Sent>;
  close(connectionId: string, until: number): Promise<Sent>;
}

/**
 * The @connections API at an endpoint, which is `https://{domain}/{stage}`, or undefined: then every call
 * fails.
 */
export function connectionsAt(configuration: Configuration): (endpoint: URL | undefined) => Connections {
  const call = callsTo("execute-api", configuration);
  return (endpoint) => {
    const address = endpoint && addressOf(endpoint);
    const ask = async (
      method: Exchange["method"],
      connectionId: string,
      body: string,
      until: number,
    ): Promise<Sent> => {
      if (call === undefined) return { cause: "no credentials" };
      if (address === undefined) return { cause: "no endpoint" };
      if (!isConnectionId(connectionId)) return { cause: "not a connection id" };
      if (until <= Date.now()) return { cause: "no time left" };
      const path = `${address.prefix}/@connections/${encodeSegment(connectionId)}`;
      return meaning(await call(address, { method, path, body }, until));
    };
    return {
      host: address?.authority,
      send: async (connectionId, frame, until) =>
        Buffer.byteLength(frame) > maxMessageBytes ? tooLarge : ask("POST", connectionId, frame, until),
      close: (connectionId, until) => ask("DELETE", connectionId, "", until),
    };
  };
}

function meaning(outcome: Outcome): Sent {
  const { status } = outcome;
  if (status !== undefined && status >= 200 && status <= 299) return "sent";
  if (status === 410) return "gone";
  if (status === 413) return tooLarge;
  return isDenied(outcome) ? denied : { cause: causeOf("@connections", outcome), status };
}

/**
 * The resource of execute-api:ManageConnections: the ARN of an endpoint's @connections, with region and
 * account of the function's own ARN.
 */
export function connectionsArn(endpoint: URL, functionArn = "arn:aws:lambda:*:*"): string {
  const [, partition, , region, account] = functionArn.split(":");
  const [api, service] = endpoint.hostname.split(".");
  const path = endpoint.pathname.split("/").filter(Boolean);
  const stage = (service === "execute-api" ? [api, ...path] : path).join("/");
  return `arn:${partition}:execute-api:${region}:${account}:${stage}/*/@connections/*`;
}
