import { endpoints } from "../../contract/envelope.ts";
import { isGood, isRefusal, wordsOf } from "./answer.ts";
import { CHECK_LOG } from "./entry-checks.ts";
import type { Exchange } from "./exchange.ts";
import { markedConnection, type Findings, type Subject } from "./probe.ts";
import { failed, passed, skipped, warning, type Check, type Result } from "./result.ts";

/** The result for the answers to ends of connections; the proxy ignores their content. */
function endings(what: string, exchanges: readonly Exchange[]): Result {
  const finding = `${what}: ${exchanges.map(wordsOf).join(", then ")}`;
  if (exchanges.every(isGood)) return passed(finding);
  if (exchanges.every((exchange) => isGood(exchange) || isRefusal(exchange))) {
    return warning(
      finding,
      "the proxy ignores this; the end of a connection may come twice, or for one never registered",
      "answer 200 or 204",
    );
  }
  return failed(
    finding,
    "the end of a connection makes the backend fail",
    `${CHECK_LOG}; let the second end do nothing`,
  );
}

const twice: Check = {
  id: "disconnect-twice",
  title: "a connection can end twice",
  needs: ["entry", "disconnect", "connection"],
  async run(probe) {
    const { connection = "" } = probe.findings;
    const first = await probe.disconnect(connection);
    const second = await probe.send({
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
const WORK_LATER = "answer first and work in the background";

const times: Check = {
  id: "times",
  title: "answers come in time",
  needs: ["entry"],
  run({ findings, subject }) {
    const slowest = slowestOf(findings);
    if (slowest.length === 0) return Promise.resolve(skipped("there was no answer with a 2xx status"));
    const finding = `the slowest answers: ${slowest.map((time) => timeWords(time, subject)).join(", ")}`;
    return Promise.resolve(timesResult(finding, Math.max(...slowest.map(({ ms }) => ms))));
  },
};

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

function timesResult(finding: string, slowestMs: number): Result {
  if (slowestMs <= SLOW_MS) return passed(finding);
  const code = "backend-slow";
  if (Number.isFinite(slowestMs))
    return { ...warning(finding, "every message waits as long as this", WORK_LATER), code };
  const meaning = "the proxy gives up by then: the client gets 504 or a backend_timeout frame";
  return { ...failed(finding, meaning, WORK_LATER), code };
}

/** How connections end, and how long all of it took. */
export const endingChecks: readonly Check[] = [twice, unknown, times];
