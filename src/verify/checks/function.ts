import { command } from "../../errors/advice.ts";
import { steps } from "../../settings/table.ts";
import { byHand, check, deploying, failed, passed, warning } from "../check.ts";

/** Whether there is a function, and Lambda runs it (AWS.md 4.5). */
export const lambdaFunction = check({
  id: "function",
  hop: "function",
  title: "the function is there and usable",
  needs: ["lambda", "latest"],
  about: "lambda",
  absent: (because) =>
    failed("function-missing", because, "every handshake ends with 500", {
      fix: ["run: ", command("deploy")],
      repair: steps,
    }),
  judge({ lambda, latest }) {
    const { StateReason = "no reason given" } = lambda;
    const { State, LastUpdateStatus, LastUpdateStatusReason } = latest;
    if (lambda.State === "Failed")
      return failed(
        "function-failed",
        `State Failed: ${StateReason}`,
        "Lambda does not run it: every handshake ends with 500",
        deploying("function"),
      );
    if (LastUpdateStatus === "Failed")
      return failed(
        "function-failed",
        `its last update failed: ${LastUpdateStatusReason ?? "no reason given"}`,
        "it runs as it was before, or not at all",
        deploying("function"),
      );
    if (State === "Pending" || LastUpdateStatus === "InProgress")
      return warning(
        "function-changing",
        `${State}, its last update ${LastUpdateStatus ?? "not done"}`,
        "Lambda is still making or changing it",
        byHand("wait some seconds, then run the same command again"),
      );
    const { Runtime, Handler, MemorySize, Timeout } = lambda;
    return passed(`${lambda.State}, ${Runtime}, ${Handler}, ${MemorySize} MB, ${Timeout} s`);
  },
});
