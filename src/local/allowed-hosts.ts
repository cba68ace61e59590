import type { IncomingMessage } from "node:http";
import { hostAndPort, wholeOrigin } from "../contract/host-or-origin.ts";

const names = ["localhost", "127.0.0.1", "[::1]"];
const apiName = /^[a-z0-9]+\.execute-api\.localhost$/;
const loopbackOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;
/** What requests may be sent to and come from, besides this machine's own names. */
export interface Allowed {
  port: number;
  /** As `hostOrOrigin` makes them of what a person writes. */
  allowHosts: readonly string[];
}

/** A Host or Origin that is not allowed, and what would allow it, where anything could. */
export interface RefusedName {
  what: "Host" | "Origin";
  name: string;
  allow?: string;
}

/**
 * The name for which a request is refused: it must name this machine, and must not come from a web page of
 * another site. That stops pages whose own host name resolves to 127.0.0.1 (FAULTS.md G-17, G-18). A front
 * end on another loopback port is allowed, and so is a client without an Origin, which is never a browser.
 */
export function refusedName(
  { headers: { host = "", origin }, rawHeaders }: Pick<IncomingMessage, "headers" | "rawHeaders">,
  allowed: Allowed,
): RefusedName | undefined {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host").length;
  if (hosts !== 1) return { what: "Host", name: host };
  if (!isOwnHost(host, allowed)) return refused("Host", host, hostAndPort.exec(host)?.[1]);
  if (origin === undefined || isOwnOrigin(origin, allowed)) return undefined;
  // Every site can make a frame of it whose origin is `null`: that is nothing to allow.
  if (origin === "null") return { what: "Origin", name: origin };
  return refused("Origin", origin, hostOfPage(origin) ?? wholeOrigin.exec(origin)?.[0]);
}

const refused = (what: RefusedName["what"], name: string, allow: string | undefined): RefusedName => ({
  what,
  name,
  ...(allow !== undefined && { allow: allow.toLowerCase() }),
});

function isOwnHost(host: string, { port, allowHosts }: Allowed): boolean {
  const [, name = "", given] = hostAndPort.exec(host) ?? [];
  const known = name.toLowerCase();
  if (allowHosts.includes(known)) return true;
  return (names.includes(known) || apiName.test(known)) && Number(given ?? 80) === port;
}

function isOwnOrigin(origin: string, { allowHosts }: Allowed): boolean {
  return (
    loopbackOrigin.test(origin) ||
    allowHosts.includes(origin.toLowerCase()) ||
    allowHosts.includes(hostOfPage(origin) ?? "")
  );
}

/** The host that a web page is from; undefined for what is no page's origin as a browser writes it. */
function hostOfPage(origin: string): string | undefined {
  if (!/^https?:/.test(origin) || !URL.canParse(origin)) return undefined;
  const { origin: written, hostname } = new URL(origin);
  return written === origin ? hostname : undefined;
}

/** Whether only this machine reaches what listens at an address. */
export const isLoopback = (address: string): boolean =>
  address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
