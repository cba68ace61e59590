import { isAnswered, isGood, isLetIn, isTurnedAway, wordsOf } from "./answer.ts";
import type { Exchange, Phase } from "./exchange.ts";
import { endpoints, markedConnection, type Endpoint } from "./probe.ts";
import { failed, notAsked, passed, warning, type Check, type Verdict } from "./result.ts";

const UNREACHABLE = "nobody can connect: the proxy answers every handshake with 502 or 504";

/** What to do when a request ends in this phase. */
const mendings: Readonly<Record<Phase, string>> = {
  dns: "look at the spelling of the host in the backend URL, and at its DNS record",
  tcp: "start the backend; look at its port, and whether a firewall or security group lets this address in",
  tls: "look at the certificate (name, expiry, chain) and whether this port speaks TLS at all",
  http: "look at what listens there: it does not speak HTTP, or it cuts the connection; its log should say why",
  time: "look at the backend's log: it accepts the connection and does not answer",
};

const reachable: Check = {
  id: "reachable",
  title: "the backend answers HTTP",
  async run(probe) {
    const exchange = await probe.stranger("disconnect", "{}");
    if (!isAnswered(exchange)) return failed(wordsOf(exchange), UNREACHABLE, mendings[exchange.phase]);
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
    const asked = await Promise.all(
      endpoints.map(async (endpoint) => [endpoint, await probe.stranger(endpoint, "{}")] as const),
    );
    const redirecting = asked.filter(([, exchange]) => isRedirect(exchange));
    for (const [endpoint] of redirecting)
      probe.findings.missing.set(endpoint, `${probe.url(endpoint).pathname} redirects`);
    if (redirecting.length === 0) return passed("none of the three");
    const where = redirecting.map(
      ([endpoint, exchange]) => `${probe.url(endpoint).pathname} ${wordsOf(exchange)}${target(exchange)}`,
    );
    return failed(
      where.join("; "),
      "a redirect counts as a failure and is not followed",
      "give the address that it leads to as the backend URL, or stop redirecting (slashes at the end, http to https)",
    );
  },
};

const target = (exchange: Exchange): string =>
  isAnswered(exchange) && exchange.headers.location ? ` to ${exchange.headers.location.slice(0, 120)}` : "";

/** What an answer to a stranger's empty object says about an endpoint, by its status. */
const standings: Readonly<Record<number, string>> = {
  400: "it is there and does not like an empty object",
  401: "it is there and turns strangers away",
  403: "it is there and turns strangers away",
  422: "it is there and validates what it gets",
};

const endpointCheck = (endpoint: Endpoint): Check => ({
  id: `endpoint-${endpoint}`,
  title: `the endpoint for ${endpoint} is there`,
  async run(probe) {
    const { pathname } = probe.url(endpoint);
    const known = probe.findings.missing.get(endpoint);
    if (known !== undefined) return notAsked(`${known}, see above`);
    const exchange = await probe.stranger(endpoint, "{}");
    const where = `POST ${pathname} ${wordsOf(exchange)}`;
    if (isGood(exchange)) return passed(`${where}: it is there`);
    const fault = standingFault(exchange, pathname);
    if (!fault)
      return passed(`${where}: ${(isAnswered(exchange) && standings[exchange.status]) || "it is there"}`);
    const isNoRoute = isAnswered(exchange) && [404, 405].includes(exchange.status);
    probe.findings.missing.set(
      endpoint,
      isNoRoute ? `there is no endpoint for ${endpoint}` : `${where} to an empty object`,
    );
    return failed(where, ...fault);
  },
});

function standingFault(exchange: Exchange, pathname: string): [meaning: string, mend: string] | undefined {
  if (!isAnswered(exchange))
    return ["the proxy gets no answer from this endpoint either", mendings[exchange.phase]];
  if (exchange.status === 404) {
    return [
      "there is no such route",
      `add POST ${pathname}, or look at the backend URL's path and at where the router is mounted`,
    ];
  }
  if (exchange.status === 405)
    return ["the route takes other methods, but not POST", `make it POST ${pathname}`];
  if (exchange.status >= 500)
    return ["an empty JSON object makes the backend fail", "look at the backend's log for the exception"];
  return undefined;
}

const entry: Check = {
  id: "entry",
  title: "a request in the proxy's form is let in",
  needs: ["disconnect"],
  async run(probe) {
    const { keys } = probe.subject;
    const exchange = await probe.disconnect(markedConnection());
    probe.findings.isLetIn = isLetIn(exchange);
    const how =
      keys.length === 0
        ? "unsigned (no key is known)"
        : keys.length === 1
          ? "signed"
          : "signed with both keys";
    const words = `the end of an unknown connection, ${how}: ${wordsOf(exchange)}`;
    if (isAnswered(exchange) && exchange.status >= 500) {
      return warning(
        words,
        "it was not turned away, but something fails after that",
        "look at the backend's log for the exception, and at the ends of connections below",
      );
    }
    if (probe.findings.isLetIn) return passed(words);
    if (isTurnedAway(exchange) && keys.length === 0) {
      return notAsked(`${words}; the backend wants a signature, so set SIGNING_KEYS to its keys`, "keys");
    }
    return isTurnedAway(exchange)
      ? turnedAway(words, probe.url("disconnect").pathname)
      : failed(words, "the proxy's requests do not get through", mendings.http);
  },
};

/** Every refusal is the same on purpose, so all that it may come from is named. */
const turnedAway = (words: string, pathname: string): Verdict =>
  failed(
    words,
    `the backend does not know these keys, its clock is more than 300 s off, it does not compute the signature over the raw body, or it does not see the path ${pathname}, which is signed and compared (a proxy in front strips a prefix)`,
    "give it the keys that this prints: shelfshack-ws outputs --for backend; then restart it. Where a proxy strips a prefix, tell the backend: uvicorn --root-path /prefix",
  );

/** What a `Date` header may lag behind: it has whole seconds, and some servers renew it once a second. */
const DATE_LAG_MS = 2_000;
const TOLERABLE_MS = 30_000;

const clock: Check = {
  id: "clock",
  title: "the backend's clock is right",
  async run(probe) {
    const sentAt = Date.now();
    const exchange = await probe.stranger("disconnect", "{}");
    const date = isAnswered(exchange) ? Date.parse(exchange.headers.date ?? "") : NaN;
    if (Number.isNaN(date)) return notAsked("its answers have no Date header");
    const [least, most] = [date - Date.now(), date + DATE_LAG_MS - sentAt];
    probe.findings.clockOffMs = least <= 0 && most >= 0 ? 0 : (least + most) / 2;
    const off = Math.round(Math.abs(probe.findings.clockOffMs) / 1_000);
    if (Math.abs(probe.findings.clockOffMs) < TOLERABLE_MS) {
      return passed(off === 0 ? "no difference to this machine's" : `${off} s off this machine's`);
    }
    return warning(
      `${off} s off this machine's`,
      "from 300 s on every request of the proxy is refused",
      "let both machines keep the time: timedatectl set-ntp true",
    );
  },
};

/** Whether the backend is there and lets the proxy in; what the other checks build on. */
export const entryChecks: readonly Check[] = [
  reachable,
  redirect,
  ...endpoints.map(endpointCheck),
  entry,
  clock,
];
