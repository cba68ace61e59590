import { command, type Advice } from "./advice.ts";
import type { ErrorCode } from "./codes.ts";

/** How far a connection had got: looking up the name, connecting, TLS, then HTTP. */
export type Phase = "lookup" | "connect" | "tls" | "http";

/**
 * Who was to answer: AWS's API, a backend, or a WebSocket server, whose address is that of a deployed stage,
 * of the local AWS, or was given with `--url`, of which no stack is known; or a proxy before it.
 */
export type Peer = "aws" | "backend" | "deployed" | "local" | "given" | "proxy";

/** A connection that failed, or a server that did not answer in time. */
export interface NetworkFailure {
  peer: Peer;
  /** Node's error code; empty where our own time limit ended it. */
  code: string;
  /** What Node says. */
  detail: string;
  /** Host and port, as far as they are known. */
  address: string;
  phase?: Phase | undefined;
  /** The time limit, in milliseconds. */
  afterMs?: number | undefined;
  /** What names the address: an option or a variable. */
  from?: string | undefined;
}

/** A failure in words: what it means, and what to do now. */
export interface NetworkExplanation {
  code: ErrorCode;
  meaning: string;
  hint: Advice;
}

/** One cause. `hints` stand in for `hint` where the peer makes a difference. */
interface NetworkRow {
  code: ErrorCode;
  when(failure: NetworkFailure): boolean;
  meaning(failure: NetworkFailure): string;
  hint: Advice;
  hints?: Readonly<Partial<Record<Peer, Advice | ((failure: NetworkFailure) => Advice)>>>;
}

export const isLoopback = (address: string): boolean =>
  /^(127(\.\d{1,3}){3}|\[::1\]|localhost)(:|$)/.test(address);
