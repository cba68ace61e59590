import { errorCodes, type ErrorCode } from "../errors/codes.ts";
import { CliError } from "../errors/error.ts";
import { redactUrl } from "../settings/redact.ts";

/**
 * How far a handshake got: DNS, TCP, TLS, then the HTTP upgrade, which API Gateway leaves open until the
 * `$connect` integration has answered (AWS.md 1.1).
 */
export type Phase = "lookup" | "connect" | "tls" | "upgrade";

/** Why no WebSocket was opened. `body` is what the server sent, cut at a few KB; it is a stranger's text. */
export type HandshakeFailure =
  | { kind: "status"; status: number; body: string; requestId?: string; location?: string }
  | { kind: "network"; phase: Phase; code: string; detail: string }
  | { kind: "protocol"; detail: string }
  | { kind: "timeout"; phase: Phase; afterMs: number };

/**
 * Where an address comes from: a stack on AWS, the local AWS, or whoever gave it with `--url`, of whom no
 * stack is known.
 */
export type Source = "deployed" | "local" | "given";

/**
 * A handshake that failed: the message and hint are for people, `failure` is for code that wants to know
 * which kind.
 */
export class HandshakeError extends CliError {
  readonly failure: HandshakeFailure;

  constructor(
    address: URL,
    failure: HandshakeFailure,
    { source, cause }: { source?: Source | undefined; cause?: unknown } = {},
  ) {
    const { meaning, hint } = explainHandshake(failure, address, source);
    super(codeOf(failure), `could not open ${redactUrl(address.href)}: ${meaning}`, { hint, cause });
    this.failure = failure;
  }
}

function codeOf(failure: HandshakeFailure): ErrorCode {
  if (failure.kind === "timeout") return "timed-out";
  if (failure.kind === "protocol") return "not-websocket";
  if (failure.kind === "network") return "unreachable";
  const code = `handshake-${failure.status}`;
  return code in errorCodes ? (code as ErrorCode) : "handshake-other";
}

interface Explanation {
  meaning: string;
  hint: string;
}

const anyStatus = {
  meaning: "an answer that API Gateway does not give by itself",
  hint: "compare the URL with the one that shelfshack-ws status shows",
};

/** 401 where the client has sent no token at all. */
const withoutToken = {
  meaning:
    "no token was sent, and the backend lets nobody in without one (or does not know the function's signing keys)",
  hint: "pass a token with SHELFSHACK_TOKEN or --token-stdin; shelfshack-ws test and shelfshack-ws backend check tell more",
};

/** What each HTTP status of a refused handshake means here (AWS.md 1.5, CONTRACT.md 2). */
const statuses: Readonly<Record<number, Explanation>> = {
  400: {
    meaning: "the booking is missing or the backend refused the request",
    hint: "pass --booking ID (and --type for something other than a booking)",
  },
  401: {
    meaning: "the backend rejected the token, or it does not know the function's signing keys",
    hint: "pass a fresh token with SHELFSHACK_TOKEN or --token-stdin; shelfshack-ws test and shelfshack-ws backend check tell more",
  },
  403: {
    meaning: "the stage does not exist or has no deployment, or the backend refused this client",
    hint: "shelfshack-ws status shows the stage; shelfshack-ws logs tail --since 5m shows whether the function was asked",
  },
  404: {
    meaning: "the backend knows no such booking, or the URL is not that of a stage",
    hint: "check --booking, then compare the URL with shelfshack-ws status",
  },
  409: {
    meaning: "the backend reports a conflict",
    hint: "shelfshack-ws logs tail --since 5m shows the backend's answer",
  },
  429: {
    meaning: "throttled by the stage's or the account's limit, or by the backend",
    hint: "wait a minute and try again",
  },
  500: { meaning: "API Gateway may not invoke the function", hint: "shelfshack-ws deploy --only permission" },
  502: {
    meaning: "the handler failed or could not reach the backend",
    hint: "shelfshack-ws test tells which of the two; shelfshack-ws logs tail --since 5m shows why",
  },
  503: { meaning: "API Gateway is not available at the moment", hint: "wait a minute and try again" },
  504: {
    meaning: "the backend did not answer in time",
    hint: "shelfshack-ws test measures it; shelfshack-ws logs tail --since 5m shows which call",
  },
};

