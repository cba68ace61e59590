import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/**
 * A backend that follows the contract in every point but its flaws. It remembers every connection id that was
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

export interface Reply {
  status: number;
  body?: string;
  type?: string;
}

/** A request as it arrived; the headers are undefined where they are missing. */
interface Received {
  path: string;
  body: string;
  envelope: Record<string, unknown>;
  id: string | undefined;
  timestamp: string | undefined;
  signatures: string | undefined;
  connection: string | undefined;
}

/** One step of the signature check: whether the request passes it. */
type Step = (request: Received, keys: readonly string[]) => boolean;

/** What the backend does; a flaw puts something else in the place of a member. */
interface Behaviour {
  /** The path as the application sees it. */
  pathOf(url: string): string;
  /** Bytes. */
  bodyLimit: number;
  /** An answer before anything is checked. */
  early(path: string, body: string): Reply | undefined;
  /** Need keys. */
  signatureSteps: Readonly<Record<"id" | "timestamp" | "notOld" | "notAhead" | "signature", Step>>;
  /** Need none. */
  boundSteps: Readonly<Record<"path" | "connectionHeader" | "connection", Step>>;
  remembersAnswers: boolean;
  acceptsToken(token: unknown): boolean;
  knows(id: string, connected: ReadonlySet<string>): boolean;
  message(content: unknown, connected: ReadonlySet<string>): Reply;
  disconnect(wasConnected: boolean): Reply;
  answersAt(path: string): boolean;
  /** Milliseconds. */
  delay(body: string): number;
  /** An answer to an accepted handshake instead of the usual one. */
  register(): Reply | undefined;
  workers: number;
  diesAt: string | undefined;
}

/** One thing that a backend does wrong. */
export type Flaw = (correct: Behaviour) => Partial<Behaviour>;

const ageOf = ({ timestamp }: Received): number => Date.now() / 1_000 - Number(timestamp);

const isSigned: Step = ({ id, timestamp, signatures = "", body }, keys) => {
  const sign = (key: string) =>
    createHmac("sha256", Buffer.from(key.slice(6), "base64"))
      .update(`${id}.${timestamp}.${body}`)
      .digest("base64");
  const expected = keys.map((key) => `v1,${sign(key)}`);
  return signatures.split(" ").some((signature) => expected.includes(signature));
};

const ok = (value: unknown): Reply => ({ status: 200, body: JSON.stringify(value) });
const detail = (status: number): Reply => ({ status, body: JSON.stringify({ detail: `${status}` }) });

function correctBehaviour(): Behaviour {
  let messages = 0;
  return {
    pathOf: (url) => url,
    bodyLimit: 1_048_576,
    early: () => undefined,
    signatureSteps: {
      id: ({ id }) => id !== undefined,
      timestamp: ({ timestamp }) => timestamp !== undefined,
      notOld: (request) => !(ageOf(request) > 300),
      notAhead: (request) => !(ageOf(request) < -300),
      signature: isSigned,
    },
    boundSteps: {
      path: ({ path, envelope }) => envelope["path"] === path,
      connectionHeader: ({ connection }) => connection !== undefined,
      connection: ({ connection, envelope }) =>
        connection === undefined || envelope["connection_id"] === connection,
    },
    remembersAnswers: true,
    acceptsToken: (token) => token === "good",
    knows: (id, connected) => connected.has(id),
    message(_content, connected) {
      messages += 1;
      const ack = { to: "self", data: { type: "ack", nr: messages } };
      return ok({ deliver: [{ to: [...connected], data: { type: "message" } }, ack] });
    },
    disconnect: () => ({ status: 204 }),
    answersAt: () => true,
    delay: () => 0,
    register: () => undefined,
    workers: 1,
    diesAt: undefined,
  };
}

/** Checks no signature, at this path or at all of them. */
export const checksNoSignature =
  (at?: string): Flaw =>
  ({ signatureSteps }) => {
    const steps = Object.entries(signatureSteps).map(([name, step]): [string, Step] => [
      name,
      (request, keys) => at === undefined || request.path === at || step(request, keys),
    ]);
    return { signatureSteps: Object.fromEntries(steps) as Behaviour["signatureSteps"] };
  };
