import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { explain } from "../errors/explain.ts";

/**
 * Makes the servers listen on one loopback port: 127.0.0.1, and ::1 where it is free, because `localhost` can
 * mean either. Returns the port. Throws a CliError (exit 2) when the port cannot be had.
 */
export async function listenOn(
  port: number,
  { ipv4, ipv6 }: { ipv4: Server; ipv6: Server },
): Promise<number> {
  try {
    await listen(ipv4, port, "127.0.0.1");
  } catch (error) {
    throw explain(error);
  }
  const taken = (ipv4.address() as AddressInfo).port;
  try {
    await listen(ipv6, taken, "::1");
  } catch (cause) {
    // No IPv6 on this machine, or another program has that port there: our address names 127.0.0.1, so
    // nothing is lost.
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
  }
  return taken;
}

const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) =>
    server.once("error", reject).listen(port, host, () => resolve(void server.off("error", reject))),
  );
