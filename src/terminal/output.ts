import { once } from "node:events";
import type { WriteStream } from "node:tty";
import type { ChalkInstance } from "chalk";
import { isCi } from "../settings/environment.ts";
import { fold } from "./format.ts";
import { withoutCommands } from "./safe.ts";
import { paint } from "./style.ts";

/** The only way to stdout or stderr. */
export interface Writer {
  stream: WriteStream;
  colours: boolean;
  /** Writes our own words: on a terminal in lines that fit it. */
  tell(text: string): void;
  /** Writes a text: its styles as this stream shows them, everything else made safe. */
  write(text: string): void;
  /** Writes a text that is safe already, byte for byte. */
  writeRaw(text: string): void;
  /** The text as `write` would write it. */
  shown(text: string): string;
  /** Settles when the stream takes more, is gone, or `signal` is aborted. */
  drained(signal: AbortSignal): Promise<void>;
  /** Whether more waits in memory than a reader who reads at all leaves there. */
  isBehind(): boolean;
  /** From now on a stopped terminal (Ctrl-S) stops the output only, and not this process with it. */
  neverBlock(): void;
  /** Resolves when everything has left the process. */
  flushed(): Promise<void>;
}

/** What may wait for its reader, in bytes. */
const MOST_WAITING = 256 * 1024;

/**
 * Node writes to a terminal so that the process waits for it; the handle, which is not documented, can write
 * as to a pipe.
 */
type Handled = WriteStream & { _handle?: { setBlocking?(isBlocking: boolean): void } };

/** What decides how things are shown. */
export interface OutputOptions {
  color: boolean;
  environment: Readonly<Record<string, string | undefined>>;
}

/** Chalk for a stream that gets colours, loaded for those only. */
export async function colouring(
  stream: WriteStream,
  options: OutputOptions,
): Promise<ChalkInstance | undefined> {
  return coloursOn(stream, options) ? new (await import("chalk")).Chalk({ level: 1 }) : undefined;
}

/**
 * Decides once whether a stream gets colours: --no-color, FORCE_COLOR, NO_COLOR, and then only a terminal
 * that is not CI's.
 */
export function coloursOn(stream: WriteStream, { color, environment }: OutputOptions): boolean {
  const { FORCE_COLOR: forced, NO_COLOR, TERM } = environment;
  if (!color) return false;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return !NO_COLOR && stream.isTTY && TERM !== "dumb" && !isCi(environment);
}

/** Whether a spinner can live on this stream. ora never ends on a terminal that reports no columns. */
export function canSpin(stream: WriteStream, environment: OutputOptions["environment"]): boolean {
  return stream.isTTY && stream.columns > 0 && environment.TERM !== "dumb" && !isCi(environment);
}

/** Endless where it is no terminal, so that nothing is broken in a file or a pipe. */
export const columnsOf = ({ isTTY, columns }: Pick<WriteStream, "isTTY" | "columns">): number =>
  isTTY && columns > 0 ? columns : Infinity;

const isReaderGone = ({ code }: NodeJS.ErrnoException): boolean => code === "EPIPE" || code === "EIO";

/**
 * A writer for a stream. `gone` is called once when the reader has closed its end (EPIPE); from then on
 * nothing is written. Where a CI system reads it, no text is one of its commands.
 */
export function writerFor(
  stream: WriteStream,
  chalk: ChalkInstance | undefined,
  gone: () => void,
  isReadByCi = false,
): Writer {
  let isGone = false;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (!isReaderGone(error)) throw error;
    if (!isGone) gone();
    isGone = true;
  });
  const writeRaw = (text: string) => {
    if (!isGone) stream.write(text);
  };
  const shown = (text: string) => (isReadByCi ? withoutCommands(paint(text, chalk)) : paint(text, chalk));
  return {
    stream,
    colours: chalk !== undefined,
    tell: (text) => writeRaw(shown(fold(text, columnsOf(stream)))),
    write: (text) => writeRaw(shown(text)),
    writeRaw,
    shown,
    drained: async (signal) => {
      if (isGone || !stream.writableNeedDrain || signal.aborted) return;
      await once(stream, "drain", { signal }).catch((error: NodeJS.ErrnoException) => {
        // The end is told elsewhere: by the listener above, or by who has aborted.
        if (!isReaderGone(error) && error.name !== "AbortError") throw error;
      });
    },
    isBehind: () => !isGone && stream.writableLength > MOST_WAITING,
    neverBlock: () => (stream as Handled)._handle?.setBlocking?.(false),
    flushed: () => new Promise((resolve) => (isGone ? resolve() : stream.write("", () => resolve()))),
  };
}
