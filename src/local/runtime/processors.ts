import { cpus } from "node:os";

/** How busy this machine's processors are. */
export interface Processors {
  /** Whether the processors were busy most of the time lately. */
  busy(): boolean;
}

/** Shorter intervals say little: the system counts in hundredths of a second. */
const INTERVAL_MS = 50;
const IDLE_SHARE = 0.5;

/** Watches the processors from now on; measures at most once every 50 ms, and only when asked. */
export function watchProcessors(): Processors {
  let last = { at: performance.now(), ...spent() };
  // Before the first interval they count as busy: starting processes makes them busy.
  let share = 0;
  return {
    busy() {
      if (performance.now() - last.at >= INTERVAL_MS) {
        const now = { at: performance.now(), ...spent() };
        share = (now.idle - last.idle) / Math.max(1, now.total - last.total);
        last = now;
      }
      return share < IDLE_SHARE;
    },
  };
}

/** Milliseconds that all processors together have spent so far. */
function spent(): { idle: number; total: number } {
  const times = cpus().map((cpu) => cpu.times);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    idle: sum(times.map(({ idle }) => idle)),
    total: sum(times.flatMap((time) => Object.values(time))),
  };
}
