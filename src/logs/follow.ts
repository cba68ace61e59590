import { setTimeout as delay } from "node:timers/promises";
import type {
  FilteredLogEvent,
  LiveTailSessionLogEvent,
  StartLiveTailResponseStream,
} from "@aws-sdk/client-cloudwatch-logs";
import type { Report } from "../progress.ts";
import { complete } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import { findLogGroup } from "../aws/log-groups.ts";
import type { LogEvent } from "./record.ts";

/** A log group that exists, by what a live tail wants to know. */
export interface FollowedGroup {
  name: string;
  arn: string;
}

export interface FollowOptions {
  /** Epoch milliseconds of the oldest event to show; absent: only what comes from now on. */
  since?: number | undefined;
  /** CloudWatch Logs' filter pattern. */
  filter?: string | undefined;
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
}

/**
 * Events may arrive this much later than their timestamp says, so every poll looks back as far (AWS.md 7.1).
 */
const LATENESS_MS = 30_000;
const SILENCE_MS = 15_000;

/** The group of this name, as it is followed; undefined for none. */
export async function followedGroup(logs: Aws["logs"], name: string): Promise<FollowedGroup | undefined> {
  const group = await findLogGroup(logs, name);
  // There are two ARNs; live tail takes the one without ":*" (AWS.md 7.2).
  return group && { name, arn: group.logGroupArn ?? String(group.arn).replace(/:\*$/, "") };
}

/** Whether anything was ever written to the group. */
export async function hasStreams(logs: Aws["logs"], { name }: FollowedGroup): Promise<boolean> {
  const listed = await logs.call("DescribeLogStreams", { logGroupName: name, limit: 1 });
  return complete(listed, ["logStreams"]).logStreams.length > 0;
}

/**
 * The events of a group, each once: first the history since a time, then what comes, live or (where that is
 * refused or breaks) by polling.
 */
export async function* followLog(
  logs: Aws["logs"],
  group: FollowedGroup,
  options: FollowOptions,
): AsyncGenerator<LogEvent> {
  const startedAt = Date.now();
  const once = deduplicator();
  const since = options.since ?? startedAt;
  const tail = new AbortController();
  try {
    // The live tail starts before the history is read, so nothing falls in between.
    const live = options.follow ? await startLiveTail(logs, group, options, tail) : undefined;
    if (options.since !== undefined) yield* history(logs, group, since, options, once);
    if (live) yield* liveEvents(live, options, once);
    tail.abort();
    if (options.follow)
      yield* polledEvents(
        logs,
        group,
        live ? Math.max(since, Date.now() - LATENESS_MS) : since,
        options,
        once,
      );
  } finally {
    tail.abort();
  }
}

async function* history(
  logs: Aws["logs"],
  { name }: FollowedGroup,
  since: number,
  { filter }: FollowOptions,
  once: Deduplicator,
): AsyncGenerator<LogEvent> {
  const query = { logGroupName: name, startTime: since, ...(filter ? { filterPattern: filter } : {}) };
  let nextToken: string | undefined;
  do {
    const page = complete(await logs.call("FilterLogEvents", { ...query, nextToken }), ["events"]);
    for (const event of page.events) if (once.stored(event)) yield eventOf(event);
    // A page may be empty and not be the last one: there is more until there is no token (AWS.md 7.1).
    nextToken = page.nextToken;
  } while (nextToken);
}

async function* polledEvents(
  logs: Aws["logs"],
  group: FollowedGroup,
  since: number,
  options: FollowOptions,
  once: Deduplicator,
): AsyncGenerator<LogEvent> {
  let from = since;
  for (;;) {
    for await (const event of history(logs, group, from, options, once)) {
      from = Math.max(from, event.timestamp - LATENESS_MS);
      yield event;
    }
    once.forget();
    await delay(options.pollMs ?? 2_000, undefined, { signal: options.signal });
  }
}

/**
 * The stream of a live tail, or undefined where there is none to be had: no permission, too many sessions, a
 * proxy that holds it back. `tail` ends it.
 */
