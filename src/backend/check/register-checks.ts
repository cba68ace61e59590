import { contentOf, initialFaults, isAnswered, isGood, isRefusal, isTurnedAway, wordsOf } from "./answer.ts";
import type { Answered, Exchange } from "./exchange.ts";
import { markedConnection, type Probe, type Visitor } from "./probe.ts";
import { failed, notAsked, passed, warning, type Check, type Verdict } from "./result.ts";

/** A type whose handshake the proxy lets through without a token. */
const OPEN_TYPE = "feed";

const register: Check = {
  id: "register",
  title: "a handshake with a good token is accepted",
  needs: ["entry", "register"],
  async run(probe) {
    const { token, type } = probe.subject;
    if (token === undefined) return await withoutToken(probe);
    const { exchange, fault } = await registered(probe, { type, token });
    if (!fault)
      return passed(`type ${type}, booking ${probe.subject.booking}, the given token: ${wordsOf(exchange)}`);
    return refusedRegistration(probe, exchange, fault);
  },
};

async function withoutToken(probe: Probe): Promise<Verdict> {
  const { paths, booking } = probe.subject;
  // A good backend gives no booking away without a token, so none is named where the path can do without.
  const who = {
    type: OPEN_TYPE,
    token: null,
    booking: paths.register.includes("{booking_id}") ? booking : null,
  };
  const { exchange, fault } = await registered(probe, who);
  const sent = `it takes a token that the backend accepts (--token); sent instead: type ${OPEN_TYPE} without a token, ${fault ?? wordsOf(exchange)}`;
  const isBroken =
    !isAnswered(exchange) || exchange.status >= 500 || (isGood(exchange) && "fault" in contentOf(exchange));
  return isBroken
    ? failed(
        sent,
        "the client's handshake ends with 502 or 504",
        "look at the backend's log for the exception",
      )
    : notAsked(sent, "token");
}

/** Registers a marked connection and remembers it when it was accepted. */
async function registered(
  probe: Probe,
  who: Visitor,
): Promise<{ exchange: Exchange; fault: string | undefined }> {
  const connectionId = markedConnection();
  const exchange = await probe.register(connectionId, who);
  const fault = registrationFault(exchange);
  if (!fault) {
    probe.findings.connection = connectionId;
    probe.findings.registeredAs = who;
  }
  return { exchange, fault };
}

/** The verdict on what would take a registered connection. */
export const withoutConnection = ({ subject: { token } }: Probe, happened: string): Verdict =>
  notAsked(happened, token === undefined ? "token" : undefined);

/** Why an answer to `register` does not let the client in as it should; undefined where it does. */
export function registrationFault(exchange: Exchange): string | undefined {
  if (!isGood(exchange)) return wordsOf(exchange);
  const content = contentOf(exchange);
  if ("fault" in content) return `${wordsOf(exchange)}, but ${content.fault}`;
  if (!isAccepting(exchange)) return `${wordsOf(exchange)} with "success" other than true`;
  return initialFaults(content.value)[0];
}

/** Whether the client would be let in by a 2xx answer (CONTRACT.md 2). */
export function isAccepting(answer: Answered): boolean {
  const content = contentOf(answer);
  return "value" in content && [undefined, true].includes(content.value["success"] as boolean | undefined);
}

function refusedRegistration({ subject }: Probe, exchange: Exchange, fault: string): Verdict {
  const words = `type ${subject.type}, booking ${subject.booking}, the given token: ${fault}`;
  if (isRefusal(exchange)) {
    return failed(
      words,
      "the client is refused with this status, or with 502",
      "pass a token that is valid for this type and booking: --token, --type, --booking; or look at why the backend refuses it",
    );
  }
  return failed(
    words,
    "the client's handshake ends with 502, 403 or 504",
    'answer with {"success": true} as application/json, or with nothing',
  );
}

const badToken: Check = {
  id: "bad-token",
  title: "a handshake with a bad token is refused",
  needs: ["entry", "register"],
  async run(probe) {
    const exchange = await probe.register(markedConnection(), {
      type: probe.subject.type,
      token: "shelfshack-check-not-a-token",
    });
    const words = `type ${probe.subject.type}, a token that nobody made: ${wordsOf(exchange)}`;
    const isUnreadable = isGood(exchange) && "fault" in contentOf(exchange);
    if (isGood(exchange) && !isUnreadable) {
      if (!isAccepting(exchange)) return passed(`${words} with "success" other than true`);
      return failed(
        words,
        "anybody gets in, with any token",
        "check the token in register; answer 401 when it is not valid",
      );
    }
    if (isTurnedAway(exchange)) return passed(words);
    if (isRefusal(exchange)) {
      return warning(
        words,
        "the client is refused, but this status does not tell it to get a new token",
        "answer 401",
      );
    }
    return failed(
      words,
      "the client's handshake ends with 502 or 504 instead of a refusal",
      "look at the backend's log for the exception; answer 401",
    );
  },
};

const repeatedHandshake: Check = {
  id: "register-repeated",
  title: "a handshake that is repeated gets the first answer again",
  needs: ["entry", "register", "connection"],
  async run(probe) {
    const { registeredAs } = probe.findings;
    if (!registeredAs) return notAsked("no handshake was accepted");
    const connectionId = markedConnection();
    const more = { webhookId: `msg_c_${connectionId.slice(0, -1)}` };
    const first = await probe.register(connectionId, registeredAs, more);
    const second = await probe.register(connectionId, registeredAs, more);
    return sameAnswers([first, second]);
  },
};

/** The verdict on answers to one request that came several times under one webhook-id. */
export function sameAnswers([first, ...others]: readonly [Exchange, ...Exchange[]]): Verdict {
  const words = [first, ...others].map(wordsOf).join(", then ");
  const isSame = (other: Exchange) =>
    isAnswered(first) && isAnswered(other) && first.status === other.status && first.body.equals(other.body);
  if (others.every(isSame)) {
    return passed(
      `the same answer ${others.length === 1 ? "twice" : `${others.length + 1} times`} (${wordsOf(first)})`,
    );
  }
  return failed(
    `${words}${others.some((other) => wordsOf(other) !== wordsOf(first)) ? "" : ", with other content"}`,
    "the proxy repeats a request whose answer was lost: here the work is done again",
    "remember the answer under the webhook-id for 600 s and give it again; let a repeat wait while the first is still being worked on",
  );
}

/** The handshake. */
export const registerChecks: readonly Check[] = [register, badToken, repeatedHandshake];
