import { invalidToken, type LogEvent } from "./group.ts";
import { placeIn, tokenFor } from "../paging.ts";

/**
 * A place between events is a text that is greater than the ids before it and not greater than those after
 * it. Ids grow with time and never come again, so a place stays what it was when the oldest events are
 * dropped, or late ones come in front of it.
 */
type Place = string;

const before = ({ id }: LogEvent): Place => id;
const after = ({ id }: LogEvent): Place => `${id}+`;
const start: Place = "0";

function indexOf(events: readonly LogEvent[], place: Place): number {
  const index = events.findIndex(({ id }) => id >= place);
  return index < 0 ? events.length : index;
}

interface StreamPage {
  shown: LogEvent[];
  nextForwardToken: string;
  nextBackwardToken: string;
}

/**
 * The part of a stream that a token of GetLogEvents stands for, else its end or start. At an end there is
 * nothing, and the token stays (AWS.md 7.1).
 */
export function pageOfStream(
  events: readonly LogEvent[],
  { nextToken, startFromHead, size }: { nextToken: string | undefined; startFromHead: boolean; size: number },
): StreamPage {
  const [, direction, token] = /^([fb])\/(.+)$/.exec(nextToken ?? "") ?? [];
  if (nextToken !== undefined && token === undefined) throw invalidToken();
  const place = token === undefined ? undefined : placeIn(token, invalidToken());
  const forward = direction === undefined ? startFromHead : direction === "f";
  const at = place === undefined ? (forward ? 0 : events.length) : indexOf(events, place);
  const shown = forward ? events.slice(at, at + size) : events.slice(Math.max(0, at - size), at);
  const [first, last] = [shown[0], shown.at(-1)];
  return {
    shown,
    nextForwardToken: `f/${tokenFor(last ? after(last) : (place ?? start))}`,
    nextBackwardToken: `b/${tokenFor(first ? before(first) : (place ?? start))}`,
  };
}

/** What one page holds at most, give or take an event (AWS.md 7.1). */
const MOST_BYTES = 1024 * 1024;

interface Scan {
  matches(event: LogEvent): boolean;
  nextToken: string | undefined;
  limit: number;
  /**
   * How many events are searched for one page; a page can come out partial or empty, with a token (AWS.md
   * 7.1).
   */
  window: number;
}

/** One page of FilterLogEvents. */
export function scan(
  events: readonly LogEvent[],
  { matches, nextToken, limit, window }: Scan,
): { events: LogEvent[]; next?: string } {
  const found: LogEvent[] = [];
  let bytes = 0;
  const from = nextToken === undefined ? 0 : indexOf(events, placeIn(nextToken, invalidToken()));
  for (const [index, event] of events.slice(from, from + window).entries()) {
    if (matches(event)) {
      found.push(event);
      bytes += Buffer.byteLength(event.message);
    }
    const isFull = found.length === limit || index + 1 === window || bytes >= MOST_BYTES;
    if (isFull && from + index + 1 < events.length) return { events: found, next: tokenFor(after(event)) };
    if (isFull) break;
  }
  return { events: found };
}
