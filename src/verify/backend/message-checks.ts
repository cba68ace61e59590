import { LONGEST_REQUEST } from "../../contract/envelope.ts";
import { byHand, failed, passed, skipped, warning, type Verdict } from "../check.ts";
import {
  contentOf,
  isAnswered,
  isDirective,
  isGood,
  isRefusal,
  isUnauthorized,
  replyFaults,
  targetsOf,
  wordsOf,
} from "./answer.ts";
import { lackOfConnection, type Unasked } from "./conversation.ts";
import { CHECK_LOG } from "./entry-checks.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, messageWebhookId, type Probe } from "./probe.ts";
import { question, unjudged, type BackendCheck } from "./question.ts";
import { registrationFault, sameAnswers, type Answers } from "./register-checks.ts";

const PLAIN = '{"type":"message","body":"shelfshack-check"}';
const UNAVAILABLE = "the client gets a backend_unavailable frame";

/** Why the proxy could not use an answer to a message; undefined where it can. */
function unusable(exchange: Exchange): string | undefined {
  if (!isAnswered(exchange) || exchange.status >= 500) return wordsOf(exchange);
  if (exchange.status >= 300 && exchange.status <= 399) return wordsOf(exchange);
  const content = isGood(exchange) ? contentOf(exchange) : { value: {} };
  return "fault" in content ? `${wordsOf(exchange)}, but ${content.fault}` : undefined;
}

/** How often a registered connection is asked for over TCP connections of their own, and how many at once. */
const ROUNDS = 6;
const AT_ONCE = 4;

const everyWorker = question({
  id: "every-worker",
  title: "a connection is known over every TCP connection",
  requires: ["entry", "message", "connection"],
  async ask(probe) {
    const { connection = "" } = probe.findings;
    const ask = () => probe.message(connection, PLAIN, { isSeparate: true });
    const answers: Exchange[] = [await ask()];
    for (let round = 0; round < ROUNDS && !answers.some((one) => !isAnswered(one)); round++)
      answers.push(...(await Promise.all(Array.from({ length: AT_ONCE }, ask))));
    if (isKnownToSome(answers)) {
      probe.findings.connection = undefined;
      probe.findings.noConnection = "not every worker knows a registered connection";
    }
    return answers;
  },
  judge(answers) {
    const count = answers.length;
    const known = answers.filter(isGood).length;
    if (known === count) return passed(`all of ${count} know a registered one`);
    if (!isKnownToSome(answers))
      return skipped(`${known} of ${count} messages were answered well, see below`);
    return failed(
      "registry-not-shared",
      `${answers.filter(isRefusal).length} of ${count} TCP connections lead to where a registered` +
        " connection is not known",
      "several workers or machines, each with its own memory: by chance clients are told to connect again",
      byHand(
        "store connections and answers in one place (kit: RedisConnections, RedisAnswers), or run one worker",
      ),
    );
  },
});

const isKnownToSome = (answers: readonly Exchange[]): boolean =>
  answers.some(isGood) && answers.some(isRefusal);

const message = question({
  id: "message-answer",
  title: "a message is answered with a JSON object or nothing",
  requires: ["entry", "message", "connection"],
  ask: ({ message: send, findings: { connection = "" } }) => send(connection, PLAIN),
  judge(exchange) {
    const fault = unusable(exchange);
    if (fault) {
      const fix = "answer with a JSON object as application/json, or with 204";
      return failed("backend-answer-invalid", fault, UNAVAILABLE, byHand(fix));
    }
    if (!isUnauthorized(exchange)) return passed(answeredWords(exchange));
    return failed(
      "connection-forgotten",
      `a registered connection: ${wordsOf(exchange)}`,
      "the proxy tells the client so, and closes the connection on 401",
      byHand(
        "store connection_id at register and find it at message (with several workers: in a shared store)",
      ),
    );
  },
});

const answeredWords = (exchange: Exchange): string =>
  isRefusal(exchange) ? `${wordsOf(exchange)}: the client gets a "rejected" frame` : wordsOf(exchange);

