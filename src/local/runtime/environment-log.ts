import type { Readable } from "node:stream";
import type { FunctionToRun, LogEntry } from "./contract.ts";
import {
  droppedLine,
  lastFourKilobytes,
  logStreamName,
  startLineReader,
  startOutputMeter,
} from "./log-lines.ts";

/** The log stream of one environment: what the platform says and what the process prints. */
export interface EnvironmentLog {
  stream: string;
  write(messages: string[]): void;
  /** takes over what a process prints */
  capture(output: Readable): void;
  /** resolves when everything has been read that was printed until now */
  outputRead(): Promise<void>;
  /** from here on the text is kept for `tail` */
  begin(): void;
  /** the last 4 KB since `begin` */
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
  const writeWhatIsMissing = () => {
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
        writeWhatIsMissing();
        write(lines.read(chunk));
      });
      output.once("end", () => write(lines.rest()));
    },
    async outputRead() {
      await quiet(() => bytesRead);
      writeWhatIsMissing();
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
