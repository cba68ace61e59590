import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

/** Peak resident memory of processes, in bytes, by process id; without those that are gone. */
export type ResidentMemory = (pids: number[]) => Promise<Map<number, number>>;

/**
 * How the memory of other processes is read on this system: from /proc on Linux (its peak), elsewhere from
 * `ps` (its present size).
 */
export const residentMemory: ResidentMemory = process.platform === "linux" ? memoryFromProc : memoryFromPs;

export async function memoryFromProc(pids: number[]): Promise<Map<number, number>> {
  return new Map(pids.flatMap((pid) => peakOf(pid)));
}

function peakOf(pid: number): [pid: number, bytes: number][] {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return kilobytes ? [[pid, Number(kilobytes) * 1024]] : [];
  } catch {
    return []; // the process has ended
  }
}

export async function memoryFromPs(pids: number[]): Promise<Map<number, number>> {
  const lines = await promisify(execFile)("ps", ["-o", "pid=,rss=", "-p", pids.join(",")]).then(
    ({ stdout }) => stdout.trim().split("\n"),
    () => [], // ps fails when none of them exists any more
  );
  return new Map(
    lines
      .map((line) => line.trim().split(/\s+/).map(Number))
      .map(([pid = 0, kilobytes = 0]) => [pid, kilobytes * 1024]),
  );
}
