import { LONGEST_FRAME } from "../../contract/envelope.ts";
import { explainConnection, type NetworkExplanation } from "../../errors/network.ts";
import type { Answered, Exchange, Unanswered } from "./exchange.ts";

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isAnswered = (exchange: Exchange): exchange is Answered => "status" in exchange;
/** Whether the backend answered with a 2xx status. */
export const isGood = (exchange: Exchange): exchange is Answered =>
  isAnswered(exchange) && exchange.status >= 200 && exchange.status <= 299;
/** Whether the backend answered with a 4xx status. */
export const isRefusal = (exchange: Exchange): boolean =>
  isAnswered(exchange) && exchange.status >= 400 && exchange.status <= 499;
/** Whether the backend rejected the request as not the proxy's: 401 or 403. */
export const isUnauthorized = (exchange: Exchange): boolean =>
  isAnswered(exchange) && [401, 403].includes(exchange.status);

/** Whether the backend accepted the request as the proxy's, even if it failed after that. */
export const isAccepted = (exchange: Exchange): boolean => isAnswered(exchange) && !isUnauthorized(exchange);
/** Whether the backend took the request and then sent no answer in time. */
export const isTimeout = (exchange: Exchange): boolean =>
  !isAnswered(exchange) && exchange.phase === "http" && exchange.code === "";

/** Whether the connection failed, other than by our own time limit. */
export const isBroken = (exchange: Exchange): boolean => !isAnswered(exchange) && !isTimeout(exchange);

/** The first line of an answer's text, shortened; empty where there is none. */
export const firstLineOf = (exchange: Exchange): string =>
  isAnswered(exchange)
    ? (
        exchange.body
          .toString("utf8")
          .trim()
          .split(/[\r\n]/)[0] ?? ""
      ).slice(0, 200)
    : "";

/** Starlette's TrustedHostMiddleware, Django and Rails answer a host name that they do not know like this. */
export const isForeignHost = (exchange: Exchange): boolean =>
  isAnswered(exchange) &&
  [400, 403, 421].includes(exchange.status) &&
  /invalid host|disallowedhost|blocked hosts?/i.test(firstLineOf(exchange));

/** An exchange in a few words. */
export const wordsOf = (exchange: Exchange): string =>
  isAnswered(exchange) ? `answered ${exchange.status}` : `no answer: ${explainUnanswered(exchange).meaning}`;

/** Why there was no answer, and what to do. */
export const explainUnanswered = (exchange: Unanswered): NetworkExplanation =>
  explainConnection({ ...exchange, peer: "backend" });

/**
 * What a good answer says: a JSON object (empty where it says nothing), or what is wrong with it (CONTRACT.md
 * 2 and 3).
 */
export function contentOf({
  status,
  headers,
  body,
  isTooLong,
}: Answered): { value: Members } | { fault: string } {
  if (status === 204 || body.length === 0) return { value: {} };
  if (isTooLong) return { fault: "the answer is over 1 MiB" };
  if (!/^(identity)?$/i.test(headers["content-encoding"] ?? "")) {
    return { fault: `the answer is encoded with ${headers["content-encoding"]} without being requested` };
  }
  const type = headers["content-type"] ?? "none";
  if (!jsonTypes.test(type))
    return { fault: `the answer's content type is ${type}, not application/json in UTF-8` };
  const value = parsed(body);
  if (value === undefined) return { fault: "the answer is not JSON in UTF-8" };
  if (value !== null && !isMembers(value)) return { fault: "the answer is JSON but not an object" };
  return { value: value ?? {} };
}

/**
 * What the proxy reads: of the parameters only a charset counts, UTF-8 or ASCII. A test holds this and the
 * handler's own rule against one table.
 */
const jsonTypes =
  /^application\/([\w.+-]+\+)?json\s*(;(?!\s*charset\s*=)[^;]*|;\s*charset="?(utf-?8|(us-)?ascii)"?\s*)*$/i;

/** Skips a byte order mark, as the handler does. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A directive: an object whose only keys are `deliver` and `close`. */
export const isDirective = (value: Members): boolean =>
  Object.keys(value).length > 0 && Object.keys(value).every((key) => ["deliver", "close"].includes(key));

/** What is wrong with an answer to a message (CONTRACT.md 3); empty where nothing is. */
export function replyFaults(value: Members): string[] {
  if (isDirective(value))
    return [...deliverFaults(value["deliver"] ?? []), ...closeFaults(value["close"] ?? [])];
  const mixed = ["deliver", "close"].filter((key) => key in value);
  const others = Object.keys(value).filter((key) => !mixed.includes(key));
  return [
    ...(mixed.length > 0
      ? [`${mixed.join(" and ")} beside ${others.join(", ")}: no directive, all of it goes to the sender`]
      : []),
    ...frameFaults(value, "the answer"),
  ];
}

function deliverFaults(deliver: unknown): string[] {
  if (!Array.isArray(deliver)) return ["deliver is not a list"];
  return deliver.flatMap((entry: unknown, index) => {
    const place = `deliver[${index}]`;
    if (!isMembers(entry)) return [`${place} is not an object`];
    if (!("data" in entry)) return [`${place} has no data`];
    return [...targetFaults(entry["to"], `${place}.to`), ...frameFaults(entry["data"], `${place}.data`)];
  });
}

const closeFaults = (close: unknown): string[] =>
  Array.isArray(close) ? targetFaults(close, "close") : ["close is not a list"];

function targetFaults(to: unknown, place: string): string[] {
  const targets: unknown[] = Array.isArray(to) ? to : [to];
  const isTarget = (target: unknown) => typeof target === "string" && /^[A-Za-z0-9_=-]{1,128}$/.test(target);
  return targets.every(isTarget) ? [] : [`${place} is neither "self", a connection id nor a list of them`];
}

/** What is wrong with something that is to be sent to a client. */
function frameFaults(frame: unknown, place: string): string[] {
  return Buffer.byteLength(JSON.stringify(frame) ?? "") > LONGEST_FRAME ? [`${place} is over 128 KB`] : [];
}

/** What is wrong with the `initial` frames of an answer to a handshake (CONTRACT.md 2). */
export function initialFaults({ initial = [] }: Members): string[] {
  const frames: unknown[] = Array.isArray(initial) ? initial : [initial];
  return frames.flatMap((frame, index) => frameFaults(frame, `initial[${index}]`));
}

/** Every connection id that a directive sends to or closes. */
export function targetsOf({ deliver = [], close = [] }: Members): unknown[] {
  const entries: unknown[] = Array.isArray(deliver) ? deliver : [];
  return [...entries.flatMap((entry) => (isMembers(entry) ? entry["to"] : [])), close].flat();
}
