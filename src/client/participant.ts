import type { Closed, Frame, Session } from "./session.ts";

/** A received frame, with the time on `performance.now`. */
export interface Arrival {
  frame: Frame;
  atMs: number;
}

/** One of several clients that talk at the same time. */
export interface Participant {
  session: Session;
  /** What was received and not taken. */
  untaken(): readonly Arrival[];
  /**
   * Takes the first frame that is wanted, of those that came or come until `untilMs` (on `performance.now`);
   * undefined when the time is up or the connection closed. Throws the signal's reason.
   */
  take(
    wanted: (frame: Frame, atMs: number) => boolean,
    untilMs: number,
    signal: AbortSignal,
  ): Promise<Arrival | undefined>;
  /** How the connection ended; undefined while it is open. */
  ended(): Closed | undefined;
}

/** Starts to collect what a client receives; each frame is also handed to `onFrame` as it comes. */
export function participant(session: Session, onFrame: (frame: Frame) => void | Promise<void>): Participant {
  let arrivals: Arrival[] = [];
  let end: Closed | undefined;
  const waiting = new Set<() => void>();
  const wake = () => waiting.forEach((check) => check());
  const collect = async () => {
    for await (const frame of session.frames) {
      arrivals.push({ frame, atMs: performance.now() });
      wake();
      await onFrame(frame);
    }
    end = await session.closed;
    wake();
  };
  // What `onFrame` throws ends the collecting; the next wait tells.
  let failure: { error: unknown } | undefined;
  collect().catch((error: unknown) => ((failure = { error }), wake()));

  const find = (wanted: (frame: Frame, atMs: number) => boolean): Arrival | undefined => {
    const found = arrivals.find(({ frame, atMs }) => wanted(frame, atMs));
    arrivals = arrivals.filter((one) => one !== found);
    return found;
  };
  return {
    session,
    untaken: () => arrivals,
    ended: () => end,
    take: (wanted, untilMs, signal) =>
      new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(check);
          signal.removeEventListener("abort", onAbort);
          settle();
        };
        const onAbort = () => finish(() => reject(signal.reason));
        const timer = setTimeout(
          () => finish(() => resolve(undefined)),
          Math.max(0, untilMs - performance.now()),
        );
        const tried = new Set<Frame>();
        const check = () => {
          try {
            // Each frame is judged once: an expectation may be a pattern that takes its time.
            const found = find((frame, atMs) => !tried.has(frame) && (tried.add(frame), wanted(frame, atMs)));
            if (found || end) finish(() => resolve(found));
            else if (failure) throw failure.error;
          } catch (error) {
            finish(() => reject(error));
          }
        };
        waiting.add(check);
        signal.addEventListener("abort", onAbort);
        if (signal.aborted) onAbort();
        else check();
      }),
  };
}
