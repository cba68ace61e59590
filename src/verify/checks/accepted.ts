import { byHand, check, failed, passed, skipped, warning } from "../check.ts";
import type { FindingCode } from "../judge.ts";

/** Of a client that was made up: that the backend does not want it says nothing of the path. */
const ofTheClient: ReadonlySet<FindingCode> = new Set([
  "type-invalid",
  "booking-missing",
  "token-missing",
  "token-refused",
  "token-or-keys",
  "own-refused",
]);

/** Whether the backend accepts a client, by way of the function. */
export const accepted = check({
  id: "accepted",
  hop: "backend",
  title: "it accepts a client through the function",
  needs: ["invocation"],
  judge({ invocation: { code, passed: isGood, handlerRan, configured, meaning, fix } }) {
    if (isGood) return passed(meaning);
    if (!handlerRan || !configured) return skipped("the handler does not run");
    const tell = ofTheClient.has(code) ? warning : failed;
    return tell(code, meaning, "the client's handshake is refused", byHand(fix));
  },
});
