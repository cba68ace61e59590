import type { TracePart } from "../contract/trace.ts";
import type { Sight } from "../local/gateway/watch.ts";
import type { LocalAws } from "../local/server.ts";
import type { TraceItem } from "../local/traces.ts";
import { recordOf as logRecordOf } from "../logs/record.ts";
import { createJoiner, type Joiner } from "../trace/join.ts";
import { partOf } from "../trace/log-parts.ts";
import { recordOf, type TraceRecord } from "../trace/record.ts";
import type { ConsoleItem, ShownFrame, ShownLine } from "./items.ts";
import { redacted } from "./redact.ts";
import { createRing } from "./ring.ts";

/** What all open pages share. It listens only while there are some, and a little longer. */
export interface Hub {
  /** Hands over what is kept and then all to come, as JSON texts, until the returned function is called. */
  join(page: (json: string) => void): () => void;
  /** The open connections, as JSON texts. */
  opened(): string[];
  /** Takes a message of a client again; false where it is not kept, or its connection is gone. */
  replay(requestId: string): boolean;
  close(): void;
}

const RING_BYTES = 16 * 1024 * 1024;
/** Of these a fourth: messages as they came, to be sent again. */
const MESSAGE_BYTES = RING_BYTES / 4;
const LONGEST_SHOWN = 4_096;
const LINGER_MS = 30_000;
const TICK_MS = 250;

interface Message {
  requestId: string;
  connectionId: string;
  text: string;
}

/** See {@link Hub}. */
export function openHub({ traces, clients }: Pick<LocalAws, "traces" | "clients">): Hub {
  const pages = new Set<(json: string) => void>();
  const ring = createRing<string>(RING_BYTES - MESSAGE_BYTES);
  const messages = keptMessages();
  let stop: (() => void) | undefined;
  let leaving: NodeJS.Timeout | undefined;

  function give(item: ConsoleItem): void {
    const json = JSON.stringify(item);
    // A character takes a byte or two.
    ring.add(json, 2 * json.length);
    for (const page of pages) page(json);
  }
  function sighted(sight: Sight): void {
    if (sight.kind === "frame") messages.keep(sight);
    give(sight.kind === "frame" ? shownFrame(sight) : sight);
  }
  function begin(): () => void {
    const joiner = createJoiner({
      facts: ["gateway", "line", "report"],
      emit: (trace, amended) => {
        if (trace.requestId !== undefined) give(shownTrace(recordOf(trace, amended)));
      },
    });
    for (const item of traces.kept()) take(joiner, item, give);
    const stops = [traces.listen((item) => take(joiner, item, give)), clients.watch(sighted)];
    const tick = setInterval(() => joiner.settle(performance.now()), TICK_MS);
    return () => {
      clearInterval(tick);
      for (const one of stops) one();
      ring.clear();
      messages.clear();
    };
  }
  function end(): void {
    clearTimeout(leaving);
    stop?.();
    stop = undefined;
  }
  const opened = () => clients.list().map((connection) => JSON.stringify({ kind: "opened", ...connection }));
  return {
    opened,
    join(page) {
      clearTimeout(leaving);
      stop ??= begin();
      for (const json of ring.items()) if (!/^\{"kind":"(opened|closed)"/.test(json)) page(json);
      // Last, as a page may get less than all: the newest.
      for (const json of opened()) page(json);
      pages.add(page);
      return () => {
        if (!pages.delete(page) || pages.size > 0) return;
        leaving = setTimeout(end, LINGER_MS);
        leaving.unref();
      };
    },
    replay(requestId) {
      const message = messages.get(requestId);
      return message !== undefined && clients.receive(message.connectionId, message.text);
    },
    close: end,
  };
}

/** The messages of clients as they came, found by their request id. */
function keptMessages() {
  const byId = new Map<string, Message>();
  const ring = createRing<Message>(MESSAGE_BYTES, ({ requestId }) => byId.delete(requestId));
  return {
    get: (requestId: string) => byId.get(requestId),
    keep({ requestId, connectionId, text, direction }: Sight & { kind: "frame" }): void {
      if (requestId === undefined || direction === "out") return;
      const message = { requestId, connectionId, text };
      byId.set(requestId, message);
      ring.add(message, 2 * text.length);
    },
    clear() {
      byId.clear();
      ring.clear();
    },
  };
}

function take(joiner: Joiner, item: TraceItem, give: (item: ConsoleItem) => void): void {
  if (item.kind === "omitted") return;
  let part: TracePart | undefined = item.kind === "trace" ? item : undefined;
  if (item.kind === "log") {
    const record = logRecordOf(item);
    part = partOf(record);
    if (record.origin === "function" || record.origin === "report") give(shownLine(record));
  }
  if (part) joiner.add(part, performance.now());
}

function shownLine({ at, level, text, origin, fields = {} }: ReturnType<typeof logRecordOf>): ShownLine {
  const id = fields["requestId"] ?? fields["RequestId"];
  return {
    kind: "log",
    at,
    level,
    text: redacted((origin === "report" ? `report ${text}` : text).slice(0, LONGEST_SHOWN)),
    ...(typeof id === "string" ? { requestId: id } : {}),
  };
}

/** What a client wrote stands in some of its members, too. */
const shownTrace = (record: TraceRecord): TraceRecord => ({
  ...record,
  ...Object.fromEntries(
    (["type", "booking", "reason"] as const).flatMap((name) => {
      const text = record[name];
      return text === undefined ? [] : [[name, redacted(text.slice(0, LONGEST_SHOWN))]];
    }),
  ),
});

const shownFrame = ({ text, ...frame }: Sight & { kind: "frame" }): ShownFrame => ({
  ...frame,
  text: redacted(text.slice(0, 2 * LONGEST_SHOWN)).slice(0, LONGEST_SHOWN),
});
