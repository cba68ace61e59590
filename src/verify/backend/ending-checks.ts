import { endpoints } from "../../contract/envelope.ts";
import { byHand, failed, passed, skipped, warning, type Verdict } from "../check.ts";
import { isGood, isRefusal, wordsOf } from "./answer.ts";
import { CHECK_LOG } from "./entry-checks.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, type Findings, type Subject } from "./probe.ts";
import { question, type BackendCheck } from "./question.ts";

/** What the answers to ends of connections say; the proxy ignores their content. */
function endings(what: string, exchanges: readonly Exchange[]): Verdict {
  const evidence = `${what}: ${exchanges.map(wordsOf).join(", then ")}`;
  if (exchanges.every(isGood)) return passed(evidence);
  if (exchanges.every((exchange) => isGood(exchange) || isRefusal(exchange)))
    return warning(
      "end-refused",
      evidence,
      "the proxy ignores this; the end of a connection may come twice, or for one never registered",
      byHand("answer 200 or 204"),
    );
  return failed(
    "backend-failed",
    evidence,
    "the end of a connection makes the backend fail",
    byHand(`${CHECK_LOG}; let the second end do nothing`),
  );
}

const twice = question({
  id: "disconnect-twice",
  title: "a connection can end twice",
  requires: ["entry", "disconnect", "connection"],
  async ask(probe) {
    const { connection = "" } = probe.findings;
    const first = await probe.disconnect(connection);
    const second = await probe.send({
      endpoint: "disconnect",
      connectionId: connection,
      members: { reason: "gone", code: null, detail: null },
      webhookId: `msg_d_${connection}`,
    });
    return [first, second];
  },
  judge: (exchanges) => endings("a registered connection", exchanges),
});

const unknown = question({
  id: "disconnect-unknown",
  title: "a connection that was never registered can end",
  requires: ["entry", "disconnect"],
  ask: (probe) => probe.disconnect(markedConnection()),
  judge: (exchange) => endings("an unknown connection", [exchange]),
});

const SLOW_MS = 1_000;
const WORK_LATER = byHand("answer first and work in the background");

const times = question({
  id: "times",
  title: "answers come in time",
  requires: ["entry"],
  ask: ({ findings }) => Promise.resolve(slowestOf(findings)),
  judge(slowest, { subject }) {
    if (slowest.length === 0) return skipped("there was no answer with a 2xx status");
    const evidence = `the slowest answers: ${slowest.map((time) => timeWords(time, subject)).join(", ")}`;
    const slowestMs = Math.max(...slowest.map(({ ms }) => ms));
    if (slowestMs <= SLOW_MS) return passed(evidence);
    if (Number.isFinite(slowestMs))
      return warning("backend-slow", evidence, "every message waits as long as this", WORK_LATER);
    const means = "the proxy gives up by then: the client gets 504 or a backend_timeout frame";
    return failed("backend-slow", evidence, means, WORK_LATER);
  },
});

type Time = Findings["times"][number];

/** The slowest answer of each endpoint that answered. */
const slowestOf = ({ times: all }: Findings): Time[] =>
  endpoints.flatMap((endpoint) => {
    const own = all.filter((time) => time.endpoint === endpoint).map(({ ms }) => ms);
    return own.length > 0 ? [{ endpoint, ms: Math.max(...own) }] : [];
  });

const timeWords = ({ endpoint, ms }: Time, { attemptMs }: Subject): string =>
  Number.isFinite(ms)
    ? `${endpoint} ${Math.ceil(ms)} ms`
    : `${endpoint} none in ${attemptMs[endpoint] / 1_000} s`;

/** How connections end, and how long all of it took. */
export const endingChecks: readonly BackendCheck[] = [twice, unknown, times];
