import { fingerprint, newSigningKey } from "../../contract/signature.ts";
import { contentOf, isGood, isLetIn, isRefusal, isTurnedAway, wordsOf } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import {
  endpoints,
  markedConnection,
  messageWebhookId,
  type Endpoint,
  type Forgery,
  type Probe,
} from "./probe.ts";
import { isAccepting, withoutConnection } from "./register-checks.ts";
import { failed, notAsked, passed, warning, type Check, type Verdict } from "./result.ts";

/** A request that the proxy never made. The backend has to turn it away, at each of these endpoints. */
interface Forged {
  id: string;
  title: string;
  at: readonly Endpoint[];
  forge: (probe: Probe) => Forgery;
  meaning: string;
  mend: string;
}

const ANYBODY = "anybody who reaches the backend can pretend to be the proxy";
const without = (header: string): Forgery => ({ headers: { [header]: undefined } });

/**
 * The backend's time in whole seconds, as far as its Date header tells it; rounded so that the limit is
 * missed on the side that is meant.
 */
const backendSeconds = ({ findings }: Probe, round: (value: number) => number): number =>
  round((Date.now() + findings.clockOffMs) / 1_000);

const forgeries: readonly Forged[] = [
  {
    id: "signature-none",
    title: "no signature is refused",
    at: endpoints,
    forge: () => ({
      headers: { "webhook-id": undefined, "webhook-timestamp": undefined, "webhook-signature": undefined },
    }),
    meaning: ANYBODY,
    mend: "check the signature before anything else, at all three endpoints",
  },
  {
    id: "signature-wrong",
    title: "a signature with another key is refused",
    at: endpoints,
    forge: () => ({ keys: [newSigningKey()] }),
    meaning: ANYBODY,
    mend: "compare the signature with the one computed from your own keys",
  },
  {
    id: "signature-body",
    title: "a changed body is refused",
    at: ["disconnect"],
    forge: () => ({ body: (body) => body.replace('"code":1000', '"code":1001') }),
    meaning: "whoever sees one signed request can send others under its signature",
    mend: "compute the signature over webhook-id, webhook-timestamp and the raw body, joined by dots",
  },
  {
    id: "signature-id",
    title: "a changed webhook-id is refused",
    at: ["disconnect"],
    forge: () => ({ headers: { "webhook-id": "msg_d_shelfshackCheckOther" } }),
    meaning: "an old request can be sent again and is not recognised as a repeat",
    mend: "compute the signature over webhook-id, webhook-timestamp and the raw body, joined by dots",
  },
  {
    id: "signature-timestamp",
    title: "a changed timestamp is refused",
    at: ["disconnect"],
    forge: () => ({ headers: { "webhook-timestamp": String(Math.floor(Date.now() / 1_000) - 7) } }),
    meaning: "an old request can be sent again with a new time",
    mend: "compute the signature over webhook-id, webhook-timestamp and the raw body, joined by dots",
  },
  ...["webhook-id", "webhook-timestamp", "webhook-signature", "x-connection-id"].map((header) => ({
    id: `header-${header}`,
    title: `a request without ${header} is refused`,
    at: ["disconnect"] as const,
    forge: () => without(header),
    meaning: `${header} is part of what makes a request the proxy's`,
    mend: `refuse a request that lacks ${header}`,
  })),
  {
    id: "time-old",
    title: "a request that is 301 s old is refused",
    at: ["disconnect"],
    forge: (probe) => ({ timestamp: backendSeconds(probe, Math.floor) - 301 }),
    meaning: "a recorded request can be sent again for ever",
    mend: "refuse what is more than 300 s away from the backend's clock",
  },
  {
    id: "time-future",
    title: "a request from 301 s ahead is refused",
    at: ["disconnect"],
    forge: (probe) => ({ timestamp: backendSeconds(probe, Math.ceil) + 301 }),
    meaning: "a request can be kept and sent long after the webhook-ids of its time were forgotten",
    mend: "refuse what is more than 300 s away from the backend's clock, on both sides",
  },
  {
    id: "path-swapped",
    title: "a request signed for another path is refused",
    at: ["disconnect"],
    forge: (probe) => ({ path: probe.url("message").pathname }),
    meaning:
      "a request seen at one endpoint can be sent to another one: the signature does not cover the path",
    mend: "compare the body's path with the path that was requested",
  },
  {
    id: "connection-swapped",
    title: "a request signed for another connection is refused",
    at: ["disconnect"],
    forge: () => ({ headers: { "x-connection-id": markedConnection() } }),
    meaning:
      "a request of one client can be sent in the name of another one: the signature does not cover the header",
    mend: "compare the body's connection_id with the header x-connection-id",
  },
];

