import { byHand, check, failed, passed } from "../check.ts";
import type { Tested } from "../invoke.ts";
import type { FindingCode } from "../judge.ts";

/** What the handler says when it works and something else does not want the event; and of any other one. */
const ofOthers: ReadonlySet<FindingCode> = new Set([
  "type-invalid",
  "booking-missing",
  "token-missing",
  "event-malformed",
  "own-accepted",
  "own-refused",
]);

/** Whether the handler has answered as it should; what the backend said to it is another question. */
export const isAtWork = ({ code, handlerRan, backendReached, configured }: Tested): boolean =>
  handlerRan && configured && (backendReached !== null || ofOthers.has(code) || code === "backend-timeout");

/** Whether the handler runs: it is invoked with a client's event. What the backend says of it comes later. */
export const invocation = check({
  id: "invocation",
  hop: "function",
  title: "the handler runs",
  needs: ["invocation"],
  about: "invocation",
  judge({ invocation: tested }) {
    const { code, configured, meaning, fix, ms } = tested;
    if (isAtWork(tested)) return passed(`it answered in ${ms} ms`);
    const means = configured ? "every handshake ends with 500 or 502" : "no client can connect";
    return failed(code, meaning, means, byHand(fix));
  },
});
