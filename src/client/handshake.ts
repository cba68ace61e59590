import { command, isInvocation, partsOf, type Advice, type Invocation } from "../errors/advice.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { explainConnection, type NetworkExplanation, type Peer, type Phase } from "../errors/network.ts";
import { redactUrl } from "../settings/redact.ts";

/**
 * Why no WebSocket was opened. `body` is what the server sent, cut at a few KB; it is foreign text. `proxy`:
 * it failed before that proxy, or at it.
 */
export type HandshakeFailure =
  | { kind: "status"; status: number; body: string; requestId?: string; location?: string }
  | { kind: "network"; phase: Phase; code: string; detail: string; proxy?: string }
  | { kind: "proxy"; status: number; proxy: string }
  | { kind: "protocol"; detail: string }
  | { kind: "subprotocol"; detail: string }
  | { kind: "timeout"; phase: Phase; afterMs: number; proxy?: string };

/** Where an address comes from; of one that was given with `--url` no stack is known. */
export type Source = Exclude<Peer, "aws" | "backend" | "proxy">;

/** Whose code the function runs: the shipped handler passes a client on to a backend, others need not. */
export type Whose = "shipped" | "own" | "unknown";

/** Behind an address that was given no function is known. */
const usually = (source: Source | undefined): Whose => (source === "given" ? "unknown" : "shipped");

interface Circumstances {
  source?: Source | undefined;
  whose?: Whose | undefined;
  cause?: unknown;
}

/**
 * A handshake that failed: the message and hint are for people, `failure` is for code that wants to know
 * which kind.
 */
export class HandshakeError extends CliError {
  readonly failure: HandshakeFailure;
  /** Why, without the address. */
  readonly meaning: string;
  readonly #address: URL;
  readonly #source: Source | undefined;

  constructor(address: URL, failure: HandshakeFailure, { source, whose, cause }: Circumstances = {}) {
    const { code, meaning, hint } = explainHandshake(failure, address, source, whose);
    const phase = "phase" in failure ? failure.phase : undefined;
    super(code, `could not open ${redactUrl(address.href)}: ${meaning}`, { hint, phase, cause });
    this.failure = failure;
    this.meaning = meaning;
    this.#address = address;
    this.#source = source;
  }

  /** The same, told with what is known of the code behind it. */
  by(whose: Whose): HandshakeError {
    return new HandshakeError(this.#address, this.failure, {
      source: this.#source,
      whose,
      cause: this.cause,
    });
  }
}

/** A refused handshake. */
export interface StatusRow extends StatusWords {
  code: ErrorCode;
  when(status: number, sent: { token: boolean }): boolean;
  /** Where a booking was sent. */
  withBooking?: StatusWords;
  /** Where the function runs the user's own code: what that means by a status is not known. */
  own?: StatusWords;
}

/** `given` stands in for `hint` where no stack is known that a command could ask. */
interface StatusWords {
  /** `by` is who may have answered, as far as it is known. */
  meaning(by: string): string;
  hint: Advice;
  given?: Advice;
  /** Stands before `hint` for a stack at the local AWS, where the token is none of its demo backend. */
  local?: Advice;
}

const answering: Readonly<Record<Whose, string>> = {
  shipped: "the backend",
  own: "your handler",
  unknown: "the handler or its backend",
};

const status = command("status");
const doctor = command("doctor");
const recentLog = command("logs tail", { since: "5m" });
const wait = "wait a minute, then try again";
const checkUrl: Omit<StatusWords, "meaning"> = {
  hint: ["check the URL against: ", status],
  given: "check the URL",
};
const passToken = "pass a fresh token with SHELFSHACK_TOKEN or --token-stdin";
const token: Omit<StatusWords, "meaning"> = {
  hint: [`${passToken}; to check the signing keys: `, command("backend check")],
  given: passToken,
  local: "if the backend is the demo's, which `local` runs by itself, the token is demo; ",
};
/** Its status is its own, and what it was for is in its log at best. */
const ownRefused: StatusWords = {
  meaning: (by) => `${by} refused the client`,
  hint: ["this shows what it logged: ", recentLog],
};

