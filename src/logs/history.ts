import type { FilterLogEventsCommandInput } from "@aws-sdk/client-cloudwatch-logs";
import { complete } from "../aws/answers.ts";
import type { Aws } from "../aws/clients.ts";
import type { FollowedGroup, GroupEvent } from "./group.ts";
import { readLine } from "./record.ts";

/** Events, some at a time, in the order of their times. */
type Pages = AsyncGenerator<readonly GroupEvent[], void>;

/** What is wanted of the past. */
export interface Past {
  /** Epoch milliseconds of the oldest event. */
  from: number;
  /** An id: only lines that hold it, and what follows them in their stream up to the next START. */
  about?: string | undefined;
}

/** What was stored in all groups since a time. `filter` is CloudWatch Logs' pattern. */
export function historyOf(
  logs: Aws["logs"],
  groups: readonly FollowedGroup[],
  { from, about }: Past,
  filter: string | undefined,
): Pages {
  const all = groups.map((group) =>
    about === undefined || filter !== undefined
      ? pagesOf(logs, group, { startTime: from, filterPattern: filter })
      : linesAbout(logs, group, { from, about }),
  );
  return all.reduce(merged);
}

/** Such a text anywhere in a line. */
const phrase = (text: string): string => JSON.stringify(text);

type Query = Omit<FilterLogEventsCommandInput, "logGroupName" | "logGroupIdentifier">;

/** Events that are asked for at a time: many for few calls, and few enough for little memory. */
const PAGE = 1_500;

async function* pagesOf(logs: Aws["logs"], { name }: FollowedGroup, query: Query): Pages {
  const wanted = { logGroupName: name, limit: PAGE, ...query };
  let nextToken: string | undefined;
  do {
    const page = complete(await logs.call("FilterLogEvents", { ...wanted, nextToken }), ["events"]);
    // A page may be empty and not be the last one: there is more until there is no token (AWS.md 7.1).
    nextToken = page.nextToken;
    if (page.events.length === 0) continue;
    yield page.events.map(({ timestamp = 0, logStreamName = "", message = "", eventId, ingestionTime }) => ({
      group: name,
      timestamp,
      stream: logStreamName,
      message,
      id: eventId,
      ingestedAt: ingestionTime,
    }));
  } while (nextToken !== undefined);
}

/** Both in the order of their times: of two pages, what is not after the end of the one that ends first. */
async function* merged(one: Pages, other: Pages): Pages {
  const next = async (pages: Pages) => (await pages.next()).value ?? undefined;
  let [a, b] = await Promise.all([next(one), next(other)]);
  while (a && b) {
    const until = Math.min(endOf(a), endOf(b));
    const isBefore = ({ timestamp }: GroupEvent) => timestamp <= until;
    yield [...a, ...b].filter(isBefore).toSorted(byTime);
    const rest = (page: readonly GroupEvent[]) => page.filter((event) => !isBefore(event));
    const [restOfA, restOfB] = [rest(a), rest(b)];
    a = restOfA.length > 0 ? restOfA : await next(one);
    b = restOfB.length > 0 ? restOfB : await next(other);
  }
  const [left, pages] = a ? [a, one] : [b, other];
  if (left) yield left;
  yield* pages;
}

const byTime = (a: GroupEvent, b: GroupEvent): number => a.timestamp - b.timestamp;
const endOf = (page: readonly GroupEvent[]): number =>
  page.reduce((latest, { timestamp }) => Math.max(latest, timestamp), 0);

/**
 * The lines that hold an id, and in a function's log what follows each of them in its stream. A filter
 * pattern finds the former alone, so the latter is read behind them.
 */
async function* linesAbout(
  logs: Aws["logs"],
  group: FollowedGroup,
  { from, about }: { from: number; about: string },
): Pages {
  const found = pagesOf(logs, group, { startTime: from, filterPattern: phrase(about) });
  if (group.linesStandAlone) return yield* found;
  /** By stream: the last invocation that was given. It may reach into the next page of lines. */
  const given = new Map<string, ReadonlySet<string>>();
  for await (const lines of found) {
    const events: GroupEvent[] = [];
    for (const stream of new Set(lines.map((line) => line.stream))) {
      const wanted = lines.filter((line) => line.stream === stream && !given.get(stream)?.has(idOf(line)));
      if (wanted.length === 0) continue;
      const last = await readInvocations({ logs, group, stream, wanted }, (event) => events.push(event));
      given.set(stream, last);
    }
    yield events.toSorted(byTime);
  }
}

/** How much of a stream is read behind a line at a time. */
const NEIGHBOURS = 1_000;

interface Place {
  logs: Aws["logs"];
  group: FollowedGroup;
  stream: string;
  /** Lines of the stream, in the order of their times. */
  wanted: readonly GroupEvent[];
}

/**
 * Takes each wanted line and what follows it, up to and with the START of what is not wanted. Gives the ids
 * of the last of these invocations.
 */
async function readInvocations(
  { logs, group, stream, wanted }: Place,
  take: (event: GroupEvent) => void,
): Promise<ReadonlySet<string>> {
  const picked = picker(wanted, take);
  for (const first of wanted) {
    if (!picked.isMissing(first)) continue;
    const query = { logStreamNames: [stream], startTime: first.timestamp, limit: NEIGHBOURS };
    for await (const page of pagesOf(logs, group, query)) {
      for (const event of page) picked.see(event);
      if (!picked.isOpen() && !picked.isMissing(first)) break;
    }
    // What cannot be found again stands by itself.
    if (picked.isMissing(first)) picked.see(first);
    picked.close();
  }
  return picked.last();
}

/** Picks lines out of a stream that is read from before one of the wanted lines on. */
function picker(wanted: readonly GroupEvent[], take: (event: GroupEvent) => void) {
  const missing = new Set(wanted.map(idOf));
  let last = new Set<string>();
  let isOpen = false;
  return {
    see(event: GroupEvent): void {
      const isWanted = missing.delete(idOf(event));
      if (isWanted && !isOpen) last = new Set();
      isOpen ||= isWanted;
      if (!isOpen) return;
      take(event);
      last.add(idOf(event));
      isOpen = isWanted || readLine(event.message).origin !== "start";
    },
    close(): void {
      isOpen = false;
    },
    isOpen: () => isOpen,
    isMissing: (line: GroupEvent) => missing.has(idOf(line)),
    /** The ids of the last invocation. */
    last: (): ReadonlySet<string> => last,
  };
}

const idOf = ({ id = "" }: GroupEvent): string => id;
