import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import {
  ANSWER_LIFE_MS,
  defaultPaths,
  events,
  LONGEST_REQUEST,
  type Endpoint,
  type Envelope,
} from "../contract/envelope.ts";
import { bookings, type Bookings } from "./bookings.ts";
import { verified } from "./signed-request.ts";

/** A request that the demo backend answered; `event` and `connectionId` are empty where it was rejected. */
export interface Received {
  event: string;
  connectionId: string;
  path: string;
  status: number;
}

export interface DemoBackend {
  /** For BACKEND_URL: `http://127.0.0.1:<port>`. */
  url: string;
  /** The last thousand requests, oldest first. */
  received: readonly Received[];
  close(): Promise<void>;
}

export interface DemoOptions {
  /** 0, the default, is any. */
  port?: number;
  /** `whsec_…`; without any, signatures are not checked. */
  signingKeys?: readonly string[];
  /**
   * Reads the current keys; called, once a second at most, when a request is signed with none of the known
   * ones (a rotation). When it fails, the known ones stay.
   */
  freshKeys?: () => Promise<readonly string[]>;
  /** Gets one line about each event. */
  log?: (line: string) => void;
  /** The clock, epoch milliseconds. */
  now?: () => number;
}

interface Answer {
  status: number;
  body: string;
}

const maxReceived = 1_000;
const maxRememberedBytes = 16 * 1_048_576;
/** What a remembered answer takes beside its content. */
const entryBytes = 512;

/** What the three endpoints of the contract answer. */
const endpoints: Readonly<Record<string, (room: Bookings, envelope: Envelope) => Answer>> = {
  [defaultPaths.register]: endpoint("register"),
  [defaultPaths.message]: endpoint("message"),
  [defaultPaths.disconnect]: endpoint("disconnect"),
};

/** Answers envelopes of version 1 for its own event; others with 422, as the kit does. */
function endpoint(name: Endpoint): (room: Bookings, envelope: Envelope) => Answer {
  return (room, envelope) =>
    envelope["v"] === 1 && envelope.event === events[name]
      ? json(...room[name](envelope))
      : json(422, { detail: "envelope not understood" });
}

/**
 * A backend to try things with: follows the contract, accepts tokens that start with "demo" or "test", and
 * sends each message to the others of the same booking. Listens on 127.0.0.1; its memory is bounded.
 */
export async function startDemoBackend({
  port = 0,
  signingKeys = [],
  freshKeys,
  log = () => undefined,
  now = Date.now,
}: DemoOptions = {}): Promise<DemoBackend> {
  const room = bookings(log, now);
  const answers = rememberedAnswers(now);
  const received: Received[] = [];
  const verify = verifier(signingKeys, freshKeys, { log, now });
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const path = request.url ?? "";
    const respond = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
    if (respond === undefined) return json(404, { detail: "not found" });
    if (request.method !== "POST") return json(405, { detail: "method not allowed" });
    const body = await textOf(request);
    if (body === undefined) return json(413, { detail: "body over 1 MiB" });
    const envelope = await verify(request.headers, body, path);
    const result = envelope
      ? answers.once(request.headers["webhook-id"], () => respond(room, envelope))
      : json(401, { detail: "unauthorized" });
    received.push({
      event: envelope?.event ?? "",
      connectionId: envelope?.connection_id ?? "",
      path,
      status: result.status,
    });
    if (received.length > maxReceived) received.shift();
    if (!envelope) log(`rejected a request to ${path}: not signed with a key of this backend`);
    return result;
  };
  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => response.writeHead(status, { "content-type": "application/json" }).end(body),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) =>
    server.once("error", reject).listen(port, "127.0.0.1", resolve),
  );
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, close };
}

const askAgainMs = 1_000;

/** The signature check, with keys that may change; a request that arrives while they are read waits. */
function verifier(
  known: readonly string[],
  freshKeys: DemoOptions["freshKeys"],
  { log, now }: Required<Pick<DemoOptions, "log" | "now">>,
) {
  let keys = known;
  let askedAt = -Infinity;
  let reading: Promise<void> | undefined;
  const readKeys = async (ask: () => Promise<readonly string[]>) => {
    askedAt = now();
    try {
      keys = await ask();
    } catch (error) {
      log(`reading the signing keys failed: ${(error as Error).message}`);
    }
  };
  return async (headers: IncomingHttpHeaders, body: string, path: string): Promise<Envelope | undefined> => {
    const envelope = verified(keys, headers, body, path, now());
    if (envelope || !freshKeys || (!reading && now() - askedAt < askAgainMs)) return envelope;
    await (reading ??= readKeys(freshKeys).finally(() => (reading = undefined)));
    return verified(keys, headers, body, path, now());
  };
}

/** JSON, or 422 where it is nested too deeply to be written again. */
function json(status: number, value: object): Answer {
  try {
    return { status, body: JSON.stringify(value) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { status: 422, body: '{"detail":"nested too deeply"}' };
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The body; undefined where it is over 1 MiB, and empty, which is no envelope, where it is not UTF-8. */
async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= LONGEST_REQUEST) chunks.push(chunk);
  }
  if (bytes > LONGEST_REQUEST) return undefined;
  try {
    return utf8.decode(Buffer.concat(chunks));
  } catch {
    return "";
  }
}

/**
 * The first answer to each webhook id; the oldest go when they are 600 s old or take more than 16 MiB
 * together.
 */
function rememberedAnswers(now: () => number) {
  const answers = new Map<string, Answer & { at: number }>();
  let bytes = 0;
  const forgetOldest = () => {
    for (const [id, { at, body }] of answers) {
      if (at > now() - ANSWER_LIFE_MS && bytes <= maxRememberedBytes) return;
      answers.delete(id);
      bytes -= entryBytes + id.length + body.length;
    }
  };
  return {
    once(id: unknown, work: () => Answer): Answer {
      if (typeof id !== "string") return work();
      forgetOldest();
      const first = answers.get(id);
      if (first) return first;
      const answer = work();
      answers.set(id, { ...answer, at: now() });
      bytes += entryBytes + id.length + answer.body.length;
      return answer;
    },
  };
}
