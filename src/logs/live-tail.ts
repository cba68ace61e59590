import { setTimeout as delay } from "node:timers/promises";
import type { LiveTailSessionLogEvent, StartLiveTailResponseStream } from "@aws-sdk/client-cloudwatch-logs";
import type { Aws } from "../aws/clients.ts";
import type { Report } from "../progress.ts";

/** A live tail that is open. It is read all the time, so that AWS drops nothing while others are read. */
export interface LiveTail {
  /** What came with each update, until it ends. */
  updates(): AsyncGenerator<readonly LiveTailSessionLogEvent[], LiveTailEnd>;
  close(): void;
}

/** How a live tail ended: nothing that was ingested before `completeUntil` (epoch ms) is missing. */
export interface LiveTailEnd {
  completeUntil: number;
  /** Whether another one can be expected to work: this one only gave less than everything, or was old. */
  mayReturn: boolean;
  /** For people. */
  why: string;
}

export interface LiveTailOptions {
  /** CloudWatch Logs' filter pattern. */
  filter?: string | undefined;
  report: Report;
  signal: AbortSignal;
  /** A live tail says something every second (AWS.md 7.3); after so much silence it is taken for broken. */
  silenceMs?: number;
  /** How many events may wait to be taken. */
  mostWaiting?: number;
}

const SILENCE_MS = 15_000;
const MOST_WAITING = 10_000;

/** What happens in place of a live tail. */
export const POLLING = "polling every 2 s";

/**
 * A live tail of these groups, or undefined where there is none to be had: no permission, too many sessions,
 * a proxy that holds it back.
 */
export async function startLiveTail(
  logs: Aws["logs"],
  arns: readonly string[],
  options: LiveTailOptions,
): Promise<LiveTail | undefined> {
  const { filter, signal, report, silenceMs = SILENCE_MS } = options;
  const closing = new AbortController();
  const tooLate = setTimeout(() => closing.abort(), silenceMs);
  try {
    const wanted = { logGroupIdentifiers: [...arns], ...(filter ? { logEventFilterPattern: filter } : {}) };
    const abortSignal = AbortSignal.any([signal, closing.signal]);
    const { responseStream } = await logs.call("StartLiveTail", wanted, { abortSignal });
    return responseStream && readAll(responseStream, closing, options);
  } catch (error) {
    signal.throwIfAborted();
    report({ kind: "note", message: `no live tail (${(error as Error).name}), ${POLLING}` });
    return undefined;
  } finally {
    clearTimeout(tooLate);
  }
}

type Updates = AsyncIterator<StartLiveTailResponseStream>;

/** Reads a stream to its end, and keeps what comes until it is taken. */
function readAll(
  stream: AsyncIterable<StartLiveTailResponseStream>,
  closing: AbortController,
  options: LiveTailOptions,
): LiveTail {
  const waiting: (readonly LiveTailSessionLogEvent[])[] = [];
  let count = 0;
  let wake = () => {};
  const put = (events: readonly LiveTailSessionLogEvent[]): boolean => {
    count += events.length;
    if (count > (options.mostWaiting ?? MOST_WAITING)) return false;
    waiting.push(events);
    wake();
    return true;
  };
  let ended: LiveTailEnd | undefined;
  const reading = readUpdates(stream[Symbol.asyncIterator](), put, options).then((end) => {
    ended = end;
    closing.abort();
    wake();
  });
  return {
    async *updates() {
      for (;;) {
        const events = waiting.shift();
        if (events) {
          count -= events.length;
          yield events;
        } else if (ended) return ended;
        else await new Promise<void>((resolve) => (wake = resolve));
        options.signal.throwIfAborted();
      }
    },
    close() {
      closing.abort();
      void reading;
    },
  };
}

async function readUpdates(
  updates: Updates,
  put: (events: readonly LiveTailSessionLogEvent[]) => boolean,
  { signal, silenceMs = SILENCE_MS }: LiveTailOptions,
): Promise<LiveTailEnd> {
  let completeUntil = Date.now();
  const end = (why: string, mayReturn = false): LiveTailEnd => ({ why, mayReturn, completeUntil });
  try {
    for (;;) {
      const { done, value } = await withinSilence(updates.next(), silenceMs, signal);
      if (done) return end("the live tail ended");
      const { sessionMetadata, sessionResults = [] } = value.sessionUpdate ?? {};
      if (sessionMetadata?.sampled) return end("more lines a second than a live tail gives", true);
      if (!put(sessionResults)) return end("more lines than were taken", true);
      completeUntil = Date.now();
    }
  } catch (error) {
    const { name } = error as Error;
    return end(`the live tail broke (${name})`, name === "SessionTimeoutException");
  }
}

/** The next update, unless it is late or the signal is aborted. */
async function withinSilence<T>(next: Promise<T>, silenceMs: number, signal: AbortSignal): Promise<T> {
  const over = new AbortController();
  const tooLate = delay(silenceMs, undefined, { signal: AbortSignal.any([signal, over.signal]) }).then(() => {
    throw new DOMException(`nothing for ${silenceMs / 1000} s`, "TimeoutError");
  });
  try {
    return await Promise.race([next, tooLate]);
  } finally {
    over.abort();
  }
}
