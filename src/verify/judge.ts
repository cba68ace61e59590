import { orOtherAddress, type BackendProbe } from "./backend/ask-once.ts";
import type { CodeOwner } from "../aws/tags.ts";
import { command, giveKeys, partsOf, type Advice } from "../errors/advice.ts";
import { isLoopback } from "../errors/network.ts";
import { readLine } from "../logs/record.ts";

/** What became of the test event. A code is a promise, the meaning is not. */
export type FindingCode =
  | "accepted"
  | "accepted-odd-status"
  | "own-accepted"
  | "own-refused"
  | "handler-not-loadable"
  | "handler-not-exported"
  | "handler-timed-out"
  | "process-ended"
  | "answer-too-big"
  | "handler-threw"
  | "handler-failed"
  | "answer-unreadable"
  | "handler-misconfigured"
  | "type-invalid"
  | "booking-missing"
  | "token-missing"
  | "event-malformed"
  | "message-refused"
  | "backend-answer-invalid"
  | "backend-timeout"
  | "backend-unreachable"
  | "backend-host-refused"
  | "backend-endpoint-missing"
  | "backend-fields-refused"
  | "keys-unknown"
  | "token-refused"
  | "token-or-keys"
  | "backend-refused";

/** How far the test event got; null where that cannot be known, or was never tried. */
export interface Diagnosis {
  code: FindingCode;
  handlerRan: boolean;
  backendReached: boolean | null;
  backendAccepted: boolean | null;
  /**
   * False when the handler says that its own configuration is wrong: then no client can connect, whatever the
   * backend does.
   */
  configured: boolean;
  meaning: string;
  /** What to do now, where there is more to say than the meaning does. */
  fix: Advice | null;
}

/** What an invocation brought. */
export interface Outcome {
  functionError: boolean;
  statusCode: number | null;
  answer: unknown;
  log: string[];
  /** What the backend says to this machine; absent where it was not asked, or could not be. */
  probe?: BackendProbe | undefined;
  /** Whether the event holds the token that the test event has where none was given. */
  madeUpToken: boolean;
  /** Whose code it is: of the user's own only the status tells something. */
  owner: CodeOwner;
}

/** A function that did not end by itself. */
interface FailureRow {
  code: FindingCode;
  error: RegExp;
  ran: boolean;
  meaning: string;
  fix?: Advice;
}

/** By Lambda's `errorType` and `errorMessage` (AWS.md 4.8); the first row that fits. */
export const failureRows: readonly FailureRow[] = [
  {
    code: "handler-not-loadable",
    error: /^Runtime\.(ImportModule|UserCodeSyntax)Error|^Error: Cannot find (package|module)/,
    ran: false,
    meaning: "the handler's code cannot be loaded",
    fix: ["set the handler's name and its code: ", command("deploy", { only: ["function"] })],
  },
  {
    code: "handler-not-exported",
    error: /^Runtime\.(HandlerNotFound|MalformedHandlerName)/,
    ran: false,
    meaning: "the code has no function of the handler's name",
    fix: ["set the handler's name and its code: ", command("deploy", { only: ["function"] })],
  },
  {
    code: "handler-timed-out",
    error: /^Sandbox\.Timedout/,
    ran: true,
    meaning: "the handler did not end within the function's time limit",
  },
  {
    code: "process-ended",
    error: /^Runtime\.ExitError/,
    ran: false,
    meaning: "the function's process ended before it answered",
  },
  {
    code: "answer-too-big",
    error: /^Function\.ResponseSizeTooLarge/,
    ran: true,
    meaning: "the handler's answer is over 6 MB",
  },
  { code: "handler-threw", error: /.*/, ran: true, meaning: "the handler threw an error" },
];

/** What the handler's own log line about the event tells (handler/log.ts); empty for other handlers. */
interface HandlerLine {
  backendStatus?: number;
  code?: string;
  reason?: string;
}

/** What a row knows: the returned status, the handler's line about the event, and what was sent. */
interface Facts extends HandlerLine, Pick<Outcome, "madeUpToken" | "probe"> {
  status: number;
}

interface AnswerRow {
  code: FindingCode;
  when(facts: Facts): boolean;
  reached: boolean | null;
  accepted: boolean | null;
  meaning(facts: Facts): string;
  misconfigured?: true;
  fix?: Advice | ((facts: Facts) => Advice);
}

const isGood = (status: number) => status >= 200 && status < 300;
/** A backend that accepts the made-up token may refuse a client that sends none, and the other way round. */
const madeUp = ({ madeUpToken }: Facts) =>
  madeUpToken ? " (no token was given, a made-up one was sent)" : "";
