import { command, isInvocation, partsOf, type Advice } from "../../errors/advice.ts";
import { byHand, check, failed, passed, warning, type Code } from "../check.ts";

/** Whether a real WebSocket opens through API Gateway, the function and the backend. */
export const handshake = check({
  id: "handshake",
  hop: "client",
  title: "a WebSocket opens",
  needs: ["socket"],
  about: "socket",
  judge({ socket: { roundTrip } }) {
    const { open, ms, code, meaning, fix } = roundTrip;
    if (open) return passed(`open in ${ms} ms`);
    // What this status has for a cause was judged before.
    const remedy = byHand(/^handshake-(403|429|50[023])/.test(code ?? "") ? repairBefore(fix) : fix);
    // A client that was made up may be refused by a backend that works.
    const isOfTheClient = /^handshake-(400|401|404|409)/.test(code ?? "");
    return (isOfTheClient ? warning : failed)(
      code ?? ("handshake-other" satisfies Code),
      meaning,
      "clients meet the same",
      remedy,
    );
  },
});

/** Its own trace shows more than the log does, where the handshake got as far as the function. */
function repairBefore(fix: Advice | null): Advice {
  const trace = partsOf(fix ?? "").find((part) => isInvocation(part) && part.command === "trace");
  const shows = trace ?? command("logs tail", { since: "5m" });
  return ["repair what failed before it; this shows why: ", shows];
}