const otherStatus: StatusRow = {
  code: "handshake-other",
  when: () => true,
  meaning: () => "an answer that API Gateway does not give by itself",
  ...checkUrl,
  own: ownRefused,
};

/** What the status of a refused handshake means here (AWS.md 1.5, CONTRACT.md 2); the first row that fits. */
export const statusRows: readonly StatusRow[] = [
  {
    code: "handshake-400",
    when: (found) => found === 400,
    meaning: (by) => `booking_id is missing, or ${by} returned 400`,
    hint: "pass --booking ID (and --type for something other than a booking)",
    withBooking: {
      meaning: (by) => `${by} returned 400`,
      hint: ["this shows the backend's own words: ", command("test"), "; or check --booking and --type"],
      given: "check the backend's log, --booking and --type",
    },
    own: ownRefused,
  },
  {
    code: "handshake-401-no-token",
    when: (found, sent) => found === 401 && !sent.token,
    meaning: (by) =>
      `no token was sent; ${by} requires a token, or does not know the function's signing keys`,
    ...token,
    own: { ...ownRefused, meaning: (by) => `no token was sent; ${by} refused the client` },
  },
  {
    code: "handshake-401",
    when: (found) => found === 401,
    meaning: (by) => `${by} rejected the token, or does not know the function's signing keys`,
    ...token,
    own: ownRefused,
  },
  {
    code: "handshake-403",
    when: (found) => found === 403,
    meaning: (by) => `the stage does not exist or has no deployment, or ${by} refused this client`,
    hint: ["this shows which: ", doctor],
    given: "check the URL: its path is the stage's name",
  },
  {
    code: "handshake-404",
    when: (found) => found === 404,
    meaning: () => "booking not found, or not a stage URL",
    hint: ["check --booking, and the URL against: ", status],
    given: "check --booking and the URL",
    own: ownRefused,
  },
  {
    code: "handshake-409",
    when: (found) => found === 409,
    meaning: (by) => `${by} reports a conflict`,
    hint: ["see the backend's answer: ", recentLog],
    given: "check the backend's log",
    own: ownRefused,
  },
  {
    code: "handshake-429",
    when: (found) => found === 429,
    meaning: (by) => `throttled by the stage's or the account's limit, or by ${by}`,
    hint: [`${wait}; a limit of 0 refuses every client, which this finds: `, doctor],
    given: wait,
  },
  {
    code: "handshake-500",
    when: (found) => found === 500,
    meaning: () => "API Gateway lacks permission to invoke the function, or the function failed",
    hint: [
      "this shows which, and what repairs it: ",
      doctor,
      "; this shows a failure of the function: ",
      command("logs tail", { since: "5m", errors: true }),
    ],
    given: "ask the owner of that API to check its permission to invoke the function, and the function's log",
  },
  {
    code: "handshake-502",
    when: (found) => found === 502,
    meaning: () => "the handler failed or could not reach the backend",
    hint: ["this shows which: ", doctor, "; this shows why: ", recentLog],
    given: "check the logs of the function behind that URL",
    own: {
      meaning: (by) => `${by} failed, or answered without a status`,
      hint: ["this shows why: ", recentLog],
    },
  },
  {
    code: "handshake-503",
    when: (found) => found === 503,
    meaning: () => "API Gateway is not available at the moment",
    hint: wait,
  },
  {
    code: "handshake-504",
    when: (found) => found === 504,
    meaning: (by) => `${by} did not answer in time`,
    hint: ["this shows where the time goes: ", command("test"), "; this shows which call: ", recentLog],
    given: "check the backend's log for slow requests",
  },
  {
    code: "not-websocket",
    when: (found) => found < 300 || found === 426,
    meaning: () => "not a WebSocket server",
    ...checkUrl,
  },
  {
    code: "redirected",
    when: (found) => found < 400,
    meaning: () => "a redirect, which is not followed",
    ...checkUrl,
  },
  otherStatus,
];

/** What the demo backend accepts. */
const DEMO_TOKEN = /^(demo|test)/;

