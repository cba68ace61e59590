import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a backend may do wrong, one thing each. */
export interface Flaws {
  /** Leaves these steps of the signature check out. */
  skips?: readonly (
    | "signature"
    | "old"
    | "ahead"
    | "path"
    | "connection"
    | "id header"
    | "message signature"
    | "connection header"
  )[];
  /** Seconds either way. */
  tolerance?: number;
  acceptsAnyToken?: true;
  forgetsRepeats?: true;
  redirects?: true;
  missing?: readonly string[];
  wrongMethod?: string;
  /** Bytes. */
  bodyLimit?: number;
  answersMessages?: (content: unknown) => { status?: number; body?: string; type?: string };
  parsesFirst?: true;
  disconnectsOnce?: true;
  takesStrangers?: true;
  forgetsConnections?: true;
  /** Milliseconds, by the body. */
  delay?: (body: string) => number;
  never?: string;
  /** Fails on what has no envelope, at this path. */
  failsOnStrangers?: string;
  /** A proxy in front takes this off the path. */
  stripped?: string;
}

/**
 * A backend that keeps the contract in every point but the flaws. It remembers every connection id that was
 * registered and not ended.
 */
export interface ContractBackend {
  url: string;
  connected: Set<string>;
  /** Every body that it read, in the order of arrival. */
  bodies: string[];
  /** The statuses of its answers, in the same order. */
  statuses: number[];
  close(): Promise<void>;
}

class Refusal extends Error {
  constructor(readonly status: number) {
    super(`refused with ${status}`);
  }
}

type Envelope = Record<string, unknown>;
interface State {
  keys: readonly string[];
  flaws: Flaws;
  connected: Set<string>;
  answers: Map<string, Promise<Reply>>;
  messages: number;
}
interface Reply {
  status: number;
  body?: string;
  type?: string;
}

/** Starts it on 127.0.0.1. The token that it likes is `good`; `keys` may be changed while it runs. */
export async function startContractBackend(
  keys: readonly string[],
  flaws: Flaws = {},
): Promise<ContractBackend> {
  const state: State = { keys, flaws, connected: new Set(), answers: new Map(), messages: 0 };
  const bodies: string[] = [];
  const statuses: number[] = [];
  const server = createServer((request, response) => {
    void answer(request, state, bodies).then((reply) => {
      if (!reply) return;
      statuses.push(reply.status);
      setTimeout(() => write(response, reply), flaws.delay?.(bodies.at(-1) ?? "") ?? 0);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connected: state.connected,
    bodies,
    statuses,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function write(response: ServerResponse, { status, body, type = "application/json" }: Reply): void {
  const headers =
    status === 307 ? { location: "/elsewhere" } : body === undefined ? {} : { "content-type": type };
  response.writeHead(status, headers).end(body);
}

async function answer(request: IncomingMessage, state: State, bodies: string[]): Promise<Reply | undefined> {
  const { flaws } = state;
  const path = (request.url ?? "").replace(flaws.stripped ?? "", "");
  const detail = (status: number) => ({ status, body: JSON.stringify({ detail: `${status}` }) });
  try {
    const body = await read(request, flaws.bodyLimit ?? 1_048_576);
    bodies.push(body);
    if (flaws.redirects) return { status: 307 };
    if (flaws.missing?.includes(path) || !(path in work)) return detail(404);
    if (flaws.wrongMethod === path) return detail(405);
    if (flaws.failsOnStrangers === path && body === "{}") return detail(500);
    if (flaws.parsesFirst && !("v" in JSON.parse(body))) return detail(422);
    const envelope = verified(request, body, path, state);
    if (flaws.never === path) return undefined;
    return await once(request, envelope, state, () => work[path]?.(envelope, state) ?? { status: 404 });
  } catch (error) {
    return detail(error instanceof Refusal ? error.status : 500);
  }
}

async function read(request: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
  }
  if (length > limit) throw new Refusal(413);
  return Buffer.concat(chunks).toString("utf8");
}

function verified(
  { headers }: IncomingMessage,
  body: string,
  path: string,
  { keys, flaws }: State,
): Envelope {
  const skips = new Set(flaws.skips);
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(
    (name) => headers[name] as string | undefined,
  );
  const isSkipped = skips.has("signature") || (skips.has("message signature") && path.endsWith("message"));
  if (keys.length > 0 && !isSkipped) {
    if ((id === undefined && !skips.has("id header")) || timestamp === undefined || signatures === undefined)
      throw new Refusal(401);
    const age = Date.now() / 1_000 - Number(timestamp);
    const tolerance = flaws.tolerance ?? 300;
    if (age > tolerance && !skips.has("old")) throw new Refusal(401);
    if (age < -tolerance && !skips.has("ahead")) throw new Refusal(401);
    const expected = keys.map(
      (key) =>
        `v1,${createHmac("sha256", Buffer.from(key.slice(6), "base64"))
          .update(`${id}.${timestamp}.${body}`)
          .digest("base64")}`,
    );
    if (id !== undefined && !signatures.split(" ").some((signature) => expected.includes(signature)))
      throw new Refusal(401);
  }
  const envelope = JSON.parse(body) as Envelope;
  if (envelope["path"] !== path && !skips.has("path")) throw new Refusal(401);
  const connection = headers["x-connection-id"];
  if (connection === undefined && !skips.has("connection header")) throw new Refusal(401);
  if (connection !== undefined && connection !== envelope["connection_id"] && !skips.has("connection"))
    throw new Refusal(401);
  return envelope;
}

/** The first answer under a webhook-id is given to whoever comes with it again. */
async function once(
  request: IncomingMessage,
  envelope: Envelope,
  { answers, flaws }: State,
  first: () => Reply,
): Promise<Reply> {
  if (flaws.forgetsRepeats || envelope["event"] === "disconnect") return first();
  const id = String(request.headers["webhook-id"]);
  const answered = answers.get(id) ?? Promise.resolve().then(first);
  answers.set(id, answered);
  return await answered;
}

const ok = (value: unknown): Reply => ({ status: 200, body: JSON.stringify(value) });

const work: Readonly<Record<string, (envelope: Envelope, state: State) => Reply>> = {
  "/api/ws/register"({ token, connection_id: id }, { connected, flaws }) {
    if (token !== "good" && !flaws.acceptsAnyToken) return { status: 401, body: '{"detail":"no"}' };
    connected.add(String(id));
    return ok({ success: true, initial: [{ type: "history" }] });
  },
  "/api/ws/message"({ connection_id: id, message }, state) {
    const { connected, flaws } = state;
    if ((!connected.has(String(id)) || flaws.forgetsConnections) && !flaws.takesStrangers)
      return { status: 401, body: '{"detail":"who?"}' };
    if (flaws.answersMessages) return { status: 200, ...flaws.answersMessages(message) };
    state.messages += 1;
    return ok({
      deliver: [
        { to: [...connected], data: { type: "message" } },
        { to: "self", data: { type: "ack", nr: state.messages } },
      ],
    });
  },
  "/api/ws/disconnect"({ connection_id: id }, { connected, flaws }) {
    if (!connected.delete(String(id)) && flaws.disconnectsOnce)
      return { status: 500, body: '{"detail":"KeyError"}' };
    return { status: 204 };
  },
};
