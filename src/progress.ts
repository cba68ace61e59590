import { setTimeout as delay } from "node:timers/promises";
import type { Advice, Objection } from "./errors/advice.ts";

/** How a resource (or a step of a command) ended. */
export type Outcome =
  | "created"
  | "updated"
  | "replaced"
  | "deleted"
  | "left"
  | "unchanged"
  | "done"
  | "incomplete";

/**
 * Something that happens while a command works. A closed union: a new kind of event is a compile error where
 * it is not shown.
 */
export type Progress =
  | { kind: "started"; id: string; title: string }
  /** How far it is, in other words each time: on a terminal always, elsewhere a line now and then. */
  | { kind: "going"; id: string; title: string; elapsedMs: number }
  | { kind: "waiting"; id: string; reason: string; elapsedMs: number; budgetMs: number }
  /** What was going on is over, and needs no line. */
  | { kind: "over"; id: string }
  /** A wait is over, one way or the other; the end of its step is the end of its waits too. */
  | { kind: "waited"; id: string }
  /** `listed`: the command's result lists it too. */
  | {
      kind: "finished";
      id: string;
      title: string;
      outcome: Outcome;
      detail?: string;
      ms: number;
      listed?: true;
    }
  | { kind: "failed"; id: string; title: string; message: string }
  /** Needs no line: what is advised from then on heeds it. */
  | { kind: "objection"; objection: Objection }
  | { kind: "note"; message: string }
  | { kind: "warning"; message: string; hint?: Advice }
  | { kind: "debug"; message: string };

/** Where work says what it does; it never prints. */
export type Report = (event: Progress) => void;

/** How often it is told that something lasts; how often that is shown is the terminal's affair. */
const AGAIN_MS = 1_000;

/** Tells what is done, now and again and again, until it is disposed of. */
export function telling(report: Report, title: string): Disposable {
  const startedAt = performance.now();
  const again = repeating(() =>
    report({ kind: "going", id: title, title, elapsedMs: performance.now() - startedAt }),
  );
  return {
    [Symbol.dispose]() {
      again[Symbol.dispose]();
      report({ kind: "over", id: title });
    },
  };
}

/** What is waited for, since when (`performance.now()`), and for how long at most. */
export interface Wait {
  id: string;
  reason: string;
  since: number;
  budgetMs: number;
}

/** Tells of a wait, now and again and again, until it is disposed of. */
export const tellingOfWait = (report: Report, { since, ...wait }: Wait): Disposable =>
  repeating(() => report({ kind: "waiting", ...wait, elapsedMs: performance.now() - since }));

function repeating(tell: () => void): Disposable {
  tell();
  const timer = setInterval(tell, AGAIN_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Waits so long, or until `signal` is aborted, which who called finds out by itself. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