const because = ({ reason }: Facts) => (reason ? ` (${reason})` : "");
const rejectedToken = (facts: Facts) => `the backend rejected the token${madeUp(facts)}`;
const saysTo = ({ probe }: Facts): string | undefined => probe?.code;
const atAddress = ({ probe }: Facts) => (probe ? ` at ${probe.backendUrl}` : "");
const checkBackend: Advice = ["this shows what the contract asks for: ", command("backend check")];
const passToken = "pass a token that the backend accepts with --token-stdin";

const thenTest = ["; then: ", command("test")] as const;
/** Nothing listens at the address, which is this machine's: it is the right one as often as not. */
const isDown = ({ backendUrl }: BackendProbe, reason: string | undefined): boolean =>
  reason === "ECONNREFUSED" && isLoopback(new URL(backendUrl).host);

/** The handler's own checks, by the `code` in its log (CONTRACT.md 2). */
const rejectedEvent = (code: FindingCode, logged: string, why: string, fix?: Advice): AnswerRow => ({
  code,
  when: (facts) => facts.code === logged,
  reached: null,
  accepted: null,
  meaning: () => `the handler rejected the event before calling the backend: ${why}`,
  ...(fix !== undefined && { fix }),
});

/** What the backend says to this machine too. */
const saidHere = (code: FindingCode & BackendProbe["code"]): AnswerRow => ({
  code,
  when: (facts) => saysTo(facts) === code,
  reached: true,
  accepted: false,
  meaning: ({ probe }) => probe?.meaning ?? "",
  fix: ({ probe }) => probe?.fix ?? checkBackend,
});

/**
 * How far an event got, by the returned status and the handler's log line; the first row that fits
 * (CONTRACT.md 2 and 3).
 */
export const answerRows: readonly AnswerRow[] = [
  {
    code: "handler-misconfigured",
    when: ({ reason }) => reason !== undefined && /^configuration\b/.test(reason),
    reached: false,
    accepted: null,
    misconfigured: true,
    meaning: () => "the handler's configuration is invalid",
    fix: [
      "its log names the variables: ",
      command("logs tail", { since: "1h", errors: true, follow: false }),
    ],
  },
  rejectedEvent("type-invalid", "bad_type", "the type is not a plain word"),
  rejectedEvent("booking-missing", "no_booking", "the booking's id is missing", "pass --booking"),
  rejectedEvent("token-missing", "no_token", "the token is missing", "pass it with --token-stdin"),
  rejectedEvent("event-malformed", "malformed_event", "it is not an event of a WebSocket API"),
  {
    code: "accepted",
    when: ({ status, code }) => status === 200 && code === undefined,
    reached: true,
    accepted: true,
    meaning: (facts) => `the backend accepted the event${madeUp(facts)}`,
  },
  {
    code: "accepted-odd-status",
    when: ({ status, code }) => isGood(status) && code === undefined,
    reached: true,
    accepted: true,
    meaning: (facts) =>
      `the backend accepted the event${madeUp(facts)}, but the function returned ${facts.status} and not 200`,
  },
  {
    code: "message-refused",
    when: ({ status, code }) => isGood(status) && (code === "unauthorized" || code === "rejected"),
    reached: true,
    accepted: false,
    meaning: ({ backendStatus }) =>
      `the backend refused the message with ${backendStatus}; the client gets an error frame`,
  },
  saidHere("backend-host-refused"),
  saidHere("backend-endpoint-missing"),
  {
    code: "backend-fields-refused",
    when: ({ backendStatus, ...facts }) =>
      backendStatus === 422 || saysTo(facts) === "backend-fields-refused",
    reached: true,
    accepted: false,
    meaning: (facts) =>
      saysTo(facts) === "backend-fields-refused"
        ? (facts.probe?.meaning ?? "")
        : "the backend answered 422: it expects other fields than the envelope's",
    fix: checkBackend,
  },
  {
    code: "backend-answer-invalid",
    when: ({ status, backendStatus }) => (isGood(status) || status === 502) && backendStatus !== undefined,
    reached: true,
    accepted: false,
    meaning: (facts) =>
      `the backend answered ${facts.backendStatus}, which the contract does not allow${because(facts)}`,
    fix: checkBackend,
  },
  {
    code: "backend-timeout",
    when: ({ status, code }) => status === 504 || code === "backend_timeout",
    reached: null,
    accepted: null,
    meaning: () => "the backend did not answer in time: it is too slow, or a firewall drops the connection",
    fix: ["this measures it from here: ", command("backend check")],
  },
  {
    code: "backend-unreachable",
    when: ({ status }) => isGood(status) || status === 502,
    reached: false,
    accepted: null,
    meaning: (facts) => `the backend could not be reached${because(facts)}${atAddress(facts)}`,
    fix: ({ probe, reason }) => {
      if (!probe) return ["this asks it from here: ", command("backend check")];
      if (probe.code === "backend-unreachable" && probe.fix !== null)
        return orOtherAddress(isDown(probe, reason) ? [...partsOf(probe.fix), ...thenTest] : probe.fix);
      return "it answers this machine: check the function's way to it (DNS name, VPC, security groups)";
    },
  },
  {
    code: "handler-failed",
    when: ({ status }) => status === 500,
    reached: null,
    accepted: null,
    meaning: () => "the handler failed",
  },
  {
    code: "keys-unknown",
    when: (facts) => facts.status === 401 && (saysTo(facts) ?? "").startsWith("keys-"),
    reached: true,
    accepted: false,
    meaning: ({ probe }) => probe?.meaning ?? "",
    fix: ({ probe }) => probe?.fix ?? giveKeys(command("test")),
  },
  {
    code: "token-refused",
    when: (facts) => facts.status === 401 && saysTo(facts) === "reached",
    reached: true,
    accepted: false,
    meaning: rejectedToken,
    fix: passToken,
  },
  {
    code: "token-or-keys",
    when: ({ status }) => status === 401,
    reached: true,
    accepted: false,
    meaning: (facts) => `${rejectedToken(facts)}, or it does not know the function's signing keys`,
    fix: [`${passToken}; to check the keys: `, command("backend check")],
  },
  {
    code: "backend-refused",
    when: () => true,
    reached: true,
    accepted: false,
    meaning: (facts) => `the backend refused the connection with ${facts.status}${madeUp(facts)}`,
    fix: checkBackend,
  },
];

