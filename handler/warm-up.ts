import type { AddressInfo } from "node:net";
import type { Configuration } from "./config.ts";
import type { Context } from "./event.ts";
import { createHandler } from "./handler.ts";
import { addressOf } from "./transport.ts";
import { signingKeys } from "./webhook.ts";

const { createServer } = process.getBuiltinModule("node:net");

/** To the message and to the frame; it ends where the connection does. */
const answer = 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n{"warm":"up"}';
/** Some three seconds at most, of the ten that Lambda gives a function to load. */
const context: Context = { getRemainingTimeInMillis: () => 3_000 };
const event = {
  requestContext: {
    eventType: "MESSAGE",
    routeKey: "$default",
    connectionId: "warm-up",
    requestId: "warm-up",
  },
  body: "{}",
};

/**
 * Handles one made-up message with a listener of its own on loopback as backend and @connections, so that the
 * first event finds its code compiled: while a function loads, Lambda gives it a full CPU. With a made-up key
 * and made-up credentials; it logs nothing, asks no other server, leaves nothing open and never fails.
 */
export function warmUp(configuration: Configuration): Promise<void> {
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.end(answer));
  });
  return new Promise((resolve) => {
    server.on("error", () => resolve());
    server.listen(0, "127.0.0.1", () => {
      const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/stage`);
      const handler = createHandler(
        {
          ...configuration,
          backend: addressOf(url),
          endpoint: url,
          keys: signingKeys(`whsec_${"A".repeat(32)}`) ?? [],
          credentials: { accessKeyId: "warm-up", secretAccessKey: "warm-up" },
        },
        () => {},
      );
      void handler(event, context).then(() => {
        server.close();
        resolve();
      });
    });
  });
}
