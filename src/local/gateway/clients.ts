import { closings, end, isOpen, send } from "./connections.ts";
import type { Clients, Connection, Traffic } from "./contract.ts";
import { receive } from "./messages.ts";
import { shown } from "./watch.ts";

/** The open connections, for who runs the gateway. */
export function clientsOf(traffic: Traffic): Clients {
  /** Calls `act` for an open connection; false where there is none. */
  const on = (connectionId: string, act: (connection: Connection) => boolean | void): boolean => {
    const connection = traffic.live.get(connectionId);
    return connection !== undefined && isOpen(connection) && act(connection) !== false;
  };
  return {
    list: () => [...traffic.live.values()].filter(isOpen).map(shown),
    watch(watcher) {
      traffic.watchers.add(watcher);
      return () => void traffic.watchers.delete(watcher);
    },
    send: (connectionId, text) => on(connectionId, (connection) => send(connection, text)),
    close: (connectionId) => on(connectionId, (connection) => end(connection, closings.deleted)),
    receive: (connectionId, text) =>
      on(connectionId, (connection) => receive(traffic, connection, Buffer.from(text), false)),
  };
}
