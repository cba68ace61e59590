import { setTimeout as delay } from "node:timers/promises";
import type { LiveTailSessionLogEvent } from "@aws-sdk/client-cloudwatch-logs";
import type { Aws } from "../aws/clients.ts";
import type { Report } from "../progress.ts";
import type { FollowedGroup, GroupEvent } from "./group.ts";
import { historyOf, type Past } from "./history.ts";
import { POLLING, startLiveTail, type LiveTail } from "./live-tail.ts";
import { createOnce, type Once } from "./once.ts";

export interface FollowOptions {
  /** Epoch milliseconds of the oldest event to show; absent: only what comes from now on. */
  since?: number | undefined;
  /** CloudWatch Logs' filter pattern. */
  filter?: string | undefined;
  /** Of the past only lines that hold this id, and what follows each in its stream up to the next START. */
  about?: string | undefined;
  /** Ends with the history when false. */
  follow: boolean;
  report: Report;
  signal: AbortSignal;
  /**
   * Between two polls, where live tail is not available; CloudWatch Logs allows five calls a second (AWS.md
   * 7.1).
   */
  pollMs?: number;
  /** A live tail says something every second (AWS.md 7.3); after so much silence it is taken for broken. */
  silenceMs?: number;
  /** So long after it was ingested an event can be found. */
  findableMs?: number;
  /** How many events of a live tail may wait to be taken. */
  mostWaiting?: number;
  /** After so long without anything new, a live tail that had left lines out is tried again. */
  calmMs?: number;
}

/**
 * Events may arrive this much later than their timestamp says, so every poll looks back as far (AWS.md 7.1).
 */
const LATENESS_MS = 30_000;
/** The same where the time is this machine's, whose clock may differ from AWS's. */
const LOOK_BACK_MS = 2 * LATENESS_MS;
const POLL_MS = 2_000;
/** Stored events can be found only some seconds after they were ingested. */
const FINDABLE_MS = 10_000;

/** Where and how a log is followed. */
interface Following extends FollowOptions {
  logs: Aws["logs"];
  groups: readonly FollowedGroup[];
  once: Once;
}

/**
 * The events of some groups, each once: first the history since a time, then what comes, live or (where that
 * is refused, breaks, or leaves lines out) by polling.
 */
export async function* followLog(
  logs: Aws["logs"],
  groups: readonly FollowedGroup[],
  options: FollowOptions,
): AsyncGenerator<GroupEvent> {
  const since = options.since ?? Date.now();
  if (options.follow) {
    const once = createOnce({ rememberMs: LOOK_BACK_MS + LATENESS_MS, from: Date.now() - LOOK_BACK_MS });
    return yield* followed({ ...options, logs, groups, once }, since);
  }
  for await (const events of historyOf(logs, groups, { from: since, about: options.about }, options.filter))
    yield* events;
}

async function* followed(at: Following, since: number): AsyncGenerator<GroupEvent> {
  const { logs, groups, once } = at;
  const arns = groups.map(({ arn }) => arn);
  const recent = Date.now() - LOOK_BACK_MS;
  let past: Past | undefined = at.since === undefined ? undefined : { from: since, about: at.about };
  let from = Math.max(since, recent);
  for (let mayBeLive = true; mayBeLive; past = { from }) {
    // The live tail starts before the history is read, so nothing falls in between.
    once.expectLive(Date.now());
    const live = await startLiveTail(logs, arns, at);
    if (past) yield* stored(at, past);
    const lookAgain = past && { from };
    ({ from, mayBeLive } = live ? yield* lively(live, at, { from, lookAgain }) : { from, mayBeLive: false });
    once.expectLive(undefined);
    from = yield* polled(at, from, mayBeLive);
  }
}

/** What is stored and was not given yet. */
async function* stored({ logs, groups, filter, once }: Following, past: Past): AsyncGenerator<GroupEvent> {
  for await (const events of historyOf(logs, groups, past, filter))
    for (const event of events) if (once.stored(event)) yield event;
}

/**
 * What a live tail gives, until it ends; from when on it has to be looked for what is missing then. What was
 * written just before it began may not have been found yet, so that is looked for once more.
 */
async function* lively(
  live: LiveTail,
  at: Following,
  { from, lookAgain }: { from: number; lookAgain: Past | undefined },
): AsyncGenerator<GroupEvent, { from: number; mayBeLive: boolean }> {
  const { once, report, findableMs = FINDABLE_MS } = at;
  const beganAt = performance.now();
  let again = lookAgain;
  try {
    const updates = live.updates();
    for (;;) {
      if (again && performance.now() - beganAt >= findableMs) {
        yield* stored(at, again);
        again = undefined;
      }
      const { value, done } = await updates.next();
      if (done) {
        report({ kind: "note", message: `${value.why}, ${POLLING}` });
        const { completeUntil, mayReturn } = value;
        return { from: Math.max(from, completeUntil - LOOK_BACK_MS), mayBeLive: mayReturn };
      }
      yield* value.map(eventOf).filter((event) => once.live(event));
      once.forget();
    }
  } finally {
    live.close();
  }
}

const eventOf = (event: LiveTailSessionLogEvent): GroupEvent => ({
  // `123456789012:/aws/lambda/name`
  group: (event.logGroupIdentifier ?? "").replace(/^\d+:/, ""),
  timestamp: event.timestamp ?? 0,
  stream: event.logStreamName ?? "",
  message: event.message ?? "",
});

/** Looks again and again for what is new: for ever, or until nothing is. Gives from when on to go on. */
async function* polled(at: Following, since: number, untilCalm: boolean): AsyncGenerator<GroupEvent, number> {
  const { once, signal, pollMs = POLL_MS, calmMs = LATENESS_MS } = at;
  let from = since;
  let latestAt = performance.now();
  while (!untilCalm || performance.now() - latestAt < calmMs) {
    for await (const event of stored(at, { from })) {
      from = Math.max(from, event.timestamp - LATENESS_MS);
      latestAt = performance.now();
      yield event;
    }
    once.forget();
    await delay(pollMs, undefined, { signal });
  }
  return from;
}
