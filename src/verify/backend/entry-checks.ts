import { endpoints, TOLERANCE_SECONDS, type Endpoint } from "../../contract/envelope.ts";
import { command, deployAgain, giveKeys, joined, type Advice } from "../../errors/advice.ts";
import { byHand, failed, passed, skipped, warning, type Verdict } from "../check.ts";
import { firstLineOf, isAccepted, isAnswered, isForeignHost, isUnauthorized, wordsOf } from "./answer.ts";
import { probeOf } from "./ask-once.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, type Subject } from "./probe.ts";
import { addressFix, question, unanswered, type BackendCheck, type Scene } from "./question.ts";

export const CHECK_LOG = "check the backend's log for the exception";

const reachable = question({
  id: "reachable",
  title: "the backend answers HTTP",
  async ask(probe) {
    const exchange = await probe.unsignedRequest("disconnect", "{}");
    probe.findings.isReachable = isAnswered(exchange) && !isForeignHost(exchange);
    return exchange;
  },
  judge(exchange, scene) {
    const words = wordsOf(exchange);
    if (!isAnswered(exchange)) {
      const means = "no client can connect: the function answers every handshake with 502 or 504";
      return unanswered(exchange, words, means, scene);
    }
    if (!isForeignHost(exchange)) return passed(`${words} in ${Math.ceil(exchange.ms)} ms`);
    const { hostname } = new URL(scene.subject.backendUrl);
    return failed(
      "backend-host-refused",
      `${words}: ${firstLineOf(exchange)}`,
      "the backend takes requests under other host names only, so it rejects the proxy's too",
      byHand(`add ${hostname} to its host names (allowed_hosts of TrustedHostMiddleware)`),
    );
  },
});

const isRedirect = (exchange: Exchange) =>
  isAnswered(exchange) && exchange.status >= 300 && exchange.status <= 399;

const redirect = question({
  id: "redirect",
  title: "no endpoint redirects",
  async ask(probe) {
    const answers = await Promise.all(
      endpoints.map(async (endpoint) => ({
        endpoint,
        path: probe.url(endpoint).pathname,
        exchange: await probe.unsignedRequest(endpoint, "{}"),
      })),
    );
    const redirecting = answers.filter(({ exchange }) => isRedirect(exchange));
    for (const { endpoint, path } of redirecting) probe.findings.unusable.set(endpoint, `${path} redirects`);
    return redirecting;
  },
  judge(redirecting, scene) {
    if (redirecting.length === 0) return passed("none of the three");
    return failed(
      "backend-redirects",
      redirecting.map(({ path, exchange }) => `${path} ${wordsOf(exchange)}${target(exchange)}`).join("; "),
      "a redirect counts as a failure and is not followed",
      addressFix(
        "use the address it leads to as the backend URL, or stop redirecting (final slashes, http to https)",
        scene,
      ),
    );
  },
});

const target = (exchange: Exchange): string =>
  isAnswered(exchange) && exchange.headers.location ? ` to ${exchange.headers.location.slice(0, 120)}` : "";

/** What an answer to an unsigned empty object says about an endpoint, by its status. */
const meanings: Readonly<Record<number, string>> = {
  400: "it exists and rejects an empty object",
  401: "it exists and rejects unsigned requests",
  403: "it exists and rejects unsigned requests",
  422: "it exists and validates the body",
};

const isNoRoute = (exchange: Exchange) => isAnswered(exchange) && [404, 405].includes(exchange.status);

const endpointCheck = (endpoint: Endpoint): BackendCheck =>
  question({
    id: `endpoint-${endpoint}`,
    title: `the endpoint for ${endpoint} exists`,
    requires: [endpoint],
    async ask(probe) {
      const { pathname } = probe.url(endpoint);
      const exchange = await probe.unsignedRequest(endpoint, "{}");
      const where = `POST ${pathname} ${wordsOf(exchange)}`;
      const reason = isNoRoute(exchange)
        ? `there is no endpoint for ${endpoint}`
        : `${where} to an empty object`;
      const isUsable = isAnswered(exchange) && !isNoRoute(exchange) && exchange.status < 500;
      if (!isUsable) probe.findings.unusable.set(endpoint, reason);
      return { exchange, where, pathname };
    },
    judge: endpointVerdict,
  });

