import { readLine } from "../logs/record.ts";

/** How far the test event got; null where that cannot be known, or was never tried. */
export interface Diagnosis {
  handlerRan: boolean;
  backendReached: boolean | null;
  backendAccepted: boolean | null;
  /**
   * False when the handler says that its own configuration is wrong: then it lets nobody in, whatever the
   * backend does.
   */
  configured: boolean;
  meaning: string;
  /** What to do now, where there is more to say than the meaning does. */
  fix: string | null;
}

/** What an invocation brought. */
export interface Outcome {
  functionError: boolean;
  statusCode: number | null;
  answer: unknown;
  log: string[];
  /** Whether the backend knows the function's signing keys; absent where nobody could ask it. */
  knowsKeys?: boolean | undefined;
  /** Whether the event holds the token that the test event has where none was given. */
  madeUpToken: boolean;
}

/**
 * Why a function did not end by itself, by Lambda's `errorType` and `errorMessage` (AWS.md 4.8); the first
 * that fits.
 */
const functionErrors: readonly { error: RegExp; ran: boolean; meaning: string }[] = [
  {
    error: /^Runtime\.(ImportModule|UserCodeSyntax)Error|^Error: Cannot find (package|module)/,
    ran: false,
    meaning: "the handler's code cannot be loaded: shelfshack-ws deploy --code-only",
  },
  {
    error: /^Runtime\.(HandlerNotFound|MalformedHandlerName)/,
    ran: false,
    meaning: "the code has no function of the handler's name: shelfshack-ws deploy",
  },
  {
    error: /^Sandbox\.Timedout/,
    ran: true,
    meaning: "the handler did not end within the function's time limit",
  },
  { error: /^Runtime\.ExitError/, ran: false, meaning: "the function's process ended before it answered" },
  { error: /^Function\.ResponseSizeTooLarge/, ran: true, meaning: "the handler's answer is over 6 MB" },
  { error: /.*/, ran: true, meaning: "the handler threw an error" },
];

/** What the handler's own log line about the event tells (handler/log.ts); empty for other handlers. */
interface HandlerLine {
  backendStatus?: number;
  code?: string;
  reason?: string;
}

/**
 * What a row of the table knows: the returned status, the handler's line about the event, and what was sent.
 */
interface Facts extends HandlerLine, Pick<Outcome, "madeUpToken" | "knowsKeys"> {
  status: number;
}

/** The handler's own checks, by the `code` in its log (CONTRACT.md 2). */
const checks: ReadonlyMap<string | undefined, string> = new Map([
  ["bad_type", "the type is not a plain word"],
  ["no_booking", "a booking's id is missing, pass --booking"],
  ["no_token", "a token is missing, pass --token-stdin"],
  ["malformed_event", "it is not an event of a WebSocket API"],
]);

const isGood = (status: number) => status >= 200 && status < 300;
/** A backend that lets a made-up token in may refuse a client that sends none, and the other way round. */
const madeUp = ({ madeUpToken }: Facts) =>
  madeUpToken ? " (no token was given, a made-up one was sent)" : "";
const rejectedToken = ({ madeUpToken }: Facts) =>
  `the backend rejected the token${madeUpToken ? " (none was given, a made-up one was sent)" : ""}`;
const because = ({ reason }: Facts) => (reason ? ` (${reason})` : "");

/**
 * How far an event got, by the returned status and the handler's log line; the first row that fits
 * (CONTRACT.md 2 and 3).
 */