const fanOut = question({
  id: "fan-out",
  title: "deliver and close have the form that the proxy understands",
  requires: ["entry", "message", "connection"],
  async ask(probe) {
    const { connection = "", registeredAs } = probe.findings;
    const other = markedConnection();
    const hasOther = registeredAs && !registrationFault(await probe.register(other, registeredAs));
    return { exchange: await probe.message(connection, PLAIN), other: hasOther ? other : undefined };
  },
  judge({ exchange, other }) {
    if (!isGood(exchange)) return skipped(`the message was ${wordsOf(exchange)}`);
    const content = contentOf(exchange);
    if ("fault" in content) return skipped(content.fault);
    const faults = replyFaults(content.value);
    if (faults.length === 0) return passed(reach(content.value, other));
    return failed(
      "backend-answer-invalid",
      faults.join("; "),
      "the proxy does not carry out such an answer",
      byHand('answer {"deliver": [{"to": "self" or ids, "data": frame}], "close": [ids]} without other keys'),
    );
  },
});

function reach(value: Readonly<Record<string, unknown>>, other: string | undefined): string {
  if (Object.keys(value).length === 0) return "nothing is sent";
  if (!isDirective(value)) return "the answer goes to the sender";
  const targets = new Set(targetsOf(value));
  const count = `${targets.size} target${targets.size === 1 ? "" : "s"}`;
  const reached = other !== undefined && targets.has(other);
  return `well-formed, ${count}${reached ? ", one of them the other connection of the booking" : ""}`;
}

const repeated = question({
  id: "message-repeated",
  title: "a repeated message gets the first answer again",
  requires: ["entry", "message", "connection"],
  async ask({ message: send, findings: { connection = "" } }): Promise<Answers> {
    const more = { webhookId: messageWebhookId(), isSeparate: true };
    const [first, second] = await Promise.all([send(connection, PLAIN, more), send(connection, PLAIN, more)]);
    return [first, second, await send(connection, PLAIN, more)];
  },
  judge: sameAnswers,
});

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

