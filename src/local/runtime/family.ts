import { readdirSync, readFileSync } from "node:fs";

/**
 * Kills a child of ours that leads a process group and has not been seen to end, with what it has started:
 * its group, and on Linux what descends from it in other groups. Whose parent has ended is the reaper's.
 */
export function killFamily(pid: number | undefined): void {
  if (pid === undefined) return;
  for (const each of childrenOf(pid)) kill(each);
  killGroup(pid);
}

/** Kills what is left of a child's process group; its own number may be another's by now. */
export function killGroup(pid: number | undefined): void {
  if (pid !== undefined) kill(-pid);
}

/** The processes that descend from one over parents that live. */
function childrenOf(pid: number): number[] {
  const children = threadsOf(pid).flatMap((thread) => numbersIn(`/proc/${pid}/task/${thread}/children`));
  return children.flatMap((child) => [...childrenOf(child), child]);
}

/** None where the process has ended, and where the system has no such folder. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** None where the thread has ended, and where the system has no such file. */
function numbersIn(file: string): number[] {
  try {
    return readFileSync(file, "latin1").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // macOS answers EPERM for a group in which only a zombie is left.
    if (!["ESRCH", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
