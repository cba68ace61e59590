import { setTimeout as delay } from "node:timers/promises";
import { HandshakeError } from "./handshake.ts";
import type { Closed, Frame, Session } from "./session.ts";

/** What is told of a connection that is opened again and again. */
export interface Lasting {
  open(): Promise<Session>;
  /** Whether it is opened again when it was lost, and not only when it is to be renewed. */
  whenLost: boolean;
  onLost(closed: Closed, afterMs: number): void;
  onRefused(error: Error, afterMs: number): void;
  onBack(session: Session): void;
  signal: AbortSignal;
  /** Between 0 and 1, where not by chance. */
  random?: () => number;
  /** The first pause at most, in milliseconds. */
  firstPauseMs?: number;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A connection that lasted as long as this starts the pauses anew. */
const GOOD_MS = 10_000;

/** The pause before the nth try: by chance between half of and all of a time that doubles. */
export const pauseMs = (tries: number, first = FIRST_PAUSE_MS, random = Math.random): number =>
  Math.min(LONGEST_PAUSE_MS, first * 2 ** Math.min(tries, 20)) * (0.5 + random() / 2);

/** A session that can be told to begin anew. */
export interface LastingSession extends Session {
  /** Closes the connection and opens another one, which all goes on with. Throws as the opening does. */
  renew(): Promise<Session>;
}

/** A status that the same request would meet again: only its sender can change that. */
const isFinal = (error: unknown): boolean =>
  !(error instanceof HandshakeError) ||
  error.failure.kind === "protocol" ||
  error.failure.kind === "subprotocol" ||
  (error.failure.kind === "status" && error.failure.status < 500 && error.failure.status !== 429);

/**
 * A session that opens its connection again when it was lost or closed by the peer, after a pause by chance,
 * as clients must that do not all want to come back at once; or at once, when it is to be renewed. It ends
 * when it is closed from this side, or with a refusal that would only be repeated. The first opening is not
 * repeated.
 */
export async function lastingSession(options: Lasting): Promise<LastingSession> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const reopen = reopener(options, signal);
  let current: Promise<Session>;
  let renewed: Session | undefined;
  const follow = (session: Session): Session => {
    const openedAt = performance.now();
    // Before anything else hears of the end, so that all find the next one here.
    void session.closed.then((closed) => {
      const isRenewed = renewed === session;
      if (signal.aborted || (!isRenewed && (closed.isOurs || !options.whenLost))) return;
      const next = isRenewed ? options.open() : reopen(closed, performance.now() - openedAt);
      current = next.then(follow);
      current.catch(() => {});
    });
    return session;
  };
  const first = follow(await options.open());
  current = Promise.resolve(first);

  async function* frames(): AsyncGenerator<Frame, void> {
    for (let session = first; ;) {
      yield* session.frames;
      await session.closed;
      try {
        const next = await current;
        if (next === session) return;
        session = next;
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }
  const live = () => current.catch(() => undefined);
  return {
    ...first,
    frames: frames(),
    async send(text) {
      for (;;) {
        const session = await live();
        const frame = await session?.send(text);
        if (frame || !session || signal.aborted) return frame;
        await session.closed;
        if ((await live()) === session) return undefined;
      }
    },
    ping: async () => await (await live())?.ping(),
    async renew() {
      renewed = await live();
      await renewed?.close();
      const next = await current;
      options.onBack(next);
      return next;
    },
    async close(code) {
      over.abort();
      return await ((await live()) ?? first).close(code);
    },
  };
}

/** Opens a lost connection again; the pauses go on growing while no connection lasts. */
function reopener({ open, onLost, onRefused, onBack, random, firstPauseMs }: Lasting, signal: AbortSignal) {
  let tries = 0;
  return async (closed: Closed, lastedMs: number): Promise<Session> => {
    if (lastedMs >= GOOD_MS) tries = 0;
    for (let refusal: Error | undefined; ;) {
      const pause = pauseMs(tries++, firstPauseMs, random);
      if (refusal) onRefused(refusal, pause);
      else onLost(closed, pause);
      await delay(pause, undefined, { signal });
      try {
        const session = await open();
        onBack(session);
        return session;
      } catch (error) {
        signal.throwIfAborted();
        if (isFinal(error)) throw error;
        refusal = error as Error;
      }
    }
  };
}
