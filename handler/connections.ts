import { callsTo } from "./call.ts";
import type { Configuration } from "./config.ts";
import { isConnectionId, maxMessageBytes } from "./event.ts";
import { encodeSegment } from "./sigv4.ts";
import { addressOf, type Exchange, type Outcome } from "./transport.ts";

/**
 * How one call to @connections ended (AWS.md 2.3): `gone` is 410, the connection is closed or not open
 * yet; `forbidden` is 403, the role lacks execute-api:ManageConnections; `too large` was over 128 KB and not
 * sent; `failed` is everything else.
 */
export type Sent = "sent" | "gone" | "forbidden" | "too large" | "failed";

/**
 * The @connections API of one stage. Every call resolves by `until` (epoch milliseconds) and never throws; an
 * impossible connection id is `failed`.
 */
export interface Connections {
  /** Sends one frame, JSON text, to one client. */
  send(connectionId: string, frame: string, until: number): Promise<Sent>;
  close(connectionId: string, until: number): Promise<Sent>;
}

/**
 * The @connections API at an endpoint, which is `https://{domain}/{stage}`, or undefined: then every call has
 * `failed`.
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
      if (call === undefined || address === undefined || !isConnectionId(connectionId) || until <= Date.now())
        return "failed";
      const path = `${address.prefix}/@connections/${encodeSegment(connectionId)}`;
      return meaning(await call(address, { method, path, body }, until));
    };
    return {
      send: async (connectionId, frame, until) =>
        Buffer.byteLength(frame) > maxMessageBytes ? "too large" : ask("POST", connectionId, frame, until),
      close: (connectionId, until) => ask("DELETE", connectionId, "", until),
    };
  };
}

function meaning({ status }: Outcome): Sent {
  if (status === undefined) return "failed";
  if (status >= 200 && status <= 299) return "sent";
  return (
    ({ 403: "forbidden", 410: "gone", 413: "too large" } as const)[status as 403 | 410 | 413] ?? "failed"
  );
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
