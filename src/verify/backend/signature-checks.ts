import { endpoints, type Endpoint } from "../../contract/envelope.ts";
import { fingerprint, newSigningKey } from "../../contract/signature.ts";
import { command, giveKeys } from "../../errors/advice.ts";
import { byHand, failed, passed, skipped, warning, type Verdict } from "../check.ts";
import { contentOf, isAccepted, isGood, isRefusal, isUnauthorized, wordsOf } from "./answer.ts";
import { lackOfConnection, type Unasked } from "./conversation.ts";
import { CHECK_LOG } from "./entry-checks.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, messageWebhookId, type Probe, type Tampering } from "./probe.ts";
import { question, unjudged, type BackendCheck } from "./question.ts";
import { acceptsClient } from "./register-checks.ts";

/** A request that the proxy would not send. The backend has to reject it, at each of these endpoints. */
interface Tampered {
  id: string;
  title: string;
  at: readonly Endpoint[];
  tamper: (probe: Probe) => Tampering;
  meaning: string;
  fix: string;
}

const UNSIGNED = "signature-none";
const IMPERSONATION = "any sender can impersonate the proxy";
const SIGN_ALL = "compute the signature over webhook-id, webhook-timestamp and the raw body, joined by dots";
const without = (header: string): Tampering => ({ headers: { [header]: undefined } });

/**
 * The backend's time in whole seconds, as far as its Date header tells it; rounded so that the limit is
 * missed on the side that is meant.
 */
const backendSeconds = ({ findings }: Probe, round: (value: number) => number): number =>
  round((Date.now() + findings.clockOffMs) / 1_000);

const tamperedRequests: readonly Tampered[] = [
  {
    id: UNSIGNED,
    title: "an unsigned request is rejected",
    at: endpoints,
    tamper: () => ({
      headers: { "webhook-id": undefined, "webhook-timestamp": undefined, "webhook-signature": undefined },
    }),
    meaning: IMPERSONATION,
    fix: "check the signature before anything else, at all three endpoints",
  },
  {
    id: "signature-wrong",
    title: "a signature with another key is rejected",
    at: endpoints,
    tamper: () => ({ keys: [newSigningKey()] }),
    meaning: IMPERSONATION,
    fix: "compare the signature with the one computed from your own keys",
  },
  {
    id: "signature-body",
    title: "a changed body is rejected",
    at: ["disconnect"],
    tamper: () => ({ body: (body) => body.replace('"code":1000', '"code":1001') }),
    meaning: "a recorded signature can be used for other requests",
    fix: SIGN_ALL,
  },
  {
    id: "signature-id",
    title: "a changed webhook-id is rejected",
    at: ["disconnect"],
    tamper: () => ({ headers: { "webhook-id": "msg_d_shelfshackCheckOther" } }),
    meaning: "a recorded request can be sent again and is not recognised as a repeat",
    fix: SIGN_ALL,
  },
  {
    id: "signature-timestamp",
    title: "a changed timestamp is rejected",
    at: ["disconnect"],
    tamper: () => ({ headers: { "webhook-timestamp": String(Math.floor(Date.now() / 1_000) - 7) } }),
    meaning: "a recorded request can be sent again with a new time",
    fix: SIGN_ALL,
  },
  ...["webhook-id", "webhook-timestamp", "webhook-signature", "x-connection-id"].map((header) => ({
    id: `header-${header}`,
    title: `a request without ${header} is rejected`,
    at: ["disconnect"] as const,
    tamper: () => without(header),
    meaning: `every request of the proxy has ${header}`,
    fix: `reject a request without ${header}`,
  })),
  {
    id: "time-old",
    title: "a request that is 301 s old is rejected",
    at: ["disconnect"],
    tamper: (probe) => ({ timestamp: backendSeconds(probe, Math.floor) - 301 }),
    meaning: "a recorded request can be sent again for ever",
    fix: "reject a timestamp more than 300 s before the backend's clock",
  },
  {
    id: "time-future",
    title: "a request from 301 s ahead is rejected",
    at: ["disconnect"],
    tamper: (probe) => ({ timestamp: backendSeconds(probe, Math.ceil) + 301 }),
    meaning: "a request can be kept and sent after its webhook-id is forgotten",
    fix: "reject a timestamp more than 300 s after the backend's clock",
  },
  {
    id: "path-swapped",
    title: "a request signed for another path is rejected",
    at: ["disconnect"],
    tamper: (probe) => ({ path: probe.url("message").pathname }),
    meaning: "a recorded request can be sent to another endpoint: the signature does not cover the URL",
    fix: "compare the body's path with the requested path",
  },
  {
    id: "connection-swapped",
    title: "a request signed for another connection is rejected",
    at: ["disconnect"],
    tamper: () => ({ headers: { "x-connection-id": markedConnection() } }),
    meaning: "a request can be sent in another client's name: the signature does not cover the header",
    fix: "compare the body's connection_id with the header x-connection-id",
  },
];

/** Sends one endpoint a request of the proxy, tampered with. */
function send(probe: Probe, endpoint: Endpoint, tampering: Tampering): Promise<Exchange> {
  const {
    connection = markedConnection(),
    registeredAs = { type: probe.subject.type, token: probe.subject.token ?? null },
  } = probe.findings;
  if (endpoint === "register") return probe.register(markedConnection(), registeredAs, { tampering });
  if (endpoint === "disconnect") return probe.disconnect(markedConnection(), tampering);
  const webhookId = messageWebhookId();
  return probe.message(connection, '{"type":"shelfshack-check"}', { tampering, webhookId });
}

