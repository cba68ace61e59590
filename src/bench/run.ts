import { pause } from "../progress.ts";
import { measurementOf, type Measurement } from "./measurement.ts";
import { openAll } from "./opening.ts";
import { noteReached, sendAll } from "./sending.ts";
import { newState, type Moment, type Run, type State } from "./state.ts";

const CLOSE_MS = 2_000;

/**
 * Opens the clients at their rate, sends messages at theirs whatever the answers take, waits for what is
 * under way and closes all. Latency counts from the time at which a message was to be sent. When the signal
 * is aborted what was measured until then is told. Throws what `open` does for the first client.
 */
export async function measure(run: Run): Promise<Measurement> {
  const { plan, signal } = run;
  const state = newState(plan);
  const beganAt = performance.now();
  const elapsedMs = () => Math.round(performance.now() - beganAt);
  const tick = () => run.onMoment(momentOf(state, elapsedMs()));
  const ticking = setInterval(tick, 1_000);
  try {
    tick();
    await openAll(run, state);
    state.startedAt = performance.now();
    // The seconds of the timeline begin with the sending.
    ticking.refresh();
    await sendAll(run, state);
    await drained(run, state);
    state.tally.end();
    return measurementOf(plan, state, { elapsedMs: elapsedMs(), isStopped: signal.aborted });
  } finally {
    clearInterval(ticking);
    state.isClosing = true;
    await closeAll(state.sockets);
  }
}

function momentOf(state: State, elapsedMs: number): Moment {
  const { open, startedAt, next, intended, waiting, tally } = state;
  if (startedAt === 0) return { phase: "opening", open, elapsedMs };
  noteReached(state);
  const phase = next < intended || waiting.size > 0 ? "sending" : "draining";
  return { phase, open, elapsedMs, second: tally.endSecond() };
}

/** Waits for what is under way, as long as it would not be late yet. */
async function drained({ plan, signal }: Run, state: State): Promise<void> {
  const until = performance.now() + plan.lateMs;
  while (state.tally.owed() > 0 && state.open > 0 && performance.now() < until && !signal.aborted)
    await pause(5, signal);
}

async function closeAll(sockets: State["sockets"]): Promise<void> {
  const open = sockets.filter((socket) => socket !== undefined);
  const closed = open.map((socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
  for (const socket of open) socket.close(1000);
  const cutOff = setTimeout(() => open.forEach((socket) => socket.terminate()), CLOSE_MS);
  await Promise.all(closed);
  clearTimeout(cutOff);
}