export const acceptsMissingId: Flaw = ({ signatureSteps }) => ({
  signatureSteps: {
    ...signatureSteps,
    id: () => true,
    signature: (request, keys) => request.id === undefined || isSigned(request, keys),
  },
});
export const acceptsMissingConnection: Flaw = ({ boundSteps }) => ({
  boundSteps: { ...boundSteps, connectionHeader: () => true },
});
export const acceptsOld: Flaw = ({ signatureSteps }) => ({
  signatureSteps: { ...signatureSteps, notOld: () => true },
});
export const acceptsFuture: Flaw = ({ signatureSteps }) => ({
  signatureSteps: { ...signatureSteps, notAhead: () => true },
});
/** Seconds either way. */
export const toleratesOnly =
  (seconds: number): Flaw =>
  ({ signatureSteps }) => ({
    signatureSteps: {
      ...signatureSteps,
      notOld: (request) => !(ageOf(request) > seconds),
      notAhead: (request) => !(ageOf(request) < -seconds),
    },
  });
export const comparesNoPath: Flaw = ({ boundSteps }) => ({ boundSteps: { ...boundSteps, path: () => true } });
export const comparesNoConnection: Flaw = ({ boundSteps }) => ({
  boundSteps: { ...boundSteps, connection: () => true },
});
export const acceptsAnyToken: Flaw = () => ({ acceptsToken: () => true });
export const forgetsAnswers: Flaw = () => ({ remembersAnswers: false });
export const redirects: Flaw = () => ({ early: () => ({ status: 307 }) });
export const lacks =
  (missing: string): Flaw =>
  () => ({ early: (path) => (path === missing ? detail(404) : undefined) });
export const takesNoPostAt =
  (refused: string): Flaw =>
  () => ({ early: (path) => (path === refused ? detail(405) : undefined) });
/** Fails on a body without an envelope, at this path. */
export const failsOnEmptyObjectsAt =
  (failing: string): Flaw =>
  () => ({ early: (path, body) => (path === failing && body === "{}" ? detail(500) : undefined) });
export const takesBodiesUpTo =
  (bodyLimit: number): Flaw =>
  () => ({ bodyLimit });
export const answersMessages =
  (answer: (content: unknown) => Partial<Reply>): Flaw =>
  () => ({ message: (content) => ({ status: 200, ...answer(content) }) });
export const failsOnSecondEnd: Flaw = () => ({
  disconnect: (wasConnected) =>
    wasConnected ? { status: 204 } : { status: 500, body: '{"detail":"KeyError"}' },
});
export const acceptsUnknownConnections: Flaw = () => ({ knows: () => true });
export const forgetsConnections: Flaw = () => ({ knows: () => false });
/** Milliseconds, by the body. */
export const delays =
  (delay: (body: string) => number): Flaw =>
  () => ({ delay });
export const neverAnswersAt =
  (silent: string): Flaw =>
  () => ({ answersAt: (path) => path !== silent });
/** Several workers without a common memory: each new TCP connection leads to the next one. */
export const hasWorkers =
  (workers: number): Flaw =>
  () => ({ workers });
/** Ends its process at a message that holds this text. */
export const diesAt =
  (text: string): Flaw =>
  () => ({ diesAt: text });
/** A framework that knows other host names only. */
export const hasAnotherHost: Flaw = () => ({
  early: () => ({ status: 400, body: "Invalid host header", type: "text/plain" }),
});
/** Handshakes with a model of its own, as FastAPI refuses other bodies. */
export const expectsOtherFields: Flaw = () => ({
  register: () => ({ status: 422, body: '{"detail":[{"loc":["body","user"],"msg":"Field required"}]}' }),
});
/** An application with a limit for the text of a message, in letters. */
export const takesMessagesUpTo =
  (limit: number): Flaw =>
  ({ message }) => ({
    message: (content, connected) =>
      String((content as { text?: unknown } | null)?.text ?? "").length > limit
        ? detail(413)
        : message(content, connected),
  });
/** Behind a reverse proxy that strips this prefix of the path. */
export const isBehind =
  (prefix: string): Flaw =>
  () => ({ pathOf: (url) => url.replace(prefix, "") });

class Refusal extends Error {
  constructor(readonly status: number) {
    super(`refused with ${status}`);
  }
}

