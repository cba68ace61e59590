import type { Readable } from "node:stream";
import type { FunctionToRun, LogEntry } from "./contract.ts";
import {
  droppedLine,
  lastFourKilobytes,
  logStreamName,
  startLineReader,
  startOutputMeter,
} from "./log-lines.ts";

/** The log stream of one environment: the platform's lines and what the process prints. */
export interface EnvironmentLog {
  stream: string;
  write(messages: string[]): void;
  /** Writes what a process prints. */
  capture(output: Readable): void;
  /** Resolves when everything has been read that was printed until now. */
  outputRead(): Promise<void>;
  /** From here on the text is kept for `tail`. */
  begin(): void;
  /** The last 4 KB since `begin`. */
  tail(): string;
}

/** Opens a log stream for an environment of a function. */
export function openEnvironmentLog(to: {
  target: FunctionToRun;
  log(entries: LogEntry[]): void;
}): EnvironmentLog {
  const { target } = to;
  const stream = logStreamName(target.version);
  const meter = startOutputMeter();
  let kept = "";
  let bytesRead = 0;

  const write = (messages: string[]) => {
    if (messages.length === 0) return;
    const timestamp = Date.now();
    to.log(messages.map((message) => ({ group: target.logGroup, stream, timestamp, message })));
    kept = (kept + messages.join("")).slice(-4096);
  };
  const writeDropped = () => {
    const bytes = meter.takeDropped();
    if (bytes > 0) write([droppedLine(bytes)]);
  };
  return {
    stream,
    write,
    begin: () => void (kept = ""),
    tail: () => lastFourKilobytes(kept),
    capture(output) {
      const lines = startLineReader();
      output.on("data", (chunk: Buffer) => {
        bytesRead += chunk.length;
        if (!meter.admits(chunk.length, performance.now())) return;
        writeDropped();
        write(lines.read(chunk));
      });
      output.once("end", () => write(lines.rest()));
    },
    async outputRead() {
      await quiet(() => bytesRead);
      writeDropped();
    },
  };
}

/**
 * What a process printed before it answered is in its pipes by now: two turns of the event loop without more
 * of it, and it has been read. A pipe holds a fifth of a megabyte, so twenty turns are enough even when
 * something goes on printing.
 */
async function quiet(bytesRead: () => number): Promise<void> {
  let seen = bytesRead();
  for (let turn = 0, still = 0; turn < 20 && still < 2; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    still = seen === bytesRead() ? still + 1 : 0;
    seen = bytesRead();
  }
}
