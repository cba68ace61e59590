import { endpoints, TOLERANCE_SECONDS, type Endpoint } from "../../contract/envelope.ts";
import { command, type Advice } from "../../errors/advice.ts";
import {
  explainUnanswered,
  firstLineOf,
  isAccepted,
  isAnswered,
  isForeignHost,
  isUnauthorized,
  wordsOf,
} from "./answer.ts";
import { probeOf } from "./ask-once.ts";
import type { Exchange, Unanswered } from "./exchange.ts";
import { markedConnection, type Probe } from "./probe.ts";
import { failed, passed, skipped, warning, type Check, type Result } from "./result.ts";

export const CHECK_LOG = "check the backend's log for the exception";

/** The failure where there was no answer; its fix and cause are those of the network's error. */
export function unanswered(exchange: Unanswered, finding: string, meaning: string): Result {
  const { code, hint } = explainUnanswered(exchange);
  return { ...failed(finding, meaning, hint), cause: code, code: "backend-unreachable" };
}

const reachable: Check = {
  id: "reachable",
  title: "the backend answers HTTP",
  async run(probe) {
    const exchange = await probe.unsignedRequest("disconnect", "{}");
    if (!isAnswered(exchange)) {
      const meaning = "no client can connect: the function answers every handshake with 502 or 504";
      return unanswered(exchange, wordsOf(exchange), meaning);
    }
    if (isForeignHost(exchange)) {
      const { hostname } = probe.url("disconnect");
      return {
        ...failed(
          `${wordsOf(exchange)}: ${firstLineOf(exchange)}`,
          "the backend takes requests under other host names only, so it rejects the proxy's too",
          `add ${hostname} to its host names (allowed_hosts of TrustedHostMiddleware)`,
        ),
        code: "backend-host-refused",
      };
    }
    probe.findings.isReachable = true;
    return passed(`${wordsOf(exchange)} in ${Math.ceil(exchange.ms)} ms`);
  },
};

const isRedirect = (exchange: Exchange) =>
  isAnswered(exchange) && exchange.status >= 300 && exchange.status <= 399;

const redirect: Check = {
  id: "redirect",
  title: "no endpoint redirects",
  async run(probe) {
    const answers = await Promise.all(
      endpoints.map(async (endpoint) => [endpoint, await probe.unsignedRequest(endpoint, "{}")] as const),
    );
    const redirecting = answers.filter(([, exchange]) => isRedirect(exchange));
    for (const [endpoint] of redirecting)
      probe.findings.unusable.set(endpoint, `${probe.url(endpoint).pathname} redirects`);
    if (redirecting.length === 0) return passed("none of the three");
    const where = redirecting.map(
      ([endpoint, exchange]) => `${probe.url(endpoint).pathname} ${wordsOf(exchange)}${target(exchange)}`,
    );
    return {
      ...failed(
        where.join("; "),
        "a redirect counts as a failure and is not followed",
        "use the address it leads to as the backend URL, or stop redirecting (final slashes, http to https)",
      ),
      code: "backend-redirects",
    };
  },
};

const target = (exchange: Exchange): string =>
  isAnswered(exchange) && exchange.headers.location ? ` to ${exchange.headers.location.slice(0, 120)}` : "";

/** What an answer to an unsigned empty object says about an endpoint, by its status. */
const meanings: Readonly<Record<number, string>> = {
  400: "it exists and rejects an empty object",
  401: "it exists and rejects unsigned requests",
  403: "it exists and rejects unsigned requests",
  422: "it exists and validates the body",
};

const endpointCheck = (endpoint: Endpoint): Check => ({
  id: `endpoint-${endpoint}`,
  title: `the endpoint for ${endpoint} exists`,
  async run(probe) {
    const { pathname } = probe.url(endpoint);
    const known = probe.findings.unusable.get(endpoint);
    if (known !== undefined) return skipped(`${known}, see above`);
    const exchange = await probe.unsignedRequest(endpoint, "{}");
    const where = `POST ${pathname} ${wordsOf(exchange)}`;
    const fault = endpointFault(exchange, where, pathname);
    if (!fault)
      return passed(`${where}: ${(isAnswered(exchange) && meanings[exchange.status]) || "it exists"}`);
    const isNoRoute = isAnswered(exchange) && [404, 405].includes(exchange.status);
    const reason = isNoRoute ? `there is no endpoint for ${endpoint}` : `${where} to an empty object`;
    probe.findings.unusable.set(endpoint, reason);
    return fault;
  },
});