/** A failed handshake in words: what happened, and what to do now. */
export function explainHandshake(
  failure: HandshakeFailure,
  address: URL,
  source: Source = "deployed",
  whose: Whose = usually(source),
): NetworkExplanation {
  switch (failure.kind) {
    case "status":
      return explainStatus(failure, address, { source, whose });
    case "protocol":
      return {
        code: "not-websocket",
        meaning: `${address.host} is not a WebSocket server (${failure.detail})`,
        hint: hintOf(checkUrl, { source, isDemos: false }),
      };
    case "subprotocol":
      return explainSubprotocol(failure.detail, address);
    case "proxy":
      return explainProxy(failure, address);
    case "network":
      return explainConnection({ ...behind(failure, address, source), ...failure });
    case "timeout":
      return explainConnection({ ...behind(failure, address, source), code: "", detail: "", ...failure });
  }
}

/** Who was to answer. */
const behind = ({ proxy }: { proxy?: string }, { host }: URL, source: Source) =>
  proxy === undefined ? { peer: source, address: host } : { peer: "proxy" as const, address: proxy };

function explainProxy(
  { status: found, proxy }: { status: number; proxy: string },
  { host }: URL,
): NetworkExplanation {
  const bypass = `bypass it with NO_PROXY=${host.replace(/:\d+$/, "")}`;
  return found === 407
    ? {
        code: "proxy-login-needed",
        meaning: `the proxy ${proxy} requires authentication (407)`,
        hint: `check the user and password in --proxy or HTTPS_PROXY, or ${bypass}`,
      }
    : {
        code: "proxy-refused",
        meaning: `the proxy ${proxy} made no tunnel to ${host} (HTTP ${found})`,
        hint: `ask who runs the proxy to allow that host, or ${bypass}`,
      };
}

function explainSubprotocol(detail: string, { host }: URL): NetworkExplanation {
  const isUnasked = /none was requested/.test(detail);
  return {
    code: "subprotocol-refused",
    meaning: isUnasked
      ? `${host} chose a subprotocol although none was asked for (${detail})`
      : `${host} accepted none of the subprotocols on offer (${detail})`,
    hint: isUnasked
      ? "offer the one that the server speaks: --subprotocol NAME"
      : "leave --subprotocol out, or offer one that the server knows; the handler chooses none",
  };
}

function explainStatus(
  { status: found, body, requestId, location }: HandshakeFailure & { kind: "status" },
  address: URL,
  { source, whose }: { source: Source; whose: Whose },
): NetworkExplanation {
  const given = (name: string) => Boolean(address.searchParams.get(name));
  const sent = { token: given("token") };
  const row = statusRows.find(({ when }) => when(found, sent)) ?? otherStatus;
  const own = whose === "own" ? row.own : undefined;
  const { meaning, ...words } = own ?? ((given("booking_id") && row.withBooking) || row);
  const isDemos = DEMO_TOKEN.test(address.searchParams.get("token") ?? "");
  const facts = [
    body.trim() && `answer ${oneLine(body)}`,
    location && `leads to ${redactUrl(location)}`,
    requestId && `request id ${requestId}`,
  ].filter(Boolean);
  return {
    code: row.code,
    meaning: `HTTP ${found}, ${meaning(answering[whose])}${facts.length > 0 ? ` (${facts.join("; ")})` : ""}`,
    hint: ofRequest(hintOf(words, { source, isDemos }), requestId),
  };
}

/** Of a request that is known, its own trace instead of a log, which says nothing where none was reached. */
const ofRequest = (hint: Advice, requestId: string | undefined): Advice =>
  requestId === undefined || !/^[\w=-]{1,128}$/.test(requestId)
    ? hint
    : partsOf(hint).map((part) => (isOfLog(part) ? command("trace", {}, requestId) : part));

const isOfLog = (part: string | Invocation): boolean => isInvocation(part) && part.command === "logs tail";

const hintOf = (
  { hint, given, local }: Omit<StatusWords, "meaning">,
  { source, isDemos }: { source: Source; isDemos: boolean },
): Advice => {
  if (source === "given") return given ?? hint;
  const isLocal = source === "local" && !isDemos;
  return isLocal && local !== undefined ? [...partsOf(local), ...partsOf(hint)] : hint;
};

const oneLine = (body: string) => body.trim().replaceAll(/\s+/g, " ").slice(0, 500);
