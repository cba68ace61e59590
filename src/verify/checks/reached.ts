import { byHand, check, failed, passed, skipped } from "../check.ts";
import { isAtWork } from "./invocation.ts";

/** Whether the function has a way to the backend; this machine may have another one. */
export const reached = check({
  id: "reached",
  hop: "backend",
  title: "the function reaches the backend",
  needs: ["invocation"],
  judge({ invocation }) {
    const { code, backendReached, meaning, fix } = invocation;
    if (!isAtWork(invocation)) return skipped("the handler does not answer");
    if (backendReached) return passed("it answered the function");
    if (code !== "backend-unreachable" && code !== "backend-timeout") return skipped(meaning);
    return failed(code, meaning, "every handshake ends with 502 or 504", byHand(fix));
  },
});