function endpointVerdict(
  { exchange, where, pathname }: { exchange: Exchange; where: string; pathname: string },
  scene: Scene,
): Verdict {
  if (!isAnswered(exchange))
    return unanswered(exchange, where, "the proxy gets no answer from this endpoint either", scene);
  const { status } = exchange;
  if (status === 404) {
    const fix = `add POST ${pathname}, or check the path of the backend URL and where the router is mounted`;
    return failed("backend-endpoint-missing", where, "there is no such route", addressFix(fix, scene));
  }
  if (status === 405) {
    const means = "the route takes other methods, but not POST";
    return failed("backend-method-refused", where, means, byHand(`make it POST ${pathname}`));
  }
  if (status >= 500)
    return failed("backend-failed", where, "an empty JSON object makes the backend fail", byHand(CHECK_LOG));
  return passed(`${where}: ${meanings[status] ?? "it exists"}`);
}

const signedAs = ({ keys }: Subject): string =>
  keys.length === 0 ? "unsigned (no signing key)" : keys.length === 1 ? "signed" : "signed with both keys";

const entry = question({
  id: "entry",
  title: "a request of the proxy is accepted",
  requires: ["disconnect"],
  async ask(probe) {
    const exchange = await probe.disconnect(markedConnection());
    probe.findings.isAccepted = isAccepted(exchange);
    return { exchange, path: probe.url("disconnect").pathname };
  },
  judge({ exchange, path }, scene) {
    const { subject } = scene;
    const evidence = `the end of an unknown connection, ${signedAs(subject)}: ${wordsOf(exchange)}`;
    if (!isAnswered(exchange))
      return unanswered(exchange, evidence, "the proxy's requests do not arrive", scene);
    if (isUnauthorized(exchange)) return unauthorized(evidence, path, subject);
    const { code, meaning } = probeOf(exchange, subject);
    if (code === "backend-fields-refused") return warning(code, evidence, meaning, byHand(READ_FIELDS));
    if (exchange.status < 500) return passed(evidence);
    const fix = `${CHECK_LOG}, and the ends of connections below`;
    return warning("backend-failed", evidence, "accepted, but the backend then failed", byHand(fix));
  },
});

/** What to do where a backend expects other fields than the envelope has. */
export const READ_FIELDS = "read the fields of CONTRACT.md 1 and 2, and ignore those that are not needed";

/** Without keys of its own the function is at fault; a person may know them. */
function unauthorized(evidence: string, path: string, { keys, isOfFunction }: Subject): Verdict {
  if (keys.length > 0) return failed("keys-unknown", evidence, causesOf401(path), byHand(orPrefix));
  if (!isOfFunction)
    return skipped(`${evidence}; the backend requires a signature: set SIGNING_KEYS to its keys`, "keys");
  return failed(
    "keys-missing",
    evidence,
    "the backend takes signed requests only, and the function has no signing key",
    byHand(["deploy creates a key: ", deployAgain]),
  );
}

/** Every rejection is the same 401 on purpose, so all its causes are named. */
const causesOf401 = (path: string): string =>
  [
    "one of these: the backend does not know these keys",
    `its clock is more than ${TOLERANCE_SECONDS} s off`,
    "it does not compute the signature over the raw body",
    `it does not see the path ${path}, which is signed and compared (a reverse proxy strips a prefix)`,
  ].join("; ");

const orPrefix: Advice = joined(
  [giveKeys(command("backend check")), "where a reverse proxy strips a prefix: uvicorn --root-path /prefix"],
  "; ",
);

/** What a `Date` header may lag behind: it has whole seconds, and some servers renew it once a second. */
const DATE_LAG_MS = 2_000;
const TOLERABLE_MS = 30_000;

const clock = question({
  id: "backend-clock",
  title: "the backend's clock is right",
  async ask(probe) {
    const sentAt = Date.now();
    const exchange = await probe.unsignedRequest("disconnect", "{}");
    const date = isAnswered(exchange) ? Date.parse(exchange.headers.date ?? "") : NaN;
    if (Number.isNaN(date)) return undefined;
    const [least, most] = [date - Date.now(), date + DATE_LAG_MS - sentAt];
    probe.findings.clockOffMs = least <= 0 && most >= 0 ? 0 : (least + most) / 2;
    return probe.findings.clockOffMs;
  },
  judge(offMs) {
    if (offMs === undefined) return skipped("its answers have no Date header");
    const seconds = Math.round(Math.abs(offMs) / 1_000);
    const evidence = seconds === 0 ? "no difference from this machine's" : `${seconds} s off this machine's`;
    if (Math.abs(offMs) < TOLERABLE_MS) return passed(evidence);
    return warning(
      "backend-clock-wrong",
      evidence,
      `from ${TOLERANCE_SECONDS} s on every request of the proxy is rejected`,
      byHand("synchronise the clocks of both machines: timedatectl set-ntp true"),
    );
  },
});

/** Whether the backend is there and accepts the proxy's requests; the other checks need that. */
export const entryChecks: readonly BackendCheck[] = [
  reachable,
  redirect,
  ...endpoints.map(endpointCheck),
  entry,
  clock,
];