/** Sends one endpoint what the proxy would send, but forged. */
function ask(probe: Probe, endpoint: Endpoint, forgery: Forgery): Promise<Exchange> {
  const {
    connection = markedConnection(),
    registeredAs = { type: probe.subject.type, token: probe.subject.token ?? null },
  } = probe.findings;
  if (endpoint === "register") return probe.register(markedConnection(), registeredAs, { forgery });
  if (endpoint === "message")
    return probe.message(connection, '{"type":"shelfshack-check"}', {
      forgery,
      webhookId: messageWebhookId(),
    });
  return probe.disconnect(markedConnection(), forgery);
}

/** One check for each endpoint that the forgery is tried at. */
const forgeryChecks = ({ id, title, at, forge, meaning, mend }: Forged): Check[] =>
  at.map((endpoint) => ({
    id: at.length > 1 ? `${id}-${endpoint}` : id,
    title: at.length > 1 ? `${title} at ${endpoint}` : title,
    needs: ["keys", "entry", endpoint],
    async run(probe) {
      const exchange = await ask(probe, endpoint, forge(probe));
      const words = wordsOf(exchange);
      const isRefusedAsClient = isRefusedHandshake(endpoint, exchange);
      if (isGood(exchange) && !isRefusedAsClient) return failed(words, meaning, mend);
      if (!isRefusal(exchange) && !isRefusedAsClient) return brokenBy(words);
      // Without a connection and a good token, a genuine request would be refused here as well.
      if (endpoint !== "disconnect" && !probe.findings.connection) {
        return withoutConnection(probe, `${words}, but perhaps for want of a token (--token)`);
      }
      return isTurnedAway(exchange) || isRefusedAsClient ? passed(words) : otherStatus(words);
    },
  }));

/** A 2xx that keeps the client out all the same. */
const isRefusedHandshake = (endpoint: Endpoint, exchange: Exchange): boolean =>
  endpoint === "register" && isGood(exchange) && "value" in contentOf(exchange) && !isAccepting(exchange);

const brokenBy = (words: string): Verdict =>
  failed(
    words,
    "a stranger's request makes the backend fail instead of being refused",
    "look at the backend's log for the exception; answer 401",
  );

const otherStatus = (words: string): Verdict =>
  warning(
    words,
    "refused, but not as a stranger: the request was looked into before its signature was checked, or there were too many of them",
    "check the signature first; every refusal is the same 401",
  );

/** What the proxy may well send, so it has to be let in. */
const withinTime: Check = {
  id: "time-within",
  title: "requests 299 s old, and from 299 s ahead, are accepted",
  needs: ["keys", "entry"],
  async run(probe) {
    const old = await probe.disconnect(markedConnection(), {
      timestamp: backendSeconds(probe, Math.ceil) - 299,
    });
    const ahead = await probe.disconnect(markedConnection(), {
      timestamp: backendSeconds(probe, Math.floor) + 299,
    });
    const words = `${wordsOf(old)}, ${wordsOf(ahead)}`;
    if (isLetIn(old) && isLetIn(ahead)) return passed(words);
    return failed(
      words,
      "the backend allows less than 300 s: a small difference of the clocks locks everybody out",
      "allow 300 s on both sides",
    );
  },
};

const eachKey: Check = {
  id: "each-key",
  title: "each of the two keys is accepted alone",
  needs: ["keys", "entry"],
  async run(probe) {
    const { keys } = probe.subject;
    if (keys.length < 2) return notAsked("there is one key; two are there while keys rotate");
    const refused: string[] = [];
    for (const key of keys)
      if (isTurnedAway(await probe.disconnect(markedConnection(), { keys: [key] }))) refused.push(key);
    if (refused.length === 0) return passed("the backend knows both");
    const words = `the backend does not know the ${refused[0] === keys[0] ? "newer" : "older"} key (${refused.map(fingerprint).join(", ")})`;
    return warning(
      words,
      "nothing is lost while the proxy signs with both, but the rotation cannot be finished before the backend knows the newer one",
      "give the backend both: shelfshack-ws outputs --for backend",
    );
  },
};

/** Whether strangers are kept out, and the proxy is not. */
export const signatureChecks: readonly Check[] = [...forgeries.flatMap(forgeryChecks), withinTime, eachKey];
