import { command, isInvocation, partsOf, type Advice } from "../../errors/advice.ts";
import { byHand, check, failed, passed, warning, type Code } from "../check.ts";

/** Whether a real WebSocket opens through API Gateway, the function and the backend. */
export const handshake = check({
  id: "handshake",
  hop: "client",
  title: "a WebSocket opens",
  needs: ["socket"],
  also: ["owner"],
  about: "socket",
  judge({ socket: { roundTrip }, owner }) {
    const { open, ms, code, meaning, fix } = roundTrip;
    if (open) return passed(`open in ${ms} ms`);
    // What this status has for a cause was judged before.
    const remedy = byHand(/^handshake-(403|429|50[023])/.test(code ?? "") ? repairBefore(fix) : fix);
    // A client that was made up may be refused by a backend that works.
    const isOfTheClient = /^handshake-(400|401|404|409)/.test(code ?? "");
    const said = code ?? ("handshake-other" satisfies Code);
    if (isOfTheClient && owner === "own") return refusedByOwn(said);
    return (isOfTheClient ? warning : failed)(said, meaning, "clients fail in the same way", remedy);
  },
});

/** What a status of the shipped handler means is not what another one means by it. */
const refusedByOwn = (code: Code) =>
  warning(
    code,
    `your handler refused it with ${code.replace("handshake-", "HTTP ")}`,
    "clients like this one are refused in the same way",
    byHand(["this shows what it logged: ", command("logs tail", { since: "5m" })]),
  );

/** Its own trace shows more than the log does, where the handshake got as far as the function. */
function repairBefore(fix: Advice | null): Advice {
  const trace = partsOf(fix ?? "").find((part) => isInvocation(part) && part.command === "trace");
  const shows = trace ?? command("logs tail", { since: "5m" });
  return ["repair what failed before it; this shows why: ", shows];
}
