import type { IncomingMessage, ServerResponse } from "node:http";
import type { TracePart } from "../contract/trace.ts";
import { isLoopback } from "./allowed-hosts.ts";
import type { Callers } from "./callers.ts";
import type { Seen } from "./gateway/contract.ts";
import { refusals } from "./refusals.ts";
import type { LogEntry, Run } from "./runtime/contract.ts";
import { refuseLeft } from "./wire/http.ts";

/** One thing that the local AWS tells about its traffic. */
export type TraceItem =
  | ({ kind: "trace" } & TracePart)
  | ({ kind: "log" } & LogEntry)
  /** How many were left out because the listener did not read. */
  | { kind: "omitted"; items: number };

/** What becomes known of messages, for those who listen and those who ask soon after. */
export interface Traces {
  /** A function's environment has these credentials, and no other caller. */
  environment(accessKeyId: string): void;
  seen(seen: Seen): void;
  ran(run: Run): void;
  logged(entries: readonly LogEntry[]): void;
  /** The last items, oldest first. */
  kept(): readonly TraceItem[];
  /** Hands every item to come to a listener, until the returned function is called. */
  listen(listener: (item: TraceItem) => void): () => void;
}

/** Some minutes of one person's tries, in a few megabytes. */
const ITEMS_KEPT = 4_000;
const CHARACTERS_KEPT = 4_000_000;
/** A log line's beginning is enough to know it by. */
const LONGEST_LINE = 16_384;
/** Frames that wait for the end of their invocation, by environment. Those of other callers are pushes. */
const FRAMES_KEPT = 1_000;
const ENVIRONMENTS_KEPT = 256;

type Delivery = Extract<Seen, { kind: "delivery" }>;