/** What a network error means, by Node's error code; a certificate has many codes, so they are one row. */
const networkErrors: readonly { codes: RegExp; explain(address: URL, source: Source): Explanation }[] = [
  {
    codes: /^ENOTFOUND$/,
    explain: ({ hostname }) => ({
      meaning: `unknown host ${hostname}`,
      hint: "the API may be gone or the region another one: shelfshack-ws status shows the URL",
    }),
  },
  {
    codes: /^EAI_/,
    explain: ({ hostname }) => ({
      meaning: `no name server could look up ${hostname}`,
      hint: "check the network connection, then try again",
    }),
  },
  {
    codes: /^ECONNREFUSED$/,
    explain: ({ host }, source) => ({
      meaning: `connection refused, nothing listens on ${host}`,
      hint:
        source === "local"
          ? "start the local AWS: shelfshack-ws local"
          : "check host and port of the URL; shelfshack-ws status shows the deployed one",
    }),
  },
  {
    codes: /^(ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|EADDRNOTAVAIL)$/,
    explain: ({ host }) => ({
      meaning: `${host} cannot be reached`,
      hint: "check the network connection, VPN and firewall, then try again",
    }),
  },
  {
    codes: /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ALTNAME|CRL/,
    explain: ({ hostname }) => ({
      meaning: `the TLS certificate of ${hostname} is not valid here`,
      hint: "check the host name and the clock; for an authority of your own set NODE_EXTRA_CA_CERTS",
    }),
  },
  {
    codes: /^(EPROTO|ERR_SSL_|ERR_TLS_)/,
    explain: ({ host }) => ({
      meaning: `${host} does not speak TLS as expected`,
      hint: "a server without TLS needs ws:// instead of wss://",
    }),
  },
  {
    codes: /^(ECONNRESET|EPIPE)$/,
    explain: ({ host }) => ({
      meaning: `${host} closed the connection without an answer`,
      hint: "check port and scheme of the URL (a TLS server needs wss://)",
    }),
  },
];

const timeouts: Readonly<Record<Phase, Explanation>> = {
  lookup: { meaning: "the name server did not answer", hint: "check the network connection, then try again" },
  connect: {
    meaning: "nobody answered the TCP connection",
    hint: "check the network connection, VPN and firewall, then try again",
  },
  tls: {
    meaning: "the TLS handshake was not finished",
    hint: "a server without TLS needs ws:// instead of wss://",
  },
  upgrade: {
    meaning: "connected, but the upgrade was never answered",
    hint: "API Gateway waits for the function, which waits for the backend: shelfshack-ws test measures both; allow more with --timeout",
  },
};

/** A failed handshake in words: what happened, and the next command to run. */
export function explainHandshake(
  failure: HandshakeFailure,
  address: URL,
  source: Source = "deployed",
): Explanation {
  const { meaning, hint } = explanationOf(failure, address, source);
  return { meaning, hint: source === "given" ? withoutStatus(hint) : hint };
}

/**
 * Beside an address that was given, `status` would show that of another stack, if it knew a region at all.
 */
const withoutStatus = (hint: string): string =>
  hint
    .split("; ")
    .map((advice) => advice.replace(/(, then compare the URL with|:) shelfshack-ws status.*/, ""))
    .filter((advice) => !advice.includes("shelfshack-ws status"))
    .join("; ") || "look at the address that --url gives";

function explanationOf(failure: HandshakeFailure, address: URL, source: Source): Explanation {
  switch (failure.kind) {
    case "status":
      return explainStatus(failure, address);
    case "network":
      return explainNetwork(failure, address, source);
    case "protocol":
      return {
        meaning: `${address.host} is not a WebSocket server (${failure.detail})`,
        hint: "compare the URL with the one that shelfshack-ws status shows",
      };
    case "timeout": {
      const { meaning, hint } = timeouts[failure.phase];
      return { meaning: `${meaning} within ${failure.afterMs / 1000} s`, hint };
    }
  }
}

