import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { forgetCredentials } from "../settings/environment.ts";

/**
 * Takes the credentials of this user out of this process, for what it runs is the code of others. What a
 * process was started with stands in `/proc/PID/environ` for as long as it lives, whatever it deletes: on
 * Linux that is emptied. Nothing else in this process needs it afterwards: every variable that stays is
 * written anew first. False where that cannot be done.
 */
export function hideCredentials(): boolean {
  forgetCredentials();
  return emptyInitialEnvironment();
}

/** Where the kernel finds what the process was started with: fields 50 and 51 (proc_pid_stat(5)). */
const placeInMemory = { from: 50, to: 51 } as const;
/** Behind the name in brackets, which can hold anything, comes field 3. */
const FIRST_FIELD = 3;

function emptyInitialEnvironment(): boolean {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [from, to] = [placeInMemory.from, placeInMemory.to].map((field) =>
      Number(fields[field - FIRST_FIELD]),
    );
    if (!from || !to || to <= from) return false;
    overwrite(from, to - from);
    return readFileSync("/proc/self/environ").every((byte) => byte === 0);
  } catch {
    // Another system, or one that lets no process write its own memory.
    return false;
  }
}

function overwrite(place: number, length: number): void {
  const memory = openSync("/proc/self/mem", "r+");
  try {
    writeSync(memory, Buffer.alloc(length), 0, length, place);
  } finally {
    closeSync(memory);
  }
}