/** One check for each endpoint that the request is sent to. */
const tamperingChecks = (tampered: Tampered): BackendCheck[] =>
  tampered.at.map((endpoint) =>
    question({
      id: tampered.at.length > 1 ? `${tampered.id}-${endpoint}` : tampered.id,
      title: tampered.at.length > 1 ? `${tampered.title} at ${endpoint}` : tampered.title,
      requires: ["keys", "entry", endpoint, "checked"],
      ask: (probe) => askTampered(probe, endpoint, tampered),
      judge: (said) => tamperedVerdict(said, endpoint, tampered),
    }),
  );

/** What a request that was tampered with has met. */
interface Met {
  exchange: Exchange | undefined;
  /** Why a genuine request might have been refused here as well. */
  lack?: Unasked | undefined;
}

async function askTampered(probe: Probe, endpoint: Endpoint, { id, tamper }: Tampered): Promise<Met> {
  if (id === UNSIGNED && endpoint === endpoints[0] && (await checksNothing(probe, tamper(probe)))) {
    probe.findings.isUnchecked = true;
    return { exchange: undefined };
  }
  const exchange = await send(probe, endpoint, tamper(probe));
  const because = `${wordsOf(exchange)}, but perhaps for want of a token (--token)`;
  return { exchange, lack: endpoint === "disconnect" ? undefined : lackOfConnection(probe, because) };
}

function tamperedVerdict({ exchange, lack }: Met, endpoint: Endpoint, { meaning, fix }: Tampered): Verdict {
  const accepted = (evidence: string) => failed("signature-unchecked", evidence, meaning, byHand(fix));
  if (!exchange) return accepted("unsigned requests are accepted at all three endpoints");
  const evidence = wordsOf(exchange);
  const isRefused = isRefusedHandshake(endpoint, exchange);
  if (isGood(exchange) && !isRefused) return accepted(evidence);
  if (!isRefusal(exchange) && !isRefused) return crashed(evidence);
  if (lack) return unjudged(lack);
  return isUnauthorized(exchange) || isRefused ? passed(evidence) : otherStatus(evidence);
}

/** Whether every endpoint accepts this; without a registered connection `disconnect` speaks for all. */
async function checksNothing(probe: Probe, tampering: Tampering): Promise<boolean> {
  const { connection, unusable } = probe.findings;
  const asked = endpoints.filter(
    (endpoint) => !unusable.has(endpoint) && (connection !== undefined || endpoint === "disconnect"),
  );
  for (const endpoint of asked) {
    const exchange = await send(probe, endpoint, tampering);
    if (!isGood(exchange) || isRefusedHandshake(endpoint, exchange)) return false;
  }
  return asked.includes("disconnect");
}

/** A 2xx that does not accept the client. */
const isRefusedHandshake = (endpoint: Endpoint, exchange: Exchange): boolean =>
  endpoint === "register" && isGood(exchange) && "value" in contentOf(exchange) && !acceptsClient(exchange);

const crashed = (evidence: string): Verdict =>
  failed(
    "backend-failed",
    evidence,
    "an unsigned request crashes the backend",
    byHand(`${CHECK_LOG}; answer 401`),
  );

const otherStatus = (evidence: string): Verdict =>
  warning(
    "refusal-unclear",
    evidence,
    "rejected, but not with 401: something else was checked before the signature, or a rate limit was hit",
    byHand("check the signature first; answer every rejection with the same 401"),
  );

/** The proxy may send these, so they have to be accepted. */
const withinTime = question({
  id: "time-within",
  title: "requests 299 s old, and from 299 s ahead, are accepted",
  requires: ["keys", "entry"],
  async ask(probe) {
    const oldest = backendSeconds(probe, Math.ceil) - 299;
    const old = await probe.disconnect(markedConnection(), { timestamp: oldest });
    const newest = backendSeconds(probe, Math.floor) + 299;
    return [old, await probe.disconnect(markedConnection(), { timestamp: newest })];
  },
  judge(exchanges) {
    const evidence = exchanges.map(wordsOf).join(", ");
    if (exchanges.every(isAccepted)) return passed(evidence);
    return failed(
      "tolerance-short",
      evidence,
      "the backend allows less than 300 s: a small clock difference rejects all requests",
      byHand("allow 300 s on both sides"),
    );
  },
});

/** Whether a rotation can be finished; it says something only where there are two keys. */
export const eachKey = question({
  id: "each-key",
  title: "each of the two keys is accepted alone",
  requires: ["keys", "entry"],
  async ask(probe) {
    const { keys } = probe.subject;
    const rejected: string[] = [];
    for (const key of keys.length < 2 ? [] : keys)
      if (isUnauthorized(await probe.disconnect(markedConnection(), { keys: [key] }))) rejected.push(key);
    return rejected;
  },
  judge(rejected, { subject: { keys } }) {
    if (keys.length < 2) return skipped("there is one key; there are two while keys rotate");
    if (rejected.length === 0) return passed("the backend knows both");
    const which = rejected[0] === keys[0] ? "newer" : "older";
    return warning(
      "keys-unknown",
      `the backend does not know the ${which} key (${rejected.map(fingerprint).join(", ")})`,
      "the proxy signs with both, but the rotation cannot be finished before the backend knows the newer one",
      byHand(giveKeys(command("backend check"))),
    );
  },
});

/** Whether requests of others are rejected, and the proxy's accepted. */
export const signatureChecks: readonly BackendCheck[] = [
  ...tamperedRequests.flatMap(tamperingChecks),
  withinTime,
  eachKey,
];
