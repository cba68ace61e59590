import { command, isInvocation, partsOf, type Advice, type Invocation } from "../../errors/advice.ts";
import { byHand, check, failed, passed, warning, type Code } from "../check.ts";
import type { Tested } from "../invoke.ts";
import type { RoundTrip } from "../round-trip.ts";
import { isOfTheClient } from "./accepted.ts";

/** Whether a real WebSocket opens through API Gateway, the function and the backend. */
export const handshake = check({
  id: "handshake",
  hop: "client",
  title: "a WebSocket opens",
  needs: ["socket"],
  also: ["owner", "invocation"],
  about: "socket",
  judge({ socket: { roundTrip }, owner, invocation }) {
    const { open, ms, code } = roundTrip;
    if (open) return passed(`open in ${ms} ms`);
    // A client that was made up may be refused by a backend that works.
    const mayBeOfTheClient = /^handshake-(400|401|404|409)/.test(code ?? "");
    const said = code ?? ("handshake-other" satisfies Code);
    if (mayBeOfTheClient && owner === "own") return refusedByOwn(said);
    const { meaning, fix } = reasonOf(roundTrip, invocation);
    const tell = mayBeOfTheClient ? warning : failed;
    return tell(said, meaning, "clients fail in the same way", byHand(fix));
  },
});

/** Why it was refused: as the test event of the same client has proven it, or as far as the status tells. */
function reasonOf(
  { status, code, meaning, fix }: RoundTrip,
  tested: Tested | undefined,
): { meaning: string; fix: Advice | null } {
  if (tested && status !== null && endsAlike(tested, status))
    return {
      meaning: `HTTP ${status}: ${tested.meaning}`,
      fix: isOfTheClient(tested) ? tested.fix : repairBefore(fix),
    };
  if (tested?.passed && status === 401)
    return {
      meaning: "HTTP 401, although the function has just accepted the same client",
      fix: ["a token may be good only once; what refused it is here: ", traceIn(fix)],
    };
  // What these have for a cause was judged before.
  if (!/^handshake-(403|429|50[023])/.test(code ?? "")) return { meaning, fix };
  return { meaning, fix: repairBefore(fix, code === "handshake-502" ? recentLog : recentTraces) };
}

/** Whether a test event ended with what API Gateway makes this status of (AWS.md 1.5). */
const endsAlike = ({ passed: isGood, statusCode }: Tested, status: number): boolean =>
  !isGood && (statusCode === null ? [500, 502, 504].includes(status) : statusCode === status);

/** What a status of the shipped handler means is not what another one means by it. */
const refusedByOwn = (code: Code) =>
  warning(
    code,
    `your handler refused it with ${code.replace("handshake-", "HTTP ")}`,
    "clients like this one are refused in the same way",
    byHand(["this shows what it logged: ", recentLog]),
  );

const repairBefore = (fix: Advice | null, otherwise = recentLog): Advice => [
  "repair what failed before it; this shows why: ",
  traceIn(fix, otherwise),
];

const recentLog = command("logs tail", { since: "5m" });
/** The log has nothing of what API Gateway refused before the function was reached. */
const recentTraces = command("trace", { since: "5m", errors: true });

/** Its own trace shows more than the log does; `otherwise` stands in where its id is not known. */
const traceIn = (fix: Advice | null, otherwise = recentLog): Invocation =>
  partsOf(fix ?? "")
    .filter(isInvocation)
    .find((part) => part.command === "trace") ?? otherwise;
