import type { IncomingMessage } from "node:http";

const names = ["localhost", "127.0.0.1", "[::1]"];
const apiName = /^[a-z0-9]+\.execute-api\.localhost$/;
const loopbackOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

/**
 * Whether Host and Origin of a request are allowed: it must name this machine, and must not come from a web
 * page of another site. That stops pages whose own host name resolves to 127.0.0.1 (FAULTS.md G-17, G-18). A
 * front end on another loopback port is allowed, and so is a client without an Origin, which is never a
 * browser.
 */
export function isAllowedOrigin(
  { headers, rawHeaders }: Pick<IncomingMessage, "headers" | "rawHeaders">,
  { port, allowHosts }: { port: number; allowHosts: readonly string[] },
): boolean {
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host").length;
  return (
    hosts === 1 &&
    isOwnHost(headers.host ?? "", { port, allowHosts }) &&
    isOwnOrigin(headers.origin, allowHosts)
  );
}

function isOwnHost(
  host: string,
  { port, allowHosts }: { port: number; allowHosts: readonly string[] },
): boolean {
  const [, name = "", given] = /^(\[[\da-f:]+\]|[^:]+)(?::(\d+))?$/i.exec(host) ?? [];
  const known = name.toLowerCase();
  if (allowHosts.includes(known)) return true;
  return (names.includes(known) || apiName.test(known)) && Number(given ?? 80) === port;
}

function isOwnOrigin(origin: string | undefined, allowHosts: readonly string[]): boolean {
  if (origin === undefined || loopbackOrigin.test(origin)) return true;
  return (
    URL.canParse(origin) && origin === new URL(origin).origin && allowHosts.includes(new URL(origin).hostname)
  );
}
