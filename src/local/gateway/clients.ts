import { closings, end, isOpen, send } from "./connections.ts";
import type { Acted, Clients, Connection, Traffic } from "./contract.ts";
import { receive } from "./messages.ts";
import { shown } from "./watch.ts";

/** The open connections, for who runs the gateway. */
export function clientsOf(traffic: Traffic): Clients {
  /** Does something with an open connection. */
  const on = (connectionId: string, act: (connection: Connection) => Acted | void): Acted => {
    const connection = traffic.live.get(connectionId);
    return connection !== undefined && isOpen(connection) ? (act(connection) ?? "done") : "gone";
  };
  return {
    list: () => [...traffic.live.values()].filter(isOpen).map(shown),
    watch(watcher) {
      traffic.watchers.add(watcher);
      return () => void traffic.watchers.delete(watcher);
    },
    send: (connectionId, text) =>
      on(connectionId, (connection) => (send(connection, text) ? "done" : "slow")),
    close: (connectionId) => on(connectionId, (connection) => end(connection, closings.deleted)),
    receive: (connectionId, text) =>
      on(connectionId, (connection) => receive(traffic, connection, Buffer.from(text), false)),
    secretsOf: (connectionId) => traffic.live.get(connectionId)?.secrets ?? [],
  };
}
