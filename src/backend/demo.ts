import { createServer, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { bookings, type Bookings } from "./bookings.ts";
import { verified, type Envelope } from "./signed-request.ts";

/**
 * One request that the demo backend answered; `event` and `connectionId` are empty where it was a stranger's.
 */
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
  /** `whsec_…`; without any, signatures are not asked for. */
  signingKeys?: readonly string[];
  /**
   * The keys as they are now; asked, once a second at most, when a request is signed by none of those that
   * are known (a rotation). Where that fails the known ones stay.
   */
  freshKeys?: () => Promise<readonly string[]>;
  /** Gets one line for people about everything that happens. */
  log?: (line: string) => void;
  /** The clock, epoch milliseconds. */
  now?: () => number;
}

interface Answer {
  status: number;
  body: string;
}

const maxBodyBytes = 1_048_576;
const maxReceived = 1_000;
/** The answer to a repeated request is the first one again, for this long. */
const repeatMs = 600_000;
const maxRememberedBytes = 16 * 1_048_576;

/** What the three endpoints of the contract answer. */
const endpoints: Record<string, (room: Bookings, envelope: Envelope) => Answer> = {
  "/api/ws/register": (room, envelope) => json(...room.register(envelope)),
  "/api/ws/message": (room, envelope) => json(...room.message(envelope)),
  "/api/ws/disconnect": (room, envelope) => json(...room.disconnect(envelope)),
};

/**
 * A backend to try things with: keeps the contract, lets everybody in whose token starts with "demo" or
 * "test", and passes each message on to the others of the same booking. Listens on 127.0.0.1; what it
 * remembers is bounded and forgotten.
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
    const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
    if (endpoint === undefined) return json(404, { detail: "not found" });
    if (request.method !== "POST") return json(405, { detail: "method not allowed" });
    const body = await textOf(request);
    if (body === undefined) return json(413, { detail: "body over 1 MiB" });
    const envelope = await verify(request.headers, body, path);
    const result = envelope
      ? answers.once(request.headers["webhook-id"], () => endpoint(room, envelope))
      : json(401, { detail: "unauthorized" });
    received.push({
      event: envelope?.event ?? "",
      connectionId: envelope?.connection_id ?? "",
      path,
      status: result.status,
    });
    if (received.length > maxReceived) received.shift();
    if (!envelope) log(`refused a request to ${path} that is not signed by us`);
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

/**
 * The signature check, with keys that may be others after a while; whoever comes while they are looked up
 * waits for them.
 */
function verifier(
  known: readonly string[],
  freshKeys: DemoOptions["freshKeys"],
  { log, now }: Required<Pick<DemoOptions, "log" | "now">>,
) {
  let keys = known;
  let askedAt = -Infinity;
  let lookUp: Promise<void> | undefined;
  const lookedUp = async (ask: () => Promise<readonly string[]>) => {
    askedAt = now();
    try {
      keys = await ask();
    } catch (error) {
      log(`the signing keys could not be looked up: ${(error as Error).message}`);
    }
  };
  return async (headers: IncomingHttpHeaders, body: string, path: string): Promise<Envelope | undefined> => {
    const envelope = verified(keys, headers, body, path, now());
    if (envelope || !freshKeys || (!lookUp && now() - askedAt < askAgainMs)) return envelope;
    await (lookUp ??= lookedUp(freshKeys).finally(() => (lookUp = undefined)));
    return verified(keys, headers, body, path, now());
  };
}

/** JSON, or 422 for what is nested too deeply to be written again. */
function json(status: number, value: object): Answer {
  try {
    return { status, body: JSON.stringify(value) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { status: 422, body: '{"detail":"nested too deeply"}' };
  }
}

async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  }
  return bytes > maxBodyBytes ? undefined : Buffer.concat(chunks).toString("utf8");
}

/**
 * The first answer to each webhook id; the oldest go when they are 600 s old or hold more than 16 MiB
 * together.
 */
function rememberedAnswers(now: () => number) {
  const answers = new Map<string, Answer & { at: number }>();
  let bytes = 0;
  const forgetOldest = () => {
    for (const [id, { at, body }] of answers) {
      if (at > now() - repeatMs && bytes <= maxRememberedBytes) return;
      answers.delete(id);
      bytes -= id.length + body.length;
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
      bytes += id.length + answer.body.length;
      return answer;
    },
  };
}
