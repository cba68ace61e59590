import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** An HTTP proxy that makes tunnels, on this machine. */
export interface ConnectProxy {
  url: string;
  /** The hosts that tunnels were asked for, and with which authorization. */
  asked: { host: string; authorization: string | undefined }[];
}

/** Leads every tunnel to `target`, or refuses each with `status`. */
export async function connectProxy({
  target,
  status,
}: {
  target?: string;
  status?: number;
}): Promise<ConnectProxy> {
  const asked: ConnectProxy["asked"] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (request, client: Socket) => {
    asked.push({ host: request.url ?? "", authorization: request.headers["proxy-authorization"] });
    if (target === undefined) return client.end(`HTTP/1.1 ${status ?? 403} Refused\r\n\r\n`);
    const { hostname, port } = new URL(target);
    const onward = connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(onward).pipe(client);
    });
    sockets.add(onward);
    for (const [one, other] of [
      [client, onward],
      [onward, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
    return undefined;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}