async function startLiveTail(
  logs: Aws["logs"],
  { arn }: FollowedGroup,
  options: FollowOptions,
  tail: AbortController,
) {
  const { filter, signal, report, silenceMs = SILENCE_MS } = options;
  const tooLate = setTimeout(() => tail.abort(), silenceMs);
  try {
    const wanted = { logGroupIdentifiers: [arn], ...(filter ? { logEventFilterPattern: filter } : {}) };
    const abortSignal = AbortSignal.any([signal, tail.signal]);
    return (await logs.call("StartLiveTail", wanted, { abortSignal })).responseStream;
  } catch (error) {
    signal.throwIfAborted();
    report({
      kind: "note",
      message: `no live tail (${(error as Error).name}), polling every 2 s`,
    });
    return undefined;
  } finally {
    clearTimeout(tooLate);
  }
}

/** Events of a live tail until it ends, breaks or falls silent; returns then, as polling takes over. */
async function* liveEvents(
  stream: AsyncIterable<StartLiveTailResponseStream>,
  options: FollowOptions,
  once: Deduplicator,
): AsyncGenerator<LogEvent> {
  const { signal, report, silenceMs = SILENCE_MS } = options;
  const updates = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await withinSilence(updates.next(), silenceMs, signal);
      if (done) break;
      if (value.sessionUpdate?.sessionMetadata?.sampled)
        report({ kind: "warning", message: "more than 500 lines a second: some are left out" });
      yield* (value.sessionUpdate?.sessionResults ?? []).filter((event) => once.live(event)).map(eventOf);
      once.forget();
    }
    report({ kind: "note", message: "the live tail ended, polling every 2 s" });
  } catch (error) {
    signal.throwIfAborted();
    report({
      kind: "note",
      message: `the live tail broke (${(error as Error).name}), polling every 2 s`,
    });
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

const eventOf = ({
  timestamp = 0,
  logStreamName = "",
  message = "",
}: FilteredLogEvent | LiveTailSessionLogEvent): LogEvent => ({
  timestamp,
  stream: logStreamName,
  message,
});

/**
 * Recognises what was already given, from either source: a question is asked once per delivery and is true
 * for a new event.
 */
interface Deduplicator {
  stored(event: FilteredLogEvent): boolean;
  live(event: LiveTailSessionLogEvent): boolean;
  /** Lets go of what is too old to come again. */
  forget(): void;
}

/**
 * Stored events have an id, those of a live tail have none; so between the two sources one delivery is set
 * off against one delivery of the same text, time and stream, which also keeps lines that really were written
 * twice.
 */
function deduplicator(): Deduplicator {
  const ids = new Map<string, { timestamp: number }>();
  const unmatched = {
    stored: new Map<string, { timestamp: number; count: number }>(),
    live: new Map<string, { timestamp: number; count: number }>(),
  };
  let newest = 0;
  const isNew = (event: LiveTailSessionLogEvent, own: "stored" | "live", other: "stored" | "live") => {
    const key = JSON.stringify([event.logStreamName, event.timestamp, event.message]);
    const { timestamp = 0 } = event;
    newest = Math.max(newest, timestamp);
    const counterpart = unmatched[other].get(key);
    if (counterpart?.count) {
      counterpart.count -= 1;
      return false;
    }
    unmatched[own].set(key, { timestamp, count: (unmatched[own].get(key)?.count ?? 0) + 1 });
    return true;
  };
  return {
    stored(event) {
      const { eventId, timestamp = 0 } = event;
      if (eventId !== undefined && ids.has(eventId)) return false;
      if (eventId !== undefined) ids.set(eventId, { timestamp });
      return isNew(event, "stored", "live");
    },
    live: (event) => isNew(event, "live", "stored"),
    forget() {
      for (const seen of [ids, unmatched.stored, unmatched.live]) {
        for (const [key, { timestamp }] of seen) if (timestamp < newest - 2 * LATENESS_MS) seen.delete(key);
      }
    },
  };
}
