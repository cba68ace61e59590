import {
  contentOf,
  isAnswered,
  isDirective,
  isGood,
  isRefusal,
  isTurnedAway,
  replyFaults,
  targetsOf,
  wordsOf,
} from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, messageWebhookId } from "./probe.ts";
import { registrationFault, sameAnswers, withoutConnection } from "./register-checks.ts";
import { failed, notAsked, passed, warning, type Check, type Verdict } from "./result.ts";

const PLAIN = '{"type":"message","body":"shelfshack-check"}';
const CRASH =
  "the client gets a backend_unavailable frame; whoever sends this again and again keeps the backend busy failing";

/** Why the proxy could not work with an answer to a message; undefined where it can. */
function unusable(exchange: Exchange): string | undefined {
  if (!isAnswered(exchange) || exchange.status >= 500) return wordsOf(exchange);
  if (exchange.status >= 300 && exchange.status <= 399) return wordsOf(exchange);
  const content = isGood(exchange) ? contentOf(exchange) : { value: {} };
  return "fault" in content ? `${wordsOf(exchange)}, but ${content.fault}` : undefined;
}

const message: Check = {
  id: "message",
  title: "a message is answered with a JSON object or nothing",
  needs: ["entry", "message", "connection"],
  async run({ message: ask, findings: { connection = "" } }) {
    const exchange = await ask(connection, PLAIN);
    const fault = unusable(exchange);
    if (fault) {
      return failed(
        fault,
        "the client gets a backend_unavailable frame",
        "answer with a JSON object as application/json, or with 204",
      );
    }
    if (isTurnedAway(exchange)) {
      return failed(
        `a registered connection: ${wordsOf(exchange)}`,
        "the proxy tells the client so, and closes the connection on 401",
        "remember connection_id at register and find it again at message (also with several workers)",
      );
    }
    if (isRefusal(exchange)) return passed(`${wordsOf(exchange)}: the client gets a "rejected" frame`);
    return passed(wordsOf(exchange));
  },
};

const fanOut: Check = {
  id: "fan-out",
  title: "deliver and close have the form that the proxy carries out",
  needs: ["entry", "message", "connection"],
  async run(probe) {
    const { connection = "", registeredAs } = probe.findings;
    if (!registeredAs) return notAsked("no handshake was accepted");
    const other = markedConnection();
    const hasOther = !registrationFault(await probe.register(other, registeredAs));
    const exchange = await probe.message(connection, PLAIN);
    if (!isGood(exchange)) return notAsked(`the message was ${wordsOf(exchange)}`);
    const content = contentOf(exchange);
    if ("fault" in content) return notAsked(content.fault);
    const faults = replyFaults(content.value);
    if (faults.length > 0) {
      return failed(
        faults.join("; "),
        "the proxy does not carry out such an answer",
        'answer {"deliver": [{"to": "self" or ids, "data": frame}], "close": [ids]} and nothing beside these two keys',
      );
    }
    return passed(reach(content.value, hasOther ? other : undefined));
  },
};

function reach(value: Readonly<Record<string, unknown>>, other: string | undefined): string {
  if (Object.keys(value).length === 0) return "nobody gets anything";
  if (!isDirective(value)) return "the answer goes to the sender";
  const targets = new Set(targetsOf(value));
  return `well-formed, ${targets.size} target${targets.size === 1 ? "" : "s"}${other !== undefined && targets.has(other) ? ", the other connection of the booking among them" : ""}`;
}

const repeated: Check = {
  id: "message-repeated",
  title: "a message that is repeated gets the first answer again",
  needs: ["entry", "message", "connection"],
  async run({ message: ask, findings: { connection = "" } }) {
    const more = { webhookId: messageWebhookId() };
    const [first, second] = await Promise.all([ask(connection, PLAIN, more), ask(connection, PLAIN, more)]);
    return sameAnswers([first, second, await ask(connection, PLAIN, more)]);
  },
};

const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

