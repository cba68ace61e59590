import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { explain } from "../errors/explain.ts";

/** An address to listen at. An optional one may be taken by another program, or not be there at all. */
export interface Place {
  host: string;
  optional?: true;
}

const ownIpv4: Place = { host: "127.0.0.1" };
/** `localhost` can mean this one too; our address names 127.0.0.1, so nothing is lost without it. */
const ownIpv6: Place = { host: "::1", optional: true };

/** Where a local AWS listens: always on the loopback interface, and at one more address or at all of them. */
export function placesFor(address = ownIpv4.host): Place[] {
  if (address === "0.0.0.0") return [{ host: "0.0.0.0" }, ownIpv6];
  if (address === "::") return [{ host: "0.0.0.0" }, { host: "::" }];
  const isOwn = address === ownIpv4.host || address === ownIpv6.host;
  return [ownIpv4, ownIpv6, ...(isOwn ? [] : [{ host: address }])];
}

/**
 * Makes a server listen at each place, all on one port, and returns that. Throws a CliError (exit 2) when a
 * place cannot be had.
 */
export async function listenOn(
  port: number,
  servers: readonly { server: Server; place: Place }[],
): Promise<number> {
  let taken = port;
  for (const { server, place } of servers) {
    try {
      await listen(server, taken, place.host);
      taken = (server.address() as AddressInfo).port;
    } catch (error) {
      if (!place.optional || (error as NodeJS.ErrnoException).code === undefined) throw explain(error);
    }
  }
  return taken;
}

const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) =>
    server
      .once("error", reject)
      .listen({ port, host, ipv6Only: host === "::" }, () => resolve(void server.off("error", reject))),
  );