/** Messages that clients do send, as the JSON text that the proxy passes on. */
const unusualMessages: readonly { id: string; what: string; message: string }[] = [
  { id: "text", what: "plain text", message: '{"text":"not JSON"}' },
  { id: "string", what: "a JSON string", message: '"hello"' },
  { id: "number", what: "a number", message: "5" },
  { id: "array", what: "an array", message: "[1]" },
  { id: "null", what: "null", message: "null" },
  { id: "long", what: "128 KB", message: JSON.stringify({ text: "x".repeat(131_060) }) },
  {
    id: "escaped",
    what: "128 KB of control characters, 768 KB when escaped",
    message: `{"text":"${"\\u0001".repeat(131_072)}"}`,
  },
  { id: "nested", what: "2,000 nested arrays", message: nested(2_000) },
  { id: "abyss", what: "65,000 nested arrays", message: nested(65_000) },
  { id: "nul", what: "a NUL character", message: '{"text":"a\\u0000b"}' },
  { id: "surrogate", what: "half a surrogate pair", message: '{"text":"\\ud800"}' },
  {
    id: "proto",
    what: "__proto__ and constructor",
    message: '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  },
  { id: "infinite", what: "the number 1e999", message: '{"n":1e999}' },
];

const unusualCheck = ({ id, what, message: text }: (typeof unusualMessages)[number]): BackendCheck =>
  question({
    id: `odd-${id}`,
    title: `${what} as a message is handled`,
    requires: ["entry", "message"],
    async ask(probe): Promise<Unusual> {
      const exchange = await probe.message(probe.findings.connection ?? markedConnection(), text);
      const because = `${wordsOf(exchange)}, for any message of an unknown connection`;
      return {
        exchange,
        lack: lackOfConnection(probe, because),
        isByApplication: isTooLarge(exchange) && (await isRefusedByApplication(probe, text)),
      };
    },
    judge: (said) => unhandled(said) ?? handled(said),
  });

/** What an unusual message has met. */
interface Unusual {
  exchange: Exchange;
  /** Whether the application has found it too large, and not a limit before it. */
  isByApplication: boolean;
  /** Why it was sent from an unknown connection. */
  lack: Unasked | undefined;
}

const isTooLarge = (exchange: Exchange) => isAnswered(exchange) && exchange.status === 413;

/** A limit of the body counts for every sender; an application refuses unknown connections first. */
const isRefusedByApplication = async (probe: Probe, text: string): Promise<boolean> =>
  probe.findings.connection !== undefined && !isTooLarge(await probe.message(markedConnection(), text));

/** The failure where an unusual message broke the backend, or did not get through. */
function unhandled({ exchange, isByApplication }: Unusual): Verdict | undefined {
  const fault = unusable(exchange);
  if (fault)
    return failed(
      "backend-failed",
      fault,
      `${UNAVAILABLE}; a client that repeats this keeps the backend busy failing`,
      byHand(`${CHECK_LOG}; take any JSON value as a message`),
    );
  if (!isTooLarge(exchange) || isByApplication) return undefined;
  return failed(
    "body-limit-low",
    wordsOf(exchange),
    "longer messages of clients are lost: 128 KB of text can grow to 768 KB when it is escaped",
    byHand("raise the limit of the request's body to 1 MiB, also in a reverse proxy"),
  );
}

function handled({ exchange, isByApplication, lack }: Unusual): Verdict {
  if (isByApplication)
    return passed(`${wordsOf(exchange)} by the application: the client gets a "rejected" frame`);
  if (lack)
    return isRefusal(exchange) ? unjudged(lack) : passed(`${wordsOf(exchange)}, for an unknown connection`);
  if (!isUnauthorized(exchange)) return passed(answeredWords(exchange));
  return warning(
    "message-refused",
    wordsOf(exchange),
    "the client gets an unauthorized frame, and on 401 it is disconnected",
    byHand("take any JSON value as a message, or answer 422"),
  );
}

const COUNT_BYTES = byHand("count the bytes while reading and stop at 1 MiB with 413");

const overLimit = question({
  id: "body-over-limit",
  title: "a body over 1 MiB is rejected",
  requires: ["entry", "message"],
  async ask(probe) {
    const connection = probe.findings.connection ?? markedConnection();
    const exchange = await probe.message(connection, `"${"x".repeat(LONGEST_REQUEST + 1)}"`);
    return { exchange, isAlive: isAnswered(await probe.unsignedRequest("message", "{}")) };
  },
  judge({ exchange, isAlive }) {
    const evidence = `${wordsOf(exchange)}${isAlive ? "" : "; after that the backend no longer answered"}`;
    if (!isAlive || (isAnswered(exchange) && exchange.status >= 500))
      return failed("backend-failed", evidence, "one long request crashes the backend", COUNT_BYTES);
    if (isGood(exchange)) {
      const means = "an unsigned request can exhaust memory: the proxy sends nothing this long";
      return failed("body-limit-missing", evidence, means, COUNT_BYTES);
    }
    if (isTooLarge(exchange)) return passed(evidence);
    const means = "rejected, but not for its length: it may have been read as a whole first";
    return warning("refusal-unclear", evidence, means, COUNT_BYTES);
  },
});

const CONNECT_AGAIN = byHand(
  "answer 401: the proxy closes the connection, and the client connects again with its token",
);

const unknownConnection = question({
  id: "message-unknown",
  title: "a message of an unknown connection is answered with 401",
  requires: ["entry", "message"],
  ask: ({ message: send }) => send(markedConnection(), PLAIN),
  judge(exchange) {
    const evidence = wordsOf(exchange);
    if (isAnswered(exchange) && exchange.status === 401) return passed(evidence);
    if (isRefusal(exchange)) {
      const means = "after a restart of the backend the client stays connected and unknown";
      return warning("refusal-unclear", evidence, means, CONNECT_AGAIN);
    }
    if (isGood(exchange)) {
      const means = "the backend does not know the sender, or does not store connections at all";
      return warning("connection-unchecked", evidence, means, CONNECT_AGAIN);
    }
    const means = "after a restart of the backend every client meets this";
    return failed("backend-failed", evidence, means, CONNECT_AGAIN);
  },
});

/** Messages of clients. */
export const messageChecks: readonly BackendCheck[] = [
  everyWorker,
  message,
  fanOut,
  repeated,
  ...unusualMessages.map(unusualCheck),
  overLimit,
  unknownConnection,
];
