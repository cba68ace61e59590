import { getProxyForUrl } from "proxy-from-env";

/**
 * Whether `NO_PROXY` has a host, so that it is reached directly although there is a proxy for this scheme;
 * `host` may have a port.
 */
export const isDirect = (scheme: string, host: string): boolean =>
  getProxyForUrl(`${scheme}://${host}`) === "";
