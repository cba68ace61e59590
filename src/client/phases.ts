import type { ClientRequest } from "node:http";
import { isIP } from "node:net";
import type { Socket } from "node:net";
import type { Phase } from "../errors/network.ts";

/**
 * How long the parts of an opening took, in milliseconds. Absent is what there was none of: no lookup for an
 * IP address, no TLS for `ws:`. Through a proxy everything up to the tunnel's end, TLS too, is `proxy`.
 */
export interface PhaseTimes {
  proxy?: number;
  lookup?: number;
  connect?: number;
  tls?: number;
  http: number;
}

/** Follows an opening. */
export interface PhaseFollower {
  /** The part that is under way. */
  current(): Phase;
  /** What the proxy answered when it was asked for a tunnel; undefined before that. */
  proxyStatus(): number | undefined;
  /** The times of all parts, when it is open. */
  times(): PhaseTimes;
}

/** The event of the TCP socket that ends each part. */
const endings = { lookup: "lookup", connect: "connect", tls: "secureConnect" } as const;

/**
 * Knows how far an opening has got, from the events of its TCP socket, or from those of the proxy's agent.
 */
export function followPhases(
  request: ClientRequest,
  { address, isProxied, startedAt }: { address: URL; isProxied: boolean; startedAt: number },
): PhaseFollower {
  const parts = partsOf(address, isProxied);
  const times: PhaseTimes = { http: 0 };
  let proxyStatus: number | undefined;
  let [at, beganAt] = [0, startedAt];
  const ended = (part: Exclude<Phase, "http"> | "proxy") => {
    if (parts[at] !== part) return;
    const now = performance.now();
    times[part] = now - beganAt;
    [at, beganAt] = [at + 1, now];
  };
  request.once("proxyConnect", ({ statusCode }: { statusCode: number }) => (proxyStatus = statusCode));
  request.once("socket", (socket: Socket) => {
    ended("proxy");
    for (const [part, event] of Object.entries(endings))
      socket.once(event, () => ended(part as keyof typeof endings));
  });
  return {
    current: () => {
      const part = parts[at] ?? "http";
      return part === "proxy" ? (proxyStatus === undefined ? "connect" : "tls") : part;
    },
    proxyStatus: () => proxyStatus,
    times: () => ({ ...times, http: performance.now() - beganAt }),
  };
}

function partsOf({ hostname, protocol }: URL, isProxied: boolean): (Exclude<Phase, "http"> | "proxy")[] {
  if (isProxied) return ["proxy"];
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  return [
    ...(isAddress ? [] : ["lookup" as const]),
    "connect",
    ...(protocol === "wss:" ? ["tls" as const] : []),
  ];
}
