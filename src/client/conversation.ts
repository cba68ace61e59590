import { setTimeout as delay } from "node:timers/promises";
import type { Ending } from "../errors/codes.ts";
import type { Expectations } from "./expectation.ts";
import type { Closed, Frame, Session } from "./session.ts";

/** What is sent and what is waited for. */
export interface Script {
  lines: AsyncIterable<string>;
  expected: Expectations;
  /** The longest it may take from the moment of opening, in milliseconds. */
  limitMs?: number;
  /**
   * Ends it when all was sent and then nothing came for this many milliseconds. Without this and a limit
   * it ends with the lines.
   */
  quietMs?: number;
  /** Every frame in both directions, as it passes; the next one is read when it has settled. */
  onFrame: (frame: Frame) => void | Promise<void>;
  signal: AbortSignal;
}

export interface Conversation {
  /** Why it was over. */
  ended: Ending;
  sent: number;
  received: number;
  /** Whether every line was sent. */
  sentAll: boolean;
  close: Closed;
}

/** Leads a conversation over an open WebSocket and closes it, also when the signal is aborted. */
export async function exchange(
  session: Session,
  { lines, expected, limitMs, quietMs, onFrame, signal }: Script,
): Promise<Conversation> {
  const course = { sent: 0, received: 0, sentAll: false };
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal]);
  let lastFrameAt = performance.now();
  const pass = async (frame: Frame, count: "sent" | "received") => {
    course[count] += 1;
    lastFrameAt = performance.now();
    await onFrame(frame);
  };

  const receive = async (): Promise<Ending> => {
    for await (const frame of session.frames) {
      await pass(frame, "received");
      if (expected.see(frame)) return "met";
    }
    return "peer-closed";
  };
  const say = async (): Promise<Ending> => {
    for await (const line of lines) {
      const frame = await session.send(line);
      if (!frame) return receiving;
      await pass(frame, "sent");
    }
    course.sentAll = true;
    if (limitMs !== undefined) return receiving;
    return quietMs === undefined ? "input-ended" : untilQuiet(quietMs, () => lastFrameAt, limit);
  };

  const receiving = receive();
  try {
    const ended = await Promise.race([receiving, say(), timeIsUp(limitMs, limit)]).catch(
      (error: unknown): Ending => {
        if (signal.aborted) return "interrupted";
        throw error;
      },
    );
    const close = await session.close();
    await receiving;
    return { ended: ended === "peer-closed" && close.isOurs ? "frame-broken" : ended, ...course, close };
  } finally {
    over.abort();
    await session.close();
  }
}

async function untilQuiet(quietMs: number, lastFrameAt: () => number, signal: AbortSignal): Promise<Ending> {
  for (;;) {
    const restMs = lastFrameAt() + quietMs - performance.now();
    if (restMs <= 0) return "quiet";
    await delay(restMs, undefined, { signal });
  }
}

/** Resolves when the limit has passed and rejects when aborted; without a limit it only does the latter. */
async function timeIsUp(limitMs: number | undefined, signal: AbortSignal): Promise<Ending> {
  signal.throwIfAborted();
  if (limitMs !== undefined) return delay(limitMs, "timed-out", { signal });
  return new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );
}
