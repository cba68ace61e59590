import { cpus } from "node:os";

/** How busy this machine's processors are. */
export interface Processors {
  /** Whether hardly any processor time was left over lately. */
  busy(): boolean;
}

/** Shorter stretches say little: the system counts in hundredths of a second. */
const STRETCH_MS = 50;
const IDLE_SHARE = 0.5;

/** Watches the processors from now on; looks at most once every 50 ms, and only when asked. */
export function watchProcessors(): Processors {
  let last = { at: performance.now(), ...spent() };
  // Until a stretch has been seen they count as busy: starting processes is what makes them so.
  let share = 0;
  return {
    busy() {
      if (performance.now() - last.at >= STRETCH_MS) {
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
