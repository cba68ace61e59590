import { byHand, check, failed, passed, skipped } from "../check.ts";
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

/** Whether the handler runs: it is invoked with a client's event. What the backend says of it comes later. */
export const invocation = check({
  id: "invocation",
  hop: "function",
  title: "its handler runs",
  needs: ["invocation"],
  about: "invocation",
  absent: (_names, because) => skipped(because),
  judge({ invocation: { code, handlerRan, backendReached, configured, meaning, fix, ms } }) {
    const isAtWork = handlerRan && configured && (backendReached !== null || ofOthers.has(code));
    if (isAtWork || code === "backend-timeout") return passed(`it answered in ${ms} ms`);
    const means = configured ? "every handshake ends with 500 or 502" : "no client can connect";
    return failed(code, meaning, means, byHand(fix));
  },
});
