/** What is seen of connections while it happens. Times are epoch milliseconds. */
export type Sight =
  | ({ kind: "opened" } & ShownConnection)
  | { kind: "closed"; connectionId: string; at: number; code: number; reason: string }
  | {
      kind: "frame";
      connectionId: string;
      at: number;
      /** `in` is from the client. */
      direction: "in" | "out";
      bytes: number;
      text: string;
      /** Of a message of the client, or of the call of `@connections` by which a frame came. */
      requestId?: string;
    };

/** An open connection, without what its handshake carried. */
export interface ShownConnection {
  connectionId: string;
  apiId: string;
  stage: string;
  at: number;
  sourceIp: string;
}

/** Those who watch a gateway's connections. Where there are none, nothing is put together for them. */
export type Watchers = Set<(sight: Sight) => void>;

/** Tells all watchers; what there is to tell is made only when there are any. */
export function show(watchers: Watchers, sight: () => Sight): void {
  if (watchers.size === 0) return;
  const seen = sight();
  for (const watcher of watchers) watcher(seen);
}

/** What may be shown of a connection. */
export const shown = ({
  connectionId,
  apiId,
  stage,
  connectedAt: at,
  sourceIp,
}: Omit<ShownConnection, "at"> & { connectedAt: number }): ShownConnection => ({
  connectionId,
  apiId,
  stage,
  at,
  sourceIp,
});
