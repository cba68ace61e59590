import { setMaxListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { pause } from "../progress.ts";
import { record } from "./histogram.ts";
import { listen } from "./receiving.ts";
import { countReason, type Run, type State } from "./state.ts";

/** From this many on it is told what a connection takes of memory. */
const ENOUGH_TO_WEIGH = 100;
/** Handshakes that are begun before others get their turn. */
const MOST_IN_A_ROW = 16;

/**
 * Opens the first client alone, as its failure is everyone's, and the others at their rate, whatever the
 * handshakes take. Throws what `open` does for the first one.
 */
export async function openAll(run: Run, state: State): Promise<void> {
  // Each handshake that is under way listens to it.
  setMaxListeners(0, run.signal);
  await openOne(run, state, 0);
  const before = process.memoryUsage.rss();
  await openOthers(run, state);
  if (state.open < ENOUGH_TO_WEIGH) return;
  const kilobytes = (process.memoryUsage.rss() - before) / 1024;
  state.kilobytesEach = Math.round((kilobytes / (state.open - 1)) * 10) / 10;
}

async function openOne(run: Run, state: State, client: number): Promise<void> {
  const from = performance.now();
  try {
    await run.open(client, (socket) => listen(run, state, { client, socket }));
    record(state.opening, performance.now() - from);
  } catch (error) {
    if (!run.signal.aborted) throw error;
  }
}

async function openOthers(run: Run, state: State): Promise<void> {
  const { plan, signal } = run;
  const beganAt = performance.now();
  const begun: Promise<void>[] = [];
  for (let client = 1; client < plan.connections && !signal.aborted; client++) {
    const restMs = beganAt + (client * 1000) / plan.ramp - performance.now();
    if (restMs > 1) await pause(restMs, signal);
    else if (client % MOST_IN_A_ROW === 0) await turn();
    if (signal.aborted) break;
    const opened = openOne(run, state, client).catch((error: unknown) => {
      state.failed++;
      countReason(state, run.reasonOf(error));
    });
    begun.push(opened);
  }
  await Promise.all(begun);
}
