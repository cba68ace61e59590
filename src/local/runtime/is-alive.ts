/** Whether there is a process of this number, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is such a process, of somebody else.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