function explainStatus(
  { status, body, requestId, location }: HandshakeFailure & { kind: "status" },
  address: URL,
): Explanation {
  const { meaning, hint } =
    status === 401 && !address.searchParams.get("token")
      ? withoutToken
      : (statuses[status] ?? otherStatus(status));
  const facts = [
    body.trim() && `answer ${oneLine(body)}`,
    location && `leads to ${redactUrl(location)}`,
    requestId && `request id ${requestId}`,
  ].filter(Boolean);
  return { meaning: `HTTP ${status}, ${meaning}${facts.length > 0 ? ` (${facts.join("; ")})` : ""}`, hint };
}

function otherStatus(status: number): Explanation {
  if (status < 300) return { meaning: "an ordinary web page and no WebSocket", hint: anyStatus.hint };
  if (status < 400) return { meaning: "a redirect, which is not followed", hint: anyStatus.hint };
  if (status === 426) return { meaning: "the server wants another protocol", hint: anyStatus.hint };
  return anyStatus;
}

const oneLine = (body: string) => body.trim().replaceAll(/\s+/g, " ").slice(0, 500);

function explainNetwork(
  { code, detail }: HandshakeFailure & { kind: "network" },
  address: URL,
  source: Source,
): Explanation {
  const row = networkErrors.find(({ codes }) => codes.test(code));
  if (!row) return { meaning: `${detail || code}`, hint: "check the URL and the network connection" };
  const { meaning, hint } = row.explain(address, source);
  return { meaning: `${meaning} (${code})`, hint };
}

const isLoopback = (hostname: string) =>
  /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname) || hostname.endsWith(".localhost");

/** What the close codes of a WebSocket mean behind API Gateway (AWS.md 1.12). */
const closeCodes: Readonly<Record<number, string>> = {
  1000: "closed normally",
  1001: "API Gateway ended it: no message for 10 minutes, or 2 hours old",
  1003: "a binary frame was sent; API Gateway takes text only",
  1005: "closed without a code",
  1006: "the connection broke without a goodbye: network, proxy or a server that died",
  1007: "a text frame was not valid UTF-8",
  1008: "refused by a policy of the server",
  1009: "too big: API Gateway takes frames of 32 KB and messages of 128 KB",
  1011: "the server met an error of its own",
  1012: "the server restarts",
  1013: "the server is overloaded; try again later",
};

/** A close code in words, or undefined for one that only the application knows. */
export function explainClose(code: number, { hostname }: Pick<URL, "hostname">): string | undefined {
  const meaning = closeCodes[code];
  return code === 1001 && isLoopback(hostname) ? `${meaning}, or the local AWS stopped` : meaning;
}

/** API Gateway's own frames, by their `message` (AWS.md 1.6). */
const gatewayFrames: Readonly<Record<string, string>> = {
  "Internal server error":
    "the function failed, timed out or may not be invoked: shelfshack-ws logs tail --errors",
  Forbidden: "no route takes this message: shelfshack-ws deploy --only routes",
  "Bad request body": "the route's model does not allow this message",
  "Endpoint request timed out":
    "the function took longer than the integration's limit (29 s at most): shelfshack-ws logs tail",
  "Too Many Requests": "throttled by the stage's or the account's limit",
  "Limit Exceeded": "throttled by the stage's or the account's limit",
};

/**
 * What a received frame means when API Gateway itself has sent it: `message` with a connection or request id;
 * undefined for the application's frames.
 */
export function explainFrame(text: string): string | undefined {
  if (text.length > 1024 || !text.startsWith("{")) return undefined;
  const frame = parsedOrNothing(text);
  const fromGateway =
    frame?.["connectionId"] !== undefined &&
    (frame["requestId"] !== undefined || frame["messageId"] !== undefined);
  const message = frame?.["message"];
  return fromGateway && typeof message === "string" && Object.hasOwn(gatewayFrames, message)
    ? gatewayFrames[message]
    : undefined;
}

function parsedOrNothing(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