/** Messages that clients do send, as the JSON text that the proxy passes on. */
const oddities: readonly { id: string; what: string; message: string }[] = [
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

const oddity = ({ id, what, message: text }: (typeof oddities)[number]): Check => ({
  id: `odd-${id}`,
  title: `${what} as a message does no harm`,
  needs: ["entry", "message"],
  async run(probe) {
    const { connection } = probe.findings;
    const exchange = await probe.message(connection ?? markedConnection(), text);
    const fault = unusable(exchange);
    if (fault)
      return failed(
        fault,
        CRASH,
        "look at the backend's log for the exception; take any JSON value as a message",
      );
    if (isAnswered(exchange) && exchange.status === 413) {
      return failed(
        wordsOf(exchange),
        "longer messages of clients are lost: 128 KB of text can grow to 768 KB when it is escaped",
        "raise the limit of the request's body to 1 MiB, also in a proxy in front",
      );
    }
    if (connection === undefined) {
      return isRefusal(exchange)
        ? withoutConnection(
            probe,
            `${wordsOf(exchange)} to a connection that it does not know, whatever the message`,
          )
        : passed(`${wordsOf(exchange)} (from a connection that the backend does not know)`);
    }
    if (!isTurnedAway(exchange)) {
      return passed(
        isRefusal(exchange) ? `${wordsOf(exchange)}: the client gets a "rejected" frame` : wordsOf(exchange),
      );
    }
    return warning(
      wordsOf(exchange),
      "the client is told that it is not authorised, and on 401 it is disconnected",
      "take any JSON value as a message, or answer 422",
    );
  },
});

/** One byte more than the backend has to take (CONTRACT.md 5). */
const OVER_LIMIT = 1_048_577;

const overLimit: Check = {
  id: "body-over-limit",
  title: "a body over 1 MiB is refused",
  needs: ["entry", "message"],
  async run(probe) {
    const exchange = await probe.message(
      probe.findings.connection ?? markedConnection(),
      `"${"x".repeat(OVER_LIMIT)}"`,
    );
    const isAlive = isAnswered(await probe.stranger("message", "{}"));
    const words = `${wordsOf(exchange)}${isAlive ? "" : "; afterwards the backend answered no more"}`;
    if (!isAlive || (isAnswered(exchange) && exchange.status >= 500)) {
      return failed(
        words,
        "one long request of a stranger makes the backend fail",
        "count the bytes while reading and stop at 1 MiB with 413",
      );
    }
    if (isGood(exchange)) {
      return failed(
        words,
        "a stranger can fill the backend's memory: nothing the proxy sends is this long",
        "count the bytes while reading and stop at 1 MiB with 413",
      );
    }
    if (isAnswered(exchange) && exchange.status === 413) return passed(words);
    return warning(
      words,
      "refused, but not for its length: it may have been read as a whole first",
      "count the bytes while reading and stop at 1 MiB with 413",
    );
  },
};

const unknownConnection: Check = {
  id: "message-unknown",
  title: "a message of an unknown connection is answered 401",
  needs: ["entry", "message"],
  async run({ message: ask }) {
    const exchange = await ask(markedConnection(), PLAIN);
    const mend = "answer 401: the proxy closes the connection, and the client comes back with its token";
    if (isAnswered(exchange) && exchange.status === 401) return passed(wordsOf(exchange));
    if (isRefusal(exchange)) {
      return warning(
        wordsOf(exchange),
        "after a restart of the backend the client stays connected and unknown",
        mend,
      );
    }
    return isGood(exchange)
      ? takenFromStranger(exchange, mend)
      : failed(wordsOf(exchange), "after a restart of the backend every client meets this", mend);
  },
};

function takenFromStranger(exchange: Exchange, mend: string): Verdict {
  return warning(
    `${wordsOf(exchange)}: taken`,
    "the backend does not know who sends this, or does not remember connections at all",
    mend,
  );
}

/** Messages of clients. */
export const messageChecks: readonly Check[] = [
  message,
  fanOut,
  repeated,
  ...oddities.map(oddity),
  overLimit,
  unknownConnection,
];