const judgements: readonly {
  when: (facts: Facts) => boolean;
  reached: boolean | null;
  accepted: boolean | null;
  meaning: (facts: Facts) => string;
  misconfigured?: true;
  fix?: string;
}[] = [
  {
    when: ({ reason }) => reason === "configuration",
    reached: false,
    accepted: null,
    misconfigured: true,
    meaning: () => "the handler asks no backend, as its variables are wrong",
    fix: "its log names them: shelfshack-ws logs tail --since 1h --errors --no-follow",
  },
  {
    when: ({ code }) => checks.has(code),
    reached: null,
    accepted: null,
    meaning: ({ code }) => `the handler refused the event before it asked the backend: ${checks.get(code)}`,
  },
  {
    when: ({ status, code }) => status === 200 && code === undefined,
    reached: true,
    accepted: true,
    meaning: (facts) => `the backend accepted the event${madeUp(facts)}`,
  },
  {
    when: ({ status, code }) => isGood(status) && code === undefined,
    reached: true,
    accepted: true,
    meaning: (facts) =>
      `the backend accepted the event${madeUp(facts)}, but the function returned ${facts.status} and not 200`,
  },
  {
    when: ({ status, code }) => isGood(status) && (code === "unauthorized" || code === "rejected"),
    reached: true,
    accepted: false,
    meaning: ({ backendStatus }) =>
      `the backend refused the message with ${backendStatus}, which the client is told in a frame`,
  },
  {
    when: ({ status, backendStatus }) => (isGood(status) || status === 502) && backendStatus !== undefined,
    reached: true,
    accepted: false,
    meaning: (facts) =>
      `the backend answered ${facts.backendStatus}, which is not an answer of the contract${because(facts)}`,
  },
  {
    when: ({ status, code }) => status === 504 || code === "backend_timeout",
    reached: null,
    accepted: null,
    meaning: () =>
      "the backend did not answer in time: it is too slow, or something on the way drops the connection",
  },
  {
    when: ({ status }) => isGood(status) || status === 502,
    reached: false,
    accepted: null,
    meaning: (facts) => `the backend could not be reached${because(facts)}`,
  },
  {
    when: ({ status }) => status === 500,
    reached: null,
    accepted: null,
    meaning: () => "the handler failed",
  },
  {
    when: ({ status, knowsKeys }) => status === 401 && knowsKeys === false,
    reached: true,
    accepted: false,
    meaning: () => "the backend does not know the function's signing keys",
    fix: "give it what shelfshack-ws outputs --for backend prints, and restart it; shelfshack-ws backend check tells more",
  },
  {
    when: ({ status, knowsKeys }) => status === 401 && knowsKeys === true,
    reached: true,
    accepted: false,
    meaning: (facts) => rejectedToken(facts),
    fix: "pass a token that it knows with --token-stdin",
  },
  {
    when: ({ status }) => status === 401,
    reached: true,
    accepted: false,
    meaning: (facts) => `${rejectedToken(facts)}, or it does not know the function's signing keys`,
    fix: "pass a token that it knows with --token-stdin; shelfshack-ws backend check shows what it says to the keys",
  },
  {
    when: () => true,
    reached: true,
    accepted: false,
    meaning: (facts) => `the backend refused the connection with ${facts.status}${madeUp(facts)}`,
  },
];

const events: ReadonlySet<unknown> = new Set(["connect", "message", "disconnect", "malformed"]);

/** How far an event got, by what its invocation brought. */
export function diagnose({
  functionError,
  statusCode,
  answer,
  log,
  madeUpToken,
  knowsKeys,
}: Outcome): Diagnosis {
  if (functionError) return judgeFailure(answer);
  const line: HandlerLine =
    log.map((text) => readLine(text).fields ?? {}).findLast(({ event }) => events.has(event)) ?? {};
  const facts = statusCode === null ? undefined : { ...line, status: statusCode, madeUpToken, knowsKeys };
  const row = facts && judgements.find(({ when }) => when(facts));
  return {
    handlerRan: true,
    backendReached: row?.reached ?? null,
    backendAccepted: row?.accepted ?? null,
    configured: !row?.misconfigured,
    meaning:
      row && facts ? row.meaning(facts) : "the handler ran, but API Gateway would not understand its answer",
    fix: row?.fix ?? null,
  };
}

function judgeFailure(answer: unknown): Diagnosis {
  const { errorType = "", errorMessage = "" } = (answer ?? {}) as {
    errorType?: string;
    errorMessage?: string;
  };
  const failure = [errorType, errorMessage].filter(Boolean).join(": ");
  const row = functionErrors.find(({ error }) => error.test(failure));
  return {
    handlerRan: row?.ran ?? true,
    backendReached: null,
    backendAccepted: null,
    configured: true,
    meaning: `${row?.meaning} (${failure})`,
    fix: null,
  };
}
