import { isGood, isRefusal, wordsOf } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { endpoints, markedConnection, type Probe } from "./probe.ts";
import { failed, notAsked, passed, warning, type Check, type Verdict } from "./result.ts";

/** The verdict on the ends of connections, in words and by their answers; the proxy ignores what they say. */
function endings(what: string, exchanges: readonly Exchange[]): Verdict {
  const words = `${what}: ${exchanges.map(wordsOf).join(", then ")}`;
  if (exchanges.every(isGood)) return passed(words);
  if (exchanges.every((exchange) => isGood(exchange) || isRefusal(exchange))) {
    return warning(
      words,
      "the proxy ignores this answer, but the end of a connection may come twice, or for one that was never registered",
      "answer 200 or 204",
    );
  }
  return failed(
    words,
    "the end of a connection makes the backend fail",
    "look at the backend's log for the exception; let the second end do nothing",
  );
}

const twice: Check = {
  id: "disconnect-twice",
  title: "a connection can end twice",
  needs: ["entry", "disconnect", "connection"],
  async run(probe) {
    const { connection = "" } = probe.findings;
    const first = await probe.disconnect(connection);
    const second = await probe.ask({
      endpoint: "disconnect",
      connectionId: connection,
      members: { reason: "gone", code: null, detail: null },
      webhookId: `msg_d_${connection}`,
    });
    return endings("a registered connection", [first, second]);
  },
};

const unknown: Check = {
  id: "disconnect-unknown",
  title: "a connection that was never registered can end",
  needs: ["entry", "disconnect"],
  run: async (probe) => endings("an unknown connection", [await probe.disconnect(markedConnection())]),
};

const SLOW_MS = 1_000;

const times: Check = {
  id: "times",
  title: "answers come in time",
  needs: ["entry"],
  async run({ findings, subject: { attemptMs } }: Probe) {
    const slowest = endpoints.flatMap((endpoint) => {
      const all = findings.times.filter((time) => time.endpoint === endpoint).map(({ ms }) => ms);
      return all.length > 0 ? [{ endpoint, ms: Math.max(...all) }] : [];
    });
    if (slowest.length === 0) return notAsked("nothing was answered with a 2xx status");
    const words = `the slowest answers: ${slowest.map(({ endpoint, ms }) => `${endpoint} ${Number.isFinite(ms) ? `${Math.ceil(ms)} ms` : `none in ${attemptMs[endpoint] / 1_000} s`}`).join(", ")}`;
    if (slowest.some(({ ms }) => !Number.isFinite(ms))) {
      return failed(
        words,
        "the proxy gives up by then: the client gets 504 or a backend_timeout frame",
        "answer first and work in the background",
      );
    }
    if (slowest.some(({ ms }) => ms > SLOW_MS)) {
      return warning(words, "every message waits as long as this", "answer first and work in the background");
    }
    return passed(words);
  },
};

/** How connections end, and how long all of it took. */
export const endingChecks: readonly Check[] = [twice, unknown, times];
