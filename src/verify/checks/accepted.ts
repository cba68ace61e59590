import { byHand, check, failed, passed, skipped, warning } from "../check.ts";
import type { Tested } from "../invoke.ts";
import type { FindingCode } from "../judge.ts";
import { isAtWork } from "./invocation.ts";

/** Of a client that was made up: that the backend does not want it says nothing of the path. */
const ofTheClient: ReadonlySet<FindingCode> = new Set([
  "type-invalid",
  "booking-missing",
  "token-missing",
  "token-refused",
  "token-or-keys",
  "own-refused",
]);

/** Whether it is the client that was not wanted, as far as is known. */
export const isOfTheClient = ({ code }: Pick<Tested, "code">): boolean => ofTheClient.has(code);

/** Whether the backend accepts a client, by way of the function; of an own handler, whether that does. */
export const accepted = check({
  id: "accepted",
  hop: "backend",
  title: "a client is accepted through the function",
  needs: ["invocation"],
  judge({ invocation }) {
    const { code, passed: isGood, backendReached, meaning, fix } = invocation;
    if (isGood) return passed(meaning);
    if (!isAtWork(invocation)) return skipped("the handler does not answer");
    if (backendReached === false || code === "backend-timeout") return skipped("the backend is not reached");
    const tell = isOfTheClient(invocation) ? warning : failed;
    return tell(code, meaning, "the client's handshake is refused", byHand(fix));
  },
});