const events: ReadonlySet<unknown> = new Set(["connect", "message", "disconnect", "malformed"]);

/** How far an event got, by what its invocation brought. */
export function diagnose({ owner, ...outcome }: Outcome): Diagnosis {
  const { functionError, statusCode, answer, log, madeUpToken, probe } = outcome;
  if (functionError) return diagnoseFailure(answer);
  if (owner === "own") return statusCode === null ? unreadable : ownAnswer(statusCode);
  const line: HandlerLine =
    log.map((text) => readLine(text).fields ?? {}).findLast(({ event }) => events.has(event)) ?? {};
  const facts = statusCode === null ? undefined : { ...line, status: statusCode, madeUpToken, probe };
  const row = facts && answerRows.find(({ when }) => when(facts));
  return row ? diagnosis(row, facts) : unreadable;
}

const diagnosis = (
  { code, reached, accepted, misconfigured, meaning, fix }: AnswerRow,
  facts: Facts,
): Diagnosis => ({
  code,
  handlerRan: true,
  backendReached: reached,
  backendAccepted: accepted,
  configured: !misconfigured,
  meaning: meaning(facts),
  fix: (typeof fix === "function" ? fix(facts) : fix) ?? null,
});

/** What the status of a handler says that is not ours: which backend it asks, if any, is not known. */
const ownAnswer = (status: number): Diagnosis => ({
  code: isGood(status) ? "own-accepted" : "own-refused",
  handlerRan: true,
  backendReached: null,
  backendAccepted: null,
  configured: true,
  meaning: isGood(status)
    ? "your handler accepted the event; whether it asks a backend is not known here"
    : `your handler refused the event with ${status}; its values are made up`,
  fix: isGood(status)
    ? null
    : ["with an event of a client that it knows: ", command("test", { event: "FILE" })],
});

const unreadable: Diagnosis = {
  code: "answer-unreadable",
  handlerRan: true,
  backendReached: null,
  backendAccepted: null,
  configured: true,
  meaning: "the handler ran, but API Gateway would reject its answer",
  fix: null,
};

function diagnoseFailure(answer: unknown): Diagnosis {
  const { errorType = "", errorMessage = "" } = (answer ?? {}) as {
    errorType?: string;
    errorMessage?: string;
  };
  // Lambda's own text where the failure has neither.
  const failure = [errorType, errorMessage].filter(Boolean).join(": ") || JSON.stringify(answer);
  const row = failureRows.find(({ error }) => error.test(failure));
  return {
    code: row?.code ?? "handler-threw",
    handlerRan: row?.ran ?? true,
    backendReached: null,
    backendAccepted: null,
    configured: true,
    meaning: `${row?.meaning} (${failure})`,
    fix: row?.fix ?? null,
  };
}
