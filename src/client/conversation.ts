import { setTimeout as delay } from "node:timers/promises";
import type { Expectations } from "./expectation.ts";
import type { Closed, Frame, Session } from "./session.ts";

/** Why a conversation was over: everything expected came, the time was up, the peer left, or we had nothing more to say. */
export type Ended = "met" | "time is up" | "closed by the peer" | "left";

/** What is said and what is waited for. */
export interface Script {
  lines: AsyncIterable<string>;
  expected: Expectations;
  /** From the moment of opening, in milliseconds; absent: as long as there are lines. */
  limitMs?: number | undefined;
  /** Every frame in both directions, as it passes. */
  onFrame(frame: Frame): void;
  signal: AbortSignal;
}

export interface Conversation {
  ended: Ended;
  sent: number;
  received: number;
  /** Whether every line was sent. */
  saidAll: boolean;
  close: Closed;
}

/** Leads a conversation over an open WebSocket and closes it. Without a limit it is over when the lines are; throws the signal's reason when aborted. */
export async function converse(session: Session, { lines, expected, limitMs, onFrame, signal }: Script): Promise<Conversation> {
  const course = { sent: 0, received: 0, saidAll: false };
  const over = new AbortController();
  const limit = AbortSignal.any([signal, over.signal]);

  const receive = async (): Promise<Ended> => {
    for await (const frame of session.frames) {
      course.received += 1;
      onFrame(frame);
      if (expected.see(frame)) return "met";
    }
    return "closed by the peer";
  };
  const say = async (): Promise<Ended> => {
    for await (const line of lines) {
      const frame = await session.send(line);
      if (!frame) return receiving;
      course.sent += 1;
      onFrame(frame);
    }
    course.saidAll = true;
    return limitMs === undefined ? "left" : receiving;
  };
  const timeIsUp = (): Promise<Ended> => (limitMs === undefined ? untilAborted(limit) : delay(limitMs, "time is up" as const, { signal: limit }));

  const receiving = receive();
  try {
    const ended = await Promise.race([receiving, say(), timeIsUp()]);
    const close = await session.close();
    await receiving;
    return { ended, ...course, close };
  } finally {
    over.abort();
    await session.close();
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}
