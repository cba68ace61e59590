import { spawn } from "node:child_process";

/**
 * A small process that outlives ours by a moment: no child and no folder is left when we are killed
 * (FAULTS.md G-22).
 */
export interface Reaper {
  watch(pid: number): void;
  release(pid: number): void;
  /** Ends the reaper, which removes the folder; resolves when it has exited. */
  close(): Promise<void>;
}

/**
 * Reads the process groups from a pipe that only we hold. When the pipe ends, whatever the cause, it kills
 * those that are left and removes the folder, including what a handler made unwritable in it. A process of
 * its own and not a thread in each child: a thread costs 9 MB and 45 ms of CPU per Node child, in Python it
 * waits for a lock that the handler may hold, and other runtime clients would have none.
 */
const script = `
groups=" "
while read -r verb pid; do
  case $verb in
    watch) groups="$groups$pid " ;;
    release) groups="\${groups%% $pid *} \${groups#* $pid }" ;;
  esac
done
for pid in $groups; do kill -s KILL -- "-$pid"; done 2>/dev/null
chmod -R u+rwx -- "$1"
rm -rf -- "$1"
`;

/** Starts the reaper of a folder. */
export async function startReaper(folder: string): Promise<Reaper> {
  // In a session of its own: an interrupt of the terminal must not end it before it is needed.
  const child = spawn("/bin/sh", ["-c", script, "shelfshack-ws-reaper", folder], {
    cwd: "/",
    env: {},
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  // If it is killed, the children still end with their connection to us.
  child.stdin.on("error", () => child.stdin.destroy());
  return {
    watch: (pid) => void child.stdin.write(`watch ${pid}\n`),
    release: (pid) => void child.stdin.write(`release ${pid}\n`),
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
