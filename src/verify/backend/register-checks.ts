import { byHand, failed, passed, skipped, warning, type Verdict } from "../check.ts";
import {
  contentOf,
  firstLineOf,
  initialFaults,
  isAnswered,
  isGood,
  isRefusal,
  isUnauthorized,
  wordsOf,
} from "./answer.ts";
import { CHECK_LOG, READ_FIELDS } from "./entry-checks.ts";
import type { Answered, Exchange } from "./exchange.ts";
import { markedConnection, type Client, type Probe } from "./probe.ts";
import { question, type BackendCheck } from "./question.ts";

/** A type that the proxy passes on without a token. */
const OPEN_TYPE = "feed";

const register = question({
  id: "register",
  title: "a handshake with a valid token is accepted",
  requires: ["entry", "register"],
  async ask(probe) {
    const { token, type, paths, booking } = probe.subject;
    if (token !== undefined) return await registered(probe, { type, token });
    // A good backend refuses a booking without a token, so none is named where the path does not need it.
    const named = paths.register.includes("{booking_id}") ? booking : null;
    return await registered(probe, { type: OPEN_TYPE, token: null, booking: named });
  },
  judge(exchange, { subject }) {
    if (subject.token === undefined) return withoutToken(exchange);
    const evidence = `type ${subject.type}, booking ${subject.booking}, the given token: `;
    const fault = registrationFault(exchange);
    return fault ? refusedRegistration(exchange, evidence + fault) : passed(evidence + wordsOf(exchange));
  },
});

/** Registers a marked connection and remembers it when it was accepted. */
async function registered(probe: Probe, who: Client): Promise<Exchange> {
  const connectionId = markedConnection();
  const exchange = await probe.register(connectionId, who);
  if (!registrationFault(exchange)) {
    probe.findings.connection = connectionId;
    probe.findings.registeredAs = who;
  }
  return exchange;
}

function withoutToken(exchange: Exchange): Verdict {
  const words = registrationFault(exchange) ?? wordsOf(exchange);
  const evidence = `no --token was given; type ${OPEN_TYPE} without a token: ${words}`;
  const isBroken =
    !isAnswered(exchange) || exchange.status >= 500 || (isGood(exchange) && "fault" in contentOf(exchange));
  return isBroken
    ? failed("backend-failed", evidence, "the client's handshake ends with 502 or 504", byHand(CHECK_LOG))
    : skipped(evidence, "token");
}

/** Why an answer to `register` does not accept the client as it should; undefined where it does. */
export function registrationFault(exchange: Exchange): string | undefined {
  if (!isGood(exchange)) return wordsOf(exchange);
  const content = contentOf(exchange);
  if ("fault" in content) return `${wordsOf(exchange)}, but ${content.fault}`;
  if (!acceptsClient(exchange)) return `${wordsOf(exchange)} with "success" other than true`;
  return initialFaults(content.value)[0];
}

/** Whether a 2xx answer accepts the client (CONTRACT.md 2). */
export function acceptsClient(answer: Answered): boolean {
  const content = contentOf(answer);
  return "value" in content && [undefined, true].includes(content.value["success"] as boolean | undefined);
}

function refusedRegistration(exchange: Exchange, evidence: string): Verdict {
  // What FastAPI answers to a body that its model does not describe.
  if (isAnswered(exchange) && exchange.status === 422)
    return failed(
      "backend-fields-refused",
      `${evidence}: ${firstLineOf(exchange)}`,
      "register expects other fields than the envelope has",
      byHand(READ_FIELDS),
    );
  if (isRefusal(exchange))
    return failed(
      "backend-refused",
      evidence,
      "the client is refused with this status, or with 502",
      byHand("pass a token that is valid for --type and --booking, or check why the backend refuses it"),
    );
  return failed(
    "backend-answer-invalid",
    evidence,
    "the client's handshake ends with 502, 403 or 504",
    byHand('answer with {"success": true} as application/json, or with nothing'),
  );
}

const invalidToken = "shelfshack-check-not-a-token";

const badToken = question({
  id: "bad-token",
  title: "a handshake with an invalid token is refused",
  requires: ["entry", "register"],
  ask: (probe) => probe.register(markedConnection(), { type: probe.subject.type, token: invalidToken }),
  judge(exchange, { subject: { type } }) {
    const evidence = `type ${type}, an invalid token: ${wordsOf(exchange)}`;
    const isReadable = isGood(exchange) && "value" in contentOf(exchange);
    if (isReadable && !acceptsClient(exchange)) return passed(`${evidence} with "success" other than true`);
    if (isUnauthorized(exchange)) return passed(evidence);
    if (isReadable) {
      const fix = "check the token in register; answer 401 when it is invalid";
      return failed("token-unchecked", evidence, "every token is accepted", byHand(fix));
    }
    if (isRefusal(exchange)) {
      const means = "the client is refused, but this status does not tell it to get a new token";
      return warning("refusal-unclear", evidence, means, byHand("answer 401"));
    }
    return failed(
      "backend-failed",
      evidence,
      "the client's handshake ends with 502 or 504 instead of a refusal",
      byHand(`${CHECK_LOG}; answer 401`),
    );
  },
});

const repeatedHandshake = question({
  id: "register-repeated",
  title: "a repeated handshake gets the first answer again",
  requires: ["entry", "register", "connection"],
  async ask(probe): Promise<Answers> {
    const { registeredAs = { type: OPEN_TYPE, token: null } } = probe.findings;
    const connectionId = markedConnection();
    const more = { webhookId: `msg_c_${connectionId.slice(0, -1)}` };
    const first = await probe.register(connectionId, registeredAs, more);
    return [first, await probe.register(connectionId, registeredAs, more)];
  },
  judge: (answers) => sameAnswers(answers),
});

/** The answers to one request that was sent several times under one webhook-id. */
export type Answers = readonly [Exchange, ...Exchange[]];

export function sameAnswers([first, ...others]: Answers): Verdict {
  const isSame = (other: Exchange) =>
    isAnswered(first) && isAnswered(other) && first.status === other.status && first.body.equals(other.body);
  if (others.every(isSame)) {
    const count = others.length === 1 ? "twice" : `${others.length + 1} times`;
    return passed(`the same answer ${count} (${wordsOf(first)})`);
  }
  const hasOtherStatus = others.some((other) => wordsOf(other) !== wordsOf(first));
  const answers = [first, ...others].map(wordsOf).join(", then ");
  return failed(
    "answers-forgotten",
    hasOtherStatus ? answers : `${answers}, with other content`,
    "the proxy repeats a request whose answer was lost: here the work is done again",
    byHand(
      "store the answer under the webhook-id for 600 s and send it again; let a repeat wait for the first",
    ),
  );
}

/** The handshake. */
export const registerChecks: readonly BackendCheck[] = [register, badToken, repeatedHandshake];