/** Puts together what the gateway and the runtime tell. */
export function openTraces(): Traces {
  const listeners = new Set<(item: TraceItem) => void>();
  const kept: TraceItem[] = [];
  let characters = 0;
  const deliveries = new Map<string, Delivery[]>();

  function add(item: TraceItem): void {
    kept.push(item);
    characters += sizeOf(item);
    while (kept.length > ITEMS_KEPT || characters > CHARACTERS_KEPT) {
      const oldest = kept.shift();
      characters -= oldest ? sizeOf(oldest) : 0;
    }
    for (const listener of listeners) listener(item);
  }
  return {
    environment: (accessKeyId) => keep(deliveries, accessKeyId, []),
    seen(seen) {
      if (seen.kind === "event") return add(gatewayItem(seen));
      const own = deliveries.get(seen.accessKeyId);
      if (!own) return add(pushItem(seen));
      if (own.push(seen) > FRAMES_KEPT) own.shift();
    },
    ran(run) {
      const own = deliveries.get(run.accessKeyId) ?? [];
      keep(deliveries, run.accessKeyId, []);
      add(
        runItem(
          run,
          own.filter(({ at }) => at >= run.startedAt),
        ),
      );
    },
    logged(entries) {
      for (const { message, ...entry } of entries)
        add({ kind: "log", ...entry, message: message.slice(0, LONGEST_LINE) });
    },
    kept: () => kept,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Roughly what it takes as JSON; a trace has a hop for each frame. */
function sizeOf(item: TraceItem): number {
  if (item.kind === "log") return 100 + item.message.length;
  return item.kind === "trace" ? 500 + 150 * item.hops.length : 50;
}

/** The ones that were used last are kept. */
function keep(deliveries: Map<string, Delivery[]>, accessKeyId: string, own: Delivery[]): void {
  deliveries.delete(accessKeyId);
  deliveries.set(accessKeyId, own);
  const [oldest = accessKeyId] = deliveries.keys();
  if (deliveries.size > ENVIRONMENTS_KEPT) deliveries.delete(oldest);
}

function gatewayItem(seen: Seen & { kind: "event" }): TraceItem {
  const { kind: _kind, at, ms, status, bytes, ...event } = seen;
  const hops = [{ hop: "gateway", startedAt: at, ms, status }] as const;
  // A function that was too slow is still to end.
  const isAll = event.lambdaRequestId === undefined && event.problem !== "integration_timeout";
  const item = { kind: "trace", fact: "gateway", ...event, at, bytesIn: bytes, hops } as const;
  return isAll ? { ...item, isAll } : item;
}

/** A name that is none is as long as its sender likes. */
const LONGEST_ID = 128;

function pushItem(push: Delivery): TraceItem {
  const { apiId, stage, requestId, at, status, problem } = push;
  return {
    kind: "trace",
    fact: "gateway",
    event: "push",
    apiId,
    stage,
    requestId,
    connectionId: push.connectionId.slice(0, LONGEST_ID),
    at,
    problem,
    ...(status === 200 ? { sent: 1 } : status === 410 ? { gone: 1 } : { failed: 1 }),
    hops: [frameHop(push)],
    isAll: true,
  };
}

const frameHop = ({ at, ms, status, bytes, connectionId }: Delivery) =>
  ({ hop: "deliver", startedAt: at, ms, status, bytes, to: connectionId.slice(0, LONGEST_ID) }) as const;

function runItem(
  { functionName, region, requestId, startedAt, ms, initMs, status, failure }: Run,
  frames: readonly Delivery[],
): TraceItem {
  // The type of an error is the problem.
  const [word] = status?.split("\t") ?? [];
  return {
    kind: "trace",
    fact: "report",
    functionName,
    region,
    lambdaRequestId: requestId,
    coldMs: initMs,
    problem: failure?.type.slice(0, LONGEST_LINE),
    reason: failure?.message.replace(/^RequestId: \S+ Error: /, "").slice(0, LONGEST_LINE),
    hops: [{ hop: "function", startedAt, ms, status: word }, ...frames.map(frameHop)],
  };
}

/** Below this path the local AWS tells of itself. API ids have no underscore. */
export const tracesPath = "/_shelfshack/traces";
/** A page can send it only to its own site without being asked for leave (CORS). */
const OWN_HEADER = "x-shelfshack";
const WAITING_AT_MOST = 8 * 1024 * 1024;
const emptyBody = new Uint8Array();

interface Answering {
  traces: Traces;
  callers: Callers;
  /** Aborted when the local AWS closes. */
  closing: AbortSignal;
}

/**
 * `GET /_shelfshack/traces[?follow]`: what is kept, then with `follow` all to come, as JSON lines. For this
 * machine's programs of the caller that the control plane serves too, never for a page.
 */
export async function answerTraces(
  { traces, callers, closing }: Answering,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const address = request.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "";
  if (!isLoopback(address) || !(OWN_HEADER in request.headers) || "origin" in request.headers)
    return refusals.notAllowed(request, response, "traces are for programs on this machine");
  const doubt = await callers.doubt(request, async () => emptyBody);
  if (doubt) return refusals.doubted(request, response, doubt);
  // The response of one that has left is closed already: its listener would never go.
  refuseLeft(request);
  response.writeHead(200, {
    "content-type": "application/x-ndjson",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  for (const item of traces.kept()) response.write(`${JSON.stringify(item)}\n`);
  if (!new URL(request.url ?? "", "http://localhost").searchParams.has("follow")) {
    response.end();
    return;
  }
  const stop = traces.listen(writerTo(response));
  const end = () => void response.end();
  closing.addEventListener("abort", end);
  response.on("close", () => {
    stop();
    closing.removeEventListener("abort", end);
  });
  // The client knows by this that it misses nothing from here on.
  response.write(`{"kind":"following"}\n`);
}

/** Leaves out what the reader would have to catch up with, and says how much that was. */
function writerTo(response: ServerResponse): (item: TraceItem) => void {
  let items = 0;
  return (item) => {
    if (response.writableLength > WAITING_AT_MOST) {
      items += 1;
      return;
    }
    if (items > 0) response.write(`${JSON.stringify({ kind: "omitted", items } satisfies TraceItem)}\n`);
    items = 0;
    response.write(`${JSON.stringify(item)}\n`);
  };
}