const isTimeout = ({ code }: NetworkFailure): boolean => /^(|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(code);
const hostOf = (address: string): string => address.replace(/:\d+$/, "");
const within = ({ afterMs }: NetworkFailure): string => (afterMs ? ` within ${afterMs / 1_000} s` : "");

const checkNetwork = "check the network connection, VPN and firewall, then try again";
const withoutTls = "a server without TLS needs ws:// instead of wss://";
const checkProxy = ({ from = "--proxy or HTTPS_PROXY" }: NetworkFailure): Advice =>
  `check ${from} and that the proxy runs, or set NO_PROXY to the host`;
const checkUrl: Advice = ["check the URL against: ", command("status")];

/** A time limit that passed in this phase. */
const timeout = (
  phase: Phase | undefined,
  meaning: string,
  advice: Pick<NetworkRow, "hint" | "hints">,
): NetworkRow => ({
  code: "timed-out",
  when: (failure) => isTimeout(failure) && (phase === undefined || failure.phase === phase),
  meaning: (failure) => `${failure.address}: ${meaning}${within(failure)}`,
  ...advice,
});

/**
 * Node's and TLS's network errors, for AWS calls, WebSockets and backends alike; the first row that fits
 * speaks. To explain one more, add its row.
 */
export const networkRows: readonly NetworkRow[] = [
  {
    code: "local-aws-not-running",
    when: ({ code, peer, address, from }) =>
      code === "ECONNREFUSED" && (peer === "local" || (peer === "aws" && isLoopback(address) && !from)),
    meaning: ({ address }) => `no local AWS at ${address}`,
    hint: ["start it in another terminal: ", command("local")],
  },
  {
    code: "connection-refused",
    when: ({ code }) => code === "ECONNREFUSED",
    meaning: ({ address, code }) => `${address} refused the connection (${code})`,
    hint: checkUrl,
    hints: {
      aws: ({ from }) =>
        from === undefined
          ? "check --endpoint-url and AWS_ENDPOINT_URL, and whether a firewall or proxy refuses it"
          : [
              `${from} names this address: correct it or leave it out, or start what is to answer there, ` +
                "such as the local AWS: ",
              command("local"),
            ],
      given: "check host and port of the URL",
      proxy: checkProxy,
      backend: ({ address }) =>
        isLoopback(address)
          ? "start the backend: nothing listens at its port"
          : "start the backend; check its port, and whether a firewall lets this machine in",
    },
  },
  {
    code: "host-not-found",
    when: ({ code }) => code === "ENOTFOUND",
    meaning: ({ address, code }) => `DNS lookup failed: unknown host ${hostOf(address)} (${code})`,
    hint: ["the API may be gone or in another region; check the URL against: ", command("status")],
    hints: {
      aws: "check the region's spelling, --endpoint-url and the network connection",
      given: "check the host in the URL",
      proxy: checkProxy,
      backend: "check the host in the backend URL, and its DNS record",
    },
  },
  {
    code: "name-server-failed",
    when: ({ code }) => code.startsWith("EAI_"),
    meaning: ({ address, code }) =>
      `DNS lookup failed: no name server answered for ${hostOf(address)} (${code})`,
    hint: checkNetwork,
  },
  {
    code: "unreachable",
    when: ({ code }) => /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL)$/.test(code),
    meaning: ({ address, code }) => `${address} cannot be reached (${code})`,
    hint: checkNetwork,
  },
  {
    code: "connection-reset",
    when: ({ code }) => /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(code),
    meaning: ({ address, code }) => `${address} closed the connection without an answer (${code})`,
    hint: "check port and scheme of the URL (a TLS server needs wss://)",
    hints: {
      aws: "check the network connection, VPN and proxy, then run the same command again",
      proxy: checkProxy,
      backend: "check what listens there; its log should show why it closed the connection",
    },
  },
  {
    code: "certificate-invalid",
    when: ({ code }) => /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ALTNAME|CRL/.test(code),
    meaning: ({ address, code, detail }) =>
      `the TLS certificate of ${address} is not valid: ${detail} (${code})`,
    hint: "check the host name and the clock; for a private CA set AWS_CA_BUNDLE to its certificate",
    hints: {
      aws: "behind an inspecting proxy set AWS_CA_BUNDLE to the file of its certificate",
      proxy: "set AWS_CA_BUNDLE to the file of the proxy's certificate, or use its http:// address",
      backend: "check the backend's certificate (name, expiry, chain): the proxy checks it too",
    },
  },
  {
    code: "tls-failed",
    when: ({ code }) => /^(EPROTO|ERR_SSL_|ERR_TLS_)/.test(code),
    meaning: ({ address, code }) => `the TLS handshake with ${address} failed (${code})`,
    hint: withoutTls,
    hints: {
      aws: "a server without TLS needs http:// in --endpoint-url",
      backend: "check whether that port speaks TLS; a backend without it needs http://",
    },
  },
  {
    code: "not-http",
    when: ({ code }) => code.startsWith("HPE_"),
    meaning: ({ address, code }) => `${address} does not speak HTTP (${code})`,
    hint: "check host and port: another service listens there",
    hints: { proxy: checkProxy },
  },
  timeout("lookup", "the name server did not answer", { hint: checkNetwork }),
  timeout("connect", "no answer to the TCP connection", {
    hint: checkNetwork,
    hints: { proxy: checkProxy },
  }),
  timeout("tls", "the TLS handshake was not finished", {
    hint: withoutTls,
    hints: { backend: "check whether that port speaks TLS; a backend without it needs http://" },
  }),
  timeout("http", "connected, but there was no answer", {
    hint: [
      "API Gateway waits for the function, and that for the backend; measure both: ",
      command("test"),
      "; for more time pass --timeout",
    ],
    hints: {
      given: "check what listens there; for more time pass --timeout",
      backend: "check the backend's log: it accepts the connection and does not answer",
    },
  }),
  timeout(undefined, "no answer", { hint: checkNetwork }),
];

/** A failure of the network in words; undefined where it is none. */
export function explainNetwork(failure: NetworkFailure): NetworkExplanation | undefined {
  const row = networkRows.find(({ when }) => when(failure));
  if (!row) return undefined;
  const hint = row.hints?.[failure.peer] ?? row.hint;
  const { address, peer } = failure;
  const meaning = row.meaning(failure);
  return {
    code: row.code,
    // Nothing else tells that it is not the server that was asked for.
    meaning: peer === "proxy" ? meaning.replace(address, () => `the proxy ${address}`) : meaning,
    hint: typeof hint === "function" ? hint(failure) : hint,
  };
}

/** The same where it is known that the connection failed, for whatever reason. */
export const explainConnection = (failure: NetworkFailure): NetworkExplanation =>
  explainNetwork(failure) ?? {
    code: "unreachable",
    meaning: `${failure.address}: ${failure.detail || failure.code}`,
    hint: "check the URL and the network connection",
  };
