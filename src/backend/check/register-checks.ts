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
import { CHECK_LOG } from "./entry-checks.ts";
import type { Answered, Exchange } from "./exchange.ts";
import { markedConnection, type Client, type Probe } from "./probe.ts";
import { failed, passed, skipped, warning, type Check, type Result } from "./result.ts";

/** A type that the proxy passes on without a token. */
const OPEN_TYPE = "feed";

const register: Check = {
  id: "register",
  title: "a handshake with a valid token is accepted",
  needs: ["entry", "register"],
  async run(probe) {
    const { token, type, booking } = probe.subject;
    if (token === undefined) return await withoutToken(probe);
    const { exchange, fault } = await registered(probe, { type, token });
    if (fault) return refusedRegistration(probe, exchange, fault);
    return passed(`type ${type}, booking ${booking}, the given token: ${wordsOf(exchange)}`);
  },
};

async function withoutToken(probe: Probe): Promise<Result> {
  const { paths, booking } = probe.subject;
  // A good backend refuses a booking without a token, so none is named where the path does not need it.
  const who = {
    type: OPEN_TYPE,
    token: null,
    booking: paths.register.includes("{booking_id}") ? booking : null,
  };
  const { exchange, fault } = await registered(probe, who);
  const finding = `no --token was given; type ${OPEN_TYPE} without a token: ${fault ?? wordsOf(exchange)}`;
  const isBroken =
    !isAnswered(exchange) || exchange.status >= 500 || (isGood(exchange) && "fault" in contentOf(exchange));
  return isBroken
    ? failed(finding, "the client's handshake ends with 502 or 504", CHECK_LOG)
    : skipped(finding, "token");
}

/** Registers a marked connection and remembers it when it was accepted. */
async function registered(
  probe: Probe,
  who: Client,
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

/** The result of a check that needs a registered connection where there is none. */
export const withoutConnection = ({ subject: { token }, findings }: Probe, finding: string): Result =>
  findings.noConnection === undefined
    ? skipped(finding, token === undefined ? "token" : undefined)
    : skipped(`${findings.noConnection}, see above`);

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

function refusedRegistration({ subject }: Probe, exchange: Exchange, fault: string): Result {
  const finding = `type ${subject.type}, booking ${subject.booking}, the given token: ${fault}`;
  if (isAnswered(exchange) && exchange.status === 422)
    return otherFields(`${finding}: ${firstLineOf(exchange)}`);
  if (isRefusal(exchange)) {
    return failed(
      finding,
      "the client is refused with this status, or with 502",
      "pass a token that is valid for --type and --booking, or check why the backend refuses it",
    );
  }
  return failed(
    finding,
    "the client's handshake ends with 502, 403 or 504",
    'answer with {"success": true} as application/json, or with nothing',
  );
}

/** 422 is what FastAPI answers to a body that its model does not describe. */
const otherFields = (finding: string): Result => ({
  ...failed(
    finding,
    "register expects other fields than the envelope has",
    "read the fields of CONTRACT.md 1 and 2, and ignore those that are not needed",
  ),
  code: "backend-fields-refused",
});

const invalidToken = "shelfshack-check-not-a-token";

const badToken: Check = {
  id: "bad-token",
  title: "a handshake with an invalid token is refused",
  needs: ["entry", "register"],
  async run(probe) {
    const { type } = probe.subject;
    const exchange = await probe.register(markedConnection(), { type, token: invalidToken });
    const finding = `type ${type}, an invalid token: ${wordsOf(exchange)}`;
    const isReadable = isGood(exchange) && "value" in contentOf(exchange);
    if (isReadable && !acceptsClient(exchange)) return passed(`${finding} with "success" other than true`);
    if (isUnauthorized(exchange)) return passed(finding);
    if (isReadable) {
      return failed(
        finding,
        "every token is accepted",
        "check the token in register; answer 401 when it is invalid",
      );
    }
    if (isRefusal(exchange)) {
      const meaning = "the client is refused, but this status does not tell it to get a new token";
      return warning(finding, meaning, "answer 401");
    }
    return failed(
      finding,
      "the client's handshake ends with 502 or 504 instead of a refusal",
      `${CHECK_LOG}; answer 401`,
    );
  },
};

const repeatedHandshake: Check = {
  id: "register-repeated",
  title: "a repeated handshake gets the first answer again",
  needs: ["entry", "register", "connection"],
  async run(probe) {
    const { registeredAs } = probe.findings;
    if (!registeredAs) return skipped("no handshake was accepted");
    const connectionId = markedConnection();
    const more = { webhookId: `msg_c_${connectionId.slice(0, -1)}` };
    const first = await probe.register(connectionId, registeredAs, more);
    const second = await probe.register(connectionId, registeredAs, more);
    return sameAnswers([first, second]);
  },
};

/** The result for the answers to one request that was sent several times under one webhook-id. */
export function sameAnswers([first, ...others]: readonly [Exchange, ...Exchange[]]): Result {
  const isSame = (other: Exchange) =>
    isAnswered(first) && isAnswered(other) && first.status === other.status && first.body.equals(other.body);
  if (others.every(isSame)) {
    const count = others.length === 1 ? "twice" : `${others.length + 1} times`;
    return passed(`the same answer ${count} (${wordsOf(first)})`);
  }
  const hasOtherStatus = others.some((other) => wordsOf(other) !== wordsOf(first));
  const answers = [first, ...others].map(wordsOf).join(", then ");
  return {
    ...failed(
      hasOtherStatus ? answers : `${answers}, with other content`,
      "the proxy repeats a request whose answer was lost: here the work is done again",
      "store the answer under the webhook-id for 600 s and send it again; let a repeat wait for the first",
    ),
    code: "answers-forgotten",
  };
}

/** The handshake. */
export const registerChecks: readonly Check[] = [register, badToken, repeatedHandshake];
