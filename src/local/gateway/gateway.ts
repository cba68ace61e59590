import { createBacklog } from "./backlog.ts";
import { clientsOf } from "./clients.ts";
import { answerConnectionCall } from "./connections-api.ts";
import { closings, end, closeExpired } from "./connections.ts";
import type { Gateway, GatewayOptions, StageAddress, Traffic } from "./contract.ts";
import { connect } from "./handshake.ts";
import { createThrottle } from "./throttle.ts";

const closingTimeMs = 3_000;

/** Makes a gateway. It does not listen itself; one timer serves all its connections. */
export function createGateway(options: GatewayOptions): Gateway {
  const { idleMs = 600_000, maxAgeMs = 7_200_000, pingMs = 30_000 } = options;
  const traffic: Traffic = {
    options,
    times: { idleMs, maxAgeMs, pingMs },
    live: new Map(),
    pending: new Map(),
    work: new Set(),
    throttle: createThrottle(),
    backlog: createBacklog(),
    watchers: new Set(),
    closed: false,
  };
  const timer = setInterval(
    () => closeExpired(traffic, Date.now()),
    Math.min(1_000, idleMs / 4, maxAgeMs / 4, pingMs / 4),
  );
  timer.unref();
  return {
    upgrade: (request, socket, head, at) => connect(traffic, request, socket, head, at),
    connections: (request, response, at) => answerConnectionCall(traffic, request, response, at),
    clients: clientsOf(traffic),
    disconnect(apiId, stage) {
      disconnect(traffic, (at) => at.apiId === apiId && (stage === undefined || at.stage === stage));
      traffic.throttle.forget(stage === undefined ? `${apiId}/` : `${apiId}/${stage}/`);
    },
    async close() {
      traffic.closed = true;
      clearInterval(timer);
      disconnect(traffic, () => true);
      await within(closingTimeMs, allEnded(traffic));
    },
  };
}

/**
 * Ends matching connections and pending handshakes. A handshake that `$connect` accepts after that delivers a
 * `$disconnect`.
 */
function disconnect(traffic: Traffic, matches: (at: StageAddress) => boolean): void {
  for (const [socket, at] of traffic.pending) if (matches(at)) socket.destroy();
  for (const connection of traffic.live.values())
    if (matches(connection)) end(connection, closings.goingAway);
}

/** Resolves when the last socket is closed and the last `$disconnect` is delivered. */
async function allEnded({ live, work }: Traffic): Promise<void> {
  await Promise.all(
    [...live.values()].map(({ socket }) => new Promise((resolve) => socket.once("close", resolve))),
  );
  await Promise.all(work);
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, tooLong]);
  clearTimeout(timer);
}