function endpointFault(exchange: Exchange, where: string, pathname: string): Result | undefined {
  if (!isAnswered(exchange))
    return unanswered(exchange, where, "the proxy gets no answer from this endpoint either");
  if (exchange.status === 404) {
    return {
      ...failed(
        where,
        "there is no such route",
        `add POST ${pathname}, or check the path of the backend URL and where the router is mounted`,
      ),
      code: "backend-endpoint-missing",
    };
  }
  if (exchange.status === 405)
    return {
      ...failed(where, "the route takes other methods, but not POST", `make it POST ${pathname}`),
      code: "backend-method-refused",
    };
  if (exchange.status >= 500)
    return {
      ...failed(where, "an empty JSON object makes the backend fail", CHECK_LOG),
      code: "backend-failed",
    };
  return undefined;
}

const signedAs = ({ subject: { keys } }: Probe): string =>
  keys.length === 0 ? "unsigned (no signing key)" : keys.length === 1 ? "signed" : "signed with both keys";

const entry: Check = {
  id: "entry",
  title: "a request of the proxy is accepted",
  needs: ["disconnect"],
  async run(probe) {
    const exchange = await probe.disconnect(markedConnection());
    probe.findings.isAccepted = isAccepted(exchange);
    const finding = `the end of an unknown connection, ${signedAs(probe)}: ${wordsOf(exchange)}`;
    if (!isAnswered(exchange)) return unanswered(exchange, finding, "the proxy's requests do not arrive");
    if (isUnauthorized(exchange)) return unauthorized(finding, probe);
    const { code: asked } = probeOf(exchange, probe.subject);
    const code = asked === "reached" ? {} : { code: asked };
    if (exchange.status < 500) return { ...passed(finding), ...code };
    return {
      ...warning(
        finding,
        "accepted, but the backend then failed",
        `${CHECK_LOG}, and the ends of connections below`,
      ),
      ...code,
    };
  },
};

function unauthorized(finding: string, probe: Probe): Result {
  if (probe.subject.keys.length === 0)
    return {
      ...skipped(`${finding}; the backend requires a signature: set SIGNING_KEYS to its keys`, "keys"),
      code: "keys-missing",
    };
  return {
    ...failed(finding, causesOf401(probe.url("disconnect").pathname), giveKeys),
    code: "keys-unknown",
  };
}

/** Every rejection is the same 401 on purpose, so all its causes are named. */
const causesOf401 = (pathname: string): string =>
  [
    "one of these: the backend does not know these keys",
    `its clock is more than ${TOLERANCE_SECONDS} s off`,
    "it does not compute the signature over the raw body",
    `it does not see the path ${pathname}, which is signed and compared (a reverse proxy strips a prefix)`,
  ].join("; ");

const giveKeys: Advice = [
  "give the backend the keys of: ",
  command("outputs", { outputsFor: "backend" }),
  "; then restart it. Where a reverse proxy strips a prefix: uvicorn --root-path /prefix",
];

/** What a `Date` header may lag behind: it has whole seconds, and some servers renew it once a second. */
const DATE_LAG_MS = 2_000;
const TOLERABLE_MS = 30_000;

const clock: Check = {
  id: "clock",
  title: "the backend's clock is right",
  async run(probe) {
    const sentAt = Date.now();
    const exchange = await probe.unsignedRequest("disconnect", "{}");
    const date = isAnswered(exchange) ? Date.parse(exchange.headers.date ?? "") : NaN;
    if (Number.isNaN(date)) return skipped("its answers have no Date header");
    const [least, most] = [date - Date.now(), date + DATE_LAG_MS - sentAt];
    probe.findings.clockOffMs = least <= 0 && most >= 0 ? 0 : (least + most) / 2;
    const off = Math.round(Math.abs(probe.findings.clockOffMs) / 1_000);
    if (Math.abs(probe.findings.clockOffMs) < TOLERABLE_MS) {
      return passed(off === 0 ? "no difference from this machine's" : `${off} s off this machine's`);
    }
    return {
      ...warning(
        `${off} s off this machine's`,
        `from ${TOLERANCE_SECONDS} s on every request of the proxy is rejected`,
        "synchronise the clocks of both machines: timedatectl set-ntp true",
      ),
      code: "backend-clock-wrong",
    };
  },
};

/** Whether the backend is there and accepts the proxy's requests; the other checks need that. */
export const entryChecks: readonly Check[] = [
  reachable,
  redirect,
  ...endpoints.map(endpointCheck),
  entry,
  clock,
];