interface State {
  keys: readonly string[];
  behaviour: Behaviour;
  connected: Set<string>;
  answers: Map<string, Promise<Reply>>;
  bodies: string[];
}

/** Starts it on 127.0.0.1. It accepts the token `good`; `keys` may be changed while it runs. */
export async function startContractBackend(
  keys: readonly string[],
  ...flaws: readonly Flaw[]
): Promise<ContractBackend> {
  const behaviour = flaws.reduce((all, flaw) => ({ ...all, ...flaw(all) }), correctBehaviour());
  const state: State = { keys, behaviour, connected: new Set(), answers: new Map(), bodies: [] };
  const { connected, bodies } = state;
  const statuses: number[] = [];
  const workers = Array.from({ length: behaviour.workers }, (_, index) =>
    index === 0 ? state : { ...state, connected: new Set<string>(), answers: new Map() },
  );
  const workerOf = new WeakMap<Socket, State>();
  let accepted = 0;
  const server = createServer((request, response) => {
    void answer(request, workerOf.get(request.socket) ?? state).then((reply) => {
      if (behaviour.diesAt !== undefined && bodies.at(-1)?.includes(behaviour.diesAt)) {
        server.close();
        server.closeAllConnections();
        return;
      }
      if (!reply) return;
      statuses.push(reply.status);
      setTimeout(() => write(response, reply), behaviour.delay(bodies.at(-1) ?? ""));
    });
  });
  server.on("connection", (socket) => workerOf.set(socket, workers[accepted++ % workers.length] ?? state));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connected,
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

async function answer(request: IncomingMessage, state: State): Promise<Reply | undefined> {
  const { behaviour, bodies } = state;
  const path = behaviour.pathOf(request.url ?? "");
  try {
    const body = await read(request, behaviour.bodyLimit);
    bodies.push(body);
    const early = behaviour.early(path, body);
    if (early) return early;
    const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
    if (!endpoint) return detail(404);
    const received = verified(request, path, body, state);
    if (!behaviour.answersAt(path)) return undefined;
    return await once(received, state, () => endpoint(received.envelope, state));
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
  path: string,
  body: string,
  { keys, behaviour }: State,
): Received {
  const header = (name: string) => headers[name] as string | undefined;
  const received = {
    path,
    body,
    envelope: {},
    id: header("webhook-id"),
    timestamp: header("webhook-timestamp"),
    signatures: header("webhook-signature"),
    connection: header("x-connection-id"),
  };
  const passes = (request: Received, steps: Readonly<Record<string, Step>>) =>
    Object.values(steps).every((step) => step(request, keys));
  if (keys.length > 0 && !passes(received, behaviour.signatureSteps)) throw new Refusal(401);
  const parsed = { ...received, envelope: JSON.parse(body) as Received["envelope"] };
  if (!passes(parsed, behaviour.boundSteps)) throw new Refusal(401);
  return parsed;
}

/** A repeat under a webhook-id gets the first answer. */
async function once(
  { id, envelope }: Received,
  { answers, behaviour }: State,
  first: () => Reply,
): Promise<Reply> {
  if (!behaviour.remembersAnswers || envelope["event"] === "disconnect") return first();
  const answered = answers.get(String(id)) ?? Promise.resolve().then(first);
  answers.set(String(id), answered);
  return await answered;
}

const endpoints: Readonly<Record<string, (envelope: Received["envelope"], state: State) => Reply>> = {
  "/api/ws/register"({ token, connection_id: id }, { connected, behaviour }) {
    if (!behaviour.acceptsToken(token)) return { status: 401, body: '{"detail":"no"}' };
    const other = behaviour.register();
    if (other) return other;
    connected.add(String(id));
    return ok({ success: true, initial: [{ type: "history" }] });
  },
  "/api/ws/message"({ connection_id: id, message }, { connected, behaviour }) {
    if (!behaviour.knows(String(id), connected)) return { status: 401, body: '{"detail":"who?"}' };
    return behaviour.message(message, connected);
  },
  "/api/ws/disconnect"({ connection_id: id }, { connected, behaviour }) {
    return behaviour.disconnect(connected.delete(String(id)));
  },
};
