import { spawn } from "node:child_process";

/**
 * A process of ours that leads a group, and a text of 32 characters or more, without blanks, that only its
 * environment has.
 */
export interface Watched {
  pid: number;
  mark: string;
}

/**
 * A small process that outlives ours by a moment: no child and no folder is left when we are killed
 * (FAULTS.md G-22).
 */
export interface Reaper {
  watch(child: Watched): void;
  /** A child has ended: what it has left behind in sessions of their own is ended as well. */
  release(child: Watched): void;
  /** Ends the reaper, which removes the folder; resolves when it has exited. */
  close(): Promise<void>;
}

/**
 * Reads the process groups from a pipe that only we hold. When the pipe ends, whatever the cause, it kills
 * those that are left and removes the folder, including what a handler made unwritable in it. A process of
 * its own and not a thread in each child: a thread costs 9 MB and 45 ms of CPU per Node child, in Python it
 * waits for a lock that the handler may hold, and other runtime clients would have none.
 *
 * What a handler has detached is in no group of ours. On Linux it is found by the mark that it inherits with
 * the environment, and while its parent lives as that one's child; each is killed by its number. What leaves
 * both behind, an environment of its own and a parent that has ended, stays. The mark is a secret, and every
 * user may read the arguments of a process: grep gets it from its stdin, and `printf` is the shell's own.
 */
const SHORTEST_MARK = 32;
const script = `
children() {
  for child in $(cat /proc/"$1"/task/*/children); do echo "$child"; children "$child"; done
}
end_marked() {
  [ "\${#1}" -ge ${SHORTEST_MARK} ] || return
  for round in 1 2 3; do
    found=$(printf '%s\\n' "$1" | grep -lsF -f - /proc/[0-9]*/environ)
    [ -n "$found" ] || break
    for file in $found; do pid=\${file#/proc/}; kill -s KILL "\${pid%/environ}"; done
  done
}
exec 2>/dev/null
watched=" "
while read -r verb pid mark; do
  case $verb in
    watch) watched="$watched$pid:$mark " ;;
    release)
      watched="\${watched%% $pid:$mark *} \${watched#* $pid:$mark }"
      end_marked "$mark"
      ;;
  esac
done
for one in $watched; do
  pid=\${one%%:*}
  left=$(children "$pid")
  kill -s KILL -- "-$pid" $left
  end_marked "\${one#*:}"
done
chmod -R u+rwx -- "$1"
rm -rf -- "$1"
`;

/** Starts the reaper of a folder; its shell needs nothing of an environment. */
export async function startReaper(folder: string, env: Record<string, string> = {}): Promise<Reaper> {
  // In a session of its own: an interrupt of the terminal must not end it before it is needed.
  const child = spawn("/bin/sh", ["-c", script, "shelfshack-ws-reaper", folder], {
    cwd: "/",
    env,
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  // If it is killed, the children still end with their connection to us.
  child.stdin.on("error", () => child.stdin.destroy());
  return {
    watch: ({ pid, mark }) => void child.stdin.write(`watch ${pid} ${mark}\n`),
    release: ({ pid, mark }) => void child.stdin.write(`release ${pid} ${mark}\n`),
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
