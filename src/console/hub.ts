import type { TracePart } from "../contract/trace.ts";
import type { Acted } from "../local/gateway/contract.ts";
import type { Sight } from "../local/gateway/watch.ts";
import type { LocalAws } from "../local/server.ts";
import type { TraceItem } from "../local/traces.ts";
import { recordOf as logRecordOf } from "../logs/record.ts";
import { createJoiner } from "../trace/join.ts";
import { functionOf } from "../trace/local-gateway.ts";
import { partReader } from "../trace/log-parts.ts";
import { recordOf } from "../trace/record.ts";
import type { ConsoleItem } from "./items.ts";
import { knownSecrets } from "./known-secrets.ts";
import { createRing } from "./ring.ts";
import { shownFrame, shownLine, shownTrace } from "./shown.ts";

/** What all open pages share. It listens only while there are some, and a little longer. */
export interface Hub {
  /** Hands over what is kept and then all to come, as JSON texts, until the returned function is called. */
  join(page: (json: string) => void): () => void;
  /** Whether there are as many pages as there may be. */
  isFull(): boolean;
  /** The open connections, as JSON texts. */
  opened(): string[];
  /** Takes a message of a client again; `forgotten` is one that is not kept. */
  replay(requestId: string): Acted | "forgotten";
  close(): void;
}

type Place = Pick<LocalAws, "traces" | "clients" | "secrets">;

const RING_BYTES = 16 * 1024 * 1024;
/** Of these a fourth: messages as they came, to be sent again. */
const MESSAGE_BYTES = RING_BYTES / 4;
/** With what they share they stay below 32 MB, also where none of them reads. */
const PAGES_AT_MOST = 4;
const LINGER_MS = 30_000;
const TICK_MS = 250;

interface Message {
  requestId: string;
  connectionId: string;
  text: string;
}

/** See {@link Hub}. */
export function openHub(place: Place): Hub {
  const { clients } = place;
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
  function end(): void {
    clearTimeout(leaving);
    stop?.();
    stop = undefined;
    ring.clear();
    messages.clear();
  }
  const opened = () => clients.list().map((connection) => JSON.stringify({ kind: "opened", ...connection }));
  return {
    opened,
    isFull: () => pages.size >= PAGES_AT_MOST,
    join(page) {
      clearTimeout(leaving);
      stop ??= listen(place, { give, keep: messages.keep });
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
      return message ? clients.receive(message.connectionId, message.text) : "forgotten";
    },
    close: end,
  };
}

interface Listener {
  give(item: ConsoleItem): void;
  /** Gets each frame as it came. */
  keep(frame: Sight & { kind: "frame" }): void;
}

/** Gives everything that happens, without its secrets, until the returned function is called. */
function listen({ traces, clients, secrets }: Place, { give, keep }: Listener): () => void {
  const known = knownSecrets();
  const learn = (all: readonly string[]) => all.forEach((secret) => known.add(secret));
  learn(secrets());
  for (const { connectionId } of clients.list()) learn(clients.secretsOf(connectionId));
  const partOf = partReader(known.masked);
  const joiner = createJoiner({
    facts: ["gateway", "line", "report"],
    emit: (trace, amended) => {
      if (trace.requestId !== undefined) give(shownTrace(recordOf(trace, amended), known));
    },
  });
  function sighted(sight: Sight): void {
    if (sight.kind === "frame") keep(sight);
    if (sight.kind === "opened") learn(clients.secretsOf(sight.connectionId));
    give(sight.kind === "frame" ? shownFrame(sight, known) : sight);
  }
  function take(item: TraceItem): void {
    if (item.kind === "omitted") return;
    let part: TracePart | undefined = item.kind === "trace" ? item : undefined;
    if (item.kind === "log") {
      const record = logRecordOf(item);
      part = partOf(record);
      if (record.origin === "function" || record.origin === "report")
        give(shownLine(record, functionOf(item.group), known));
    }
    if (part) joiner.add(part, performance.now());
  }
  for (const item of traces.kept()) take(item);
  const stops = [traces.listen(take), clients.watch(sighted)];
  const tick = setInterval(() => {
    learn(secrets());
    joiner.settle(performance.now());
  }, TICK_MS);
  return () => {
    clearInterval(tick);
    for (const one of stops) one();
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
